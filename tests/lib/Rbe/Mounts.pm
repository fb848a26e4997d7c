# A name space of mounts for one test, which is gone with it: nothing that is mounted there is seen outside or left over.
#
#   my $own = Rbe::Mounts::own();    # first of all: the test begins anew in there; false where that is not allowed
package Rbe::Mounts;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp ();
use Rbe::Test qw(run);

my @unshare = ('unshare', $> ? '-Urm' : '-m', '--propagation', 'private');

sub allowed { my $dir = File::Temp->newdir(TMPDIR => 1); return (run(@unshare, 'mount', '-t', 'tmpfs', 'none', "$dir"))[0] == 0 }

# RBE_OWN_MOUNTS=0 is as where it is not allowed.
sub own {
    if (!defined $ENV{RBE_OWN_MOUNTS}) {
        $ENV{RBE_OWN_MOUNTS} = allowed() ? 1 : 0;
        exec @unshare, $^X, abs_path($0) or die $! if $ENV{RBE_OWN_MOUNTS};
    }
    return $ENV{RBE_OWN_MOUNTS};
}

1;
