# /health and /metrics: no token, no envelope, and what they say when something is wrong.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

each_host {
    my $rbe = shift;
    my $r = $rbe->get('/health');
    is $r->{status}, 200;
    is $r->{content} =~ s/\s+//gr, '{"status":"ok"}';
    $r = $rbe->get('/metrics');
    is $r->{status}, 200;
    like $r->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4};
    is $rbe->head('/health')->{status}, 200, 'HEAD';

    rename "$rbe->{data}/db", "$rbe->{data}/db.away" or die;
    sleep 1;
    $r = $rbe->get('/health');
    if ($rbe->{host} eq 'cgi') {
        is $r->{status}, 503, 'database away';
    }
    rename "$rbe->{data}/db.away", "$rbe->{data}/db" or die;
};

each_host {
    my $rbe = shift;
    my $r = $rbe->get('/metrics');
    is $r->{status}, 403, 'not allowed from here';
    isnt $r->{json}{code}, 0, 'as JSON';
} config => {'metrics.allow' => '[10.9.8.7]'};

done_testing;
