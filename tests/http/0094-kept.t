# Web servers that keep their FastCGI connections (nginx with fastcgi_keep_conn, Apache with enablereuse), more of them than
# there are workers: no request fails, whatever its method, while workers retire, are replaced at SIGHUP, and take uploads.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $CLIENTS = 4;

# Asks until told to stop; of ten requests two are posts that nobody may repeat, and one is an upload.
sub ask {
    my ($rbe, $c, $until) = @_;
    my @bad;
    my $n = 0;
    for (; !-e $until; $n++) {
        my $what = $n % 10;
        my $r = $what == 3 || $what == 7 ? $rbe->post('/resources', json => {resource_id => "made-$c-$n"})
            : $what == 5 ? $rbe->publish('app', version_name => "1.$c.$n", bytes => "$c-$n" x 20_000)
            : $what == 6 ? $rbe->post('/nowhere', json => {body => 'of which nothing is read'})
            : $rbe->get('/resources/app/latest');
        my $want = {3 => 201, 5 => 201, 6 => 404, 7 => 201}->{$what} // 200;
        push @bad, "$n: $r->{status} $r->{content}" if $r->{status} != $want;
    }
    return ($n, @bad);
}

# Connections that the workers of a program hold: their sockets but for the listening one and the pool's two.
sub kept {
    my ($rbe, $program) = @_;
    my $parent = $rbe->{program_pids}{$program};
    my @workers = map { m{^/proc/(\d+)/} } grep { (eval { slurp($_) } // '') =~ /^PPid:\t$parent$/m } glob '/proc/[0-9]*/status';
    return scalar(map { grep { (readlink // '') =~ /^socket:/ } glob "/proc/$_/fd/*" } @workers) - 3 * @workers;
}

each_host {
    my ($rbe) = @_;
    my $until = "$rbe->{dir}/stop";
    my (@clients, @lines);
    $rbe->create('app', update_type => 'full');
    $rbe->publish('app', version_name => '0.9.0', bytes => 'one');
    for my $c (1 .. $CLIENTS) {
        pipe my $r, my $w or die $!;
        my $pid = fork // die $!;
        if (!$pid) {
            my ($n, @bad) = ask($rbe, $c, $until);
            print {$w} map { "$_\n" } $n < 20 ? "only $n requests" : (), @bad;
            close $w;
            POSIX::_exit(0);
        }
        close $w;
        push @clients, [$pid, $r];
    }
    for (1 .. 8) {
        sleep 0.4;
        kill HUP => $rbe->{program_pids}{$_} for qw(latest admin);
    }
    sleep 0.5;
    spew($until, '');
    for (@clients) {
        my ($pid, $r) = @$_;
        push @lines, readline $r;
        waitpid $pid, 0;
    }
    is join('', @lines), '', "no request of $CLIENTS clients failed";
    ok kept($rbe, $_) > 0, "$_ keeps connections" for qw(latest admin);

    # An upload that stalls holds its worker where the web server hands it on as it comes, and nobody else.
    my $slow = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $rbe->{port}) or die $@;
    print {$slow} "POST /resources/app/versions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $rbe->{token}\r\n"
        . "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 500000\r\n\r\n--b\r\n";
    sleep 0.3;
    my $began = time;
    is $rbe->post('/resources', json => {resource_id => "late-$_"})->{status}, 201, "post $_ beside an upload that stalls" for 1 .. 12;
    cmp_ok time - $began, '<', 10, 'none waits for it';
    close $slow;
} on => [qw(nginx apache-proxy)], config => {'instance.workers' => 2, 'instance.max_requests' => 40};
done_testing;
