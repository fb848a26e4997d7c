# version publish, list, show, promote, yank.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Rbe::Test qw(spew);
use Test::More;

tool(qw(rbe-admin init));
tool(qw(rbe-admin resource create my-app --name), 'My App');
release('one.tar.gz', 'a.txt' => 'one', 'doc/b c.txt' => 'same');
release('two.tar.gz', 'a.txt' => 'two', 'doc/b c.txt' => 'same');
release('bad.tar.gz', '../a.txt' => 'out of the tree');
spew("$DIR/note.md", "- faster\n- smaller\n");
spew("$DIR/text", 'no archive at all');
golden publish => qw(rbe-admin version publish my-app 1.0.0 one.tar.gz --system linux --arch x86_64);
golden 'publish-again' => qw(rbe-admin version publish my-app 1.0.0 one.tar.gz --system linux --arch amd64);
golden 'publish-other-bytes' => qw(rbe-admin version publish my-app 1.0.0 two.tar.gz --system linux --arch amd64);
golden 'publish-all' => qw(rbe-admin version publish my-app 1.1.0-rc.1 two.tar.gz --channel beta --system linux
    --arch amd64 --old-version 0.8 --release-note-file note.md --json), '--old-version', ' 1.0.0 ,, 0.9', '--custom-data',
    '{"a":1}';
golden 'publish-hostile' => qw(rbe-admin version publish my-app 1.2.0 bad.tar.gz);
golden 'publish-no-archive' => qw(rbe-admin version publish my-app 1.2.0 text);
golden 'publish-no-file' => qw(rbe-admin version publish my-app 1.2.0 nothing.zip);
golden 'publish-directory' => qw(rbe-admin version publish my-app 1.2.0 home);
golden 'publish-system' => qw(rbe-admin version publish my-app 1.2.0 one.tar.gz --system amiga);
golden 'publish-unknown' => qw(rbe-admin version publish nothing 1.2.0 one.tar.gz);
golden list => qw(rbe-admin version list my-app);
golden 'list-json' => qw(rbe-admin version list my-app --json);
golden 'list-unknown' => qw(rbe-admin version list nothing);
golden show => qw(rbe-admin version show my-app 1.1.0-rc.1);
golden 'show-json' => qw(rbe-admin version show my-app 1.0.0 --json);
golden 'show-unknown' => qw(rbe-admin version show my-app 3);
tool(qw(rbe-admin version publish my-app nightly two.tar.gz));
golden promote => qw(rbe-admin version promote my-app 1.1.0-rc.1 Stable);
golden 'promote-json' => qw(rbe-admin version promote my-app 1.1.0-rc.1 alpha --json);
golden 'promote-unordered' => qw(rbe-admin version promote my-app nightly beta);
golden 'promote-channel' => qw(rbe-admin version promote my-app 1.0.0 weekly);
golden 'promote-unknown' => qw(rbe-admin version promote my-app 3 beta);
golden yank => qw(rbe-admin version yank my-app 1.1.0-rc.1);
golden 'yank-again' => qw(rbe-admin version yank my-app 1.1.0-rc.1 --json);
golden 'yank-unknown' => qw(rbe-admin version yank my-app 3);
golden 'yank-no-resource' => qw(rbe-admin version yank nothing 1.0.0);
golden 'promote-withdrawn' => qw(rbe-admin version promote my-app 1.1.0-rc.1 stable);
golden 'publish-withdrawn' => qw(rbe-admin version publish my-app 1.1.0-rc.1 one.tar.gz --channel alpha);
golden 'list-changed' => qw(rbe-admin version list my-app);
done_testing;
