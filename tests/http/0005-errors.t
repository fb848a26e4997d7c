# Every answer is JSON with code and msg, also for what no route takes.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

each_host {
    my $rbe = shift;
    my $json = sub {
        my ($r, $status, $what) = @_;
        is $r->{status}, $status, "$what: $status";
        like $r->{headers}{'content-type'}, qr{^application/json\b}, "$what: JSON";
        ok defined $r->{json} && exists $r->{json}{code} && exists $r->{json}{msg} && exists $r->{json}{data}, "$what: envelope"
            or diag $r->{content};
        isnt $r->{json}{code}, 0, "$what: not code 0";
    };
    for my $path ('/', '/nothing', '/resources', '/resources/', '/resources/a/b/c', '/resources//my-app/latest',
        '/resources/download/x/y', '/resources/%2e%2e/latest', '/resources/a%2fb/latest', '/admin', '/favicon.ico') {
        # Apache answers it before it reads a .htaccess, in its own way.
        next if $path =~ /%2f/ && $rbe->{host} eq 'apache-cgi';
        my $r = $rbe->get($path);
        # /resources takes POST only.
        $json->($r, $path eq '/resources' ? 405 : 404, "GET $path");
    }
    for my $case (
        ['POST', '/resources/my-app/latest', 'GET, HEAD'], ['DELETE', '/resources/my-app/latest', 'GET, HEAD'],
        ['PUT', '/resources/download/xyz', 'GET, HEAD'], ['GET', '/resources', 'POST'],
        ['PATCH', '/resources', 'POST'], ['GET', '/resources/my-app', 'DELETE'], ['POST', '/admin/resources', 'GET, HEAD'],
        ['POST', '/health', 'GET, HEAD'], ['POST', '/metrics', 'GET, HEAD'],
    ) {
        my ($method, $path, $allow) = @$case;
        my $r = $rbe->request($method, $path, $method eq 'POST' ? (body => '') : ());
        $json->($r, 405, "$method $path");
        is_deeply [sort split /,\s*/, $r->{headers}{allow} // ''], [sort split /,\s*/, $allow], "$method $path: Allow";
    }
    $json->($rbe->get("/resources/my-app/latest?current=%00"), 400, 'a NUL in a parameter');
    $json->($rbe->get("/resources/my-app/latest?current=%ff"), 400, 'not UTF-8');
    $json->($rbe->get("/resources/my-app/latest?current=a%0ab"), 400, 'a control character');
    # No environment holds one; and Apache answers it before it reads a .htaccess.
    my $nul = $rbe->get("/resources/my%00app/latest") if $rbe->{host} !~ /^(?:apache-)?cgi$/;
    $json->($nul, $nul->{status} == 400 ? 400 : 404, 'a NUL in the path') if $nul;
    my $r = $rbe->get('/resources/my-app/latest?' . join '&', map { "a$_=b" } 1 .. 1000);
    ok $r->{status} == 400 || $r->{status} == 404 || $r->{status} == 414, 'a thousand parameters do no harm';

    # A query without a "=" is arguments to a CGI program.
    my $theirs = spew("$rbe->{dir}/theirs.yaml", "instance:\n  data_dir: $rbe->{dir}/theirs\nauth:\n  sign_secret: [0123456789abcdef]\n");
    for my $query ('--version', '--help', "--config+$theirs", "--listen+$rbe->{dir}/theirs.sock", '--nothing', 'word') {
        my $r = $rbe->get("/resources/my-app/latest?$query");
        $json->($r, 404, "?$query");
        is $r->{json}{code}, 8001, "?$query: the answer is ours";
    }

    is $rbe->head('/nothing')->{status}, 404, 'HEAD of nothing';
    is $rbe->head('/nothing')->{content}, '', 'has no body';
};

done_testing;
