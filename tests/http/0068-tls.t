# Servers whose certificate proves nothing are not spoken to: mirrors that are probed, services that judge cdks, webhooks. And
# one whose certificate does is, by the certificates that the system trusts.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp ();
use Rbe::Mounts;
use Rbe::Place;
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $own_mounts = Rbe::Mounts::own();
for my $tool (qw(nginx openssl)) { plan skip_all => "$tool is not installed" if (run('sh', '-c', "command -v $tool"))[0] }
my $dir = File::Temp->newdir(TMPDIR => 1);

sub openssl {
    my (@argv) = @_;
    my ($status, undef, $err) = run({dir => "$dir"}, 'openssl', @argv);
    die "openssl @argv: $err" if $status;
}

# A certificate for names, signed by ours or by itself, good for so many days from now (0: it is over at once).
sub certificate {
    my ($name, $for, $days, $by) = @_;
    spew("$dir/$name.conf", "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=$name\n[ext]\nsubjectAltName=$for\n"
        . ($name eq 'ca' ? "basicConstraints=critical,CA:TRUE\n" : ''));
    openssl(qw(req -newkey rsa:2048 -nodes -config), "$name.conf", '-keyout', "$name.key", '-out', "$name.csr");
    openssl(qw(x509 -req -in), "$name.csr", '-out', "$name.pem", '-days', $days, '-extfile', "$name.conf", '-extensions', 'ext',
        $by ? ('-CA', "$by.pem", '-CAkey', "$by.key", '-set_serial', 1 + length $name) : ('-signkey', "$name.key"));
    return;
}
my $here = 'IP:127.0.0.1,DNS:localhost';
certificate('ca', 'DNS:ca.example', 30);
certificate('self', $here, 30);
certificate('other', 'DNS:other.example', 30, 'ca');
certificate('past', $here, 0, 'ca');
certificate('good', $here, 30, 'ca');

# The certificates that the system trusts, seen by this test alone.
my ($bundle) = grep { -f } '/etc/ssl/certs/ca-certificates.crt';
my $trusted = $own_mounts && $bundle && (run('mount', '--bind', "$dir/ca.pem", $bundle))[0] == 0;

# It has whatever it is asked for, of 5 bytes, and knows every cdk; what it is asked stands in its log.
sub server {
    my ($name, $port) = @_;
    my $place = Rbe::Place->nginx($port ? (port => $port) : (), site => sub {
        my ($home, $at) = @_;
        spew("$home/it", 'bytes');
        return <<"SITE";
log_format asked '\$request';
server {
    listen 127.0.0.1:$at ssl;
    ssl_certificate $dir/$name.pem;
    ssl_certificate_key $dir/$name.key;
    access_log $home/asked asked;
    root $home;
    location / { try_files /it =404; }
    location /validate { default_type application/json; return 200 '{"code":0,"msg":"ok","data":null}'; }
    location /hook { return 204; }
}
SITE
    });
    $place->{base} =~ s/^http:/https:/;
    return $place;
}
sub asked { my ($place) = @_; return -e "$place->{dir}/asked" ? slurp("$place->{dir}/asked") : '' }

my %why = (self => qr/self[- ]signed certificate/i, other => qr/no alternative certificate subject name matches/i,
    past => qr/certificate has expired/i);
for my $name (qw(self other past)) {
    $why{$name} = qr/SSL|certificate/i if !$trusted;
    my $place = server($name);
    my $rbe = Rbe::Test->start(host => 'cgi', config => {
        'extra.download_prefix_info' => "{default: [{url: '$place->{base}'}]}", 'mirror.probe_failures' => 1,
        'auth.cdk_validation_url' => "$place->{base}/validate", 'auth.validation_timeout_ms' => 3000,
        'extra.create_new_version_webhook' => "$place->{base}/hook",
    });
    $rbe->create('app', update_type => 'full', access => 'cdk');
    is $rbe->publish('app', version_name => '1', bytes => 'bytes')->{status}, 201;
    my (undef, undef, $err) = run("$rbe->{build}/bin/rbe-batch", '--config', $rbe->{config});
    my ($state) = @{$JSON->decode($rbe->admin_ok(qw(mirror list --json)))};
    is $state->{state}, 'down', "$name: a mirror that proves nothing is down" or diag explain $state;
    like $state->{reason}, $why{$name}, 'because of its certificate';
    like $err, qr/^rbe-batch: webhook .*(?:SSL|certificate)/m, 'a webhook is not called';
    my $r = $rbe->get('/resources/app/latest?cdk=anything');
    is $r->{status}, 503, 'a service that proves nothing gives no right';
    is $r->{json}{code}, -1;
    is asked($place), '', 'none of them was told anything';
}

SKIP: {
    skip 'the certificates that the system trusts cannot be replaced here', 1 if !$trusted;
    my $place = server('good');
    my $rbe = Rbe::Test->start(host => 'cgi', config => {
        'extra.download_prefix_info' => "{default: [{url: '$place->{base}'}]}", 'mirror.probe_failures' => 1,
        'auth.cdk_validation_url' => "$place->{base}/validate",
    });
    $rbe->create('app', update_type => 'full', access => 'cdk');
    is $rbe->publish('app', version_name => '1', bytes => 'bytes')->{status}, 201;
    $rbe->batch;
    my ($state) = @{$JSON->decode($rbe->admin_ok(qw(mirror list --json)))};
    is $state->{state}, 'up', 'a certificate that proves who it is' or diag explain $state;
    is $rbe->get('/resources/app/latest?cdk=anything')->{status}, 200, 'the service is believed';
    like asked($place), qr/^HEAD \/p\/.*POST \/validate /ms, 'both were asked';
}
done_testing;
