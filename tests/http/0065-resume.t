# curl -C - goes on with an interrupted download, and the file comes out right: streamed by the program, sent by the web
# server, fetched from a mirror by one signed link after another. RBE_BIG is the size in MiB (default 24).
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256 sha256_hex);
use HTTP::Tiny;
use Rbe::Place;
use Rbe::Test;
use Test::More;

my $mib = $ENV{RBE_BIG} || 24;

# No two pieces are the same, so bytes from a wrong place show.
sub big_file {
    my ($path) = @_;
    my $sum = Digest::SHA->new(256);
    open my $fh, '>:raw', $path or die "$path: $!";
    for my $n (1 .. $mib) {
        my $piece = sha256("piece $n") x 32768;
        $sum->add($piece);
        print {$fh} $piece or die "$path: $!";
    }
    close $fh or die "$path: $!";
    return $sum->hexdigest;
}

# Fetches on from what is there and hangs up when the file has about so many bytes, in the midst of a piece.
sub fetch_until {
    my ($url, $to, $enough) = @_;
    my $has = -s $to || 0;
    open my $fh, '>>:raw', $to or die "$to: $!";
    my $r = HTTP::Tiny->new(timeout => 60)->request(GET => $url, {
        headers => $has ? {Range => "bytes=$has-"} : {},
        data_callback => sub {
            print {$fh} $_[0] or die "$to: $!";
            die "enough\n" if ($has += length $_[0]) >= $enough;
        },
    });
    close $fh or die "$to: $!";
    return $r->{status} == 599 && $r->{content} eq "enough\n";
}

sub resume {
    my ($rbe) = @_;
    my ($from, $to) = ("$rbe->{dir}/big.zip", "$rbe->{dir}/got.zip");
    my $hash = big_file($from);
    my $size = -s $from;
    $rbe->create('big', update_type => 'full');
    $rbe->admin_ok(qw(version publish big 1.0), $from);
    unlink $from;
    my $answer = $rbe->get('/resources/big/latest')->{json}{data};
    is $answer->{file_hash}, "sha256:$hash";
    my @curl = ('curl', '-sS', '-L', '-C', '-', '-o', $to, '-w', '%{http_code}', $answer->{download_url});
    for my $enough (map { int $size * $_ / 3 + 12_345 } 1, 2) {
        ok fetch_until($answer->{download_url}, $to, $enough), 'interrupted';
        my $has = -s $to;
        ok $has >= $enough && $has < $size, "with $has of $size bytes";
    }
    my ($status, $out, $err) = run(@curl);
    is $status, 0, 'and brought to its end' or diag $err;
    is $out, '206', 'by a part';
    is -s $to, $size;
    is(Digest::SHA->new(256)->addfile($to, 'b')->hexdigest, $hash, 'the same bytes');
    unlink $to;
    return;
}

each_host { resume(shift) } only => ['lighttpd'], config => {'storage.sendfile' => 'none'};
each_host { resume(shift) } only => ['lighttpd'], config => {'storage.sendfile' => 'x-sendfile'};

my $port = free_port();
each_host {
    my $rbe = shift;
    my $mirror = Rbe::Place->nginx(port => $port, server => <<"CONF");
location /p/ {
    root $rbe->{data}/packages;
    secure_link \$arg_md5,\$arg_expires;
    secure_link_md5 "\$secure_link_expires\$uri 0123456789abcdef";
    if (\$secure_link != "1") { return 403; }
}
CONF
    resume($rbe);
} only => ['lighttpd'], config => {
    'extra.download_prefix_info' => "{default: [{url: 'http://127.0.0.1:$port', auth: {type: secure-link, secret: 0123456789abcdef}}]}",
};

done_testing;
