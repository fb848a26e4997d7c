# The Debian package in an empty root: installs, works, upgrades without touching what is the admin's, purges cleanly.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(getcwd);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Rbe::Root qw(make_root needs);
use Rbe::Test qw(must run slurp spew pack_tree);
use Test::More;

needs(qw(dpkg-buildpackage lintian));

my $top = getcwd();
my $dir = tempdir(CLEANUP => 1);
my $root = "$dir/root";

sub in_root { my ($what, $command) = @_; must($what, 'chroot', $root, 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', $command) }

# Before anything that can fail, so that nothing of it is ever left mounted: the root has no mounts at all.
must('the package is built', 'make', '-s', '-C', $top, "B=$dir/build", 'deb');
my ($deb) = grep { !/dbgsym/ } glob "$dir/build/deb/rbe_*.deb";
ok $deb, 'there it is' or die 'no package';
my ($status, $out) = run('lintian', '--allow-root', '--fail-on', 'error,warning', $deb);
is $status, 0, 'lintian finds nothing wrong' or diag $out;

make_root($root);
my $version = ($deb =~ /rbe_([^_]+)_/)[0];
copy($deb, "$root/rbe.deb") or die $!;
in_root('it installs', 'apt-get -q update && apt-get -q -y install --no-install-recommends /rbe.deb zsh');
like in_root('rbe-admin is there', 'rbe-admin --version'), qr/^rbe-admin \Q$version\E/;
is in_root('zsh completes it', q{zsh -fc 'autoload -Uz compinit; compinit -u -D; print $_comps[rbe-admin]'}), "_rbe-admin\n";
is in_root('the configuration is the owner\'s alone', 'stat -c "%U %a" /etc/rbe/rbe.yaml'), "rbe 600\n";
is in_root('as are the databases', 'stat -c "%U %a" /var/lib/rbe/db'), "rbe 700\n";
like in_root('it can work', 'rbe-admin config check'), qr/database\s+sound/;
like in_root('the programs answer',
    'REQUEST_METHOD=GET PATH_INFO=/health SCRIPT_NAME= REMOTE_ADDR=127.0.0.1 GATEWAY_INTERFACE=CGI/1.1 '
    . '/usr/lib/rbe/cgi-bin/admin.fcgi </dev/null'), qr/"status":"ok"/;

mkdir "$dir/tree" or die $!;
spew("$dir/tree/a", "one\n");
pack_tree("$dir/tree", 'tar.gz', "$root/one.tar.gz");
in_root('a release is published',
    'rbe-admin resource create app --name App && rbe-admin version publish app 1.0.0 /one.tar.gz && rbe-batch');

# The next version of the package is this one under another number.
must('another version', 'dpkg-deb', '-R', $deb, "$dir/next");
my $control = slurp("$dir/next/DEBIAN/control");
$control =~ s/^Version: .*/Version: $version+next/m;
spew("$dir/next/DEBIAN/control", $control);
must('is packed', 'dpkg-deb', '--root-owner-group', '-b', "$dir/next", "$root/next.deb");
my $before = slurp("$root/etc/rbe/rbe.yaml");
in_root('it upgrades', 'apt-get -q -y install --no-install-recommends /next.deb');
is slurp("$root/etc/rbe/rbe.yaml"), $before, 'the configuration is as it was';
like in_root('and so are the releases', 'rbe-admin version list app'), qr/1\.0\.0/;
in_root('every package is sound', 'rbe-admin verify');

in_root('it is removed', 'apt-get -q -y remove rbe');
ok -e "$root/etc/rbe/rbe.yaml" && -d "$root/var/lib/rbe/packages", 'configuration and data stay';
in_root('it is purged', 'apt-get -q -y purge rbe');
my @left = grep { -e "$root/$_" } qw(etc/rbe var/lib/rbe usr/lib/rbe usr/share/doc/rbe etc/logrotate.d/rbe usr/bin/rbe-admin
    lib/systemd/system/rbe-batch.service);
is "@left", '', 'nothing is left';
is in_root('no user is left', 'getent passwd rbe || getent group rbe || echo none'), "none\n";
done_testing;
