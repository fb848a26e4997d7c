# job list, and rbe-batch working the queue.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Test::More;

tool(qw(rbe-admin init));
tool(qw(rbe-admin resource create my-app --name), 'My App');
my $same = join '', map { sprintf "%d %s\n", $_, $_ * 7919 % 104729 } 1 .. 2000;
release('one.tar.gz', 'a.txt' => 'one', 'same.txt' => $same);
release('two.tar.gz', 'a.txt' => 'two', 'same.txt' => $same);
release('three.tar.gz', 'a.txt' => scalar reverse $same);
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
done_testing;
