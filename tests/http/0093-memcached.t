# Ready answers shared through real memcached servers: what one process read the others take from there; nothing is stale; a
# server that is killed and comes back, or holds rubbish, fails no request.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Memcached;
use Rbe::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

if (my $missing = Rbe::Memcached::missing()) { plan skip_all => $missing }

my @servers = map { Rbe::Memcached->new } 1, 2;
my $rbe = Rbe::Test->start(host => 'lighttpd', config => {
    'instance.workers' => 4, 'memcached.timeout_ms' => 1000,
    'memcached.servers' => '[' . join(', ', map { "\"$_->{address}\"" } @servers) . ']'});
sub counts { my %n = $rbe->get('/metrics')->{content} =~ /^rbe_cache_requests_total\{level="memcached",result="(\w+)"\} (\d+)/mg; \%n }
sub asked {
    my ($path, $times) = @_;
    my %seen;
    for (1 .. $times || 8) { my $r = $rbe->get($path); $seen{$r->{json}{data}{version_name} // $r->{status}}++ }
    return join ' ', sort keys %seen;
}

$rbe->create('app', update_type => 'full');
is asked('/resources/app/latest'), '404', 'that there is nothing is shared too';
my $stale = 0;
for my $n (1 .. 30) {
    $rbe->publish('app', version_name => "1.$n.0", bytes => "version $n");
    $stale++ if asked("/resources/app/latest?current=1.0.0") ne "1.$n.0";
}
is $stale, 0, 'no stale answer';
# Workers keep answers together as well; those that a parent forks after SIGHUP begin with none.
sub ask_all { my ($what, $times) = @_; asked("/resources/app/latest?current=$what$_", $times) for 1 .. 30 }
sub renew {
    my %old = map { $_ => 1 } $rbe->worker_pids('latest.fcgi');
    kill HUP => $rbe->{pid};
    for (1 .. 400) {
        my @now = $rbe->worker_pids('latest.fcgi');
        return if @now == keys %old && grep({ $old{$_} } @now) <= 1;
        sleep 0.025;
    }
}
ask_all('0.');
my $before = counts()->{hit} // 0;
renew();
ask_all('0.', 4);
my $n = counts();
cmp_ok $n->{hit}, '>=', $before + 30, 'what was read before the fresh workers took from there' or diag explain $n;
is $n->{error} // 0, 0, 'without an error';
is scalar(grep { join('', $_->say_to('stats')) =~ /STAT curr_items [1-9]/ } @servers), 2, 'both servers hold some';
like asked('/resources/app/latest?current=1.0.0'), qr/^1\.30\.0$/;
is +($rbe->admin('cache', 'flush'))[0], 0;
like asked('/resources/app/latest?current=1.0.0'), qr/^1\.30\.0$/, 'after a flush';

# Killed and restarted under load.
my @clients;
for my $c (1 .. 3) {
    my $pid = fork // die $!;
    if (!$pid) {
        my ($bad, $count) = (0, 0);
        while (!-e "$rbe->{dir}/stop") { $bad++ if $rbe->get('/resources/app/latest?current=' . $count++ % 50)->{status} != 200 }
        $rbe->{pid} = 0;
        POSIX::_exit($bad ? 1 : $count < 20 ? 2 : 0);
    }
    push @clients, $pid;
}
for (1 .. 2) {
    sleep 0.3;
    $servers[0]->stop('KILL');
    $rbe->publish('app', version_name => "2.$_.0", bytes => "two $_");
    is asked('/resources/app/latest'), "2.$_.0", 'a publish while one is away';
    is $rbe->get('/health')->{status}, 200, 'one server is a cache';
    $servers[1]->stop('KILL');
    is asked('/resources/app/latest?current=9'), "2.$_.0", 'none is there';
    my $health = $rbe->get('/health');
    is $health->{status}, 503, 'and /health says so';
    is $health->{json}{reason}, 'the cache is not usable', 'and what it is';
    $_->start for @servers;
    is asked('/resources/app/latest'), "2.$_.0", 'they are back';
}
sleep 2.5;
spew("$rbe->{dir}/stop", '');
is_deeply [map { waitpid $_, 0; $? >> 8 } @clients], [0, 0, 0], 'no request of three clients failed';
ask_all('again', 1);
$before = counts()->{hit};
renew();
ask_all('again', 1);
cmp_ok counts()->{hit}, '>', $before, 'they are used again';

# Somebody else writes into them: what bears no right MAC is not believed.
for my $server (@servers) {
    my @keys = $server->keys;
    my $s = $server->connected or die;
    for my $key (@keys) {
        my $rubbish = "\1" x 700;
        print $s "set $key 0 0 700\r\n$rubbish\r\n";
        my $stored = <$s>;
    }
}
renew();
is asked('/resources/app/latest?current=1.0.0'), '2.2.0', 'rubbish is not believed';
$rbe->stop;
unlike slurp("$rbe->{data}/log/latest.log"), qr/killed by signal|"level":"error"/, 'no worker died';

# A server that was never there.
$rbe = Rbe::Test->start(host => 'lighttpd', config => {'memcached.servers' => '["127.0.0.1:' . free_port() . '"]'});
$rbe->create('app', update_type => 'full');
$rbe->publish('app', version_name => '1.0.0', bytes => 'one');
is asked('/resources/app/latest', 20), '1.0.0', 'no server at all';
cmp_ok counts()->{error}, '>', 0, 'errors are counted';
$rbe->stop;
done_testing;
