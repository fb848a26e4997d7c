# What each example configuration has to do beside handing requests on: files served as they lie there, answers in JSON where the
# web server speaks for itself, secrets kept out of its log, and JSON when a program is down.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test qw(:DEFAULT json_ok);
use Test::More;
use Time::HiRes qw(sleep time);

# Ends what runs of it; where the web server starts it, the next one will be of no use.
sub break_program {
    my ($rbe, $program) = @_;
    my $file = "$rbe->{build}/cgi-bin/$program.fcgi";
    my @pids = grep { (readlink "/proc/$_/exe" // '') eq $file } map { s{.*/}{}r } glob '/proc/[0-9]*';
    rename $file, "$file.good";
    spew($file, "#!/bin/sh\nexit 1\n");
    chmod 0755, $file;
    kill KILL => @pids;
    my $until = time + 10;
    sleep 0.02 while (grep { -e "/proc/$_/exe" } @pids) && time < $until;
}

each_host {
    my $rbe = shift;
    # With .htaccess, what Apache finds wrong before it looks for one is said in its own way.
    my $early = $rbe->{host} ne 'apache-cgi';

    if ($early) {
        my $r = $rbe->get('/robots.txt');
        is $r->{content}, slurp('share/www/robots.txt'), 'a file';
        like $r->{headers}{'content-type'}, qr{^text/plain}, 'of its type';
        isnt $rbe->get('/.well-known/nothing')->{status}, 200;
        json_ok($rbe->get('/.well-known/nothing'), 404, 1, 'a file that is not there');
    }
    json_ok($rbe->get($_), qr/40[34]/, 1, $_) for '/rbe-errors/', '/503.html', '/rbe-errors/nothing', '/cgi-bin/', '/rbe-packages/';
    # Given again, as a document of errors is no answer of its own.
    isnt $rbe->get('/rbe-packages/p')->{status}, 200, 'packages lie nowhere in the open';

    my $head = "Host: 127.0.0.1\r\nConnection: close\r\n";
    my @odd = (
        [qr/^400$/, 'no version', "GET / HTTQ/1.1\r\n$head\r\n"],
        [qr/^413$/, 'a length over all limits', "POST /resources HTTP/1.1\r\n${head}Content-Length: 99999999999999\r\n\r\n"],
        [qr/^(?:400|431)$/, 'a header too large', "GET / HTTP/1.1\r\n$head" . "X-Much: " . 'x' x 40_000 . "\r\n\r\n"],
        [qr/^(?:400|501)$/, 'an unknown coding', "POST /resources HTTP/1.1\r\n${head}Transfer-Encoding: pigeon\r\n\r\n"],
    );
    for my $case ($early ? @odd : ()) {
        my ($status, $what, $request) = @$case;
        my $r = $rbe->raw($request);
        json_ok($r, $status, $r->{status} =~ /^50[0-4]/ ? -1 : 1, $what);
    }

    # Secrets: a cdk in a query, a key in a path, a token in a header.
    $rbe->create('app', update_type => 'full');
    $rbe->publish('app', version_name => '1.0.0', bytes => 'bytes');
    my ($key) = $rbe->get('/resources/app/latest?cdk=SECRETCDK')->{json}{data}{download_url} =~ m{([^/]+)$};
    is $rbe->get("$_/resources/download/$key")->{content}, 'bytes', 'a download' for '', '/api';
    is $rbe->get('/resources/app/latest')->{json}{data}{download_url} =~ s{/resources.*}{}r, $rbe->{base}, 'URLs name the host that was asked';

    for my $case (['latest', '/resources/app/latest?cdk=SECRETCDK', '/api/resources/app/latest'], ['download', "/resources/download/$key"],
        ['admin', '/admin/resources', '/nothing']) {
        my ($program, @paths) = @$case;
        break_program($rbe, $program);
        json_ok($rbe->get($_), qr/50[03]/, -1, "$program is down: " . substr $_, 0, 25) for @paths;
        json_ok($rbe->request(POST => $paths[0], body => 'x'), qr/50[03]/, -1, "$program is down: POST");
    }

    # Back again, it is asked at once.
    if ($rbe->{host} =~ /^(?:nginx|apache-proxy)$/) {
        rename "$rbe->{build}/cgi-bin/latest.fcgi.good", "$rbe->{build}/cgi-bin/latest.fcgi";
        push @{$rbe->{pids}}, Rbe::Host::own_socket($rbe, 'latest');
        is $rbe->get('/resources/app/latest')->{status}, 200, 'latest is back';
    }
    $rbe->stop;
    # lighttpd names the request it has no program for, and cannot be told not to.
    for my $log (grep { -f && !m{/lighttpd/error\.log$} } Rbe::Host::logs($rbe)) {
        my $text = slurp($log);
        unlike $text, qr/SECRETCDK/, "$log: no cdk";
        unlike $text, qr/\Q$key\E/, "$log: no key";
        unlike $text, qr/\Q$rbe->{token}\E/, "$log: no token";
    }
} on => [Rbe::Host::all()], own_build => 1;

done_testing;
