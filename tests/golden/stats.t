# stats and cache flush: what there is, and that nothing of it is lost by forgetting answers.
use strict;
use warnings;
use lib 'tests/lib';
use JSON::PP qw(decode_json);
use Rbe::Golden;
use Test::More;

tool(qw(rbe-admin init));
golden empty => qw(rbe-admin stats);
tool(qw(rbe-admin resource create my-app --name), 'My App');
for (1 .. 2) {
    release("$_.tar.gz", 'a.txt' => "release $_");
    tool(qw(rbe-admin version publish my-app), "$_.0.0", "$_.tar.gz");
}
golden flush => qw(rbe-admin cache flush);
golden 'flush-json' => qw(rbe-admin cache flush --json);
golden 'flush-argument' => qw(rbe-admin cache flush all);
golden stats => qw(rbe-admin stats);
# Sizes differ from machine to machine.
my ($status, $out) = tool(qw(rbe-admin stats --json));
my $said = decode_json($out);
is_deeply [sort keys %$said], [qw(clients database_bytes jobs package_bytes packages)], 'stats --json';
is $said->{packages}, 2;
is_deeply [map { $_->{kind} } @{$said->{jobs}}], [qw(patch webhook purge mirror)];
golden help => qw(rbe-admin stats --help);
golden 'flush-help' => qw(rbe-admin cache flush --help);
done_testing;
