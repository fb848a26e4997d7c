# One file of 250 MB that does not pack, in the next version another here and there and a little longer: an update of it is small
# in every delta format with the settings as they come, and applies. In such a file nothing helps to find a place again but a memory
# of all of it.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(abs_path);
use File::Path qw(make_path);
use Rbe::Test;
use Test::More;

my $apply = abs_path('share/examples/apply.pl');

each_host {
    my $rbe = shift;
    make_path(map { "$rbe->{dir}/$_" } qw(old new));
    my ($status, undef, $err) = run('sh', '-ec', 'cd "$1"; head -c 250000000 /dev/zero | openssl enc -aes-128-ctr -K 0 -iv 0 > old/assets;
        for at in 0 50 100 150 200; do head -c $((at * 7919 + 99)) /dev/zero | tail -c 99; tail -c +$((at * 1000000 + 1)) old/assets | head -c 50000000; done > new/assets',
        'sh', $rbe->{dir});
    is $status, 0, 'two trees' or diag $err;
    cmp_ok -s "$rbe->{dir}/new/assets", '>', 250_000_000, 'of which the second holds more';
    $rbe->create('app');
    for my $version (qw(old new)) {
        my $file = Rbe::Test::pack_tree("$rbe->{dir}/$version", 'zip', "$rbe->{dir}/$version.zip");
        is $rbe->publish('app', version_name => $version eq 'old' ? '1.0.0' : '1.1.0', $version eq 'new' ? (old_version => '1.0.0') : (), file => $file)->{status}, 201, $version;
    }
    $rbe->batch;
    my @packages = @{$JSON->decode($rbe->admin_ok(qw(version show app 1.1.0 --json)))->{packages}};
    for my $format (qw(vcdiff zstd)) {
        my ($package) = grep { ($_->{patch_format} // '') eq $format } @packages;
        ok $package, "$format is built" or next;
        cmp_ok $package->{file_size}, '<', 64 * 1024, "$format: $package->{file_size} bytes";
        run('cp', '-a', "$rbe->{dir}/old", "$rbe->{dir}/client");
        ($status, undef, $err) = run($apply, "$rbe->{data}/packages/$package->{path}", "$rbe->{dir}/client");
        is $status, 0, "$format applies" or diag $err;
        is_deeply tree_of("$rbe->{dir}/client"), tree_of("$rbe->{dir}/new"), "$format leads to the new tree";
        run('rm', '-rf', "$rbe->{dir}/client");
    }
} only => ['cgi'];

done_testing;
