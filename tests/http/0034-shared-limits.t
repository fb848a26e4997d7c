# Rate limits of two machines through one memcached: together they allow what one allows; while it is away each allows that by
# itself, and no request fails or waits.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Memcached;
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep time);

if (my $missing = Rbe::Memcached::missing()) { plan skip_all => $missing }

my $cache = Rbe::Memcached->new;
my $BURST = 6;

# A machine with data of its own; the secret is what both have in common.
sub machine {
    my (%config) = @_;
    return Rbe::Test->start(host => 'lighttpd', config => {
        'auth.sign_secret' => '[the-secret-that-both-machines-have]', 'memcached.servers' => "['$cache->{address}']",
        'instance.trusted_proxies' => '[127.0.0.1]', 'instance.workers' => 3, %config,
    });
}

sub from { my ($address) = @_; return (headers => {'X-Forwarded-For' => $address}) }

# How many of so many requests to the machines in turn are not refused; all have to be answered by one or the other.
sub passed {
    my ($times, $ask, @machines) = @_;
    my ($n, $begin) = (0, time);
    for my $i (1 .. $times) {
        my $r = $ask->($machines[$i % @machines]);
        $n++ if $r->{status} != 429;
        fail "status $r->{status}" if $r->{status} >= 500;
        fail 'Retry-After' if $r->{status} == 429 && ($r->{headers}{'retry-after'} // '') !~ /^[1-9]\d*$/;
    }
    return ($n, time - $begin);
}

# The count is the burst and what came meanwhile.
sub most { my ($machines, $seconds) = @_; return $machines * ($BURST + int($seconds) + 1) }
sub within {
    my ($what, $n, $seconds, $machines) = @_;
    ok $n >= $machines * $BURST && $n <= most($machines, $seconds), "$what: $n passed in $seconds s";
}

my ($one, $two) = map { machine('limits.download_rate' => 1, 'limits.download_burst' => $BURST,
    'limits.admin_rate' => 1, 'limits.admin_burst' => $BURST) } 1, 2;
my @both = ($one, $two);
my %url;
for my $rbe (@both) {
    $rbe->create('app', update_type => 'full');
    $rbe->publish('app', version_name => '1', bytes => 'x');
    $url{$rbe} = $rbe->get('/resources/app/latest')->{json}{data}{download_url};
}
my $download = sub { my ($address) = @_; sub { $_[0]->get($url{$_[0]}, from($address)) } };
my $admin = sub { my ($address) = @_; sub { $_[0]->get('/admin/resources', token => $_[0]{token}, from($address)) } };

within('downloads from two machines', passed(24, $download->('192.0.2.1'), @both), 1);
within('an IPv6 network', passed(24, $download->('2001:db8:1:2:ffff:ffff:ffff:fffe'), @both), 1);
within('administration', passed(24, $admin->('192.0.2.1'), @both), 1);
is $download->('2001:db8:1:3::1')->($two)->{status}, 200, 'another network';
is $one->get('/resources/app/latest', from('192.0.2.1'))->{status}, 200, 'latest has no limit';
my @keys = $cache->keys;
cmp_ok scalar(grep { /^rbe:limit:[0-9a-f]{16}$/ } @keys), '>=', 4, 'the buckets are there';
is scalar(grep { /^rbe:limit:/ && !/:[0-9a-f]{16}$/ } @keys), 0, 'under names that say of no address';

# Slow, and away: each machine by its own file.
$cache->signal('STOP');
my @got = passed(24, $download->('192.0.2.2'), @both);
within('a memcached that says nothing', @got, 2);
cmp_ok $got[1], '<', 3, 'holds up next to nothing';
$cache->signal('CONT');
$cache->stop('KILL');
@got = passed(24, $download->('192.0.2.3'), @both);
within('a memcached that is killed', @got, 2);
cmp_ok $got[1], '<', 3, 'holds up nothing';
within('what passed before is not forgotten with it', passed(24, $admin->('192.0.2.4'), $one), 1);
$cache->start;
# Each process tries again in its own time; until the last one has, some count alone.
my $try = 0;
do { sleep 1; @got = passed(24, $download->('192.0.3.' . ++$try), @both) } until $got[0] <= most(1, $got[1]) || $try >= 30;
within('and one that is back', @got, 1);
$_->stop for @both;
for my $rbe (@both) {
    my $logs = join '', map { slurp($_) } glob "$rbe->{data}/log/*";
    unlike $logs, qr/"level":"error"|killed by signal/, 'nothing broke';
}

# Guessing at one machine is known at the other, and so is who proved himself.
($one, $two) = map { machine() } 1, 2;
my $enter = sub { my ($rbe, $token, $address) = @_; $rbe->get('/admin/resources', token => $token, from($address))->{status} };
is $enter->($one, $one->{token}, '192.0.2.9'), 200, 'proved at one';
my $failed = 0;
for my $i (1 .. 24) { $failed++ if $enter->(($one, $two)[$i % 2], "rbe_guess$i", '192.0.2.9') == 401 }
cmp_ok $failed, '>=', 10, 'ten failures a minute';
cmp_ok $failed, '<=', 12, "at both together ($failed)";
is $enter->($one, $one->{token}, '192.0.2.9'), 200, 'he goes on';
is $enter->($two, $two->{token}, '192.0.2.9'), 429, 'one that never worked from there does not';
is $enter->($two, $two->{token}, '192.0.2.10'), 200, 'from elsewhere it does';
# What proved itself at one is known at the other: a token is a token of one database, so that it lets in here is not shown.
is $enter->($two, $one->{token}, '192.0.2.9'), 401, 'known to be good at one, and looked at by two';
$_->stop for $one, $two;

# The configuration of the guide, with one server in place of its two: 40 at once, then 10 a second.
my ($guide) = slurp('share/doc/distribution.md') =~ /^## Several machines\n.*?^```yaml\n(.*?)^```$/ms;
$guide =~ s/cache1\.example\.com, cache2\.example\.com/"$cache->{address}"/ or die 'no servers in the guide';
@both = map { Rbe::Test->start(host => 'cgi') } 1, 2;
for my $rbe (@both) {
    spew("$rbe->{data}/rbe.local.yaml", "$guide\ninstance:\n  trusted_proxies: [127.0.0.1]\n");
    my ($status, $out) = $rbe->admin(qw(config check));
    is $status, 0, 'config check is content' or diag $out;
    $rbe->{host} = 'lighttpd';
    $rbe->boot;
    $rbe->create('app', update_type => 'full');
    $rbe->publish('app', version_name => '1', bytes => 'x');
    $url{$rbe} = $rbe->get('/resources/app/latest')->{json}{data}{download_url};
}
my ($n, $seconds) = passed(100, $download->('192.0.2.20'), @both);
cmp_ok $n, '>=', 40, "the guide's limit for both ($n in $seconds s)";
cmp_ok $n, '<=', 41 + 10 * $seconds, 'together';
$_->stop for @both;
done_testing;
