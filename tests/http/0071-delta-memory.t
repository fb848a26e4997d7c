# Building stays within batch.memory_bytes: rbe-batch and all it starts run under that limit on their address space, and make the
# same packages as without it.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path);
use JSON::PP;
use Rbe::Test;
use Test::More;

plan skip_all => 'sanitizers keep memory of their own' if slurp(build_dir() . '/bin/rbe-batch') =~ /__asan_init/;
my $LIMIT = 224 << 20;
my $JSON = JSON::PP->new->utf8;

# 8 MB that zlib makes three quarters of, in one large file and some small ones.
sub make_tree {
    my ($dir, $mark) = @_;
    my ($status, undef, $err) = run('sh', '-ec', 'mkdir -p "$1/part"; cd "$1"; seq 1 500000 | openssl enc -aes-128-ctr -K 0 -iv 0 |
        base64 > app; split -b 1000000 app part/; sed -i "$2" app; rm part/aa', 'sh', $dir, $mark);
    is $status, 0, 'a tree' or diag $err;
}

sub build {
    my ($rbe, $rid, @limit) = @_;
    my ($status, undef, $err) = run({env => {RBE_CONFIG => $rbe->{config}}}, @limit, "$rbe->{build}/bin/rbe-batch");
    is $status, 0, "rbe-batch @limit" or diag $err;
    my $version = $JSON->decode($rbe->admin_ok('version', 'show', $rid, '1.1.0', '--json'));
    return {map { ($_->{patch_format} // 'full') => $_->{file_hash} } @{$version->{packages}}};
}

each_host {
    my $rbe = shift;
    make_tree("$rbe->{dir}/old", '3s/./x/');
    make_tree("$rbe->{dir}/new", '30000,30010d;99999s/./y/');
    for my $type (qw(zip tar.gz)) {
        my @hash;
        my @file = map { Rbe::Test::pack_tree("$rbe->{dir}/$_", $type, "$rbe->{dir}/$_.$type") } qw(old new);
        for my $limit ([], ['prlimit', "--as=$LIMIT"]) {
            my $rid = 'app-' . @$limit . '-' . ($type =~ tr/./-/r);
            $rbe->create($rid);
            my %where = (system => 'linux', arch => 'amd64');
            is $rbe->publish($rid, version_name => "1.$_.0", %where, file => $file[$_], $_ ? (old_version => '1.0.0') : ())->{status}, 201 for 0, 1;
            push @hash, build($rbe, $rid, @$limit);
        }
        is join(' ', sort keys %{$hash[0]}), 'files full vcdiff zstd', "$type: all formats are built";
        is_deeply $hash[1], $hash[0], "$type: within the limit as well, and the same";
    }
    my @jobs = @{$JSON->decode($rbe->admin_ok(qw(job list --json)))};
    cmp_ok $_->{rss_bytes}, '<', $LIMIT, "$_->{subject}: $_->{rss_bytes} bytes" for @jobs;
} only => ['cgi'], config => {'batch.prebuild_depth' => 0, 'batch.memory_bytes' => $LIMIT};

done_testing;
