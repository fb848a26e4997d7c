# GET and HEAD of /resources/download/{key}: keys, ranges, conditions; streamed and handed to the web server.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use Rbe::Test;
use Test::More;

sub download_tests {
    my ($rbe) = @_;
    $rbe->create('blob', update_type => 'full');
    srand 7;
    my $bytes = join '', map { chr int rand 256 } 1 .. 200_000;
    my $hash = sha256_hex($bytes);
    is $rbe->publish('blob', version_name => "1.0 \xc3\xa9", bytes => $bytes, file_name => 'a.zip', system => 'linux')->{status}, 201;
    my $url = $rbe->get('/resources/blob/latest?system=linux')->{json}{data}{download_url};
    my $get = sub { $rbe->get($url, headers => {@_}) };

    my $r = $get->();
    is $r->{status}, 200;
    ok $r->{content} eq $bytes, 'the bytes';
    is $r->{headers}{etag}, qq("$hash"), 'ETag is the sha256';
    is $r->{headers}{'content-type'}, 'application/zip';
    is $r->{headers}{'content-disposition'}, 'attachment; filename="blob-1.0___-linux-any.zip"';
    is $r->{headers}{'accept-ranges'}, 'bytes';
    is $r->{headers}{'content-length'}, length $bytes if $rbe->{host} ne 'cgi' || $r->{headers}{'content-length'};

    $r = $rbe->head($url);
    is $r->{status}, 200, 'HEAD';
    is $r->{content}, '';
    is $r->{headers}{'content-length'}, length $bytes;
    is $r->{headers}{etag}, qq("$hash");
    is $r->{headers}{'content-type'}, 'application/zip';
    is $r->{headers}{'accept-ranges'}, 'bytes';

    for my $case (
        ['first', 'bytes=0-99', 0, 100], ['middle', 'bytes=1000-1999', 1000, 1000], ['suffix', 'bytes=-500', 199_500, 500],
        ['open', 'bytes=199000-', 199_000, 1000], ['over the end', 'bytes=199990-999999', 199_990, 10], ['one byte', 'bytes=5-5', 5, 1],
        ['suffix longer than the file', 'bytes=-999999', 0, 200_000],
    ) {
        my ($what, $range, $from, $n) = @$case;
        $r = $get->(Range => $range);
        is $r->{status}, 206, "$what: 206";
        ok $r->{content} eq substr($bytes, $from, $n), "$what: the bytes";
        is $r->{headers}{'content-range'}, sprintf('bytes %d-%d/%d', $from, $from + $n - 1, length $bytes), "$what: Content-Range";
    }
    $r = $get->(Range => 'bytes=200000-');
    is $r->{status}, 416, 'unsatisfiable';
    is $r->{headers}{'content-range'}, 'bytes */200000';
    $r = $get->(Range => 'bytes=-0');
    is $r->{status}, 416, 'an empty suffix';
    # RFC 9110 §14.2 lets a server ignore or reject an invalid range; lighttpd rejects, the programs ignore.
    like $get->(Range => $_)->{status}, qr/^(?:200|416)$/, "'$_' is no range" for 'bytes=b-', 'bytes=5-1';
    is $get->(Range => 'lines=1-2')->{status}, 200, 'another unit is ignored';
    $r = $get->(Range => 'bytes=0-9,100-109');
    ok $r->{status} == 200 && $r->{content} eq $bytes || $r->{status} == 206, 'several ranges: an answer the RFC allows';

    is $get->(Range => 'bytes=0-9', 'If-Range' => qq("$hash"))->{status}, 206, 'If-Range holds';
    is $get->(Range => 'bytes=0-9', 'If-Range' => '"other"')->{status}, 200, 'If-Range does not hold';
    is $get->(Range => 'bytes=0-9', 'If-Range' => qq(W/"$hash"))->{status}, 200, 'If-Range needs a strong validator';
    $r = $get->('If-None-Match' => qq("$hash"));
    is $r->{status}, 304, 'If-None-Match';
    is $r->{content}, '';
    is $get->('If-None-Match' => qq("x", W/"$hash"))->{status}, 304, 'a weak one in a list';
    is $get->('If-None-Match' => '"x"')->{status}, 200;
    is $get->('If-Match' => qq("$hash"))->{content}, $bytes, 'If-Match holds';
    is $get->('If-Match' => '"x"')->{status}, 412, 'If-Match does not hold';

    # Keys prove something or nothing.
    my ($key) = $url =~ m{/([^/]+)$};
    my $bad = 0;
    for my $i (map { int $_ * (length($key) - 1) / 10 } 0 .. 10) {
        my $c = substr $key, $i, 1;
        (my $forged = $key) =~ s/^(.{$i})./$1 . ($c eq 'A' ? 'B' : 'A')/e;
        $r = $rbe->get("/resources/download/$forged");
        $bad++ if $r->{status} != 404 || $r->{json}{code} == 0;
    }
    is $bad, 0, 'altered keys are 404 as JSON';
    if ($rbe->{port}) {
        # Every single bit, as it comes over the wire: some become characters that end a path or a request.
        my @taken;
        for my $bit (0 .. 8 * length($key) - 1) {
            my $forged = $key;
            substr $forged, $bit >> 3, 1, chr(ord(substr $key, $bit >> 3, 1) ^ 1 << ($bit & 7));
            $r = $rbe->raw("GET /resources/download/$forged HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            push @taken, "$bit: $r->{status}" if $r->{status} =~ /^[23]/ || index($r->{content}, substr $bytes, 0, 50) >= 0;
        }
        is "@taken", '', 'no key with one bit changed is one';
    }
    is $rbe->get("/resources/download/$_")->{status}, 404, 'a mangled key' for 'x', "${key}A", "$key=", substr($key, 0, -1), 'A' x 128;
    is $rbe->get('/resources/download/')->{status}, 404, 'no key';
    is $rbe->request(POST => "/resources/download/$key")->{status}, 405, 'POST';
    return ($bytes, $url);
}

each_host { download_tests(shift) } config => {'storage.sendfile' => 'none'};

each_host {
    my $rbe = shift;
    download_tests($rbe);
} config => {'storage.sendfile' => 'x-sendfile'}, only => ['lighttpd'];

each_host {
    my $rbe = shift;
    $rbe->create('blob', update_type => 'full');
    $rbe->publish('blob', version_name => '1', bytes => 'x', file_name => 'a.tar.gz');
    my $r = $rbe->get($rbe->get('/resources/blob/latest')->{json}{data}{download_url});
    like $r->{headers}{'x-accel-redirect'}, qr{^/files/p/[0-9a-f]{32}/blob-1-any-any\.tar\.gz$}, 'an internal URL';
    is $r->{headers}{'content-type'}, 'application/x-gtar';
    is $r->{content}, '', 'no body of its own';
} config => {'storage.sendfile' => 'x-accel', 'storage.accel_prefix' => '/files/'}, only => ['cgi'];

each_host {
    my $rbe = shift;
    $rbe->create('blob', update_type => 'full');
    $rbe->publish('blob', version_name => '1', bytes => 'x');
    my $url = $rbe->get('/resources/blob/latest')->{json}{data}{download_url};
    is $rbe->get($url)->{status}, 200, 'before it expires';
    sleep 4;
    my $r = $rbe->get($url);
    is $r->{status}, 410, 'expired';
    isnt $r->{json}{code}, 0;
} config => {'extra.download_effective_time' => '2s'};

# What is deleted is gone for its keys too; another's go on.
each_host {
    my $rbe = shift;
    my %url = map {
        $rbe->create($_, update_type => 'full');
        $rbe->publish($_, version_name => '1', bytes => "bytes of $_");
        $_ => $rbe->get("/resources/$_/latest")->{json}{data}{download_url};
    } qw(going staying);
    is $rbe->get($url{going})->{content}, 'bytes of going';
    is $rbe->request(DELETE => '/resources/going', token => $rbe->{token})->{status}, 200, 'deleted';
    for my $url ($url{going}, $url{going} =~ s{/resources}{/api/resources}r) {
        my $r = $rbe->get($url);
        is $r->{status}, 410, 'gone';
        is $r->{json}{code}, 1;
        is $rbe->head($url)->{status}, 410, 'by HEAD as well';
    }
    is $rbe->get($url{staying})->{content}, 'bytes of staying', 'the other';
};

# A file that is lost or cut off is the server's fault, whatever asks for it.
each_host {
    my $rbe = shift;
    $rbe->create('blob', update_type => 'full');
    $rbe->publish('blob', version_name => '1', bytes => 'x');
    my $url = $rbe->get('/resources/blob/latest')->{json}{data}{download_url};
    my ($file) = glob "$rbe->{data}/packages/p/*/blob-1-*";
    truncate $file, 0;
    is $rbe->get($url)->{status}, 500, 'a file that is cut off';
    unlink $file;
    is $rbe->get($url)->{status}, 500, 'a lost file';
    is $rbe->head($url)->{status}, 500, 'HEAD says so too';
};

done_testing;
