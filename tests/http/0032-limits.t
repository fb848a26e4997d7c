# Rate limits by address, failed authentication, and what is asked in which order.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

# The address that a request comes from, as a trusted proxy says it.
sub from { my ($address, %headers) = @_; return (headers => {'X-Forwarded-For' => $address, %headers}) }

sub limited {
    my ($r, $what) = @_;
    is $r->{status}, 429, "$what: 429";
    is $r->{json}{code}, 1, "$what: code 1";
    is $r->{json}{data}, undef;
    like $r->{headers}{'retry-after'}, qr/^[1-9]\d?$/, "$what: Retry-After";
}

my %proxy = ('instance.trusted_proxies' => '[127.0.0.1]');

each_host {
    my $rbe = shift;
    $rbe->create('app', update_type => 'full');
    $rbe->publish('app', version_name => '1', bytes => 'x');
    my $url = $rbe->get('/resources/app/latest')->{json}{data}{download_url};
    my $passed = grep { $rbe->get($url, from('192.0.2.1'))->{status} == 200 } 1 .. 12;
    ok $passed >= 4, "a burst of 4 passes ($passed)";
    my $r;
    for (1 .. 20) { last if ($r = $rbe->get($url, from('192.0.2.1')))->{status} == 429 }
    limited($r, 'download');
    is $rbe->get($url, from('192.0.2.2'))->{status}, 200, 'another address';
    is $rbe->get('/resources/app/latest', from('192.0.2.1'))->{status}, 200, 'latest has no limit';
    is $rbe->get('/health', from('192.0.2.1'))->{status}, 200 for 1 .. 12;

    $r = undef;
    for (1 .. 30) { last if ($r = $rbe->get('/admin/resources', token => $rbe->{token}, from('192.0.2.3')))->{status} == 429 }
    limited($r, 'admin');
    is $rbe->get('/admin/resources', token => $rbe->{token}, from('192.0.2.4'))->{status}, 200;
} config => {%proxy, 'limits.download_rate' => 1, 'limits.download_burst' => 4, 'limits.admin_rate' => 1, 'limits.admin_burst' => 4};

each_host {
    my $rbe = shift;
    my ($other) = split /\n/, $rbe->admin_ok(qw(token create other --scope admin));
    my $ask = sub { my ($token, $address) = @_; $rbe->get('/admin/resources', defined $token ? (token => $token) : (), from($address)) };

    is $ask->($rbe->{token}, '192.0.2.1')->{status}, 200, 'proved itself';
    my %text;
    my $r;
    for my $i (1 .. 40) {
        $r = $ask->($i % 2 ? 'rbe_guess' : substr($rbe->{token}, 0, -1), '192.0.2.1');
        last if $r->{status} != 401;
        $text{$r->{content}}++;
        like $r->{headers}{'www-authenticate'}, qr/^Bearer/;
    }
    is scalar keys %text, 1, 'one answer, whatever was wrong';
    my ($n) = values %text;
    ok $n >= 10 && $n <= 15, "ten failures a minute ($n)";
    limited($r, 'guessing');
    limited($ask->($other, '192.0.2.1'), 'a token that never worked from there');
    is $ask->(undef, '192.0.2.1')->{status}, 401, 'none is no guess';
    is $ask->($rbe->{token}, '192.0.2.1')->{status}, 200, 'one that did goes on';
    is $ask->($other, '192.0.2.2')->{status}, 200, 'another address is another matter';
    my $logs = join '', map { slurp($_) } glob("$rbe->{data}/log/*"), glob("$rbe->{dir}/cgi.err.*");
    is index($logs, $rbe->{token}), -1, 'no token in a log';
} config => \%proxy;

# Token, scope, resource, parameters: in this order, and nothing of a body is read before.
each_host {
    my $rbe = shift;
    my $token = sub { (split /\n/, $rbe->admin_ok(qw(token create), @_))[0] };
    $rbe->create('app', update_type => 'full');
    $rbe->create('other', update_type => 'full');
    my $bound = $token->(qw(bound --resource app));
    my $short = $token->(qw(short --expires 1s));
    my @bad = (json => {channel => 'nothing'});
    my $put = sub { my ($t, $rid) = @_; $rbe->request(PUT => "/resources/$rid/versions/release-note", defined $t ? (token => $t) : (), @bad)->{status} };

    is $put->(undef, 'nothing'), 401, 'no token';
    is $put->('rbe_x', 'nothing'), 401;
    is $put->($bound, 'nothing'), 403, 'bound to another, even where there is none';
    is $put->($bound, 'other'), 403;
    is $put->($rbe->{token}, 'nothing'), 404;
    is $put->($bound, 'app'), 400;
    is $rbe->post('/resources', token => $bound, json => {})->{status}, 403, 'scope';
    is $rbe->get('/admin/resources', token => $bound)->{status}, 403;
    is $rbe->get('/admin/resources', headers => {Authorization => $rbe->{token}})->{status}, 200, 'without the word Bearer';
    sleep 2;
    is $put->($short, 'app'), 401, 'expired';
    $rbe->admin_ok(qw(token revoke bound));
    is $put->($bound, 'app'), 401, 'revoked, at once';
    my ($used) = grep { $_->{name} eq 'test-admin' } @{$JSON->decode($rbe->admin_ok(qw(token list --json)))};
    like $used->{used_at}, qr/^\d{4}-/, 'its last use is in the list';
    my $r = $rbe->request(PUT => '/resources/app/versions/release-note', headers => {'Content-Length' => 5_000_000_000});
    is $r->{status}, 401, 'before a body is read';
} only => ['cgi'];

done_testing;
