# Constant memory: a large upload and a large download without X-Sendfile keep their worker small.
# RBE_BIG is the size in MiB (default 128; make check-long uses 1024).
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA;
use Rbe::Test;
use Test::More;

my $mib = $ENV{RBE_BIG} || 128;
plan skip_all => 'sanitizers keep memory of their own' if sanitized;

plan skip_all => 'memory is read from /proc, which is not mounted' if !-e '/proc/self/status';

sub peak_kib {
    my ($rbe, $program) = @_;
    my $most = 0;
    for my $pid ($rbe->worker_pids($program)) {
        my ($kib) = slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m;
        $most = $kib if $kib && $kib > $most;
    }
    return $most;
}

each_host {
    my $rbe = shift;
    $rbe->create('big', update_type => 'full');
    my $file = "$rbe->{dir}/big.bin";
    open my $fh, '>:raw', $file or die;
    srand 3;
    my $block = join '', map { chr int rand 256 } 1 .. 1 << 20;
    my $sha = Digest::SHA->new(256);
    for my $i (1 .. $mib) {
        substr $block, 0, 8, pack 'Q', $i;
        print {$fh} $block;
        $sha->add($block);
    }
    close $fh;
    my $hash = $sha->hexdigest;
    my ($status, $out, $err) = run('curl', '-sS', '-H', "Authorization: Bearer $rbe->{token}", '-F', 'version_name=1.0.0',
        '-F', "file=\@$file", "$rbe->{base}/resources/big/versions");
    my $r = eval { $JSON->decode($out) } || {};
    is $r->{code}, 0, "$mib MiB published" or diag $out, $err;
    is $r->{data}{file_hash}, "sha256:$hash", 'the hash';
    my $kib = peak_kib($rbe, 'admin.fcgi');
    ok $kib > 0 && $kib < 32 * 1024, "admin.fcgi stays under 32 MiB ($kib KiB)";

    my $url = $rbe->get('/resources/big/latest')->{json}{data}{download_url};
    unlink $file;
    ($status, $out, $err) = run('curl', '-sS', '-o', $file, $url);
    is $status, 0, 'downloaded' or diag $err;
    is(Digest::SHA->new(256)->addfile($file, 'b')->hexdigest, $hash, 'the same bytes');
    $kib = peak_kib($rbe, 'download.fcgi');
    ok $kib > 0 && $kib < 32 * 1024, "download.fcgi stays under 32 MiB ($kib KiB)";
} config => {'storage.sendfile' => 'none'}, only => ['lighttpd'];

done_testing;
