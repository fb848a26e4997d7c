# cdks and their daily quotas: every verdict at latest, what a key counts at download, blocking in the very next answer.
use strict;
use warnings;
use lib 'tests/lib';
use POSIX ();
use Rbe::Test;
use Test::More;

# What a client may know of the version without a good cdk.
my @known = qw(arch channel custom_data published_at release_note resource_id system version_name version_number);

sub cdk { my ($rbe, @options) = @_; my $out = $rbe->admin_ok('cdk', 'create', @options); chomp $out; return $out }

sub latest {
    my ($rbe, $cdk, $rest) = @_;
    return $rbe->get('/resources/app/latest?system=linux&arch=amd64' . (defined $cdk ? "&cdk=$cdk" : '') . ($rest // ''));
}

each_host {
    my $rbe = shift;
    $rbe->create('app', update_type => 'full', access => 'cdk');
    $rbe->create('other', update_type => 'full', access => 'cdk');
    $rbe->create('open', update_type => 'full');
    for my $rid (qw(app other open)) {
        is $rbe->publish($rid, version_name => '1.2.0', bytes => "bytes of $rid", system => 'linux', release_note => 'n',
            custom_data => 'd')->{status}, 201;
    }

    # without one
    my $r = latest($rbe);
    is $r->{status}, 200, 'no cdk';
    is $r->{json}{code}, 0;
    is $r->{json}{msg}, 'current resource latest version is 1.2.0';
    is_deeply [sort keys %{$r->{json}{data}}], \@known, 'its data without update_type and download fields';
    is_deeply latest($rbe, '')->{json}, $r->{json}, 'an empty one is none';
    my $data = $r->{json}{data};

    # with a good one
    my $lasting = cdk($rbe);
    $r = latest($rbe, $lasting);
    is $r->{status}, 200, 'a good cdk';
    is $r->{json}{msg}, 'success';
    is $r->{json}{data}{update_type}, 'full';
    like $r->{json}{data}{download_url}, qr{/resources/download/};
    ok !exists $r->{json}{data}{cdk_expired_time}, 'one that never expires';
    my $own = cdk($rbe, qw(--resource app --expires 30d));
    $r = latest($rbe, lc $own);
    is $r->{status}, 200, 'letter case does not matter';
    ok abs($r->{json}{data}{cdk_expired_time} - time - 30 * 86400) < 60, 'cdk_expired_time';
    is $rbe->get($r->{json}{data}{download_url})->{content}, 'bytes of app';
    $r = latest($rbe, $own, '&current=1.2.0');
    is $r->{json}{msg}, 'current version is latest';
    is $r->{json}{data}{update_type}, 'none';
    ok $r->{json}{data}{cdk_expired_time}, 'with its expiry also where nothing is to do';
    ok !exists $r->{json}{data}{download_url};

    # with a bad one
    my $expiring = cdk($rbe, qw(--expires 1s));
    my $blocked = cdk($rbe);
    $rbe->admin_ok(qw(cdk block), $blocked);
    sleep 2;
    for my $case (
        ['expired', $expiring, 7001], ['unknown', '0' x 26, 7002], ['no cdk at all', 'hello', 7002],
        ['too long', '0' x 5000, 7002], ['foreign', cdk($rbe, qw(--resource other)), 7004], ['blocked', $blocked, 7005],
    ) {
        my ($what, $cdk, $code) = @$case;
        $r = latest($rbe, $cdk);
        is $r->{status}, 403, "$what: 403";
        is $r->{json}{code}, $code, "$what: $code";
        isnt $r->{json}{msg}, 'success';
        is_deeply $r->{json}{data}, $data, "$what: data still holds the version's data";
    }
    is $rbe->get("/resources/open/latest?system=linux&cdk=$blocked")->{json}{msg}, 'success', 'a public resource ignores the cdk';
    is latest($rbe, $lasting)->{status}, 200;
    is $rbe->get("/resources/nothing/latest?cdk=$lasting")->{json}{code}, 8001;

    # from one answer to the next
    my $url = latest($rbe, $lasting)->{json}{data}{download_url};
    $rbe->admin_ok(qw(cdk block), $lasting);
    is latest($rbe, $lasting)->{json}{code}, 7005, 'blocked in the very next answer';
    $r = $rbe->get($url);
    is $r->{status}, 403, 'and for a key made before';
    is $r->{json}{code}, 7005;
    is $rbe->head($url)->{status}, 403;
    $rbe->admin_ok(qw(cdk unblock), $lasting);
    is latest($rbe, $lasting)->{status}, 200, 'unblocked';
    is $rbe->get($url)->{status}, 200;

    # nothing that was said of cdks is in any log
    my $logs = join '', map { slurp($_) } glob("$rbe->{data}/log/*"), glob("$rbe->{dir}/cgi.err.*");
    is index($logs, $_), -1, 'no cdk in a log' for $lasting, $own, $blocked;
};

each_host {
    my $rbe = shift;
    $rbe->create('app', update_type => 'full', access => 'cdk');
    $rbe->publish('app', version_name => '1.2.0', bytes => 'x' x 1000, system => 'linux');
    my $data = latest($rbe)->{json}{data};
    my ($two, $one) = (cdk($rbe), cdk($rbe, qw(--daily-limit 1)));
    my $url = sub { latest($rbe, shift)->{json}{data}{download_url} };
    my $used = sub { my $id = shift; my $row = $JSON->decode($rbe->admin_ok(qw(cdk show --json), $id)); [@$row{qw(today total)}] };

    my @urls = map { $url->($two) } 1 .. 3;
    is scalar(keys %{{map { $_ => 1 } @urls}}), 3, 'three keys are three keys';
    is $rbe->head($urls[0])->{status}, 200 for 1 .. 3;
    is_deeply $used->($two), [0, 0], 'HEAD and latest never count';
    is $rbe->get($urls[0], headers => {Range => 'bytes=0-9'})->{status}, 206;
    is $rbe->get($urls[0], headers => {Range => 'bytes=10-'})->{status}, 206, 'resumed';
    is $rbe->get($urls[0])->{status}, 200;
    is_deeply $used->($two), [1, 1], 'a key used again counts once';
    is latest($rbe, $two)->{status}, 200, 'one is left';
    is $rbe->get($urls[1])->{status}, 200;
    is_deeply $used->($two), [2, 2];
    my $r = $rbe->get($urls[2]);
    is $r->{status}, 403, 'over quota';
    is $r->{json}{code}, 7003;
    is $rbe->get($urls[1])->{status}, 200, 'what was counted goes on';
    is $rbe->head($urls[2])->{status}, 200, 'HEAD is not refused';
    $r = latest($rbe, $two);
    is $r->{status}, 403, 'told at latest';
    is $r->{json}{code}, 7003;
    is_deeply $r->{json}{data}, $data;
    is_deeply $used->($two), [2, 2];

    is $rbe->get($url->($one))->{status}, 200, "the cdk's own limit wins";
    is latest($rbe, $one)->{json}{code}, 7003;
    my $list = $JSON->decode($rbe->admin_ok(qw(cdk list --json)));
    is_deeply [map { [@$_{qw(id daily_limit today total)}] } @$list], [[1, 0, 2, 2], [2, 1, 1, 1]], 'in the list';

    # the last one, for many at once
    my $last = cdk($rbe, qw(--daily-limit 3));
    @urls = map { $url->($last) } 1 .. 8;
    my @pids = map {
        my $u = $_;
        my $pid = fork // die;
        if (!$pid) { my $status = $rbe->get($u)->{status}; POSIX::_exit($status == 200 ? 0 : $status == 403 ? 1 : 2) }
        $pid;
    } @urls;
    my %got;
    for (@pids) { waitpid $_, 0; $got{$? >> 8}++ }
    is_deeply \%got, {0 => 3, 1 => 5}, 'exactly the limit passes';
    $rbe->batch;
    is_deeply $used->($last), [3, 3], 'the batch run keeps what counts today';
} config => {'extra.download_limit_count' => 2};

# A zone of its own.
each_host {
    my $rbe = shift;
    $rbe->create('app', update_type => 'full', access => 'cdk');
    $rbe->publish('app', version_name => '1', bytes => 'x', system => 'linux');
    my $cdk = cdk($rbe);
    is $rbe->get(latest($rbe, $cdk)->{json}{data}{download_url})->{status}, 200;
    is latest($rbe, $cdk)->{json}{code}, 7003, 'a zone that is not UTC';
} config => {'extra.download_limit_count' => 1, 'extra.quota_time_zone' => 'Asia/Kathmandu'}, only => ['lighttpd'];

{
    my $rbe = Rbe::Test->start(host => 'cgi');
    $rbe->create('app', update_type => 'full', access => 'cdk');
    $rbe->publish('app', version_name => '1', bytes => 'x');
    my $cdk = cdk($rbe, '--daily-limit', 1);
    rename "$rbe->{data}/db/usage.db", "$rbe->{dir}/usage.db";
    my $r = latest($rbe, $cdk);
    is "$r->{status} $r->{json}{code} $r->{json}{msg}", '503 -1 temporarily unavailable', 'a database that is away is no fault of the client';

    spew("$rbe->{data}/rbe.local.yaml", "extra:\n  quota_time_zone: Europe/Nowhere\n");
    my ($status, undef, $err) = run("$rbe->{build}/cgi-bin/download.fcgi", '--config', $rbe->{config}, '--listen', "$rbe->{dir}/s");
    is $status, 1, 'an unknown zone stops the start';
    like $err, qr/extra\.quota_time_zone: .*Nowhere/;
}

done_testing;
