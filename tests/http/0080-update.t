# rbe-update against the real server: fresh, up to date, incremental, damaged, rolled back; users' own files; two at once.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Rbe::Update;
use Test::More;

my %old = (
    'app' => "#!/bin/sh\necho 1\n", 'same.txt' => 'unchanged ' x 500, 'name with spaces.txt' => 'old',
    "gr\xc3\xbc\xc3\x9fe/\xe6\xbc\xa2\xe5\xad\x97.txt" => 'old', 'empty' => '', 'gone/deep/file' => 'x', 'gone/other' => 'y',
    'void' => undef, 'file-to-dir' => 'f', 'dir-to-file/x' => 'd', 'becomes-exec' => 'echo', 'link' => ['same.txt'],
    'link-to-file' => ['app'], 'config.ini' => 'shipped=1',
);
my %new = (
    'app' => "#!/bin/sh\necho 2\n", 'same.txt' => 'unchanged ' x 500, 'name with spaces.txt' => 'new',
    "gr\xc3\xbc\xc3\x9fe/\xe6\xbc\xa2\xe5\xad\x97.txt" => '', 'empty' => '', 'new/deep/file' => 'z', 'void2/inner' => undef,
    'file-to-dir/inside' => 'g', 'dir-to-file' => 'now a file', 'becomes-exec' => '#!echo', 'link' => ['app'],
    'link-to-file' => 'a file now', 'config.ini' => 'shipped=2',
);
srand 11;
$_->{'bulk.bin'} = join '', map { chr int rand 256 } 1 .. 100_000 for \%old;
$new{'bulk.bin'} = $old{'bulk.bin'};

each_host {
    my $rbe = shift;
    for my $type (qw(zip tar.gz tar.xz)) {
        my $rid = 'app-' . $type =~ tr/./-/r;
        my %published;
        $rbe->create($rid);
        my $publish = sub {
            my ($version, $files, %field) = @_;
            my $r = $rbe->publish($rid, version_name => $version, file => $rbe->zip_of($files, $type), %field);
            is $r->{status}, 201, "$type: $version is published";
            Rbe::Test::make_tree($published{$version} = "$rbe->{dir}/$rid-$version", $files);
        };
        my $u = Rbe::Update->new(dir => "$rbe->{dir}/$rid.client", server => $rbe->{base}, resource => $rid);
        my $is = sub { my ($version, $what) = @_; $u->is_tree($published{$version}, "$type: $what") };
        $publish->('1.0.0', \%old);
        is $u->run('--check'), 3, 'an update is there';
        ok !-e $u->{dir}, 'and checking makes nothing';
        is $u->run, 0, 'a fresh installation' or diag $u->{err};
        $is->('1.0.0', 'the published tree');
        is $u->state->{version_name}, '1.0.0';
        is $u->run('--check'), 0, 'up to date';
        is $u->run, 0;
        like $u->{out}, qr/^current: version "1\.0\.0"$/, 'nothing to do';
        is $u->run('--rollback'), 0, 'rolled back to nothing';
        is_deeply tree_of($u->{dir}), {'.rbe' => ['d', '', ''], '.rbe/lock' => tree_of($u->{dir})->{'.rbe/lock'}}, 'nothing is left';
        is $u->run, 0;

        $publish->('1.1.0', \%new, old_version => '1.0.0');
        $rbe->wait_for_incremental($rid, '1.0.0') or next;
        is $u->run('--check'), 3;
        is $u->run('--json'), 0, 'an update' or diag $u->{err};
        like $u->{out}, qr/"event":"updated","version":"1\.1\.0","before":"1\.0\.0"/;
        unlike $u->{out}, qr/fallback/, 'by the incremental package';
        $is->('1.1.0', 'updated');
        is $u->run('--verify'), 0, 'verifies';

        is $u->run('--rollback'), 0, 'rolls back';
        $is->('1.0.0', 'rolled back');
        is $u->run('--verify'), 0, 'verifies';
        is $u->run('--rollback'), 1, 'only once';
        like $u->{err}, qr/no version before/;

        # Damage in a file that changes, in one that does not, and in a directory.
        spew("$u->{dir}/bulk.bin", 'broken');
        unlink "$u->{dir}/app";
        is $u->run('--verify'), 1, 'damage is found';
        like $u->{err}, qr/damaged "bulk\.bin": content/;
        like $u->{err}, qr/damaged "app": missing/;
        is $u->run('--json'), 0, 'an update over damage' or diag $u->{err};
        like $u->{out}, qr/"event":"fallback"/, 'by the full package';
        $is->('1.1.0', 'mended and updated');
        spew("$u->{dir}/bulk.bin", 'x' x 100_000);
        chmod 0644, "$u->{dir}/app";
        unlink "$u->{dir}/link";
        symlink '/etc/passwd', "$u->{dir}/link";
        Rbe::Test::make_path("$u->{dir}/empty") if unlink "$u->{dir}/empty";
        is $u->run, 0, 'mended' or diag $u->{err};
        like $u->{out}, qr/^mended: version "1\.1\.0"$/;
        $is->('1.1.0', 'mended');
        chmod 0644, "$u->{dir}/app";
        is $u->run('--json'), 0;
        unlike $u->{out}, qr/download/, 'what can be mended without the package is';
        $is->('1.1.0', 'executable again');
    }
} only => [qw(lighttpd lighttpd-spawn nginx apache-proxy apache-fcgid)];

each_host {
    my $rbe = shift;
    # The user's own files.
    $rbe->create('own');
    $rbe->publish('own', version_name => '1.0.0', file => $rbe->zip_of(\%old));
    my $u = Rbe::Update->new(dir => "$rbe->{dir}/own", server => $rbe->{base}, resource => 'own');
    is $u->run, 0;
    spew("$u->{dir}/config.ini", 'mine');
    spew("$u->{dir}/gone/notes.txt", 'mine');
    spew("$u->{dir}/save.dat", 'mine');
    is $u->run('--verify'), 1;
    is $u->run('--verify', '--keep', '*.ini'), 0, 'a file of the user is no damage';
    $rbe->publish('own', version_name => '1.1.0', file => $rbe->zip_of(\%new));
    is $u->run('--keep', '*.ini'), 0 or diag $u->{err};
    is slurp("$u->{dir}/config.ini"), 'mine', 'a file that is kept';
    is slurp("$u->{dir}/gone/notes.txt"), 'mine', 'a file in a directory that goes';
    is slurp("$u->{dir}/save.dat"), 'mine', 'a file that nobody else knows';
    ok !-e "$u->{dir}/gone/deep", 'what was installed there is gone';
    is $u->run, 0;
    is slurp("$u->{dir}/config.ini"), 'shipped=2', 'no longer kept';
    is $u->run('--rollback'), 0;
    is slurp("$u->{dir}/save.dat"), 'mine';
    # A directory with files of the user where a file should come.
    spew("$u->{dir}/dir-to-file/mine", 'mine');
    is $u->run('--json'), 1, 'what would lose them is refused';
    like $u->{out}, qr/^\{"event":"failed","text":"/m;
    like $u->{err}, qr/"dir-to-file" should become a file, but it is a directory that holds "dir-to-file\/mine"/;
    is slurp("$u->{dir}/dir-to-file/mine"), 'mine';
    is $u->state->{version_name}, '1.0.0', 'and the version stays';
    unlink "$u->{dir}/dir-to-file/mine";
    is $u->run, 0 or diag $u->{err};
    # A foreign directory.
    $u->{resource} = 'other';
    is $u->run, 1;
    like $u->{err}, qr/holds own, not other/;
} only => [qw(lighttpd lighttpd-spawn nginx apache-proxy apache-fcgid)];

each_host {
    my $rbe = shift;
    # cdks, dialects, wrong usage.
    my %tree = (a => '1', big => 'x' x 5000);
    $rbe->create('paid', access => 'cdk');
    $rbe->publish('paid', version_name => '1.0.0', file => $rbe->zip_of(\%tree));
    my $u = Rbe::Update->new(dir => "$rbe->{dir}/paid", server => $rbe->{base}, resource => 'paid');
    is $u->run('--check'), 3, 'what is offered is told without a cdk';
    is $u->run, 1;
    like $u->{err}, qr/cannot be downloaded without a cdk/;
    is $u->run('--cdk', '0' x 26), 1;
    like $u->{err}, qr/the server says: /;
    my ($cdk) = split /\n/, $rbe->admin_ok(qw(cdk create --resource paid));
    is $u->run('--cdk', $cdk), 0, 'with a cdk' or diag $u->{err};

    my $c = Rbe::Update->new(dir => "$rbe->{dir}/compat", server => $rbe->{base}, resource => 'paid', more => [qw(--dialect compat --cdk), $cdk]);
    is $c->run, 0, 'the compatible dialect' or diag $c->{err};
    $c->is_tree($u->{dir}, 'the same tree');
    $tree{a} = '2';
    $rbe->publish('paid', version_name => '1.1.0', file => $rbe->zip_of(\%tree), old_version => '1.0.0');
    is $c->run('--check'), 3;
    is $c->run, 0;
    is $c->state->{version_name}, '1.1.0';
    is $c->run('--check'), 0;
    is $c->run, 0;

    is $u->run('--check', '--verify'), 2;
    is $u->run('--dialect', 'klingon'), 2;
    $u->{resource} = 'nothing-here';
    is $u->run('--check'), 1;
    like $u->{err}, qr/resource not found/;
} only => [qw(lighttpd lighttpd-spawn nginx apache-proxy apache-fcgid)];

done_testing;
