# /metrics as Prometheus takes it, with figures of the queue, the store and the clients; the log of requests; stats and flush.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

my $key = qr{[A-Za-z0-9_-]{60,}};
each_host {
    my $rbe = shift;
    my $cgi = $rbe->{host} =~ /cgi$/;
    $rbe->create('my-app');
    my $long = join '', map { chr(97 + $_ * 7 % 26) } 1 .. 30000;
    $rbe->publish('my-app', version_name => $_, file => $rbe->zip_of({'a.txt' => "$long$_", 'b.txt' => "same $long"})) for '1.0.0', '1.1.0', '1.1.1-"x"';
    is $rbe->get('/resources/my-app/latest?current=1.0.0&cdk=SECRETCDK')->{status}, 200 for 1 .. 3;
    my ($status, $out) = $rbe->admin('--json', 'stats');
    is $status, 0, 'stats';
    my $stats = $JSON->decode($out);
    is $stats->{packages}, 3;
    cmp_ok $stats->{package_bytes}, '>', 1000;
    cmp_ok $stats->{database_bytes}, '>', 50000;
    $rbe->batch;
    my $text = $rbe->get('/metrics')->{content};
    my %value = $text =~ /^(\w+(?:\{[^}]*\})?) (\S+)$/mg;
    is $value{'rbe_packages'}, $JSON->decode(($rbe->admin('--json', 'stats'))[1])->{packages}, 'packages';
    like $text, qr/^rbe_database_bytes [1-9]\d+$/m;
    is $value{'rbe_jobs{kind="patch",state="queued"}'}, 0, 'nothing waits';
    is $value{'rbe_jobs{kind="patch",state="failed"}'}, 0;
    is $value{'rbe_job_oldest_age_seconds{kind="patch"}'}, 0;
    like $text, qr/^rbe_patches_total\{result="built"\} [1-9]/m;
    like $text, qr/^rbe_patch_saved_bytes_total [1-9]/m;
    like $text, qr/^rbe_clients_asked\{resource="my-app",version="1\.0\.0",system="any",arch="any"\} 3$/m, 'where clients stand';
    like $text, qr/^rbe_http_request_duration_seconds_bucket\{program="latest",route="[^"]+",le="\+Inf"\} [1-9]/m;
    # Where more processes answer than questions were asked, each may have been asked once.
    like $text, qr/^rbe_cache_requests_total\{level="table",result="hit"\} [1-9]/m if !$cgi && !$rbe->{pids};
    SKIP: {
        skip 'promtool is not installed (Debian: prometheus)', 3 if !grep { -x "$_/promtool" } split /:/, $ENV{PATH};
        my $in = spew("$rbe->{dir}/metrics", $text);
        my ($code, undef, $err) = run({in => $in}, 'promtool', 'check', 'metrics');
        is $code, 0, 'promtool takes it';
        is $err, '', 'and has nothing to say';
        is +(run('promtool', 'check', 'rules', 'etc/rbe-alerts.yml'))[0], 0, 'nor against the alert rules';
    }
    # What the dashboard and the rules ask for is there.
    my %there = map { $_ => 1 } $text =~ /^# TYPE (\w+)/mg;
    ok eval { $JSON->decode(slurp('etc/rbe-dashboard.json')) }, 'the dashboard is JSON';
    my @asked = map { /\b(rbe_\w+)/g } slurp('etc/rbe-alerts.yml'), slurp('etc/rbe-dashboard.json');
    is_deeply [grep { !$there{s/_bucket$//r} && !($cgi && /worker_ends|cache_requests/) } @asked], [], 'every metric that is asked for';
    like +($rbe->admin('stats'))[1], qr/^my-app +1\.0\.0 +any +any +3$/m, 'stats as a table';

    # What is kept ready is forgotten at once.
    SKIP: {
        skip 'plain CGI keeps nothing', 2 if $cgi;
        my $missed = sub { my ($n) = $rbe->get('/metrics')->{content} =~ /^rbe_cache_requests_total\{level="table",result="stale"\} (\d+)/m; $n // 0 };
        my $before = $missed->();
        is +($rbe->admin('cache', 'flush'))[0], 0, 'cache flush';
        $rbe->get('/resources/my-app/latest?current=1.0.0') for 1 .. 8;
        cmp_ok $missed->(), '>', $before, 'no process trusts what it kept';
    }

    # Other web servers write what programs say in a form of their own, where they please.
    return if $rbe->{pids};
    # Lines for requests: one object each, never a cdk, a key or a token.
    my $url = $rbe->get('/resources/my-app/latest?cdk=SECRETCDK')->{json}{data}{download_url};
    my $r = $rbe->get($url);
    is $r->{status}, 200, 'a download';
    my $log = $cgi ? $r->{stderr} : join '', map { slurp($_) } glob "$rbe->{data}/log/{latest,download,admin}.log";
    my @lines = grep { $_->{msg} =~ /request$/ } map { eval { $JSON->decode($_) } // () } split /\n/, $log;
    cmp_ok scalar(@lines), '>=', $cgi ? 1 : 10, 'each request has a line';
    my ($line) = grep { $_->{program} eq 'download' } @lines;
    is $line->{path}, '/resources/download/{}', 'a key is not shown';
    is $line->{status}, 200;
    like $line->{us}, qr/^\d+$/;
    is $line->{client}, '127.0.0.1';
    unlike $log, qr/SECRETCDK|\Q$rbe->{token}\E|$key/, 'no cdk, token or key';
} config => {'log.access_every' => 1, 'instance.workers' => 2};

# Slow ones: an upload that takes its time.
my $rbe = Rbe::Test->start(host => 'lighttpd', config => {'log.slow_ms' => 1, 'log.level' => 'warn'});
$rbe->create('big', update_type => 'full');
$rbe->publish('big', version_name => '1', bytes => 'x' x (8 << 20));
like slurp("$rbe->{data}/log/admin.log"), qr/"level":"warn",.*"msg":"slow request","method":"POST","path":"\/resources\/big\/versions","status":201/, 'a slow request is logged';
unlike slurp("$rbe->{data}/log/latest.log"), qr/"msg":"request"/, 'and no others';
$rbe->stop;
done_testing;
