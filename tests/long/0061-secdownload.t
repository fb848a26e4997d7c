# tests/http/0061-signatures.t with the mod_secdownload that lighttpd had up to 1.4.67: Debian 11 has it.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp qw(tempdir);
use Rbe::Place;
use Rbe::Root qw(needs make_root);
use Rbe::Test qw(must spew);
use Test::More;

needs();
my $dir = tempdir(CLEANUP => 1);
my $root = "$dir/root";
make_root($root, 'bullseye');
must('its lighttpd', 'chroot', $root, 'sh', '-c', 'apt-get -q update && apt-get -q -y install --no-install-recommends lighttpd');
# It runs outside of its root, where the packages and a free port are, on the libraries in there.
my ($loader) = grep { -x } glob "$root/lib/*-linux-gnu/ld-*.so*";
my $libraries = join ':', grep { -d } glob("$root/lib/*-linux-gnu"), glob("$root/usr/lib/*-linux-gnu");
ok $loader && -d "$root/usr/lib/lighttpd", 'loader and modules';
$ENV{RBE_LIGHTTPD} = spew("$dir/lighttpd", "#!/bin/sh\nexec $loader --library-path $libraries $root/usr/sbin/lighttpd -m $root/usr/lib/lighttpd \"\$@\"\n");
chmod 0755, $ENV{RBE_LIGHTTPD};
ok Rbe::Place::lighttpd_has('mod_secdownload'), 'it has the module' or BAIL_OUT('no mod_secdownload');
do './tests/http/0061-signatures.t' or die $@ || $!;
