# Compression inside of files reaches the publisher as advice: a native addon (a real shared library with a section of packed
# assets) in each kind of compression, and a file that is a zip. Taken, the advice keeps what it promises.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path);
use Rbe::Test;
use Test::More;

my ($library) = grep { -f } map { glob } '/usr/lib/*/libc.so.6', '/lib/*/libc.so.6', '/usr/lib64/libc.so.6';
my ($missing) = grep { my $tool = $_; !grep { -x "$_/$tool" } split /:/, $ENV{PATH} } qw(objcopy zstd xz gzip zip);
plan skip_all => 'no libc.so.6' if !$library;
plan skip_all => "$missing is not installed" if $missing;

my %pack = (
    'zstd frame' => 'zstd -q -19 -f "$1" -o "$1.p"',
    'xz stream' => 'xz -c "$1" > "$1.p"',
    'gzip stream' => 'gzip -nc "$1" > "$1.p"',
    'zip' => 'rm -f "$1.p"; zip -q -X -j "$1.p" "$1"',
    '' => 'cp "$1" "$1.p"',
);
sub must { my ($status, $out, $err) = run(@_); die "@_: $err" if $status; return $out }

# Text that packs to a third, and in the second version is another here and there.
srand 72;
my @words = map { join '', map { chr 97 + int rand 26 } 1 .. 2 + rand 9 } 1 .. 3000;
my $text = join '', map { $words[abs(rand() + rand() - 1) * @words] . (rand() < 0.1 ? "\n" : ' ') } 1 .. 200_000;
my %text = (1 => $text, 2 => $text =~ s/(.{60000})/$1 something new /sgr);

# A tree with app.node, or app.bin for a zip, that holds the text, packed.
sub tree {
    my ($dir, $kind, $version) = @_;
    make_path($dir);
    spew("$dir/assets", $text{$version});
    must('sh', '-ec', $pack{$kind}, 'sh', "$dir/assets");
    if ($kind eq 'zip') { must('mv', "$dir/assets.p", "$dir/app.bin") }
    else { must('objcopy', '--add-section', ".assets=$dir/assets.p", $library, "$dir/app.node") }
    unlink "$dir/assets", "$dir/assets.p";
    spew("$dir/readme", "version $version\n");
    return $dir;
}

each_host {
    my $rbe = shift;
    my %delta;
    for my $kind (sort keys %pack) {
        my $rid = 'app-' . ($kind =~ tr/ /-/r);
        $rbe->create($rid);
        my @file = map { Rbe::Test::pack_tree(tree("$rbe->{dir}/$rid-$_", $kind, $_), 'zip', "$rbe->{dir}/$rid-$_.zip") } 1, 2;
        is $rbe->publish($rid, version_name => "$_.0.0", file => $file[$_ - 1], $_ > 1 ? (old_version => '1.0.0') : ())->{status}, 201 for 1, 2;
        $rbe->batch;
        my $shown = $JSON->decode($rbe->admin_ok('version', 'show', $rid, '2.0.0', '--json'));
        my ($zstd) = grep { ($_->{patch_format} // '') eq 'zstd' } @{$shown->{packages}};
        $delta{$kind} = $zstd ? $zstd->{file_size} : (grep { $_->{update_type} eq 'full' } @{$shown->{packages}})[0]{file_size};
        if (!$kind) { is_deeply $shown->{advice}, [], 'nothing to advise where assets lie unpacked'; next }
        is scalar @{$shown->{advice}}, 1, "$kind: one advice, whatever the formats" or diag $JSON->encode($shown->{advice});
        is $shown->{advice}[0]{from}, '1.0.0';
        my $name = $kind eq 'zip' ? 'app.bin' : 'app.node';
        like $shown->{advice}[0]{text}, qr/^\Q$name\E holds a (\d\.\d) MB \Q$kind\E; published unpacked, the update would be about 0\.\d MB instead of \d\.\d MB$/, $kind;
        like $rbe->admin_ok('version', 'show', $rid, '2.0.0'), qr/^advice +from 1\.0\.0: \Q$name\E holds a /m, 'in the table as well';
        like $rbe->admin_ok(qw(job list)), qr/; advice: \Q$name\E holds a /, 'and in the note of the job';
    }
    cmp_ok $delta{''}, '<', 30_000, "unpacked, the update is $delta{''} bytes";
    cmp_ok $delta{$_}, '>', 200_000, "as a $_ it is $delta{$_}" for grep { $_ } sort keys %delta;
} only => ['cgi'];

done_testing;
