# Signed URLs before those who check them: nginx with secure_link, lighttpd with mod_secdownload (or the script that took
# its place) and openssl take good ones and refuse altered and expired ones; the vendor's own library signs as we do.
use strict;
use warnings;
use lib 'tests/lib';
use MIME::Base64 qw(decode_base64);
use Rbe::Place;
use Rbe::Test;
use Test::More;
use Time::Local qw(timegm);

my $secret = '0123456789abcdef';

# The bytes of the one package of resource blob, fetched as a client does: latest, the key, the place.
sub setup {
    my ($rbe) = @_;
    $rbe->create('blob', update_type => 'full');
    is $rbe->publish('blob', version_name => '1.0', bytes => 'the bytes of the package', file_name => 'a.zip')->{status}, 201;
    my $r = $rbe->get($rbe->get('/resources/blob/latest')->{json}{data}{download_url});
    is $r->{status}, 302, 'a redirect' or diag $r->{content};
    return $r->{headers}{location};
}

sub fetch { Rbe::Test::http({}, GET => $_[0], {}) }

# The URL is taken; with any part of it changed it is not.
sub check_refusals {
    my ($url, @parts) = @_;
    my $r = fetch($url);
    is $r->{status}, 200, 'a good URL is taken';
    is $r->{content}, 'the bytes of the package';
    for my $part (@parts) {
        my ($from, $length) = $url =~ $part ? ($-[1], $+[1] - $-[1]) : die "$part in $url";
        for my $at (map { $from + int($_ * ($length - 1) / 4) } 0 .. 4) {
            my $c = substr $url, $at, 1;
            my $altered = $url;
            substr $altered, $at, 1, $c eq '0' ? '1' : $c eq 'a' ? 'b' : $c =~ /\d/ ? '0' : 'a';
            isnt fetch($altered)->{status}, 200, "character $at is altered: $altered";
        }
    }
    return;
}

sub with_place(&$$) {
    my ($start, $auth, $body) = @_;
    my $port = free_port();
    my $rbe = Rbe::Test->start(host => 'cgi', config => {
        'extra.download_prefix_info' => "{default: [{url: 'http://127.0.0.1:$port/dl', auth: $auth}]}",
    });
    my $place = $start->("$rbe->{data}/packages", $port);
    $body->(setup($rbe), $rbe, $place);
    return;
}

subtest 'secure-link by nginx' => sub {
    with_place {
        my ($root, $port) = @_;
        return Rbe::Place->nginx(port => $port, server => <<"CONF");
location /dl/ {
    secure_link \$arg_md5,\$arg_expires;
    secure_link_md5 "\$secure_link_expires\$uri $secret";
    if (\$secure_link = "") { return 403; }
    if (\$secure_link = "0") { return 410; }
    alias $root/;
}
CONF
    } "{type: secure-link, secret: $secret, lifetime: 5s}", sub {
        my ($url) = @_;
        like $url, qr{^http://127\.0\.0\.1:\d+/dl/p/[0-9a-f]{32}/blob-1\.0-any-any\.zip\?md5=[\w-]{22}&expires=\d+$};
        check_refusals($url, qr{dl/p/(\w+)}, qr{/(blob[^?]*)}, qr{md5=([\w-]{21})}, qr{expires=(\d+)});
        sleep 6;
        is fetch($url)->{status}, 410, 'expired';
    };
};

subtest 'secdownload by lighttpd' => sub {
    my $module = Rbe::Place::lighttpd_has('mod_secdownload');
    plan skip_all => 'lighttpd has neither mod_secdownload nor mod_magnet' if !$module && !Rbe::Place::lighttpd_has('mod_magnet');
    with_place {
        my ($root, $port) = @_;
        my $script = slurp('etc/secdownload.lua');
        $script =~ s{"/srv/rbe"}{"$root"};
        $script =~ s{^local timeout = 600}{local timeout = 5}m;
        my $file = spew(File::Temp->new(TMPDIR => 1, UNLINK => 0)->filename, $script);
        my $place = Rbe::Place->lighttpd(port => $port, config => $module ? <<"MODULE" : <<"SCRIPT");
server.modules = ("mod_secdownload")
secdownload.secret = "$secret"
secdownload.document-root = "$root/"
secdownload.uri-prefix = "/dl/"
secdownload.algorithm = "hmac-sha256"
secdownload.timeout = 5
MODULE
server.modules = ("mod_magnet")
\$HTTP["url"] =~ "^/dl/" { magnet.attract-physical-path-to = ("$file") }
SCRIPT
        $place->{files} = [$file];
        return $place;
    } "{type: secdownload, secret: $secret}", sub {
        my ($url, undef, $place) = @_;
        like $url, qr{^http://127\.0\.0\.1:\d+/dl/[\w-]{43}/[0-9a-f]{8}/p/[0-9a-f]{32}/blob-1\.0-any-any\.zip$};
        check_refusals($url, qr{dl/([\w-]{43})}, qr{/([0-9a-f]{8})/p}, qr{p/(\w+)}, qr{/(blob.*)});
        # the module's clock may be a second late
        sleep($module ? 8 : 6);
        is fetch($url)->{status}, 410, 'expired';
        unlink @{$place->{files}};
    };
};

subtest 'cloudfront by openssl' => sub {
    my $dir = File::Temp->newdir(TMPDIR => 1);
    my ($status) = run('openssl', 'genrsa', '-out', "$dir/key.pem", '2048');
    is $status, 0, 'a key';
    is((run('openssl', 'rsa', '-in', "$dir/key.pem", '-pubout', '-out', "$dir/public.pem"))[0], 0);
    my $rbe = Rbe::Test->start(host => 'cgi', config => {
        'extra.cdn_prefix' => 'https://d111111abcdef8.cloudfront.net/',
        'extra.cdn_auth' => "{type: cloudfront, key_id: K2JCJMDEHXQW5F, key_file: $dir/key.pem, lifetime: 1h}",
    });
    my $before = time;
    my $url = setup($rbe);
    my ($base, $expires, $signature, $id) = $url =~ m{^(\S+)\?Expires=(\d+)&Signature=([\w~-]+)&Key-Pair-Id=(\w+)$};
    is $id, 'K2JCJMDEHXQW5F';
    ok $expires >= $before + 3600 && $expires <= time + 3600, 'expires in an hour';
    $signature =~ tr{-_~}{+=/};
    spew("$dir/signature", decode_base64($signature));
    my $verify = sub {
        spew("$dir/policy", $_[0]);
        return (run('openssl', 'dgst', '-sha1', '-verify', "$dir/public.pem", '-signature', "$dir/signature", "$dir/policy"))[1];
    };
    my $policy = qq({"Statement":[{"Resource":"$base","Condition":{"DateLessThan":{"AWS:EpochTime":$expires}}}]});
    like $verify->($policy), qr/^Verified OK/, 'openssl takes the signature of the canned policy';
    unlike $verify->($policy =~ s/cloudfront/cloudfrond/r), qr/^Verified OK/, 'and not of another URL';
    unlike $verify->($policy =~ s/$expires/$expires + 1/er), qr/^Verified OK/, 'and not of another time';
};

# What the library of the vendor makes of the same link at the same moment: the signature proves itself to whoever has its
# secret. And so that it is no other, one of another path, method or second has another.
subtest 's3-v4 by botocore' => sub {
    plan skip_all => 'botocore is not installed (Debian: python3-botocore)' if (run('python3', '-c', 'import botocore.auth'))[0];
    my $clock = build_dir() . '/tests/clock.so';
    plan skip_all => "$clock is not built" if !-e $clock;
    my ($key, $long, $region) = ('AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'eu-west-1');
    my $now = File::Temp->new(TMPDIR => 1);
    # At a moment, which the clock that is loaded into it says.
    my $sign = sub {
        my ($method, $url, $date, $expires) = @_;
        my ($year, $month, @rest) = $date =~ /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
        spew("$now", timegm(reverse(@rest), $month - 1, $year));
        my ($status, $out, $err) = run({env => {LD_PRELOAD => $clock, RBE_CLOCK_FILE => "$now"}}, 'python3', '-c', <<'PY', $method, $url, $expires, $key, $long, $region);
import sys
from botocore import auth, awsrequest, credentials
method, url, expires, key, secret, region = sys.argv[1:]
request = awsrequest.AWSRequest(method=method, url=url)
auth.S3SigV4QueryAuth(credentials.Credentials(key, secret), 's3', region, expires=int(expires)).add_auth(request)
print(request.url)
PY
        is $status, 0 or diag $err;
        return {map { split /=/, $_, 2 } split /&/, ($out =~ /\?(\S+)/)[0] // ''};
    };
    for my $base ('https://bucket.s3.eu-west-1.amazonaws.com', 'https://S3.example:443/bucket', 'http://store.example:9000/a-b_c.d/e') {
        my $rbe = Rbe::Test->start(host => 'cgi', config => {'extra.download_prefix_info' =>
            "{default: [{url: '$base', auth: {type: s3-v4, key_id: $key, secret: '$long', region: $region, lifetime: 90m}}]}"});
        my $url = setup($rbe);
        my ($place, $query) = $url =~ /^([^?]+)\?(.*)$/;
        my %ours = map { split /=/, $_, 2 } split /&/, $query;
        is $ours{'X-Amz-Expires'}, 5400, 'good for what is configured';
        my @at = @ours{qw(X-Amz-Date X-Amz-Expires)};
        is_deeply \%ours, $sign->(GET => $place, @at), "a link to $base";
        isnt $ours{'X-Amz-Signature'}, $_->{'X-Amz-Signature'}, 'is no other'
            for $sign->(HEAD => $place, @at), $sign->(GET => "${place}x", @at), $sign->(GET => $place, $at[0], 5401);
    }
};

done_testing;
