#!/usr/bin/perl
# Deltas of real releases: for pairs out of the package registries, what whole files, vcdiff and zstd come to, against stock
# xdelta3 and zstd -19 on the same solid input; CPU time and memory of each; applied by stock tools, with zero differences.
#
#     tests/bench/delta.pl [NAME...]      all pairs when none is named; DELTA_CACHE keeps what was downloaded
#
# Packages are fetched by npm and pip. What is printed last is the geometric mean over the pairs that were run.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(abs_path);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use JSON::PP;
use Rbe::Test qw(run slurp spew tree_of);

my @pairs = (
    # name, what it is, registry, package, old, new
    ['esbuild', 'native (Go)', 'npm', '@esbuild/linux-x64', '0.21.4', '0.21.5'],
    ['rollup', 'native (Rust)', 'npm', '@rollup/rollup-linux-x64-gnu', '4.20.0', '4.21.0'],
    ['numpy', 'native (C) and text', 'pip', 'numpy', '1.26.3', '1.26.4'],
    ['cryptography', 'native (Rust) and text', 'pip', 'cryptography', '42.0.7', '42.0.8'],
    ['next-swc', 'native (Rust), 131 MB', 'npm', '@next/swc-linux-x64-gnu', '14.2.3', '14.2.4'],
    ['typescript', 'text, large files', 'npm', 'typescript', '5.4.5', '5.5.2'],
    ['django', 'text tree', 'pip', 'django', '5.0.6', '5.0.7'],
    ['babel', 'text tree', 'npm', '@babel/core', '7.24.4', '7.24.5'],
    ['tailwind', 'text tree', 'npm', 'tailwindcss', '3.4.3', '3.4.4'],
    ['fontawesome', 'assets: fonts, SVG, CSS', 'npm', '@fortawesome/fontawesome-free', '6.5.1', '6.5.2'],
    ['monaco', 'assets and text, 87 MB', 'npm', 'monaco-editor', '0.48.0', '0.49.0'],
);

my $build = abs_path($ENV{RBE_BUILD} // 'build');
my $apply = abs_path('tests/lib/apply-delta');
my $cache = $ENV{DELTA_CACHE} // tempdir('delta-cache-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $tmp = tempdir('delta-bench-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $JSON = JSON::PP->new->utf8;
make_path($cache);
$cache = abs_path($cache);

sub must { my ($status, $out, $err) = run(@_); die "@_[grep { !ref $_[$_] } 0 .. $#_]: $err" if $status; return $out }

# (seconds of CPU, MiB at most) of a command.
sub cost {
    my ($status, undef, $err) = run('/usr/bin/time', '-f', 'COST %U %S %M', @_);
    die "@_: $err" if $status;
    my ($user, $system, $kib) = $err =~ /COST (\S+) (\S+) (\d+)/ or die "no cost: $err";
    return ($user + $system, $kib / 1024);
}

# A release out of its registry as a zip of its tree; the path.
sub fetch {
    my ($name, $registry, $package, $version) = @_;
    my $zip = "$cache/$name-$version.zip";
    return $zip if -s $zip;
    my $dir = "$tmp/fetch";
    remove_tree($dir);
    make_path("$dir/tree");
    if ($registry eq 'npm') {
        must({dir => $dir}, 'npm', 'pack', '--silent', "$package\@$version");
        my ($file) = glob "$dir/*.tgz";
        must('tar', '-xzf', $file, '-C', "$dir/tree", '--strip-components=1', '--no-same-permissions');
    } else {
        must({dir => $dir}, 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', '--python-version', '3.11',
            (map { ('--platform', $_) } qw(manylinux2014_x86_64 manylinux_2_17_x86_64 manylinux_2_28_x86_64)), '-d', '.',
            "$package==$version");
        my ($file) = glob "$dir/*.whl";
        must('unzip', '-q', $file, '-d', "$dir/tree");
    }
    must('chmod', '-R', 'u+rwX,go+rX', "$dir/tree");
    must({dir => "$dir/tree"}, 'zip', '-q', '-X', '-y', '-r', $zip, '.');
    return $zip;
}

sub admin { return must({env => {RBE_CONFIG => "$tmp/site/rbe.yaml"}}, "$build/bin/rbe-admin", @_) }

sub tree { my ($zip, $dir) = @_; remove_tree($dir); make_path($dir); must('unzip', '-q', $zip, '-d', $dir); return $dir }

# The solid input that a package's groups are made of, out of the two trees: (old file, new file).
sub solid {
    my ($package, $old, $new) = @_;
    my $delta = $JSON->decode(must('unzip', '-p', $package, 'changes.json'))->{delta};
    my @files = ("$tmp/solid.old", "$tmp/solid.new");
    for my $side (0, 1) {
        open my $out, '>:raw', $files[$side] or die $!;
        for my $group (@{$delta->{groups}}) {
            for my $file (@{$group->{$side ? 'target' : 'source'}}) {
                (my $path = ($side ? $new : $old) . "/$file->{path}");
                utf8::encode($path);
                print $out slurp($path);
            }
        }
        close $out or die $!;
    }
    return @files;
}

make_path("$tmp/site");
admin('init');
spew("$tmp/site/rbe.local.yaml", "batch:\n  prebuild_depth: 0\n" . ($ENV{DELTA_SETTINGS} // ''));
my (%wanted, %sum, $n);
$wanted{$_} = 1 for @ARGV;
printf "%-13s %9s %9s %8s %8s | %6s | %9s %9s %5s | %s\n", qw(pair full files vcdiff zstd best/f xdelta3 zstd-19 ratio),
    'CPU s and MiB: vcdiff, zstd; stock';
for my $pair (@pairs) {
    my ($name, $what, $registry, $package, $from, $to) = @$pair;
    next if @ARGV && !$wanted{$name};
    my ($old, $new) = map { fetch($name, $registry, $package, $_) } $from, $to;
    admin('resource', 'create', $name, '--name', $what);
    admin('version', 'publish', $name, $from, $old);
    admin('version', 'publish', $name, $to, $new, '--old-version', $from);
    must({env => {RBE_CONFIG => "$tmp/site/rbe.yaml"}}, "$build/bin/rbe-batch");
    my %job = map { $_->{subject} =~ /^(\w+)/ ? ($1 => $_) : () } @{$JSON->decode(admin(qw(job list --limit 3 --json)))};
    my %got = map { ($_->{patch_format} // 'full') => $_ } @{$JSON->decode(admin('version', 'show', $name, $to, '--json'))->{packages}};
    my $files = ($got{files} // $got{full})->{file_size};
    my ($before, $after) = (tree($old, "$tmp/a"), tree($new, "$tmp/b"));
    my $want = tree_of($after);
    my $differences = 0;
    for my $format (grep { $got{$_} } qw(files vcdiff zstd)) {
        remove_tree("$tmp/client");
        must('cp', '-a', $before, "$tmp/client");
        must($apply, "$tmp/site/packages/$got{$format}{path}", "$tmp/client");
        my $have = tree_of("$tmp/client");
        $differences += grep { "@{$want->{$_} // []}" ne "@{$have->{$_} // []}" } keys %{{%$want, %$have}};
    }
    my ($best) = sort { $a <=> $b } map { $got{$_} ? $got{$_}{file_size} : $files } qw(vcdiff zstd);
    my ($one) = grep { defined } map { $got{$_} } qw(zstd vcdiff);
    my (@stock, @cost);
    if ($one) {
        my ($x, $y) = solid("$tmp/site/packages/$one->{path}", $before, $after);
        @cost = (cost('xdelta3', '-e', '-f', '-s', $x, $y, "$tmp/x"), cost('zstd', '-q', '-19', '-f', '--long=31', "--patch-from=$x", $y, '-o', "$tmp/z"));
        @stock = (-s "$tmp/x", -s "$tmp/z");
    }
    # Our patches against the stock ones: the groups alone, as those know nothing of names and hashes.
    my %patches;
    for my $format (grep { $got{$_} } qw(vcdiff zstd)) {
        my $list = must('unzip', '-Zl', "$tmp/site/packages/$got{$format}{path}");
        $patches{$format} += $_ for $list =~ /^\S+ +\S+ \S+ +(?:\d+) \S+ +(\d+) .* delta(?:-\d+)?\/\d+\.\S+$/mg;
    }
    my ($ours) = sort { $a <=> $b } values %patches;
    my ($theirs) = sort { $a <=> $b } @stock;
    my $ratio = $theirs ? $ours / $theirs : 1;
    printf "%-13s %9d %9d %8s %8s | %6.4f | %9s %9s %5.3f | %s; %s%s\n", $name, $got{full}{file_size}, $files,
        (map { $got{$_} ? $got{$_}{file_size} : '-' } qw(vcdiff zstd)), $best / $files, (@stock ? @stock : ('-', '-')), $ratio,
        join(', ', map { $job{$_} ? sprintf '%.1f %d', $job{$_}{cpu_ms} / 1000, $job{$_}{rss_bytes} / 1048576 : '-' } qw(vcdiff zstd)),
        join(', ', @cost ? sprintf('%.1f %d', @cost[0, 1]) : (), @cost ? sprintf('%.1f %d', @cost[2, 3]) : ()),
        $differences ? "; $differences DIFFERENCES" : '';
    $sum{best} += log($best / $files);
    $sum{worst} = $ratio if $ratio > ($sum{worst} // 0);
    $sum{differences} += $differences;
    $n++;
    STDOUT->flush;
}
die "no such pair\n" unless $n;
printf "geometric mean of the smaller delta: %.4f of whole files; at worst %.3f of the smaller stock patch; %d differences\n",
    exp($sum{best} / $n), $sum{worst}, $sum{differences};
exit($sum{differences} ? 1 : 0);
