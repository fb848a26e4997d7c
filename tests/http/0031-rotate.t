# Secrets rotate under the feet of links: the new one signs, the old ones verify until they fall out.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

each_host {
    my $rbe = shift;
    $rbe->create('app', update_type => 'full');
    $rbe->publish('app', version_name => '1', bytes => 'x');
    my $url = sub { $rbe->get('/resources/app/latest')->{json}{data}{download_url} };
    my @urls = $url->();
    for (1 .. 8) {
        $rbe->admin_ok(qw(secret rotate));
        push @urls, $url->();
        is $rbe->get($urls[-1])->{status}, 200, 'the new one signs';
        is $rbe->get($urls[$_ == 8 ? 1 : 0])->{status}, 200, 'the oldest there is still verifies';
    }
    is $rbe->get($urls[0])->{status}, 404, 'the ninth has fallen out';
} only => ['cgi'];

done_testing;
