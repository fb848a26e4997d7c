# Where a download goes: redirects by region, HEAD, and the public path for a CDN that fetches from this server.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use Rbe::Test;
use Test::More;

my $secret = 'a-secret-of-the-origin';
my $bytes = join '', map { chr($_ * 7 % 251) } 1 .. 50_000;
my $hash = sha256_hex($bytes);

sub publish {
    my ($rbe) = @_;
    $rbe->create('blob', update_type => 'full');
    is $rbe->publish('blob', version_name => '1.0', bytes => $bytes, file_name => 'a.zip')->{status}, 201;
    return;
}

sub url_of { my ($rbe, $query) = @_; $rbe->get("/resources/blob/latest$query")->{json}{data}{download_url} }
sub place_of { my ($rbe, $query, %headers) = @_; $rbe->get(url_of($rbe, $query), headers => \%headers)->{headers}{location} // 'here' }

each_host {
    my $rbe = shift;
    publish($rbe);
    my $url = url_of($rbe, '');
    my $r = $rbe->get($url);
    is $r->{status}, 302, 'GET is sent on';
    my $place = $r->{headers}{location};
    like $place, qr{^https://default\.example/rbe/p/[0-9a-f]{32}/blob-1\.0-any-any\.zip$}, 'to the public path at the place';
    is $r->{headers}{'cache-control'}, 'no-store', 'and not kept';
    is_deeply $r->{json}, {code => 0, msg => 'success', data => {url => $place}}, 'with JSON, as every answer';
    is $rbe->get($url =~ s{/resources}{/api/resources}r)->{headers}{location}, $place, 'the same in the other dialect';

    $r = $rbe->head($url);
    is $r->{status}, 200, 'HEAD is answered here';
    is $r->{headers}{location}, undef;
    is $r->{headers}{'content-length'}, length $bytes;
    is $r->{headers}{'content-type'}, 'application/zip';
    is $r->{headers}{etag}, qq("$hash");
    is $r->{headers}{'accept-ranges'}, 'bytes';
    is $r->{content}, '';

    like place_of($rbe, '?region=eu'), qr{^https://eu\.example/p/}, 'the region of the key';
    like place_of($rbe, '?region=eu', 'X-Region' => 'us'), qr{^https://eu\.example/}, 'which wins over the header';
    like place_of($rbe, '', 'X-Region' => 'EU'), qr{^https://eu\.example/}, 'the region of the header, in any letter case';
    like place_of($rbe, '', 'X-Region' => 'us'), qr{^https://cdn\.example/}, 'a region that may use the CDN does';
    like place_of($rbe, $_->[0], 'X-Region' => $_->[1]), qr{^https://default\.example/}, "region '@$_' is default"
        for ['?region=mars', 'eu'], ['?region=EU', 'eu'], ['?region=e%20u', 'eu'], ['', 'mars'], ['', 'not a region'], ['', ''];
    if ($rbe->{host} eq 'cgi') {
        local $rbe->{env} = {HTTP_X_REGION => 'eu'};
        like place_of($rbe, ''), qr{^https://eu\.example/};
    }
    is $rbe->get($url =~ s{.$}{}r)->{status}, 404, 'a bad key leads nowhere';
} config => {
    'extra.region_from' => 'X-Region',
    'extra.cdn_prefix' => 'https://cdn.example',
    'extra.distribute_cdn_region' => '[us]',
    'extra.download_prefix_info' => "{default: [{url: 'https://default.example/rbe/'}], eu: [{url: 'https://eu.example'}]}",
};

# A variable of the web server, and the region of this server.
each_host {
    my $rbe = shift;
    publish($rbe);
    like place_of($rbe, ''), qr{^https://home\.example/}, 'instance.region_id';
    $rbe->{env} = {GEOIP_COUNTRY_CODE => 'DE'};
    like place_of($rbe, ''), qr{^https://de\.example/}, 'the variable of the web server';
    $rbe->{env} = {GEOIP_COUNTRY_CODE => 'FR'};
    is place_of($rbe, ''), 'here', 'no default: from here';
} only => ['cgi'], config => {
    'instance.region_id' => 'home',
    'extra.region_from' => 'GEOIP_COUNTRY_CODE',
    'extra.download_prefix_info' => "{home: [{url: 'https://home.example'}], de: [{url: 'https://de.example'}]}",
};

# A signature that cannot be made is the server's fault, and known before the first download.
each_host {
    my $rbe = shift;
    publish($rbe);
    my $r = $rbe->get(url_of($rbe, ''));
    is $r->{status}, 503, 'no key file';
    is $r->{json}{code}, -1;
    unlike $r->{content}, qr/missing/, 'nobody is told why';
    my ($status, undef, $err) = run("$rbe->{build}/cgi-bin/download.fcgi", '--config', $rbe->{config}, '--listen', "$rbe->{dir}/sock");
    isnt $status, 0, 'no start';
    like $err, qr{^download\.fcgi: cloudfront of https://cdn\.example: \S+/missing\.pem: No such file}, 'but the admin is';
} only => ['cgi'], config => {
    'extra.cdn_prefix' => 'https://cdn.example',
    'extra.cdn_auth' => '{type: cloudfront, key_id: K1, key_file: missing.pem}',
};

# The public path.
sub origin_tests {
    my ($rbe) = @_;
    publish($rbe);
    my $path = (glob "$rbe->{data}/packages/p/*/blob*")[0] =~ s{^\Q$rbe->{data}\E/packages}{}r;
    my $get = sub { my ($p, %h) = @_; $rbe->get($p, headers => {'X-Origin-Secret' => $secret, %h}) };

    my $r = $get->($path);
    is $r->{status}, 200, 'a CDN that proves itself gets the file';
    ok $r->{content} eq $bytes, 'its bytes';
    is $r->{headers}{'cache-control'}, 'public, max-age=31536000, immutable', 'for good';
    is $r->{headers}{etag}, qq("$hash");
    is $r->{headers}{'content-disposition'}, 'attachment; filename="blob-1.0-any-any.zip"';
    $r = $get->($path, Range => 'bytes=100-199');
    is $r->{status}, 206, 'ranges';
    ok $r->{content} eq substr($bytes, 100, 100);
    $r = $get->($path, 'If-None-Match' => qq("$hash"));
    is $r->{status}, 304;
    is $r->{headers}{'cache-control'}, 'public, max-age=31536000, immutable', 'a 304 says it again';
    $r = $get->($path, Range => 'bytes=50000-');
    is $r->{status}, 416;
    is $r->{headers}{'cache-control'}, 'no-store', 'an error is not kept';
    $r = $rbe->head($path, headers => {'X-Origin-Secret' => $secret});
    is $r->{status}, 200, 'HEAD';
    is $r->{headers}{'content-length'}, length $bytes;

    for ([$path, {}], [$path, {'X-Origin-Secret' => "${secret}x"}], [$path, {'X-Origin-Secret' => ''}], ["${path}x", {'X-Origin-Secret' => $secret}],
         [$path =~ s{p/.}{p/_}r, {'X-Origin-Secret' => $secret}], [$path =~ s{[^/]+$}{manifest}r, {'X-Origin-Secret' => $secret}]) {
        $r = $rbe->get($_->[0], headers => $_->[1]);
        is $r->{status}, 404, 'no such path: ' . join ' ', $_->[0], %{$_->[1]};
        is $r->{json}{msg}, 'no such path';
        is $r->{headers}{'cache-control'}, 'no-store';
    }
    is $rbe->request(POST => $path, headers => {'X-Origin-Secret' => $secret})->{status}, 405, 'POST';
    $rbe->admin_ok(qw(version yank blob 1.0));
    $r = $get->($path);
    is $r->{status}, 410, 'withdrawn';
    is $r->{headers}{'cache-control'}, 'no-store';
    return;
}
each_host { origin_tests(shift) } config => {'extra.origin_secret' => $secret, 'storage.sendfile' => 'none'};
each_host { origin_tests(shift) } only => ['lighttpd'], config => {'extra.origin_secret' => $secret};
each_host {
    my $rbe = shift;
    publish($rbe);
    my $path = (glob "$rbe->{data}/packages/p/*/blob*")[0] =~ s{^\Q$rbe->{data}\E/packages}{}r;
    is $rbe->get($path, headers => {'X-Origin-Secret' => $_})->{status}, 404, "no secret is set: '$_'" for '', 'x';
} only => ['cgi'];

done_testing;
