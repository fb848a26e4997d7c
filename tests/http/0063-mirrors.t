# Copies at mirrors: made, verified before they are used, taken away; mirrors that go down and come back.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp ();
use POSIX ();
use Rbe::Place;
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = File::Temp->newdir(TMPDIR => 1);
mkdir "$dir/one" or die $!;

sub url_of { my ($rbe, $rid) = @_; $rbe->get("/resources/$rid/latest")->{json}{data}{download_url} }
sub fetch { Rbe::Test::http({}, GET => $_[0], {}) }

# Until the check holds, at most so long; its value.
sub wait_for {
    my ($what, $check) = @_;
    my ($until, $got) = (time + 30);
    sleep 0.1 until ($got = $check->()) || time > $until;
    ok $got, $what;
    return $got;
}

subtest 'a directory, behind nginx' => sub {
    my $port = free_port();
    my $rbe = Rbe::Test->start(config => {
        'extra.download_prefix_info' => "{default: [{url: 'http://127.0.0.1:$port/rbe'}]}",
        'mirror.targets' => "[{name: one, path: $dir/one, urls: ['http://127.0.0.1:$port/rbe']}]",
        'mirror.probe_interval' => '1s', 'mirror.probe_failures' => 2, 'mirror.probe_timeout' => '2s',
    });
    my $serve = sub { Rbe::Place->nginx(port => $port, server => "location /rbe/ { alias $dir/one/; }") };
    my $place = $serve->();
    my $bytes = 'some bytes ' x 10_000;
    $rbe->create('blob', update_type => 'full');
    is $rbe->publish('blob', version_name => '1.0', bytes => $bytes, file_name => 'a.zip')->{status}, 201;
    my $wrong = 0;
    wait_for 'the copy is used' => sub {
        my $r = $rbe->get(url_of($rbe, 'blob'));
        $wrong++ if ($r->{status} == 302 ? fetch($r->{headers}{location}) : $r)->{content} ne $bytes;
        return $r->{status} == 302;
    };
    is $wrong, 0, 'and whoever was sent on or served before got the bytes';
    my $state = sub { $JSON->decode($rbe->admin_ok(qw(mirror list --json)))->[0] };
    wait_for 'the mirror is known to be up' => sub { $state->()->{state} eq 'up' };
    is $state->()->{copies}, 1, 'with a copy';
    my $metrics = sub { $rbe->get('/metrics')->{content} };
    like $metrics->(), qr{^rbe_place_up\{url="http://127\.0\.0\.1:$port/rbe"\} 1$}m, '/metrics';
    like $metrics->(), qr{^rbe_place_copies\{url="http://127\.0\.0\.1:$port/rbe"\} 1$}m;

    $place->stop;
    wait_for 'the mirror is down' => sub { $state->()->{state} eq 'down' };
    like $state->()->{reason}, qr/127\.0\.0\.1/, 'with the reason';
    like $metrics->(), qr/^rbe_place_up\{[^}]*\} 0$/m;
    wait_for 'clients are sent there no more' => sub { $rbe->get(url_of($rbe, 'blob'))->{status} == 200 };
    is $rbe->get(url_of($rbe, 'blob'))->{content}, $bytes, 'but get it from here';
    $place = $serve->();
    wait_for 'until it is up again' => sub { $state->()->{state} eq 'up' };
    wait_for 'and is used again' => sub { $rbe->get(url_of($rbe, 'blob'))->{status} == 302 };

    # A mirror that answers with something else is as bad as one that does not.
    my ($copy) = glob "$dir/one/p/*/*.zip";
    spew($copy, 'cut');
    wait_for 'a copy of another size takes it down' => sub { $state->()->{state} eq 'down' };
    like $state->()->{reason}, qr/it has 3 bytes of a package of 110000/;
    $rbe->stop;
};

subtest 'four at once' => sub {
    mkdir "$dir/four" or die $!;
    my $rbe = Rbe::Test->start(host => 'cgi', config => {
        'mirror.targets' => "[{name: four, path: $dir/four, urls: ['https://four.example']}]", 'mirror.probe_interval' => 0,
    });
    $rbe->create('blob', update_type => 'full');
    $rbe->publish('blob', version_name => "1.$_", bytes => "number $_ " x 20_000, file_name => 'a.zip') for 1 .. 12;
    # Two that work off the jobs and two that copy all that is missing, into the same directories.
    my @pids = map {
        my @verb = $_ % 2 ? 'mirror' : ();
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            open STDOUT, '>', "$rbe->{dir}/batch.$_";
            open STDERR, '>&', \*STDOUT;
            exec "$rbe->{build}/bin/rbe-batch", '--config', $rbe->{config}, @verb or POSIX::_exit(127);
        }
        $pid;
    } 0 .. 3;
    my @bad = grep { waitpid $_, 0; $? != 0 } @pids;
    is scalar(@bad), 0, 'all of them end well' or diag map { slurp($_) } glob "$rbe->{dir}/batch.*";
    my @copies = glob "$dir/four/p/*/* $dir/four/p/*/.*.part";
    is scalar(@copies), 12, 'each package is there once, and nothing else';
    is_deeply [sort map { (slurp($_) =~ /^number (\d+) /)[0] . '/' . -s $_ } @copies],
        [sort map { "$_/" . length("number $_ ") * 20_000 } 1 .. 12], 'whole';
    # What was copied before anybody looked for new packages has no job.
    my @left = grep { $_->{kind} eq 'mirror' && $_->{state} ne 'done' } @{$JSON->decode($rbe->admin_ok(qw(job list --json)))};
    is scalar(@left), 0, 'and no job is left';
};

done_testing;
