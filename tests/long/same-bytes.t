# The same packages make the same patches: on other CPUs (qemu-user, with everything that looks for features of its CPU: libdeflate,
# zstd, xdelta3, OpenSSL), by another compiler without optimisation, with one worker or several on one core or all, and in whatever
# order jobs come.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path);
use File::Temp ();
use POSIX ();
use Rbe::Test;
use Test::More;

plan skip_all => 'sanitizers do not run under an emulator' if sanitized;
sub installed { my ($tool) = @_; my ($path) = grep { -x } map { "$_/$tool" } split /:/, $ENV{PATH}; return $path }
sub must { my ($status, $out, $err) = run(@_); die join(' ', grep { !ref } @_) . ": $err" if $status; return $out }

# Programs of a build and text, 15 MB and more, so that every way of packing is gone; three old versions and a new one.
sub make_tree {
    my ($dir, $n) = @_;
    make_path("$dir/bin", "$dir/doc");
    must('sh', '-ec', 'cp "$2"/bin/rbe-* "$2"/cgi-bin/*.fcgi "$2"/librbe.a "$1/bin"; cp -r lib share "$1/doc"; cp "$1/doc/lib/core/verify.c" "$1/doc/copy-$3.c"',
        'sh', $dir, build_dir(), $n);
    for my $file (glob "$dir/bin/*") {
        my $bytes = slurp($file);
        for (my $at = 5000 + $n; $at < length $bytes; $at += 30_000 + $n) { substr($bytes, $at, 4) = pack 'V', $at * $n }
        spew($file, $bytes);
    }
    spew($_, slurp($_) . "line of version $n\n") for (glob "$dir/doc/lib/*/*.c")[$n .. 20 + 3 * $n];
}

# {"zip 1.0.0 vcdiff" => hash} of what `batch` (a function that runs it) makes in an installation of its own.
my $sites = 0;
sub packages {
    my ($dir, $batch, %opt) = @_;
    my $site = "$dir/site" . $sites++;
    make_path($site);
    my %env = (env => {RBE_CONFIG => "$site/rbe.yaml", %{$opt{env} || {}}});
    my $admin = build_dir() . '/bin/rbe-admin';
    my %hash;
    must(\%env, $admin, 'init');
    spew("$site/rbe.local.yaml", 'batch: {prebuild_depth: 0, workers: ' . ($opt{workers} // 1) . "}\n");
    my @types = $opt{backwards} ? ('tar.gz', 'zip') : ('zip', 'tar.gz');
    for my $type (@types) {
        my @olds = $opt{backwards} ? (3, 1, 2) : (1, 2, 3);
        must(\%env, $admin, 'resource', 'create', "app-" . ($type =~ tr/./-/r), '--name', 'App');
        must(\%env, $admin, 'version', 'publish', 'app-' . ($type =~ tr/./-/r), "$_.0.0", "$dir/$_.$type") for @olds;
        must(\%env, $admin, 'version', 'publish', 'app-' . ($type =~ tr/./-/r), '4.0.0', "$dir/4.$type", map { ('--old-version', "$_.0.0") } @olds);
    }
    my ($status, undef, $err) = run(\%env, @$batch);
    is $status, 0, "@$batch[0 .. ($#$batch < 2 ? $#$batch : 2)]" or diag $err;
    for my $type (@types) {
        my $shown = $JSON->decode(must(\%env, $admin, 'version', 'show', 'app-' . ($type =~ tr/./-/r), '4.0.0', '--json'));
        $hash{"$type $_->{from} $_->{patch_format}"} = $_->{file_hash} for grep { $_->{from} } @{$shown->{packages}};
    }
    return \%hash;
}

# A directory laid out like the build, whose encoder, and the xdelta3 on its PATH, run on that CPU too and say so.
sub other_machine {
    my ($dir, $cpu) = @_;
    make_path("$dir/bin", "$dir/libexec/rbe", "$dir/path");
    must('cp', build_dir() . '/bin/rbe-batch', "$dir/bin");
    my %wrapped = ("$dir/libexec/rbe/rbe-encode" => build_dir() . '/libexec/rbe/rbe-encode', "$dir/path/xdelta3" => installed('xdelta3'));
    for my $file (keys %wrapped) {
        spew($file, "#!/bin/sh\necho >> '$file.ran'\nexec qemu-x86_64 -cpu $cpu '$wrapped{$file}' \"\$@\"\n");
        chmod 0755, $file;
    }
    return keys %wrapped;
}

my $tmp = File::Temp->newdir(TMPDIR => 1);
my $dir = "$tmp";
for my $n (1 .. 4) {
    make_tree("$dir/tree$n", $n);
    Rbe::Test::pack_tree("$dir/tree$n", $_, "$dir/$n.$_") for qw(zip tar.gz);
}
my $program = build_dir() . '/bin/rbe-batch';
my $want = packages($dir, [$program]);
is scalar keys %$want, 2 * 3 * 3, 'three formats from three versions, for zip and tar.gz';
is_deeply packages($dir, [$program], workers => 4, backwards => 1), $want, 'four workers, everything in another order';
SKIP: {
    skip 'taskset is not installed', 1 if !installed('taskset');
    is_deeply packages($dir, ['taskset', '-c', '0', $program], workers => 3), $want, 'three workers on one core';
}
SKIP: {
    skip 'qemu-user is not installed, or this is no x86_64', 1 if !installed('qemu-x86_64') || (POSIX::uname())[4] ne 'x86_64';
    for my $cpu (qw(qemu64 Nehalem max)) {
        my @wrapped = other_machine("$dir/$cpu", $cpu);
        is_deeply packages($dir, ['qemu-x86_64', '-cpu', $cpu, "$dir/$cpu/bin/rbe-batch"], env => {PATH => "$dir/$cpu/path:$ENV{PATH}"}),
            $want, "on a $cpu";
        ok -s "$_.ran", "$_ ran on it as well" for @wrapped;
    }
}
SKIP: {
    my ($other) = grep { installed($_) } qw(clang gcc);
    skip 'neither clang nor gcc is installed', 1 if !$other;
    must('make', '-s', "B=$dir/other", "CC=$other", 'CFLAGS=-O0', 'all');
    is_deeply packages($dir, ["$dir/other/bin/rbe-batch"]), $want, "built by $other without optimisation";
}
done_testing;
