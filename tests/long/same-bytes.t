# The same packages make the same patches: on other CPUs (qemu-user, with everything that looks for features of its CPU: libdeflate,
# zstd, xdelta3, OpenSSL), by another compiler without optimisation, with one worker or several on one core or all, in whatever
# order jobs come, with another clock, time zone, language, home, umask, priority, file system and content of fresh memory, and where
# memory is short.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path);
use File::Temp ();
use POSIX ();
use Rbe::Mounts;
use Rbe::Test;
use Test::More;

plan skip_all => 'sanitizers do not run under an emulator' if sanitized;
sub installed { my ($tool) = @_; my ($path) = grep { -x } map { "$_/$tool" } split /:/, $ENV{PATH}; return $path }
sub must { my ($status, $out, $err) = run(@_); die join(' ', grep { !ref } @_) . ": $err" if $status; return $out }

# Programs of a build and text, 15 MB and more, so that every way of packing is gone; two old versions and a new one. Of the text
# alone there are releases as well, which the greatest efforts can afford.
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
my @kinds = ('zip', 'tar.gz', 'text.zip');
my $sites = 0;
sub packages {
    my ($dir, $batch, %opt) = @_;
    my $site = ($opt{at} // $dir) . '/site' . $sites++;
    make_path($site);
    my %env = (env => {RBE_CONFIG => "$site/rbe.yaml", %{$opt{env} || {}}});
    my $admin = build_dir() . '/bin/rbe-admin';
    my %hash;
    must(\%env, $admin, 'init');
    spew("$site/rbe.local.yaml", 'batch: {prebuild_depth: 0, cpu_seconds: 10, workers: ' . ($opt{workers} // 1) . "}\n");
    my @types = $opt{backwards} ? reverse @kinds : @kinds;
    for my $type (@types) {
        my @olds = $opt{few} ? 1 : $opt{backwards} ? (2, 1) : (1, 2);
        must(\%env, $admin, 'resource', 'create', "app-" . ($type =~ tr/./-/r), '--name', 'App');
        must(\%env, $admin, 'version', 'publish', 'app-' . ($type =~ tr/./-/r), "$_.0.0", "$dir/$_.$type") for @olds;
        must(\%env, $admin, 'version', 'publish', 'app-' . ($type =~ tr/./-/r), '3.0.0', "$dir/3.$type", map { ('--old-version', "$_.0.0") } @olds);
    }
    my ($status, undef, $err) = run(\%env, @$batch);
    is $status, 0, "@$batch[0 .. ($#$batch < 2 ? $#$batch : 2)]" or diag $err;
    for my $type (@types) {
        my $shown = $JSON->decode(must(\%env, $admin, 'version', 'show', 'app-' . ($type =~ tr/./-/r), '3.0.0', '--json'));
        $hash{"$type $_->{from} $_->{patch_format}"} = $_->{file_hash} for grep { $_->{from} } @{$shown->{packages}};
    }
    return \%hash;
}

# A directory laid out like the build, whose encoder, and the xdelta3 on its PATH, are run by that command and say so.
sub other_machine {
    my ($dir, @command) = @_;
    make_path("$dir/bin", "$dir/libexec/rbe", "$dir/path");
    must('cp', build_dir() . '/bin/rbe-batch', "$dir/bin");
    my %wrapped = ("$dir/libexec/rbe/rbe-encode" => build_dir() . '/libexec/rbe/rbe-encode', "$dir/path/xdelta3" => installed('xdelta3'));
    for my $file (keys %wrapped) {
        spew($file, "#!/bin/sh\necho >> '$file.ran'\nexec @command '$wrapped{$file}' \"\$@\"\n");
        chmod 0755, $file;
    }
    return keys %wrapped;
}

# A group of processes that gets so many bytes of memory, what is kept of files included; undef where none can be made.
sub memory_group {
    my ($bytes) = @_;
    for my $where (['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'], ['/sys/fs/cgroup', 'memory.max']) {
        my ($group, $bound) = ("$where->[0]/rbe-same-bytes-$$", $where->[1]);
        next if !mkdir $group;
        return $group if -e "$group/$bound" && eval { spew("$group/$bound", $bytes); 1 };
        rmdir $group;
    }
    return;
}

my $mounts = Rbe::Mounts::own();
my $tmp = File::Temp->newdir(TMPDIR => 1);
my $dir = "$tmp";
for my $n (1 .. 3) {
    make_tree("$dir/tree$n", $n);
    Rbe::Test::pack_tree("$dir/tree$n", $_, "$dir/$n.$_") for qw(zip tar.gz);
    Rbe::Test::pack_tree("$dir/tree$n/doc", 'zip', "$dir/$n.text.zip");
}
my $program = build_dir() . '/bin/rbe-batch';
my $want = packages($dir, [$program]);
is scalar keys %$want, 3 * 2 * 3, 'three formats from two versions, for zip, tar.gz and text alone' or diag join ' ', sort keys %$want;
my $few = {map { ($_ => $want->{$_}) } grep { / 1\.0\.0 / } keys %$want};
is_deeply packages($dir, [$program], workers => 4, backwards => 1), $want, 'four workers, everything in another order';
SKIP: {
    skip 'taskset is not installed', 1 if !installed('taskset');
    is_deeply packages($dir, ['taskset', '-c', '0', $program], workers => 3), $want, 'three workers on one core';
}
{
    my $at = "$dir/elsewhere/disk";
    my @wrapped = other_machine("$dir/elsewhere", 'env', 'MALLOC_PERTURB_=165', 'TZ=Pacific/Kiritimati', 'HOME=/nonexistent');
    my %env = (PATH => "$dir/elsewhere/path:$ENV{PATH}", LC_ALL => 'C.UTF-8', LANG => 'tr_TR.UTF-8', TZ => 'Pacific/Kiritimati',
        HOME => '/nonexistent', MALLOC_PERTURB_ => 90, LD_PRELOAD => build_dir() . '/tests/clock.so', RBE_CLOCK_FILE => spew("$dir/clock", '4102444799'));
    make_path($at);
    is +(run('mount', '-t', 'tmpfs', 'none', $at))[0], 0, 'another file system' if $mounts;
    is_deeply packages($dir, ['sh', '-ec', 'umask 077; cd /; exec nice -n 19 "$@"', 'sh', "$dir/elsewhere/bin/rbe-batch"], env => \%env, at => $at, workers => 2),
        $want, 'elsewhere, in the last second of 2099';
    ok -s "$_.ran", "$_ ran there as well" for @wrapped;
    is +(run('umount', $at))[0], 0, 'which is gone' if $mounts;
}
SKIP: {
    my $bound = 160 << 20;
    my $group = memory_group($bound) or skip 'no memory group can be made here', 1;
    is_deeply packages($dir, ['sh', '-ec', 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"', 'sh', $group, $program]), $want, 'where memory is short';
    my ($most) = map { slurp($_) =~ /(\d+)/ } grep { -e } map { "$group/$_" } qw(memory.max_usage_in_bytes memory.peak);
    cmp_ok $most // $bound, '>', 0.9 * $bound, 'and all of it was in use';
    rmdir $group or diag "$group: $!";
}
SKIP: {
    skip 'qemu-user is not installed, or this is no x86_64', 1 if !installed('qemu-x86_64') || (POSIX::uname())[4] ne 'x86_64';
    for my $cpu (qw(qemu64 Nehalem max)) {
        my @wrapped = other_machine("$dir/$cpu", 'qemu-x86_64', '-cpu', $cpu);
        is_deeply packages($dir, ['qemu-x86_64', '-cpu', $cpu, "$dir/$cpu/bin/rbe-batch"], few => 1, env => {PATH => "$dir/$cpu/path:$ENV{PATH}"}),
            $few, "on a $cpu";
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
