# rbe-update against a server that limits its downloads: it waits as long as Retry-After says, or says when to come again.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(remove_tree);
use Rbe::Test;
use Rbe::Update;
use Test::More;
use Time::HiRes qw(time);

each_host {
    my $rbe = shift;
    my %tree = (app => '1', 'doc/a' => 'a');
    $rbe->create('app');
    $rbe->publish('app', version_name => '1.0.0', file => $rbe->zip_of(\%tree));
    Rbe::Test::make_tree("$rbe->{dir}/published", \%tree);
    my $url = $rbe->get('/resources/app/latest')->{json}{data}{download_url};
    my $u = Rbe::Update->new(dir => "$rbe->{dir}/client", server => $rbe->{base}, resource => 'app');
    # as another client of the same address does
    my $drain = sub { for (1 .. 50) { return $_ if $rbe->get($url)->{status} == 429 } return 0 };

    # The limit may have passed by the time the updater comes.
    my $waited;
    for (1 .. 5) {
        remove_tree($u->{dir});
        ok $drain->(), 'no download is left' or last;
        my $begun = time;
        is $u->run('--json'), 0, 'installed all the same' or diag $u->{err};
        $waited = time - $begun;
        last if $u->{out} =~ /"event":"retry"/;
    }
    like $u->{out}, qr/^\{"event":"retry","text":"[^"]*status 429[^"]*","seconds":[1-9]\d*\}$/m, 'it was told to wait';
    cmp_ok $waited, '>', 1, 'and did';
    $u->is_tree("$rbe->{dir}/published", 'after waiting');

    for (1 .. 5) {
        remove_tree($u->{dir});
        ok $drain->(), 'no download is left' or last;
        last if $u->run('--tries', 1);
    }
    like $u->{err}, qr/status 429.*; it may be asked again in \d+ seconds$/m, 'or says when to come again';
    $rbe->admin_ok('config', 'check');
} only => [qw(lighttpd nginx apache-fcgid)], config => {'limits.download_rate' => 1, 'limits.download_burst' => 1};

done_testing;
