# Empty roots of Debian and Ubuntu, for tests that try something as on a fresh machine: debootstrap and chroot, no container
# engine, nothing mounted. With RBE_ROOTS, a directory, a root is made once and kept there for the next that wants it.
package Rbe::Root;
use strict;
use warnings;
use Exporter qw(import);
use Fcntl qw(:flock);
use File::Copy qw(copy);
use File::Path qw(make_path);
use Rbe::Test qw(must run slurp spew);
use Test::More;

our @EXPORT_OK = qw(needs make_root copy_source boot);

# script: that of debootstrap for releases newer than it.
my %distributions = (
    debian => {mirror => 'http://deb.debian.org/debian', script => 'sid', components => 'main'},
    ubuntu => {mirror => 'http://archive.ubuntu.com/ubuntu', script => 'gutsy', components => 'main,universe',
        keyring => '/usr/share/keyrings/ubuntu-archive-keyring.gpg'},
);
my %ubuntu = map { $_ => 1 } qw(jammy noble);
my $scripts = '/usr/share/debootstrap/scripts';

# Skips the whole test where root, debootstrap, the history of git or one of the programs is missing.
sub needs {
    my (@tools) = @_;
    plan skip_all => 'needs root' if $>;
    for my $tool ('debootstrap', @tools) {
        plan skip_all => "$tool is not installed" if (run('sh', '-c', "command -v $tool"))[0];
    }
    plan skip_all => 'no clone of the repository' if (run('git', '-c', 'safe.directory=*', 'rev-parse', 'HEAD'))[0];
}

# What this machine says of itself.
sub own {
    my ($key) = @_;
    return slurp('/etc/os-release') =~ /^\Q$key\E="?([\w.-]+)/m ? $1 : '';
}

sub own_suite { return own('VERSION_CODENAME') }

# This machine's mirror where it is of the same distribution.
sub mirror {
    my ($distribution) = @_;
    my @lists = own('ID') eq $distribution ? grep { -e } "/etc/apt/sources.list.d/$distribution.sources", '/etc/apt/sources.list' : ();
    my ($own) = map { /^\s*URIs:\s*(\S+)/ || /^deb\s+(?:\[.*?\]\s+)?(\S+)/ ? $1 : () } map { split /\n/, slurp($_) } @lists;
    return $own // $distributions{$distribution}{mirror};
}

sub of { my ($suite) = @_; return $ubuntu{$suite} ? 'ubuntu' : 'debian' }

# Why there can be no root of suite here, beside what needs() looks for; undef when there can.
sub missing {
    my ($suite) = @_;
    my $keyring = $distributions{of($suite)}{keyring};
    return $keyring && !-e $keyring ? "no $keyring" : undef;
}

sub debootstrap {
    my ($dir, $suite) = @_;
    my $name = of($suite);
    my $d = $distributions{$name};
    must("an empty root of $suite", 'debootstrap', '--variant=minbase', "--components=$d->{components}",
        $d->{keyring} ? "--keyring=$d->{keyring}" : (), $suite, $dir, mirror($name), -e "$scripts/$suite" ? () : "$scripts/$d->{script}");
    unlink glob "$dir/var/cache/apt/archives/*.deb";
}

# Makes dir, which is not there yet, the root of a machine that has only what every machine of suite has, and starts no service.
sub make_root {
    my ($dir, $suite) = @_;
    $suite //= own_suite();
    if (my $kept = $ENV{RBE_ROOTS}) {
        make_path($kept);
        open my $lock, '>', "$kept/$suite.lock" or die "$kept: $!";
        flock $lock, LOCK_EX or die $!;
        if (!-e "$kept/$suite.tar") {
            debootstrap($dir, $suite);
            must('which is kept', 'tar', '-C', $dir, '-cf', "$kept/$suite.tar.part", '.');
            rename "$kept/$suite.tar.part", "$kept/$suite.tar" or die $!;
        }
        else {
            mkdir $dir or die "$dir: $!";
            must("an empty root of $suite", 'tar', '-C', $dir, '-xf', "$kept/$suite.tar");
        }
    }
    else { debootstrap($dir, $suite) }
    copy($_, "$dir/etc/apt/apt.conf.d/") for glob '/etc/apt/apt.conf.d/*proxy*';
    spew("$dir/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n");
    chmod 0755, "$dir/usr/sbin/policy-rc.d";
}

# What git has, as a clone would have it.
sub copy_source {
    my ($to) = @_;
    must("the source in $to", 'sh', '-c', 'mkdir -p "$0" && git -c safe.directory="*" ls-files -z | tar -c --null -T - -f - | tar -x -C "$0"', $to);
}

# Boots the system in dir, which has systemd, in a network of its own; runs script there as root, and ends it. Returns the
# script's exit status and what it said.
sub boot {
    my ($dir, $script) = @_;
    spew("$dir/etc/systemd/system/script.service", <<'UNIT');
[Unit]
Description=What a test wants to be done
After=network.target
[Service]
Type=exec
ExecStart=/bin/sh /script
StandardOutput=file:/script.out
StandardError=inherit
ExecStopPost=/bin/sh -c 'systemctl --no-block exit "$EXIT_STATUS"'
[Install]
WantedBy=multi-user.target
UNIT
    spew("$dir/script", $script);
    spew("$dir/script.out", '');
    must('what it is to do', 'systemctl', "--root=$dir", '--quiet', 'enable', 'script.service');
    my ($status, $out, $err) = run('timeout', '600', 'systemd-nspawn', '--quiet', '--register=no', '--keep-unit', '--private-network',
        '--console=pipe', '-D', $dir, '--boot');
    return ($status, slurp("$dir/script.out") || "$out$err");
}

1;
