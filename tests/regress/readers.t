# An archive that is accepted must be the same tree to every reader. Good archives get some bytes changed in their headers; of
# those that rbe-inspect still accepts, the readers that are installed unpack what its manifest says. RBE_LONG tries more.
use strict;
use warnings;
use lib 'tests/lib';
use Compress::Zlib ();
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use Rbe::Test;
use Test::More;

my $rounds = $ENV{RBE_LONG} ? 4000 : 80;
my $inspect = build_dir() . '/libexec/rbe/rbe-inspect';
plan skip_all => 'rbe-inspect is not built' if !-x $inspect;
my $dir = tempdir('rbe-readers-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($made, undef, $err) = run($^X, 'tests/regress/archives.pl', $dir);
is $made, 0, 'archives are made' or BAIL_OUT $err;

# Python's own way to unpack knows no links, and takes names without a mark for those of a code page.
spew("$dir/unzip.py", <<'PY');
import os, stat, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    for i in z.infolist():
        name = i.filename.encode('utf-8' if i.flag_bits & 0x800 else 'cp437')
        path = os.path.join(os.fsencode(sys.argv[2]), name)
        data = z.read(i)
        if name.endswith(b'/'):
            os.makedirs(path, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if i.create_system == 3 and stat.S_ISLNK(i.external_attr >> 16):
            os.symlink(data, path)
        else:
            with open(path, 'wb') as f:
                f.write(data)
PY
spew("$dir/untar.py", <<'PY');
import sys, tarfile
tarfile.open(sys.argv[1]).extractall(sys.argv[2])
PY

# What unpacks $1 into $2. 7z takes no links through links, and a tar's names go through bsdtar unchanged only in C.
my %readers = (
    zip => {bsdtar => 'bsdtar -C "$2" -xf "$1"', unzip => 'unzip -qo -d "$2" "$1"', python3 => "python3 '$dir/unzip.py' \"\$1\" \"\$2\"",
        '7z' => '7z x -y -bd -o"$2" "$1" >/dev/null'},
    'tar.gz' => {bsdtar => 'LC_ALL=C bsdtar -C "$2" -xf "$1" || test $? = 1', tar => 'tar -C "$2" -xf "$1"',
        python3 => "python3 -W ignore '$dir/untar.py' \"\$1\" \"\$2\""},
);

# Those installed here; Python that is a stub counts as none.
sub installed {
    my ($type) = @_;
    return grep { (run('sh', '-c', "command -v $_" . ($_ eq 'python3' ? ' && python3 -c "import zipfile, tarfile"' : '')))[0] == 0 }
        sort keys %{$readers{$type}};
}

sub shape { my ($tree) = @_; return {map { $_ => "$tree->{$_}[0] $tree->{$_}[2]" } keys %$tree} }

# The tree that a reader makes, also of directories that only stand in names.
sub unpacked {
    my ($type, $reader, $file) = @_;
    my $out = "$dir/out";
    remove_tree($out);
    make_path($out);
    my ($status, undef, $err) = run({env => {LC_ALL => 'C.UTF-8'}}, 'sh', '-c', $readers{$type}{$reader}, 'sh', $file, $out);
    run('chmod', '-R', 'u+rwX', $out);
    return $status ? "status $status: $err" : shape(tree_of($out));
}

# The same of a manifest.
sub told {
    my ($manifest) = @_;
    my %tree;
    for (split /\n/, $manifest) {
        my ($kind, undef, undef, $sum, $path, $target) = split /\t/;
        $tree{$path} = "$kind " . ($kind eq 'f' ? $sum : $target // '') if defined $path;
    }
    return \%tree;
}

sub change_zip {
    my ($bytes) = @_;
    my @marks;
    push @marks, pos($bytes) - 2 while $bytes =~ /PK/g;
    for (1 .. 1 + int rand 3) {
        my $at = $marks[rand @marks] + 4 + int rand 76;
        substr($bytes, $at, 1) = chr((0, 1, 2, 8, 16, 32, 46, 47, 255, int rand 256)[rand 10]) if $at < length $bytes;
    }
    return $bytes;
}

# Checksums are made right again, so that what they guard is looked at.
sub change_tar {
    my ($bytes) = @_;
    my $tar = Compress::Zlib::memGunzip($bytes);
    for (1 .. 1 + int rand 3) {
        my $at = 512 * int(rand length($tar) / 512) + int rand(rand() < 0.5 ? 160 : 512);
        substr($tar, $at, 1) = chr((0, 32, 46, 47, 48, 49, 53, 255, int rand 256)[rand 9]) if $at < length $tar;
    }
    for (my $at = 0; $at + 512 <= length $tar; $at += 512) {
        next if substr($tar, $at + 257, 5) ne 'ustar';
        substr($tar, $at + 148, 8) = ' ' x 8;
        substr($tar, $at + 148, 8) = sprintf "%06o\0 ", unpack '%32C*', substr $tar, $at, 512;
    }
    return Compress::Zlib::memGzip($tar);
}

for my $type ('zip', 'tar.gz') {
    my @readers = installed($type);
    my @good = grep { -s "$dir/$_" < 60_000 && !/sparse/ } map { /^(\S+\.\Q$type\E)\taccept\t/ ? $1 : () } split /^/, slurp("$dir/index.tsv");
    my ($accepted, $died, @differ) = (0, 0);
    srand 17;
    for my $round (1 .. $rounds) {
        my $from = $good[rand @good];
        my $file = "$dir/changed.$type";
        my $bytes = slurp("$dir/$from");
        spew($file, $type eq 'zip' ? change_zip($bytes) : change_tar($bytes));
        # It writes to pipes only.
        my ($status, $out) = run('sh', '-c', 'out=$("$0" "$1" 0 1000 67108864 3<"$2" 2>&1); end=$?; echo "$out"; exit $end',
            $inspect, $type, $file);
        $died++, diag "$from, round $round: status $status, $out" if $status != 0 && $status != 3;
        next if $status;
        $accepted++;
        my %tree = map { $_ => unpacked($type, $_, $file) } grep { $_ ne '7z' || $out !~ /^l/m } @readers;
        my $told = $JSON->encode([told($out)]);
        my @other = grep { $JSON->encode([$tree{$_}]) ne $told } sort keys %tree;
        push @differ, "$from, round $round: @other" if @other;
    }
    is $died, 0, "$type: the inspector ends as it should";
    cmp_ok $accepted, '>', $rounds / 20, "$type: $accepted of $rounds are accepted";
    is_deeply \@differ, [], "$type: and the same to @readers";
}

done_testing;
