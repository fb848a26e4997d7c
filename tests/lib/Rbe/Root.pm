# Empty roots of Debian and Ubuntu, for tests that try something as on a fresh machine: debootstrap and chroot, no container
# engine, nothing mounted. With RBE_ROOTS, a directory, a root is made once and kept there for the next that wants it.
package Rbe::Root;
use strict;
use warnings;
use Exporter qw(import);
use Fcntl qw(:flock);
use File::Copy qw(copy);
use File::Path qw(make_path);
use Rbe::Test qw(run slurp spew);
use Test::More;

our @EXPORT_OK = qw(must needs make_root copy_source);

my %mirror = (debian => 'http://deb.debian.org/debian', ubuntu => 'http://archive.ubuntu.com/ubuntu');
my %distribution = (jammy => 'ubuntu', noble => 'ubuntu');

# A step without which the others make no sense. Returns what the command said.
sub must {
    my ($what, @argv) = @_;
    my ($status, $out, $err) = run(@argv);
    is $status, 0, $what or die "$what: " . substr($out . $err, -2000);
    return $out . $err;
}

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

# This machine's mirror where it is of the same distribution.
sub mirror {
    my ($distribution) = @_;
    my @lists = own('ID') eq $distribution ? grep { -e } "/etc/apt/sources.list.d/$distribution.sources", '/etc/apt/sources.list' : ();
    my ($own) = map { /^\s*URIs:\s*(\S+)/ || /^deb\s+(?:\[.*?\]\s+)?(\S+)/ ? $1 : () } map { split /\n/, slurp($_) } @lists;
    return $own // $mirror{$distribution};
}

sub debootstrap {
    my ($dir, $suite) = @_;
    my $distribution = $distribution{$suite} // 'debian';
    my $components = $distribution eq 'ubuntu' ? 'main,universe' : 'main';
    must("an empty root of $suite", 'debootstrap', '--variant=minbase', "--components=$components", $suite, $dir, mirror($distribution));
    unlink glob "$dir/var/cache/apt/archives/*.deb";
}

# Makes dir, which is not there yet, the root of a machine that has only what every machine of suite has, and starts no service.
sub make_root {
    my ($dir, $suite) = @_;
    $suite //= own('VERSION_CODENAME');
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

1;
