# Golden tests of the command line: real programs in a fresh directory, their standard output, standard error and exit
# status compared with tests/golden/<test>/<step>.out, where what changes from run to run is replaced by a word.
#
#   use Rbe::Golden;
#   golden init => qw(rbe-admin init);      # step, program, arguments
#   done_testing;
#
# The steps of a file run one after the other in one directory, with the configuration home/rbe.yaml.
# RBE_BUILD names the build directory; RBE_GOLDEN=write makes the files anew instead of comparing.
package Rbe::Golden;
use strict;
use warnings;
use Archive::Tar;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Rbe::Test qw(build_dir run slurp spew);
use Test::More;

our @EXPORT = qw(golden tool $DIR release);
our $DIR = abs_path(tempdir(CLEANUP => 1));
my $build = build_dir;
my $user = getpwuid($<) // $<;
my %seen;
my $files = abs_path('tests/golden') . '/' . basename($0, '.t');

# (status, stdout, stderr) of a program of the suite, in $DIR.
sub tool {
    my ($program, @args) = @_;
    local %ENV = %ENV;
    delete @ENV{grep { /^RBE_/ } keys %ENV};
    return run({dir => $DIR, env => {RBE_CONFIG => 'home/rbe.yaml'}}, "$build/bin/$program", @args);
}

# Sizes and what is aligned by them depend on the compressor's version.
sub _steady {
    my ($text) = @_;
    $text =~ s/\Q$DIR\E/DIR/g;
    $text =~ s/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/TIME/g;
    $text =~ s/\brbe_[A-Za-z0-9_-]{43}/TOKEN/g;
    $text =~ s/\bshell (?:alice as )?\K\Q$user\E\b */USER  /g;
    $text =~ s/^(AT) +(ACTOR) +/$1  $2  /mg;
    $text =~ s/\b[0-9A-HJKMNP-TV-Z]{26}\b/CDK/g;
    $text =~ s/("prefix":)"[0-9A-Z]{4}"/$1"CDK4"/g;
    $text =~ s/\b[0-9A-HJKMNP-TV-Z]{4}\.\.\./CDK4.../g;
    $text =~ s/("status_key":)"[^"]+"/$1"KEY"/g;
    $text =~ s/\b[0-9a-f]{64}\b/SHA256/g;
    $text =~ s{\bp/[0-9a-f]{32}/}{p/KEY/}g;
    $text =~ s/("(?:file_size|bytes)":)\d+/$1SIZE/g;
    $text =~ s/ *\b\d[\d.]* (?:B|[KMGT]iB)\b/  SIZE/g;
    $text =~ s/("(?:weight|saves)":)\d+/$1N/g;
    $text =~ s/^( *\d+  \w+ +\S+ +\w+ +\d+) +\d+/$1  WEIGHT/mg;
    $text =~ s/(TRIES) +(WEIGHT)/$1  $2/g;
    $text =~ s/ +\d+ %(?=  )/  N %/g;
    $text =~ s/("rss_bytes":)\d+/$1RSS/g;
    $text =~ s/("cpu_ms":)\d+/$1MS/g;
    $text =~ s/ +\d+\.\d\d s\b/  SECONDS/g;
    $text =~ s/ +SIZE/  SIZE/g;
    $text =~ s/\(\d+ (\S+) \d+ bytes\)/(SIZE $1 SIZE bytes)/g;
    $text =~ s/\d+ bytes, \d[\d.]* %/SIZE bytes, N %/g;
    $text =~ s/expected \d+ bytes, found \d+/expected SIZE bytes, found SIZE/g;
    return $text;
}

sub golden {
    my ($step, $program, @args) = @_;
    die "step $step twice\n" if $seen{$step}++;
    my ($status, $out, $err) = tool($program, @args);
    my $got = _steady("$out" . ($err ne '' ? "--- standard error\n$err" : '') . "--- exit $status\n");
    my $file = "$files/$step.out";

    if (($ENV{RBE_GOLDEN} // '') eq 'write') {
        make_path($files);
        spew($file, $got);
    }
    return is $got, -e $file ? slurp($file) : "no $file\n", "$step: $program @args";
}

# A tar.gz of {path => text} in $DIR, the same bytes every time on one machine; its name.
sub release {
    my ($name, %tree) = @_;
    my $tar = Archive::Tar->new;

    $tar->add_data($_, $tree{$_}, {mode => 0644, mtime => 1700000000, uid => 0, gid => 0, uname => '', gname => ''})
        for sort keys %tree;
    $tar->write("$DIR/$name", COMPRESS_GZIP);
    return $name;
}

# The golden files that no step of the test named would never be looked at again.
END {
    for (glob "$files/*.out") {
        next if $seen{basename($_, '.out')};
        diag "$_ belongs to no step";
        $? ||= 1;
    }
}

1;
