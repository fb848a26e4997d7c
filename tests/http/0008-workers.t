# Four workers: what was published is in the very next answer of each; uploads and metrics of all are one.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

plan skip_all => 'workers are found through /proc, which is not mounted' if !-e '/proc/self/exe';

each_host {
    my $rbe = shift;
    $rbe->create('app', update_type => 'full');
    cmp_ok scalar($rbe->worker_pids('latest.fcgi')), '>=', 4, 'four workers run';
    my $stale = 0;
    for my $n (1 .. 50) {
        is $rbe->publish('app', version_name => "1.0.$n", bytes => "version $n")->{status}, 201, "1.0.$n" if $n == 1 || $n == 50;
        $rbe->publish('app', version_name => "1.0.$n", bytes => "version $n");
        for (1 .. 8) {
            my $got = $rbe->get('/resources/app/latest')->{json}{data};
            $stale++ if $got->{version_name} ne "1.0.$n";
        }
    }
    is $stale, 0, 'no stale answer';

    # A killed worker is replaced, and nobody is answered worse than once.
    my ($first) = sort { $b <=> $a } $rbe->worker_pids('latest.fcgi');
    kill KILL => $first;
    select undef, undef, undef, 0.5;
    my @status = map { $rbe->get('/resources/app/latest')->{status} } 1 .. 20;
    is_deeply [grep { $_ != 200 } @status], [], 'after a worker was killed';

    my $metrics = $rbe->get('/metrics')->{content};
    my ($sum) = $metrics =~ /^rbe_http_requests_total\{program="latest".*code="200"\} (\d+)/m;
    cmp_ok $sum // 0, '>=', 400, 'requests of all workers are counted together' or diag $metrics;
    like $metrics, qr/^# TYPE rbe_http_requests_total counter$/m;
    like $metrics, qr/^rbe_worker_ends_total\{program="latest",reason="killed"\} 1$/m, 'the killed one is counted';
    like $metrics, qr/^rbe_worker_ends_total\{program="latest",reason="$_"\} 0$/m, "none is $_" for qw(failed replaced retired);
    like $metrics, qr/^# HELP rbe_http_requests_total /m;
} config => {'instance.workers' => 4}, only => ['lighttpd'];

# Two at once.
each_host {
    my $rbe = shift;
    $rbe->create('app', update_type => 'full');
    my @pids;
    for my $i (1 .. 6) {
        my $pid = fork;
        if (!$pid) {
            my $r = $rbe->publish('app', version_name => '1.0.0', bytes => $i % 2 ? 'odd' : 'even');
            $rbe->{pid} = 0;
            POSIX::_exit($r->{status} == 201 ? 1 : $r->{status} == 200 ? 2 : $r->{status} == 409 ? 3 : 9);
        }
        push @pids, $pid;
    }
    my %got;
    for (@pids) { waitpid $_, 0; $got{$? >> 8}++ }
    is $got{1}, 1, 'one upload wins';
    is $got{2} // 0, 2, 'the same bytes: 200';
    is $got{3} // 0, 3, 'other bytes: 409';
    is scalar(my @left = glob "$rbe->{data}/packages/p/*"), 1, 'one package on disk';
    is scalar(@left = glob "$rbe->{data}/tmp/*"), 0, 'no temporary file';

    # Several versions at once: each gets a number of its own.
    @pids = ();
    for my $i (1 .. 8) {
        my $pid = fork;
        if (!$pid) {
            my $r = $rbe->publish('app', version_name => "2.0.$i", bytes => "v$i");
            $rbe->{pid} = 0;
            POSIX::_exit($r->{status} == 201 ? $r->{json}{data}{version_number} : 99);
        }
        push @pids, $pid;
    }
    my @numbers = map { waitpid $_, 0; $? >> 8 } @pids;
    is_deeply [sort { $a <=> $b } @numbers], [2 .. 9], 'numbers count up without holes';
    is $rbe->get('/resources/app/latest')->{json}{data}{version_name}, '2.0.8';
} config => {'instance.workers' => 4};

done_testing;
