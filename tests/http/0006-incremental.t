# The main job: publish, ask, build, ask again, download, apply as a client would; the trees must be equal.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path remove_tree);
use Rbe::Test;
use Test::More;

my %old = (
    'app' => "#!/bin/sh\necho 1\n", 'same.txt' => 'unchanged ' x 500, "name with spaces.txt" => 'old',
    "gr\xc3\xbc\xc3\x9fe/\xe6\xbc\xa2\xe5\xad\x97.txt" => 'old', 'empty' => '', 'gone/deep/file' => 'x', 'gone/other' => 'y',
    'void' => undef, 'file-to-dir' => 'f', 'dir-to-file/x' => 'd', 'becomes-exec' => 'echo', 'link' => ['same.txt'], 'interface.json' => '{}',
);
my %new = (
    'app' => "#!/bin/sh\necho 2\n", 'same.txt' => 'unchanged ' x 500, "name with spaces.txt" => 'new',
    "gr\xc3\xbc\xc3\x9fe/\xe6\xbc\xa2\xe5\xad\x97.txt" => '', 'empty' => '', 'new/deep/file' => 'z', 'void2/inner' => undef,
    'file-to-dir/inside' => 'g', 'dir-to-file' => 'now a file', 'becomes-exec' => "#!echo", 'link' => ['app'], 'interface.json' => '{}',
);
my %changes = (
    added => ['dir-to-file', 'file-to-dir/inside', 'new/deep/file'],
    modified => ['app', 'becomes-exec', "gr\xc3\xbc\xc3\x9fe/\xe6\xbc\xa2\xe5\xad\x97.txt", 'link', 'name with spaces.txt'],
    deleted => ['dir-to-file/x', 'file-to-dir', 'gone/deep/file', 'gone/other'],
    added_dir => ['file-to-dir', 'new', 'new/deep', 'void2', 'void2/inner'],
    deleted_dir => ['dir-to-file', 'gone', 'gone/deep', 'void'],
);

# Bulk so that a full package is worth avoiding.
srand 11;
my $bulk = join '', map { chr int rand 256 } 1 .. 100_000;
$_->{'bulk.bin'} = $bulk for \%old, \%new;

# As the simplest of updaters does it.
sub apply {
    my ($dir, $package, $type) = @_;
    my @unpack = $type eq 'zip' ? ('unzip', '-q', '-o', $package, '-d') : ('tar', '-xf', $package, '-C');
    my $tmp = "$dir.changes";
    make_path($tmp);
    my ($status, undef, $err) = run(@unpack, $tmp);
    is $status, 0, 'unpacks' or diag $err;
    my $changes = $JSON->decode(slurp("$tmp/changes.json"));
    for my $list (values %$changes) { utf8::encode($_) for @$list }
    unlink map { "$dir/$_" } @{$changes->{deleted} || []}, @{$changes->{modified} || []};
    rmdir "$dir/$_" or fail "rmdir $_: $!" for reverse @{$changes->{deleted_dir} || []};
    ($status, undef, $err) = run(@unpack, $dir);
    is $status, 0, 'overlays' or diag $err;
    unlink "$dir/changes.json";
    remove_tree($tmp);
    return $changes;
}

each_host {
    my $rbe = shift;
    for my $type (qw(zip tar.gz tar.xz tar.zst)) {
        my $rid = 'app-' . $type =~ tr/./-/r;
        my $kind = $type eq 'zip' ? 'zip' : 'tar.gz';
        $rbe->create($rid, always_include => ['interface.json']);
        my %file = (old => $rbe->zip_of(\%old, $type), new => $rbe->zip_of(\%new, $type));
        is $rbe->publish($rid, version_name => '1.0.0', system => 'linux', arch => 'amd64', file => $file{old})->{status}, 201;
        my $new = $rbe->publish($rid, version_name => '1.1.0', system => 'linux', arch => 'amd64', file => $file{new})->{json}{data};
        my $ask = sub { $rbe->get("/resources/$rid/latest?system=linux&arch=amd64&current=$_[0]")->{json}{data} };

        if ($rbe->{host} eq 'cgi') {
            is $ask->('1.0.0')->{update_type}, 'full', "$type: not built yet" for 1 .. 3;
            $rbe->batch;
            my @jobs = @{$JSON->decode($rbe->admin_ok(qw(job list --json)))};
            is scalar(grep { ($_->{resource} // $_->{resource_id} // $rid) eq $rid && ($_->{note} // '') !~ /^$/ } @jobs) >= 1, 1, "$type: a job was done";
        }
        my $data;
        for (1 .. 100) {
            $data = $ask->('1.0.0');
            last if $data->{update_type} eq 'incremental';
            select undef, undef, undef, 0.1;
        }
        is $data->{update_type}, 'incremental', "$type: built" or next;
        is $data->{patch_format}, 'files';
        cmp_ok $data->{file_size}, '<', $new->{file_size}, 'smaller than the full package';
        is $ask->('')->{update_type}, 'full', 'a fresh install gets the full package';

        my $r = $rbe->get($data->{download_url});
        is $r->{status}, 200;
        is 'sha256:' . sha256_hex($r->{content}), $data->{file_hash}, 'the hash that was promised';
        is length $r->{content}, $data->{file_size};
        like $r->{headers}{'content-disposition'}, qr/filename="$rid-1\.1\.0-linux-amd64-from-1\.0\.0\.\Q$kind\E"/;

        my $package = spew("$rbe->{dir}/$rid.package", $r->{content});
        for my $dir ("$rbe->{dir}/$rid.client", "$rbe->{dir}/$rid.fresh") { make_path($dir) }
        Rbe::Test::make_tree("$rbe->{dir}/$rid.client", \%old);
        Rbe::Test::make_tree("$rbe->{dir}/$rid.fresh", \%new);
        my $got = apply("$rbe->{dir}/$rid.client", $package, $kind);
        is_deeply $got, \%changes, "$type: changes.json";
        is_deeply tree_of("$rbe->{dir}/$rid.client"), tree_of("$rbe->{dir}/$rid.fresh"), "$type: the trees are equal";
        my ($status, $names) = $kind eq 'zip' ? run('unzip', '-Z1', $package) : run('tar', '-tf', $package);
        like $names, qr/^interface\.json$/m, 'always_include is there';
        unlike $names, qr/^same\.txt$/m, 'unchanged files are not';
        like $names, qr/\Achanges\.json\n/, 'changes.json is the first entry';
    }
};

each_host {
    my $rbe = shift;
    # Old versions named at publish are queued at once; a pair is queued once however many ask.
    $rbe->create('app');
    my $n = 0;
    my $publish = sub {
        my ($version, %field) = @_;
        my $r = $rbe->publish('app', version_name => $version, file => $rbe->zip_of({bulk => $bulk, version => $version}), %field);
        is $r->{status}, 201, $version;
        return $r->{json}{data};
    };
    $publish->('1.0.0');
    $publish->('1.0.1');
    $publish->('1.1.0', old_version => '1.0.0,1.0.1');
    my $pairs = sub { scalar grep { $_->{subject} =~ /^files:/ } @{$JSON->decode($rbe->admin_ok(qw(job list --json)))} };
    is $pairs->(), 2, 'both are queued at publish';
    $rbe->get('/resources/app/latest?current=1.0.0') for 1 .. 20;
    $rbe->batch;
    is $pairs->(), 2, 'asking does not queue them again';
    for my $from ('1.0.0', '1.0.1') {
        is $rbe->get("/resources/app/latest?current=$from")->{json}{data}{update_type}, 'incremental', $from;
    }
    # Another platform's versions are no source, nor are unknown ones.
    $publish->('1.0.2', system => 'linux');
    $rbe->get("/resources/app/latest?system=linux&current=$_") for '1.0.2', 'unknown', '0.0.1';
    $rbe->batch;
    is $pairs->(), 2, 'no job for a source of another platform';

    # No incremental that is not smaller than the full package.
    $rbe->create('small');
    $rbe->publish('small', version_name => '1.0.0', file => $rbe->zip_of({a => 'x'}));
    $rbe->publish('small', version_name => '1.1.0', file => $rbe->zip_of({b => 'y'}), old_version => '1.0.0');
    $rbe->batch;
    is $rbe->get('/resources/small/latest?current=1.0.0')->{json}{data}{update_type}, 'full', 'not smaller: full';
    is $rbe->batch, '', 'and it is not tried again';

    my ($status, $out, $err) = $rbe->admin('verify');
    is $status, 0, 'database and disk agree' or diag $out, $err;

    # At most batch.max_patches a package.
    $rbe->create('many');
    my $base = $n;
    my $file = sub { $rbe->zip_of({bulk => $bulk, version => $_[0]}) };
    $rbe->publish('many', version_name => "1.0.$_", file => $file->($_)) for 1 .. 5;
    $rbe->publish('many', version_name => '2.0.0', file => $file->('2'));
    # The more often asked, the sooner.
    for my $v (1 .. 5) { $rbe->get("/resources/many/latest?current=1.0.$v") for 1 .. $v }
    $rbe->batch;
    is_deeply [map { $rbe->get("/resources/many/latest?current=1.0.$_")->{json}{data}{update_type} } 1 .. 5],
        [qw(full full incremental incremental incremental)], 'the three most asked of';
} config => {'batch.max_patches' => 3}, only => ['cgi'];

done_testing;
