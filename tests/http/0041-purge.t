# Purging: old packages are no longer offered, their keys answer 410, their files go in a later run; webhooks tell of new
# versions and of what cannot be removed.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(hmac_sha256_hex);
use IO::Socket::INET;
use Rbe::Test;
use Test::More;

my $SECRET = 'a secret of the tests';

# A receiver of webhooks in a process of its own: (pid, port, file where the requests lie, one JSON a line).
sub receiver {
    my ($dir) = @_;
    my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 0) or die "no port: $!";
    my $pid = fork // die $!;
    return ($pid, $listener->sockport, "$dir/hooks") if $pid;
    while (my $peer = $listener->accept) {
        my ($head, $body) = ('', '');
        $head .= <$peer> until $head =~ /\r\n\r\n\z/;
        my ($length) = $head =~ /^Content-Length: (\d+)/mi;
        read $peer, $body, $length;
        my ($signature) = $head =~ /^X-Rbe-Signature: (\S+)/m;
        open my $log, '>>', "$dir/hooks" or die $!;
        print {$log} $JSON->encode({signature => $signature, body => $body}), "\n";
        close $log;
        print {$peer} "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    }
    exit 0;
}

sub hooks { my ($file) = @_; return -e $file ? map { $JSON->decode($_) } split /\n/, slurp($file) : () }

sub number_of { my ($hook) = @_; return $JSON->decode($hook->{body})->{version_number} }

srand 7;
my $bulk = join '', map { chr int rand 256 } 1 .. 20_000;

sub publish_ok {
    my ($rbe, $name, %more) = @_;
    my $r = $rbe->publish('app', version_name => $name, file => $rbe->zip_of({'a' => $name, bulk => $bulk}), %more);
    is $r->{status}, 201, "$name is published" or diag $r->{content};
}

# All packages of a version; the full one of them.
sub paths_of { my ($rbe, $name) = @_; return glob "$rbe->{data}/packages/p/*/app-$name-*.zip" }
sub full_of { my ($rbe, $name) = @_; my ($path) = glob "$rbe->{data}/packages/p/*/app-$name-any-any.zip"; return $path }

sub test_purge {
    my ($rbe, $hooks) = @_;
    my ($publisher) = split /\n/, $rbe->admin_ok(qw(token create ci));
    $rbe->create('app', name => 'App');
    publish_ok($rbe, '1.0.0');
    my $key = $rbe->get('/resources/app/latest')->{json}{data}{download_url};
    is $rbe->get($key)->{status}, 200, 'a key for the first version';
    publish_ok($rbe, '2.0.0', old_version => '1.0.0');
    $rbe->batch if $rbe->{host} eq 'cgi';
    wait_for(sub { (() = paths_of($rbe, '2.0.0')) == 2 }, 'a patch is built');
    publish_ok($rbe, '3.0.0', old_version => ['1.0.0', '2.0.0']);
    publish_ok($rbe, '2.5.0-b', channel => 'beta');
    $rbe->batch if $rbe->{host} eq 'cgi';
    wait_for(sub { (() = paths_of($rbe, '3.0.0')) == 3 }, 'two more are built');

    is $rbe->post('/admin/purge', token => undef)->{status}, 401;
    is $rbe->request(POST => '/admin/purge', token => $publisher)->{status}, 403, 'not for publishers';
    is $rbe->get('/admin/purge', token => $rbe->{token})->{status}, 405;
    is $rbe->post('/admin/purge?id=nothing')->{status}, 404;
    my $r = $rbe->post('/admin/purge');
    is $r->{status}, 200 or diag $r->{content};
    is_deeply [@{$r->{json}{data}}{qw(packages patches waiting)}], [1, 0, 1], 'one of three is old';
    is $r->{json}{data}{bytes}, -s full_of($rbe, '1.0.0');
    is_deeply $rbe->post('/admin/purge?id=app')->{json}{data}, {packages => 0, patches => 0, bytes => 0, waiting => 1},
        'purging again purges nothing';
    is $rbe->get($key)->{status}, 410, 'its key answers 410';
    is $rbe->get('/resources/app/latest?channel=beta')->{json}{data}{version_name}, '3.0.0';
    my $moved = $rbe->get('/resources/app/latest?current=1.0.0')->{json}{data};
    is $moved->{update_type}, 'incremental', 'its clients are still led away by the patch from it';
    is $rbe->get($moved->{download_url})->{status}, 200;
    publish_ok($rbe, '4.0.0');
    is_deeply [@{$rbe->post('/admin/purge')->{json}{data}}{qw(packages patches waiting)}], [1, 1, 3],
        'patches to a purged version go with it';

    my @stuck = make_stuck($rbe);
    my $stay = full_of($rbe, '3.0.0');
    my @gone = (full_of($rbe, '1.0.0'), paths_of($rbe, '2.0.0'));
    is scalar(@gone), 3, 'three files are still there';
    sleep 5;    # a key's life here is three seconds
    $rbe->batch;    # behind lighttpd another one is at work, which looks once a minute
    wait_for(sub { !grep { -e } @gone }, 'the files go when no key can live any more');
    ok -e $stay, 'others stay';
    is $rbe->get($key)->{status}, 410;
    is $rbe->post('/admin/purge')->{json}{data}{waiting}, 1, 'but for the one that cannot be removed';
    my ($status, $out) = $rbe->admin('verify');
    is $status, 0, 'rbe-admin verify is content' or diag $out;
    my ($record) = @{$JSON->decode($rbe->admin_ok(qw(audit --json --limit 1 --resource app)))};
    is_deeply [@$record{qw(actor action resource)}], ['token test-admin', 'purge', 'app'];

    test_purge_error($rbe, $hooks, @stuck);
    # Several workers deliver, so not always in order.
    my @hooks = sort { number_of($a) <=> number_of($b) } grep { $_->{body} !~ /purge_error/ } hooks($hooks);
    is_deeply [map { my $b = $JSON->decode($_->{body}); "$b->{event} $b->{resource} $b->{version} $b->{channel} $b->{system}" } @hooks],
        [map { "version app $_ any" } '1.0.0 stable', '2.0.0 stable', '3.0.0 stable', '2.5.0-b beta', '4.0.0 stable'],
        'every version was told once' or diag explain [map { $_->{body} } @hooks];
    my ($t, $v1) = ($hooks[0]{signature} // '') =~ /^t=(\d+),v1=([0-9a-f]{64})$/;
    is $v1, hmac_sha256_hex("$t.$hooks[0]{body}", $SECRET), 'signed';
}

sub wait_for {
    my ($what, $name) = @_;
    my $until = time + 30;
    select undef, undef, undef, 0.05 until $what->() || time > $until;
    return ok $what->(), $name;
}

# A purged package that cannot be removed: (its file, what stands in the way).
sub make_stuck {
    my ($rbe) = @_;
    $rbe->admin_ok(qw(resource create stuck --name Stuck));
    my $file = $rbe->zip_of({'a' => 'x'});
    $rbe->admin_ok('version', 'publish', 'stuck', "$_.0.0", $file) for 1 .. 3;
    my ($path) = glob "$rbe->{data}/packages/p/*/stuck-1.0.0-*.zip";
    my ($dir) = $path =~ m{/([0-9a-f]{32})/[^/]*$};
    mkdir "$rbe->{data}/tmp/$dir" or die $!;
    $rbe->admin_ok(qw(purge --resource stuck));
    return ($path, spew("$rbe->{data}/tmp/$dir/in-the-way", 'x'));
}

sub test_purge_error {
    my ($rbe, $hooks, $path, $in_the_way) = @_;
    wait_for(sub { grep { $JSON->decode($_->{body})->{event} eq 'purge_error' } hooks($hooks) }, 'a failing purge is told')
        or return;
    my ($told) = grep { $_->{event} eq 'purge_error' } map { $JSON->decode($_->{body}) } hooks($hooks);
    is_deeply [@$told{qw(resource version system)}], ['stuck', '1.0.0', 'any'];
    like $told->{error}, qr/cannot move/;
    unlink $in_the_way or die $!;
    my ($job) = grep { $_->{kind} eq 'purge' && $_->{state} eq 'queued' } @{$JSON->decode($rbe->admin_ok(qw(job list --json)))};
    $rbe->admin_ok(qw(job retry), $job->{id});
    $rbe->batch if $rbe->{host} eq 'cgi';
    wait_for(sub { !-e $path }, 'and is done when told to try again');
}

my %config = ('extra.download_effective_time' => '3s', 'batch.delta_formats' => '[]', 'batch.prebuild_depth' => 0,
    'extra.webhook_secret' => "\"$SECRET\"",
    'extra.create_new_version_blacklist' => 'stuck');
for my $host (split ' ', $ENV{RBE_HOSTS} || 'lighttpd cgi') {
    subtest $host => sub {
        my $dir = File::Temp->newdir(TMPDIR => 1);
        my ($pid, $port, $hooks) = receiver($dir);
        my $url = "http://127.0.0.1:$port/hook";
        my $rbe = Rbe::Test->start(host => $host, config => {%config, 'extra.create_new_version_webhook' => $url,
            'extra.purge_error_webhook' => $url});
        test_purge($rbe, $hooks);
        $rbe->stop;
        kill KILL => $pid;
        waitpid $pid, 0;
    };
}
done_testing;
