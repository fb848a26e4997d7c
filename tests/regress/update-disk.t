# Disks and file systems: full ones, files and directories that are read-only, long paths, names that are taken for one, no modes.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(abs_path);
use File::Copy qw(copy);
use Rbe::Shelf;
use Rbe::Test;
use Rbe::Update;
use Test::More;

my $build = build_dir();
my $mounted;
# Whatever ends the test, nothing stays mounted.
END { local $?; run('umount', '-l', $mounted) if $mounted }
my $shelf = Rbe::Shelf->new;
my $base = $shelf->{dir};
my %old = (app => "#!/bin/sh\n1", 'doc/a' => 'a' x 3000, 'Readme' => 'old', 'Data/Kept' => 'same', 'Data/Other' => 'old',
    "\xc3\x85ngstr\xc3\xb6m" => 'old', gone => 'x');
my %new = (app => "#!/bin/sh\n2", 'doc/a' => 'a' x 3001, 'README' => 'old', 'data/Kept' => 'same', 'data/other' => 'new',
    "A\xcc\x8angstr\xc3\xb6m" => 'new', 'doc/sub/b' => 'b');
my $v1 = tree_of($shelf->release('1.0.0', \%old));
my $v2 = tree_of($shelf->release('1.1.0', \%new));
$shelf->incremental('1.0.0', '1.1.0', qw(files vcdiff));

sub client {
    my ($name, %more) = @_;
    return Rbe::Update->new(dir => "$base/$name", server => $shelf->{base}, resource => 'app', more => [qw(--tries 1)], %more);
}
sub at { my ($version) = @_; $shelf->{latest} = $version; $shelf->save }

# ---- names that differ by letter case or normal form ----

SKIP: {
    skip 'sanitizers want to be loaded first', 1 if sanitized;
    my $plain = client('plain');
    my $folds = client('folds', env => {LD_PRELOAD => "$build/tests/folds.so"});
    for my $u ($plain, $folds) {
        my $what = $u == $plain ? 'a file system that keeps names apart' : 'a file system that folds names';
        at('1.0.0');
        is $u->run, 0, "$what: version 1" or diag $u->{err};
        at('1.1.0');
        is $u->run, 0, "$what: version 2" or diag $u->{err};
        $u->is_tree($v2, "$what: names are spelled anew");
        is $u->run('--verify'), 0 or diag $u->{err};
        is $u->run('--rollback'), 0;
        $u->is_tree($v1, "$what: and back");
        spew("$u->{dir}/Data/mine", 'mine');
        is $u->run, 0 or diag $u->{err};
        is slurp($u == $plain ? "$u->{dir}/Data/mine" : glob("$u->{dir}/[dD]ata/mine")), 'mine', "$what: the user's own file stays";
        is slurp("$u->{dir}/" . ($u == $plain ? 'data' : (glob("$u->{dir}/[dD]ata"))[0] =~ s{.*/}{}r) . '/other'), 'new';
    }
    # Two names that are one there.
    my $two = Rbe::Shelf->new;
    $two->release('1.0.0', {'a/File' => '1', 'a/file' => '2'});
    my $u = client('two', server => $two->{base}, env => {LD_PRELOAD => "$build/tests/folds.so"});
    is $u->run, 1, 'two names that are one on this file system';
    like $u->{err}, qr/"a\/[fF]ile"/;
    is_deeply $u->tree, {}, 'nothing is installed';
    $u = client('two-apart', server => $two->{base});
    is $u->run, 0, 'elsewhere they are two';
    $two->stop;
}

# ---- read-only files and directories ----

{
    my $u = client('readonly');
    at('1.0.0');
    is $u->run, 0;
    chmod 0444, glob("$u->{dir}/*"), "$u->{dir}/doc/a";
    chmod 0755, "$u->{dir}/app";
    my @argv = ();
    if ($> == 0) {
        # As a user who may not write everywhere; the program has to be where that user gets.
        my $tool = "$base/rbe-update";
        copy("$build/bin/rbe-update", $tool);
        chmod 0755, $tool, $base;
        run('chown', '-R', 'nobody', $u->{dir});
        @argv = ('setpriv', '--reuid=nobody', '--clear-groups', '--', $tool);
    }
    chmod 0555, "$u->{dir}/doc", "$u->{dir}/Data";
    at('1.1.0');
    my ($status, $out, $err) = run(@argv ? @argv : "$build/bin/rbe-update", '--server', $shelf->{base}, '--resource', 'app', '--dir', $u->{dir});
    is $status, 0, 'read-only files and directories' or diag $out, $err;
    is sprintf('%04o', (stat "$u->{dir}/doc")[2] & 07777), '0555', 'a directory is as read-only as before';
    is slurp("$u->{dir}/doc/sub/b"), 'b';
    is_deeply $u->tree, $v2, 'the new tree';
}

# ---- a full disk ----

SKIP: {
    my $mount = "$base/small";
    mkdir $mount;
    skip 'a small file system takes root', 1 if $> != 0;
    my ($status) = run('mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', $mount);
    skip 'nothing can be mounted here', 1 if $status;
    $mounted = $mount;
    my $full = Rbe::Shelf->new;
    srand 3;
    my $block = join '', map { chr int rand 256 } 1 .. 250_000;
    my $small = tree_of($full->release('1.0.0', {a => $block, b => 'b'}));
    my $u = client('small/client', server => $full->{base});
    is $u->run, 0, 'a small disk' or diag $u->{err};
    my $big = tree_of($full->release('2.0.0', {a => $block, b => $block x 3, c => $block x 4}));
    is $u->run, 1, 'too small for the next version';
    like $u->{err}, qr/bytes of disk, \d+ are free/, 'that is said';
    $u->is_tree($small, 'the old version stays');
    # The patch has to be undone beside it, whole files have not.
    my $fits = tree_of($full->release('1.2.0', {a => reverse($block) . 'x' x 200_000, b => 'b'}));
    $full->incremental('1.0.0', '1.2.0', qw(vcdiff files));
    spew("$mount/filler", "x" x 700_000);
    $status = $u->run;
    is $status, 0, 'too small for a patch, large enough for files' or diag $u->{err};
    is_deeply $u->tree, $fits, 'the new version';
    is $u->run('--verify'), 0;
    # Nothing left at all: the rollback needs next to nothing.
    ($status) = run('sh', '-c', 'dd if=/dev/zero of="$1" bs=4k 2>/dev/null; true', 'sh', "$mount/filler2");
    is $u->run('--rollback'), 1, 'a disk without a byte';
    is_deeply $u->tree, $fits, 'the tree stays as it is';
    unlink "$mount/filler2";
    is $u->run('--rollback'), 0, 'and goes back when there is room again' or diag $u->{err};
    $u->is_tree($small, 'the version before');
    $full->stop;
    run('umount', $mount);
    undef $mounted;
}

# ---- long paths ----

{
    my $long = Rbe::Shelf->new;
    my $part = 'd' x 200;
    my $dir = join '/', ($part) x 9;
    my $file = "$dir/" . 'f' x 255;
    my %tree = ($file => 'deep', app => '1', "$dir/" . "\xe6\xbc\xa2" x 80 => 'wide');
    my $one = $long->release('1.0.0', \%tree, 'tar.gz');
    my $deep = join '/', 'long', map { "$_" x 200 } 1 .. 9;
    my $u = client($deep, server => $long->{base});
    cmp_ok length($u->{dir}) + length($file), '<', 4096, 'tests can see all of it';
    is $u->run, 0, 'paths of more than 2000 bytes' or diag $u->{err};
    $u->is_tree($one, 'long paths');
    $tree{$file} = 'deeper';
    $tree{join '/', ($part) x 18} = 'beyond PATH_MAX';
    delete $tree{"$dir/" . "\xe6\xbc\xa2" x 80};
    $long->release('1.1.0', \%tree, 'tar.gz');
    cmp_ok length($u->{dir}) + 18 * 201, '>', 4096, 'longer than any call takes';
    is $u->run, 0, 'paths beyond PATH_MAX' or diag $u->{err};
    is $u->run('--verify'), 0, 'verified' or diag $u->{err};
    is $u->run('--rollback'), 0;
    $u->is_tree($one, 'and back');
    $long->stop;
}
$shelf->stop;
done_testing;
