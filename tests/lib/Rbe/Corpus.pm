# Real releases for benchmarks: pairs of versions out of the registries of npm and Python, each as a zip and as a tar.gz of its
# tree. `make corpus` fetches them into RBE_CORPUS (build/corpus), some 400 MB; a benchmark takes them from there alone.
#
#   use Rbe::Corpus;
#   for my $pair (pairs('numpy', 'django')) {            # all without names
#       my ($old, $new) = map { release($pair, $_, 'tar.gz') } @$pair{qw(old new)};
package Rbe::Corpus;
use strict;
use warnings;
use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Path qw(make_path remove_tree);
use Rbe::Test qw(run build_dir);

our @EXPORT = qw(pairs corpus_or_skip release fetch_release corpus_dir);

my @pairs = map { my %pair; @pair{qw(name what registry package old new)} = @$_; \%pair } (
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

sub corpus_dir { my $dir = $ENV{RBE_CORPUS} || build_dir() . '/corpus'; make_path($dir); return abs_path($dir) }

sub pairs {
    my %wanted = map { ($_ => 1) } @_;
    my @found = grep { !@_ || delete $wanted{$_->{name}} } @pairs;
    croak 'no such pair: ' . join ' ', sort keys %wanted if %wanted;
    return @found;
}

# The path of a release's archive, undef when it was not fetched.
sub release {
    my ($pair, $version, $type) = @_;
    my $file = corpus_dir() . "/$pair->{name}-$version.$type";
    return -s $file ? $file : undef;
}

# What a benchmark runs on: the pairs named in a text, or all. Where some were never fetched, it says so and ends, measuring nothing.
sub corpus_or_skip {
    my ($bench, $names) = @_;
    my @found = pairs(split ' ', $names // '');
    my @missing = grep { my $pair = $_; grep { !release($pair, $pair->{$_}, 'zip') } qw(old new) } @found;
    return @found if !@missing;
    print "$bench: skipped, as not all releases are in ", corpus_dir(), '; `make corpus` fetches ', join(' ', map { $_->{name} } @missing), "\n";
    exit 0;
}

sub must {
    my ($status, $out, $err) = run(@_);
    croak join(' ', grep { !ref } @_) . ": $err" if $status;
}

# Out of the registry, packed as publishers do; what is there already is not fetched again.
sub fetch_release {
    my ($pair, $version) = @_;
    my $base = corpus_dir() . "/$pair->{name}-$version";
    return if -s "$base.zip" && -s "$base.tar.gz";
    my $dir = "$base.tmp";
    remove_tree($dir);
    make_path("$dir/tree");
    if ($pair->{registry} eq 'npm') {
        must({dir => $dir}, 'npm', 'pack', '--silent', "$pair->{package}\@$version");
        must('tar', '-xzf', glob("$dir/*.tgz"), '-C', "$dir/tree", '--strip-components=1', '--no-same-permissions');
    } else {
        must({dir => $dir}, 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', '--python-version', '3.11',
            (map { ('--platform', $_) } qw(manylinux2014_x86_64 manylinux_2_17_x86_64 manylinux_2_28_x86_64)), '-d', '.',
            "$pair->{package}==$version");
        must('unzip', '-q', glob("$dir/*.whl"), '-d', "$dir/tree");
    }
    must('chmod', '-R', 'u+rwX,go+rX', "$dir/tree");
    must({dir => "$dir/tree"}, 'zip', '-q', '-X', '-y', '-r', '../tree.zip', '.');
    must({dir => $dir}, 'tar', '--sort=name', '-C', 'tree', '-czf', 'tree.tar.gz', '.');
    rename "$dir/tree.$_", "$base.$_" or croak "$base.$_: $!" for qw(zip tar.gz);
    remove_tree($dir);
}

1;
