# Building stays within batch.memory_bytes: rbe-batch and all it starts run under that limit on their address space, and make the
# same packages as without it.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

plan skip_all => 'sanitizers keep memory of their own' if sanitized;
my $LIMIT = 224 << 20;

each_host {
    my $rbe = shift;
    Rbe::Test::make_large_tree("$rbe->{dir}/old", 4_600_000, 'sed -i 3s/./x/ app');
    Rbe::Test::make_large_tree("$rbe->{dir}/new", 4_600_000, 'sed -i "30000,30010d;50000s/./y/" app');
    for my $type (qw(zip tar.gz)) {
        my @hash;
        my @file = map { Rbe::Test::pack_tree("$rbe->{dir}/$_", $type, "$rbe->{dir}/$_.$type") } qw(old new);
        for my $limit ([], ['prlimit', "--as=$LIMIT"]) {
            my $rid = 'app-' . @$limit . '-' . ($type =~ tr/./-/r);
            $rbe->create($rid);
            my %where = (system => 'linux', arch => 'amd64');
            is $rbe->publish($rid, version_name => "1.$_.0", %where, file => $file[$_], $_ ? (old_version => '1.0.0') : ())->{status}, 201 for 0, 1;
            $rbe->batch(@$limit);
            my $packages = $rbe->packages($rid, '1.1.0');
            push @hash, {map { ($_ => $packages->{$_}{file_hash}) } keys %$packages};
        }
        is join(' ', sort keys %{$hash[0]}), 'files full vcdiff zstd', "$type: all formats are built";
        is_deeply $hash[1], $hash[0], "$type: within the limit as well, and the same";
    }
    my @jobs = @{$JSON->decode($rbe->admin_ok(qw(job list --json)))};
    cmp_ok $_->{rss_bytes}, '<', $LIMIT, "$_->{subject}: $_->{rss_bytes} bytes" for @jobs;
} only => ['cgi'], config => {'batch.prebuild_depth' => 0, 'batch.memory_bytes' => $LIMIT};

done_testing;
