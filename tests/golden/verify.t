# verify: sound, and damaged in every way.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Rbe::Test qw(slurp spew);
use Test::More;

tool(qw(rbe-admin init));
tool(qw(rbe-admin resource create my-app --name), 'My App');
release("$_.tar.gz", 'a.txt' => "release $_") for 1 .. 4;
tool(qw(rbe-admin version publish my-app), "$_.0.0", "$_.tar.gz") for 1 .. 4;
golden sound => qw(rbe-admin verify);
golden 'sound-json' => qw(rbe-admin verify --json);
my ($one) = glob "$DIR/home/packages/p/*/my-app-1.0.0-*";
my ($two) = glob "$DIR/home/packages/p/*/my-app-2.0.0-*";
my ($three) = glob "$DIR/home/packages/p/*/my-app-3.0.0-*";
my ($four) = glob "$DIR/home/packages/p/*/my-app-4.0.0-*";
unlink $one;
spew($two, slurp($two) . 'x');
(my $bytes = slurp($three)) =~ s/(.)$/chr(255 ^ ord $1)/es;
spew($three, $bytes);
unlink $four =~ s{[^/]*$}{manifest}r;
spew("$four.bak", 'x');
golden damaged => qw(rbe-admin verify);
golden 'damaged-json' => qw(rbe-admin verify --json);
done_testing;
