# Rights that another service knows of: cdks, uploaders, downloads, and what holds while it is away.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use File::Temp;
use IO::Socket::INET;
use POSIX ();
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep time);

# A service in a process of its own. It answers by what it is asked about, and writes each question into a file.
sub service {
    my ($dir) = @_;
    my $listen = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0) or die $!;
    my $log = "$dir/asked";
    spew($log, '');
    my $pid = fork // die $!;
    if (!$pid) {
        while (my $c = $listen->accept) {
            my ($head, $body) = ('', '');
            while (defined(my $line = <$c>)) { $head .= $line; last if $line eq "\r\n" }
            read $c, $body, $1 if $head =~ /^Content-Length: (\d+)/mi;
            open my $fh, '>>', $log; print {$fh} "$body\n"; close $fh;
            my $q = $JSON->decode($body);
            my $about = $q->{cdk} // $q->{token} // $q->{version_name};
            sleep 8 if $about =~ /slow/;
            my $code = $about =~ /k(\d+)$/ ? $1 + 0 : 0;
            my $json = $JSON->encode({code => $code, msg => 'm', data => $about =~ /until/ ? {expires_at => int(time) + 1000} : undef});
            printf {$c} "HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", $about =~ /down/ ? 500 : 200, length $json, $json;
            close $c;
        }
        POSIX::_exit(0);
    }
    my $port = $listen->sockport;
    close $listen;
    return {pid => $pid, url => "http://127.0.0.1:$port/validate", asked => sub { split /\n/, slurp($log) }};
}

sub stop_service { my ($s) = @_; kill KILL => $s->{pid}; waitpid $s->{pid}, 0 }

$ENV{no_proxy} = '127.0.0.1';
my $tmp = File::Temp->newdir(TMPDIR => 1);

{
    my $service = service($tmp);
    each_host {
        my $rbe = shift;
        $rbe->create('app', update_type => 'full', access => 'cdk');
        my $r = $rbe->publish('app', token => 'ci-job', version_name => '1.2.0', bytes => 'the bytes');
        is $r->{status}, 201, 'an uploader that the service knows';
        is $JSON->decode(($service->{asked}->())[-1])->{token}, 'ci-job';
        my ($deed) = grep { $_->{action} eq 'version publish' } @{$JSON->decode($rbe->admin_ok(qw(audit --json)))};
        is $deed->{actor}, 'token outside ' . substr(sha256_hex('ci-job'), 0, 8), 'and the audit';
        is $rbe->publish('app', token => 'ci-k7002', version_name => '1.3.0', bytes => 'x')->{status}, 401, 'one it does not';
        is $rbe->publish('app', token => 'ci-k7004', version_name => '1.3.0', bytes => 'x')->{status}, 403, 'one of another resource';
        is $rbe->get('/admin/resources', token => 'ci-job')->{status}, 401, 'it speaks for publishing only';
        is $rbe->publish('app', version_name => '1.2.1', bytes => 'more')->{status}, 201, 'our own tokens as ever';

        my $latest = sub { $rbe->get("/resources/app/latest?cdk=$_[0]") };
        $r = $latest->('until-then');
        is $r->{status}, 200, 'a cdk that the service knows';
        ok abs($r->{json}{data}{cdk_expired_time} - time - 1000) < 60, 'and its expiry';
        my $url = $r->{json}{data}{download_url};
        for my $code (7001 .. 7005) {
            $r = $latest->("k$code");
            is $r->{status}, 403;
            is $r->{json}{code}, $code, "$code is handed on";
            is $r->{json}{data}{version_name}, '1.2.1', 'with the version';
            ok !exists $r->{json}{data}{download_url};
        }
        is $latest->('k1')->{json}{code}, 7002, 'any other code is a bad one';
        chomp(my $own = $rbe->admin_ok(qw(cdk create)));
        $rbe->admin_ok(qw(cdk block), $own);
        is $latest->($own)->{status}, 200, 'whatever we know of a cdk ourselves';

        my @before = $service->{asked}->();
        is $rbe->get($url)->{content}, 'more', 'the download is asked for';
        my $asked = $JSON->decode(($service->{asked}->())[-1]);
        is $asked->{type}, 'download';
        is $asked->{version_name}, '1.2.1';
        like $asked->{cdk_hash}, qr/^[0-9a-f]{15}$/;
        is $rbe->head($url)->{status}, 200;
        is scalar($service->{asked}->()) - @before, 1, 'HEAD is not';
        my $logs = join '', map { slurp($_) } glob("$rbe->{data}/log/*"), glob("$rbe->{dir}/cgi.err.*");
        is index($logs, $_), -1, 'nothing secret in a log' for 'until-then', 'ci-job';
    } config => {map { ("auth.${_}_validation_url" => $service->{url}) } qw(cdk uploader download)};
    stop_service($service);
}

# Kept for a while, in each process.
{
    my $service = service($tmp);
    each_host {
        my $rbe = shift;
        $rbe->create('app', update_type => 'full', access => 'cdk');
        $rbe->publish('app', version_name => '1', bytes => 'x');
        for (1 .. 10) {
            is $rbe->get('/resources/app/latest?cdk=good')->{status}, 200;
            is $rbe->get('/resources/app/latest?cdk=k7005')->{json}{code}, 7005;
        }
        my $n = () = $service->{asked}->();
        ok $n <= 4, "good and bad answers are kept ($n questions)";

        # One unknown cdk after the other.
        my $r;
        for my $i (1 .. 30) { last if ($r = $rbe->get("/resources/app/latest?cdk=x${i}k7002"))->{status} != 403 }
        is $r->{status}, 429, 'too many that nobody knows';
        like $r->{headers}{'retry-after'}, qr/^\d+$/;
        is $rbe->get('/resources/app/latest?cdk=good')->{status}, 200, 'a good one goes on';
        $n = () = $service->{asked}->();
        ok $n <= 20, "and the service is left alone ($n questions)";

    } config => {'auth.cdk_validation_url' => $service->{url}}, only => ['lighttpd'];

    # Slow, and then as good as away.
    each_host {
        my $rbe = shift;
        $rbe->create('app', update_type => 'full', access => 'cdk');
        $rbe->publish('app', version_name => '1', bytes => 'x');
        my $r;
        for my $i (1 .. 5) {
            my $began = time;
            is $rbe->get("/resources/app/latest?cdk=slow$i")->{status}, 503, 'no answer in time';
            cmp_ok time - $began, '<', 7, 'is not waited for';
        }
        $r = $rbe->get('/resources/app/latest?cdk=another');
        is $r->{status}, 503, 'after five failures nobody asks';
        is $r->{json}{code}, -1;
        is $rbe->get('/resources/app/latest')->{status}, 200, 'without a cdk all is as ever';
    } config => {'auth.cdk_validation_url' => $service->{url}, 'auth.validation_timeout_ms' => 300}, only => ['lighttpd'];
    stop_service($service);
}

each_host {
    my $rbe = shift;
    $rbe->create('app', update_type => 'full', access => 'cdk');
    $rbe->publish('app', version_name => '1', bytes => 'bytes');
    my $r = $rbe->get('/resources/app/latest?cdk=whatever');
    is $r->{status}, 200, 'away, and allowed';
    is $rbe->get($r->{json}{data}{download_url})->{content}, 'bytes';
    is $rbe->publish('app', token => 'somebody', version_name => '2', bytes => 'x')->{status}, 503, 'but nobody publishes for that';
} config => {(map { ("auth.${_}_validation_url" => 'http://127.0.0.1:9/none') } qw(cdk uploader download)), 'auth.on_unreachable' => 'allow'};

done_testing;
