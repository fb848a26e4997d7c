# What publishers and the net do to uploads: dropped connections, bodies of any length, races, retries.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep);

# A path that the web server decodes when it is handed a file.
each_host {
    my $rbe = shift;
    $rbe->create('app');
    my $zip = $rbe->zip_of({a => 'b'});
    is $rbe->publish('app', version_name => '1.0.0', file => $zip)->{status}, 201, 'published';
    my $r = $rbe->get($rbe->get('/resources/app/latest')->{json}{data}{download_url});
    is $r->{status}, 200, 'and sent by the web server';
    is sha256_hex($r->{content}), sha256_hex(slurp($zip)), 'the same bytes';
} only => ['lighttpd'], data => "100%41d\xc3\xa4ta";

done_testing;
