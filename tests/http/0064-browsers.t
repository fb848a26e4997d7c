# Answers that may be kept and answers that may not, and pages of other origins.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

my @read = qw(accept-ranges content-disposition content-length content-range etag retry-after x-request-id);

sub publish {
    my ($rbe) = @_;
    $rbe->create('open', update_type => 'full');
    $rbe->create('guarded', update_type => 'full', access => 'cdk');
    $rbe->publish($_, version_name => '1.0', bytes => "bytes of $_", file_name => 'a.zip') for qw(open guarded);
    return;
}

each_host {
    my $rbe = shift;
    publish($rbe);
    my $get = sub { my ($path, %h) = @_; $rbe->get($path, headers => \%h) };
    my ($cdk) = split /\n/, $rbe->admin_ok(qw(cdk create --resource guarded));

    my $r = $get->('/resources/open/latest');
    is $r->{headers}{'cache-control'}, 'no-store', 'a key is inside: not kept';
    is $r->{headers}{etag}, undef;
    for my $path ('/resources/open/latest?current=1.0', '/resources/guarded/latest', '/api/resources/open/latest', '/api/resources/guarded/latest') {
        $r = $get->($path);
        is $r->{status}, 200, $path;
        is $r->{headers}{'cache-control'}, 'no-cache', 'no key: kept, and asked for again';
        my $tag = $r->{headers}{etag};
        like $tag, qr{^W/"[0-9a-f]{32}"$}, 'a weak tag';
        $r = $get->($path, 'If-None-Match' => $tag);
        is $r->{status}, 304, 'the same still';
        is $r->{content}, '';
        is $r->{headers}{etag}, $tag;
        is $get->($path, 'If-None-Match' => '"x"')->{status}, 200, 'another';
        is $rbe->head($path, headers => {'If-None-Match' => $tag})->{status}, 304, 'HEAD';
        is $rbe->head($path)->{headers}{etag}, $tag;
    }
    $r = $get->("/resources/guarded/latest?current=1.0&cdk=$cdk");
    is $r->{json}{data}{update_type}, 'none';
    is $r->{headers}{'cache-control'}, 'private, no-cache', 'what is said of a cdk is its holder\'s';
    $r = $get->('/resources/guarded/latest?cdk=00000000000000000000000000');
    is $r->{status}, 403;
    is $r->{headers}{'cache-control'}, 'no-store', 'an error is not kept';
    is $get->('/resources/none/latest')->{headers}{'cache-control'}, 'no-store';
    # A publish is seen at once.
    my $tag = $get->('/resources/guarded/latest')->{headers}{etag};
    $rbe->publish('guarded', version_name => '1.1', bytes => 'more', file_name => 'a.zip');
    $r = $get->('/resources/guarded/latest', 'If-None-Match' => $tag);
    is $r->{status}, 200, 'changed by a publish';
    is $r->{json}{data}{version_name}, '1.1';

    # Without the setting browsers are told nothing.
    $r = $get->('/resources/open/latest', Origin => 'https://app.example.com');
    is $r->{headers}{'access-control-allow-origin'}, undef;
    is $r->{headers}{vary}, undef;
    is $rbe->request(OPTIONS => '/resources/open/latest', headers => {Origin => 'https://a.example', 'Access-Control-Request-Method' => 'GET'})->{status}, 405;
};

each_host {
    my $rbe = shift;
    publish($rbe);
    my $page = 'https://app.example.com';
    my $r = $rbe->get('/resources/open/latest', headers => {Origin => $page});
    is $r->{headers}{'access-control-allow-origin'}, $page, 'an origin that may';
    is $r->{headers}{vary}, 'Origin';
    is_deeply [sort split /, /, lc $r->{headers}{'access-control-expose-headers'}], \@read, 'what it may read';
    is $r->{headers}{'access-control-allow-credentials'}, undef;
    my $url = $r->{json}{data}{download_url};
    is $rbe->get($url, headers => {Origin => $page})->{headers}{'access-control-allow-origin'}, $page, 'download';
    is $rbe->get('/admin/resources', token => $rbe->{token}, headers => {Origin => $page})->{headers}{'access-control-allow-origin'}, $page, 'admin';
    $r = $rbe->get('/admin/resources', headers => {Origin => $page});
    is $r->{status}, 401;
    is $r->{headers}{'access-control-allow-origin'}, $page, 'a page may read why it was refused';
    is $rbe->get('/health', headers => {Origin => 'http://localhost:3000'})->{headers}{'access-control-allow-origin'}, 'http://localhost:3000', 'the other origin';
    $r = $rbe->get('/resources/guarded/latest', headers => {Origin => $page});
    my $tag = $r->{headers}{etag};
    $r = $rbe->get('/resources/guarded/latest', headers => {Origin => $page, 'If-None-Match' => $tag});
    is $r->{status}, 304;
    is $r->{headers}{'cache-control'}, 'max-age=60', 'api.max_age';
    is $r->{headers}{'access-control-allow-origin'}, $page, 'on a 304 too';

    for my $origin ('https://evil.example', 'https://app.example.com.evil.example', 'http://app.example.com', 'null') {
        $r = $rbe->get('/resources/open/latest', headers => {Origin => $origin});
        is $r->{status}, 200;
        is $r->{headers}{'access-control-allow-origin'}, undef, "$origin may not";
        is $r->{headers}{vary}, 'Origin', 'and caches keep them apart';
        $r = $rbe->request(OPTIONS => '/resources/open/latest', headers => {Origin => $origin, 'Access-Control-Request-Method' => 'GET'});
        is $r->{status}, 403, 'nor ask';
        is $r->{json}{msg}, 'this origin is not allowed';
    }
    is $rbe->get('/resources/open/latest')->{headers}{vary}, 'Origin', 'no origin at all';

    my $ask = sub {
        my ($path, $method) = @_;
        return $rbe->request(OPTIONS => $path, headers => {Origin => $page, 'Access-Control-Request-Method' => $method,
            'Access-Control-Request-Headers' => 'authorization,content-type'});
    };
    for (['/resources/open/latest', 'GET', 'GET, HEAD'], ['/resources/open/versions', 'POST', 'POST'], ['/p/x/y', 'GET', 'GET, HEAD'],
         ['/resources/download/x', 'GET', 'GET, HEAD'], ['/resources/open', 'DELETE', 'DELETE'],
         ['/api/resources/open/latest?os=linux', 'GET', 'GET, HEAD'], ['/api/resources/download/x', 'HEAD', 'GET, HEAD'],
         ['/resources/open/versions/release-note', 'PUT', 'PUT, DELETE'], ['/admin/resources', 'GET', 'GET, HEAD']) {
        my ($path, $method, $methods) = @$_;
        $r = $ask->($path, $method);
        is $r->{status}, 204, "preflight of $path";
        is $r->{content}, '';
        is $r->{headers}{'access-control-allow-origin'}, $page;
        is $r->{headers}{'access-control-allow-methods'}, $methods;
        like lc $r->{headers}{'access-control-allow-headers'}, qr/\bauthorization\b.*\brange\b/;
        is $r->{headers}{'access-control-max-age'}, 300;
        is $r->{headers}{vary}, 'Origin';
    }
    is $ask->('/nowhere', 'GET')->{status}, 404, 'no such path';
    is $rbe->request(OPTIONS => '/resources/open/latest')->{status}, 405, 'OPTIONS alone is no preflight';
} config => {'cors.allow_origins' => '[https://app.example.com, "http://localhost:3000"]', 'cors.max_age' => '5m', 'api.max_age' => '1m'};

each_host {
    my $rbe = shift;
    publish($rbe);
    my $r = $rbe->get('/resources/open/latest', headers => {Origin => 'https://any.example'});
    is $r->{headers}{'access-control-allow-origin'}, '*', 'any origin';
    is $r->{headers}{vary}, undef, 'the same for all';
    is $rbe->get('/resources/open/latest')->{headers}{'access-control-allow-origin'}, undef, 'no page asks';
} only => ['cgi'], config => {'cors.allow_origins' => '["*"]'};

# Every answer says whether it may be kept, in both dialects, by GET and HEAD: with a key inside and errors never, what is said of
# a cdk by its holder alone, and the rest as long as is configured.
for my $age ('0', '1m') {
    each_host {
        my $rbe = shift;
        publish($rbe);
        my $kept = $age eq '0' ? 'no-cache' : 'max-age=60';
        my ($good, $blocked) = map { (split /\n/, $rbe->admin_ok(qw(cdk create)))[0] } 1, 2;
        $rbe->admin_ok(qw(cdk block), $blocked);
        my $url = $rbe->get('/resources/open/latest')->{json}{data}{download_url};
        my @rows = (
            (map { my ($base, $same) = @$_; (
                ["$base/open/latest", 200, 'no-store'],
                ["$base/open/latest?$same=1.0", 200, $kept],
                ["$base/guarded/latest", 200, $kept],
                ["$base/guarded/latest?cdk=$good", 200, 'no-store'],
                ["$base/guarded/latest?cdk=$good&$same=1.0", 200, 'private, no-cache'],
                ["$base/guarded/latest?cdk=$blocked", 403, 'no-store'],
                ["$base/guarded/latest?cdk=x&$same=1.0", 403, 'no-store'],
                ["$base/open/latest?os=plan9", 400, 'no-store'],
                ["$base/open/latest?arch=z80", 400, 'no-store'],
                ["$base/open/latest?channel=gamma", 400, 'no-store'],
                ["$base/open/latest?$same=" . 'x' x 200, 400, 'no-store'],
                ["$base/none/latest", 404, 'no-store'],
            ) } ['/resources', 'current'], ['/api/resources', 'current_version']),
            (map { [$_, 200, 'no-store'], ["${_}x", 404, 'no-store'] } $url, $url =~ s{/resources}{/api/resources}r),
            ['/nowhere', 404, 'no-store'], ['/admin/resources', 401, 'no-store'], ['/health', 200, 'no-store'], ['/metrics', 200, 'no-store'],
        );
        my @bad;
        for (@rows) {
            my ($path, $status, $cache) = @$_;
            my $r = $rbe->get($path);
            push @bad, "$path: $r->{status} $r->{headers}{'cache-control'}" if $r->{status} != $status || $r->{headers}{'cache-control'} ne $cache;
            my $h = $rbe->head($path);
            push @bad, "HEAD $path: $h->{status} $h->{headers}{'cache-control'}" if $h->{status} != $status || $h->{headers}{'cache-control'} ne $cache;
            push @bad, "$path: a key, and $cache" if $r->{content} =~ m{/resources/download/[\w-]{60}} && $cache ne 'no-store';
            my $tag = $r->{headers}{etag};
            push @bad, "$path: " . ($tag ? 'a tag' : 'no tag') if !$tag != ($cache eq 'no-store') && $path !~ m{/download/};
            next if !$tag;
            $r = $rbe->get($path, headers => {'If-None-Match' => $tag});
            push @bad, "$path again: $r->{status} $r->{headers}{'cache-control'}" if $r->{status} != 304 || $r->{headers}{'cache-control'} ne $cache;
        }
        is "@bad", '', "max_age $age: " . @rows . ' answers';
        my $r = $rbe->request(POST => '/resources/open/latest');
        is "$r->{status} $r->{headers}{'cache-control'}", '405 no-store', 'a wrong method';
        ($r) = grep { $_->{status} == 429 } map { $rbe->get('/admin/resources', token => "rbe_$_") } 1 .. 9;
        is $r->{headers}{'cache-control'}, 'no-store', 'too many';
    } config => {'api.public_url' => 'true', 'api.max_age' => $age, 'limits.auth_failures' => 3};
}

done_testing;
