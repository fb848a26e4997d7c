# SIGHUP: a changed configuration is taken over without dropping a request; a bad one is not, and the log says so.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'workers are found through /proc, which is not mounted' if !-e '/proc/self/exe';

my $path = '/resources/app/latest';
my $rbe = Rbe::Test->start(host => 'lighttpd', config => {'instance.workers' => 3});
$rbe->create('app', update_type => 'full');
$rbe->publish('app', version_name => '1.0.0', bytes => 'one');

sub url { $rbe->get($path)->{json}{data}{download_url} // '' }
sub configure { spew("$rbe->{data}/rbe.local.yaml", "instance:\n  workers: 3\n$_[0]") }
sub await { my ($what, $ready) = @_; for (1 .. 400) { last if $ready->(); sleep 0.025 } ok $ready->(), $what }
sub logged { my ($re) = @_; return sub { slurp("$rbe->{data}/log/latest.log") =~ $re } }

# Clients that ask all the time, each on connections of its own.
sub clients {
    my ($until) = @_;
    my @pids;
    for my $n (1 .. 4) {
        my $pid = fork // die $!;
        if (!$pid) {
            my ($asked, $bad) = (0, 0);
            while (!-e $until) { $bad++ if $rbe->get($path)->{status} != 200; $asked++ }
            $rbe->{pid} = 0;
            POSIX::_exit($bad ? 1 : $asked < 20 ? 2 : 0);
        }
        push @pids, $pid;
    }
    return @pids;
}

like url(), qr{^\Q$rbe->{base}\E/}, 'URLs of the request';
my @before = sort $rbe->worker_pids('latest.fcgi');
my @clients = clients("$rbe->{dir}/stop");
for my $n (1 .. 5) {
    configure("  public_url: https://n$n.example\n");
    kill HUP => $rbe->{pid};
    await("n$n is taken over", sub { url() =~ m{^https://n$n\.example/} && url() =~ m{^https://n$n} && url() =~ m{^https://n$n} });
}
spew("$rbe->{dir}/stop", '');
is_deeply [map { waitpid $_, 0; $? >> 8 } @clients], [0, 0, 0, 0], 'no request of four clients failed meanwhile';
my %old = map { $_ => 1 } @before;
my @after;
await('as many processes as before', sub { (@after = $rbe->worker_pids('latest.fcgi')) == @before });
is scalar(grep { $old{$_} } @after), 1, 'the parent is the only one that stayed';

# Bad ones.
for (["  public_url: nonsense\n", qr/"error":"[^"]*instance\.public_url: must begin with http/, 'a value that breaks its rule'],
    ["  nobody_knows: 1\n", qr/nobody_knows/, 'an unknown key'], ["auth:\n  sign_secret: []\n", qr/sign_secret/, 'no secret']) {
    my ($text, $said, $what) = @$_;
    configure($text);
    kill HUP => $rbe->{pid};
    await("$what: the log says so", logged(qr/the new configuration is not taken, the present one stays.*$said/));
    like url(), qr{^https://n5\.example/}, "$what: the old one stays";
}
unlike slurp("$rbe->{data}/log/latest.log"), qr/replaced.*\n.*not taken.*\n.*replaced/, 'nothing was replaced for them';

# What only a start takes over.
spew("$rbe->{data}/rbe.local.yaml", "instance:\n  workers: 2\n  public_url: https://n9.example\n");
kill HUP => $rbe->{pid};
await('the rest is taken over', sub { url() =~ m{^https://n9\.example/} });
await('what is not is named', logged(qr/taken over at the next start: instance\.workers/));
await('the number of workers stays', sub { $rbe->worker_pids('latest.fcgi') == @before });

# Levels at run time.
my $lines = () = slurp("$rbe->{data}/log/latest.log") =~ /configuration read again/g;
spew("$rbe->{data}/rbe.local.yaml", "instance:\n  workers: 3\n  public_url: https://n10.example\nlog:\n  level: error\n");
kill HUP => $rbe->{pid};
await('a quieter log', sub { url() =~ m{^https://n10\.example/} });
is scalar(() = slurp("$rbe->{data}/log/latest.log") =~ /configuration read again/g), $lines, 'says no more what is only information';
$rbe->stop;
done_testing;
