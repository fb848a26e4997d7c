# job list, and rbe-batch working the queue.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Rbe::Test qw(spew);
use Test::More;

tool(qw(rbe-admin init));
# One worker, so that jobs end in their order; deltas are shown last.
my $quiet = "batch:\n  workers: 1\n  prebuild_depth: 0\n";
spew("$DIR/home/rbe.local.yaml", "$quiet  delta_formats: []\n");
tool(qw(rbe-admin resource create my-app --name), 'My App');
my $same = join '', map { sprintf "%d %s\n", $_, $_ * 7919 % 104729 } 1 .. 2000;
release('one.tar.gz', 'a.txt' => 'one', 'same.txt' => $same);
release('two.tar.gz', 'a.txt' => 'two', 'same.txt' => $same);
release('three.tar.gz', 'a.txt' => 'three');
release('tiny.tar.gz', 'a.txt' => 'tiny');
golden 'list-empty' => qw(rbe-admin job list);
golden 'batch-idle' => qw(rbe-batch);
tool(qw(rbe-admin version publish my-app 1.0.0 one.tar.gz));
tool(qw(rbe-admin version publish my-app 1.1.0 two.tar.gz --old-version 1.0.0));
golden 'list-queued' => qw(rbe-admin job list);
golden batch => qw(rbe-batch);
tool(qw(rbe-admin version publish my-app 1.2.0 three.tar.gz --old-version 1.1.0));
golden 'batch-useless' => qw(rbe-batch);
golden 'list-done' => qw(rbe-admin job list --json --state done --limit 1);
golden 'list-failed' => qw(rbe-admin job list --state failed);
golden 'list-state' => qw(rbe-admin job list --state lost);
golden 'list-limit' => qw(rbe-admin job list --limit 0);
golden 'version-show' => qw(rbe-admin version show my-app 1.1.0);
golden 'retry-done' => qw(rbe-admin job retry 1);
golden 'retry-unknown' => qw(rbe-admin job retry 99);
golden 'retry-no-number' => qw(rbe-admin job retry first);
# A source whose manifest is gone: a failure of this machine, tried again later, and at once when told to.
tool(qw(rbe-admin version publish my-app 1.3.0 tiny.tar.gz --old-version 1.2.0));
my ($source) = glob "$DIR/home/packages/p/*/my-app-1.2.0-*";
(my $manifest = $source) =~ s{[^/]*$}{manifest};
rename $manifest, "$DIR/kept" or die "$manifest: $!";
golden 'batch-fails' => qw(rbe-batch);
golden 'list-waiting' => qw(rbe-admin job list --state queued);
rename "$DIR/kept", $manifest or die $!;
golden 'batch-waits' => qw(rbe-batch);
golden retry => qw(rbe-admin job retry 3);
golden 'retry-json' => qw(rbe-admin job retry 3 --json);
golden 'batch-again' => qw(rbe-batch);
# With deltas.
spew("$DIR/home/rbe.local.yaml", $quiet);
release('four.tar.gz', 'a.txt' => 'four', 'same.txt' => "$same\nmore");
tool(qw(rbe-admin version publish my-app 1.4.0 four.tar.gz --old-version 1.0.0));
golden 'batch-deltas' => qw(rbe-batch);
golden 'list-deltas' => qw(rbe-admin job list --limit 3);
golden 'version-show-deltas' => qw(rbe-admin version show my-app 1.4.0);
done_testing;
