# What is kept ready is never stale: whatever is changed, by whatever program, is in the next answer of each of four workers.
# RBE_ROUNDS publishes (tests/long has ten thousand).
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

my $rounds = $ENV{RBE_ROUNDS} || 100;
my $path = '/resources/app/latest?current=1.0.0';

# Workers take connections in turns: eight requests reach all four.
sub asked {
    my ($rbe, $of) = @_;
    my %seen;
    $seen{$of->($rbe->get($path)->{json}{data} // {}) // 'none'}++ for 1 .. 8;
    return join ' ', sort keys %seen;
}
sub counts {
    my ($rbe) = @_;
    my %n = $rbe->get('/metrics')->{content} =~ /^rbe_cache_requests_total\{level="table",result="(\w+)"\} (\d+)/mg;
    return \%n;
}

each_host {
    my $rbe = shift;
    my $name = sub { shift->{version_name} };
    is asked($rbe, $name), 'none', 'nothing yet, and that is kept too';
    $rbe->create('app', update_type => 'full');
    my $stale = 0;
    for my $n (0 .. $rounds) {
        my $r = $rbe->publish('app', version_name => "1.$n.0", bytes => "version $n");
        $r->{status} == 201 or BAIL_OUT("publish: $r->{content}");
        $stale++ if asked($rbe, $name) ne "1.$n.0";
    }
    is $stale, 0, "none of $rounds publishes was missed by any worker";
    my $n = counts($rbe);
    cmp_ok $n->{hit} // 0, '>', $n->{miss} // 0, 'most answers were ready';
    cmp_ok $n->{stale} // 0, '>=', $rounds, 'those of before were seen to be stale';

    $rbe->request(PUT => '/resources/app/versions/release-note', token => $rbe->{token},
        json => {version_name => "1.$rounds.0", channel => 'stable', content => 'new words'});
    is asked($rbe, sub { shift->{release_note} }), 'new words', 'a changed note';
    $rbe->request(DELETE => "/resources/app/versions/1.$rounds.0", token => $rbe->{token});
    is asked($rbe, $name), '1.' . ($rounds - 1) . '.0', 'a withdrawal';
    $rbe->admin_ok('version', 'promote', 'app', '1.' . ($rounds - 1) . '.0', 'beta');
    is asked($rbe, $name), '1.' . ($rounds - 2) . '.0', 'a promotion from the shell';
    is asked($rbe, sub { shift->{update_type} }), 'full', 'a full package so far';

    # A patch that was built.
    $rbe->create('tree');
    $rbe->publish('tree', version_name => $_, file => $rbe->zip_of({a => "x$_" x 5000, b => 'same' x 9000})) for qw(1.0.0 1.1.0);
    my $tree = sub { my %t; $t{$rbe->get('/resources/tree/latest?current=1.0.0')->{json}{data}{update_type}}++ for 1 .. 8; join ' ', sort keys %t };
    # The worker that rbe-serve runs may be faster than some of the questions.
    like $tree->(), qr/^full/, 'no patch at first';
    $rbe->batch;
    is $tree->(), 'incremental', 'a patch that was just built';
    $rbe->request(DELETE => '/resources/tree', token => $rbe->{token});
    is $rbe->get('/resources/tree/latest')->{status}, 404, 'a deleted resource';
} config => {'instance.workers' => 4}, only => ['lighttpd'];

done_testing;
