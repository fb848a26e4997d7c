# Some of the http tests behind other hosts than they run on by themselves.
package Rbe::Short;
use strict;
use warnings;
use Rbe::Test ();
use Test::More;

my @tests = map { glob "tests/http/$_-*.t" } qw(0002 0003 0004 0005 0064 0100);

sub run {
    my ($which) = @_;
    for my $host (grep { /$which/ } Rbe::Host::all()) {
        SKIP: {
            my $missing = Rbe::Host::missing($host);
            skip $missing, scalar @tests if $missing;
            for my $test (@tests) {
                my ($status, $out, $err) = Rbe::Test::run({env => {RBE_HOSTS => $host}}, $^X, '-Itests/lib', $test);
                is $status, 0, "$host: $test" or diag grep { /^\s*(?:not ok|#)/ } map { "$_\n" } split /\n/, "$out\n$err";
            }
        }
    }
    done_testing;
}

1;
