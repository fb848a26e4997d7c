# Every answer is a JSON object with code, msg and data: those of the programs, and those of the web server when a program is
# down, or when a request is too odd to reach one.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test qw(:DEFAULT json_ok);
use Test::More;
use Time::HiRes qw(sleep time);

my @paths = ('/resources/app/latest', '/api/resources/app/latest', '/resources/download/x', '/api/resources/download/x', '/resources',
    '/admin/resources', '/nothing');

each_host {
    my $rbe = shift;
    $rbe->create('app', update_type => 'full');
    my $made = $rbe->publish('app', version_name => '1.0.0', bytes => 'bytes')->{json}{data};
    for my $path (@paths) {
        my $get = $rbe->get($path);
        json_ok($get, $get->{status}, $get->{json}{code}, "GET $path");
        json_ok($rbe->request(PATCH => $path), $path eq '/nothing' ? 404 : 405, 1, "PATCH $path");
    }
    # lighttpd refuses it before a program sees it.
    json_ok($rbe->get("/api/resources/app/latest?current_version=%ff"), 400, $rbe->{host} =~ /^lighttpd/ ? 1 : 1001, 'not UTF-8');
    json_ok($rbe->publish('app', version_name => '2.0.0', bytes => 'x' x 70_000), 413, 1, 'an upload over the limit');
    json_ok($rbe->post('/resources', body => 'x' x 1_060_000, headers => {'Content-Type' => 'application/json'}), 413, 1, 'a body over the limit');

    # A fault of the server: the package is gone from the disk.
    my $url = $rbe->get('/resources/app/latest')->{json}{data}{download_url};
    my @stored = glob "$rbe->{data}/packages/p/*/app-1.0.0-*";
    is unlink(@stored), 1, 'the package is taken away';
    json_ok($rbe->get($_), 500, -1, $_) for $url, $url =~ s{/resources/}{/api/resources/}r;
} config => {'limits.upload_bytes' => '64K'};

# 503, or 500 where lighttpd had connected before the program was gone.
sub down_ok {
    my ($r, $what) = @_;
    json_ok($r, $r->{status} == 500 ? 500 : 503, -1, $what);
}

# What lighttpd says by itself.
each_host {
    my $rbe = shift;
    my $head = "Host: 127.0.0.1\r\nConnection: close\r\n";
    my @odd = (
        [400, 'no request line', "nonsense\r\n\r\n"],
        [400, 'a NUL in the path', "GET /resources/a%00b/latest HTTP/1.1\r\n$head\r\n"],
        [400, 'two lengths', "POST /resources HTTP/1.1\r\n${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"],
        [413, 'a length over all limits', "POST /resources HTTP/1.1\r\n${head}Content-Length: 99999999999\r\n\r\n"],
        [431, 'a header too large', "GET / HTTP/1.1\r\n$head" . join('', map { "X-$_: " . 'x' x 1000 . "\r\n" } 1 .. 40) . "\r\n"],
        [501, 'an unknown coding', "POST /resources HTTP/1.1\r\n${head}Transfer-Encoding: pigeon\r\n\r\n"],
        # From Debian 13 on, lighttpd takes it for no request at all.
        ['400|505', 'an unknown version', "GET / HTTP/3.7\r\n$head\r\n"],
    );
    for my $case (@odd) {
        my ($status, $what, $request) = @$case;
        my $r = $rbe->raw($request);
        json_ok($r, $r->{status}, $r->{status} =~ /^50[0-4]/ ? -1 : 1, $what);
        like $r->{status}, qr/^(?:$status)$/, "$what: $status" or diag $r->{content};
    }

    # rbe-serve is held, so that it does not stop the rest when a program ends.
    my %part = ('latest.fcgi' => $paths[0], 'download.fcgi' => $paths[2], 'admin.fcgi' => $paths[5]);
    kill STOP => $rbe->{pid};
    for my $program (sort keys %part) {
        my $until = time + 10;
        kill KILL => $rbe->worker_pids($program);
        sleep 0.02 while $rbe->worker_pids($program) && time < $until;
        down_ok($rbe->get($_), "$program is killed: $_") for $part{$program}, "/api$part{$program}";
        down_ok($rbe->post($part{$program}, body => 'x'), "$program is killed: POST");
    }
    down_ok($rbe->get('/health'), '/health');
    kill CONT => $rbe->{pid};
    is waitpid(delete $rbe->{pid}, 0) > 0 && $? >> 8, 1, 'and then rbe-serve ends';
} only => ['lighttpd'];

done_testing;
