# Upload locations: asked for with a token, used without one by real curl, published by the callback.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path);
use POSIX ();
use Rbe::Test;
use Test::More;

sub staged { my $rbe = shift; return [glob "$rbe->{data}/tmp/*"] }

sub ask {
    my ($rbe, %more) = @_;
    my $rid = delete $more{rid} // 'app';
    return $rbe->post("/resources/$rid/versions", json => {name => '1.0.0', os => 'win', arch => 'x64', channel => 'stable',
        filename => 'app-1.0.0.zip', %more});
}

sub location { my $r = ask(@_); is $r->{status}, 200, 'a location' or diag $r->{content}; return $r->{json}{data} }

# The form as the contract has it; %more replaces or adds fields, undef takes one away.
sub form {
    my ($l, $bytes, %more) = @_;
    my %field = (key => $l->{key}, policy => $l->{policy}, OSSAccessKeyId => $l->{access_key}, signature => $l->{signature},
        success_action_status => 200, %more);
    return ((map { [$_, $field{$_}] } grep { defined $field{$_} } sort keys %field), ['file', $bytes, 'app.zip']);
}

sub bring { my ($rbe, $l, $bytes, %more) = @_; return $rbe->request(POST => $l->{host}, $rbe->multipart(form($l, $bytes, %more))) }

sub callback {
    my ($rbe, $l, %more) = @_;
    my $rid = delete $more{rid} // 'app';
    my $token = delete $more{token} // $rbe->{token};
    return $rbe->request(POST => "/resources/$rid/versions/callback", token => $token,
        json => {name => '1.0.0', os => 'windows', arch => 'amd64', channel => 'stable', key => $l->{key}, %more});
}

sub refused {
    my ($r, $status, $code, $what) = @_;
    is_deeply [$r->{status}, $r->{json}{code}], [$status, $code], $what or diag $r->{content};
}

sub test_story {
    my ($rbe, $zip) = @_;
    my $bytes = slurp($zip);
    my $r = ask($rbe);
    is $r->{status}, 200, 'asked';
    is_deeply [$r->{content} =~ /"(\w+)":/g], [qw(code msg data host key name policy access_key signature)], 'fields in order';
    my $l = $r->{json}{data};
    is $l->{host}, "$rbe->{base}/upload", 'this server itself is the host';
    is $l->{name}, 'app-1.0.0.zip';
    like $l->{key}, qr{^[\w-]+/app-1\.0\.0\.zip$};
    is_deeply staged($rbe), [], 'nothing is kept for it';
    refused callback($rbe, $l), 404, 8001, 'a callback before the file';

    $r = bring($rbe, $l, $bytes);
    is $r->{status}, 200, 'the file, without a token' or diag $r->{content};
    is_deeply $r->{json}{data}, {key => $l->{key}, file_size => length $bytes, file_hash => 'sha256:' . sha256_hex($bytes)};
    refused bring($rbe, $l, $bytes), 403, 1, 'a location fits one file';
    is scalar @{staged($rbe)}, 1, 'one is there';

    refused callback($rbe, $l, token => undef, name => '1.0.1'), 403, 1, 'the key of another version';
    refused callback($rbe, $l, arch => 'arm64'), 403, 1, 'of another arch';
    refused callback($rbe, $l, os => 'linux'), 403, 1, 'of another system';
    refused callback($rbe, $l, channel => 'beta'), 403, 1, 'of another channel';
    refused callback($rbe, $l, rid => 'other'), 403, 1, 'of another resource';
    refused callback($rbe, $l, key => $l->{key} =~ s/app/bpp/r), 403, 1, 'of another file';
    refused callback($rbe, $l, key => 'x'), 403, 1, 'no key at all';
    refused callback($rbe, $l, key => ''), 400, 1001, 'none';
    refused $rbe->request(POST => '/resources/app/versions/callback', json => {}), 401, 1, 'no token';
    refused $rbe->get('/resources/app/versions/callback', token => $rbe->{token}), 405, 1, 'another method';

    $r = callback($rbe, $l);
    is $r->{status}, 200, 'published' or diag $r->{content};
    is_deeply [keys %{$r->{json}{data}}], ['status_key'];
    my $s = $rbe->get("/resources/app/versions/status?key=$r->{json}{data}{status_key}", token => $rbe->{token});
    is $s->{json}{data}{status}, 2, 'completed';
    my $again = callback($rbe, $l, os => 'Win32', arch => 'X86_64', channel => '');
    is_deeply $again->{json}, $r->{json}, 'asked again it says the same';
    refused bring($rbe, $l, $bytes), 403, 1, 'the location stays used';
    my $latest = $rbe->get('/resources/app/latest?os=win&arch=x64')->{json}{data};
    is $latest->{file_hash}, 'sha256:' . sha256_hex($bytes), 'and live';

    # The same bytes by another location are published already; others are not taken.
    my $same = location($rbe);
    is bring($rbe, $same, $bytes)->{status}, 200;
    is callback($rbe, $same)->{status}, 200, 'the same bytes again';
    my $other = location($rbe);
    is bring($rbe, $other, slurp($rbe->zip_of({b => 'other'})))->{status}, 200;
    refused callback($rbe, $other), 409, 8006, 'other bytes';
    refused callback($rbe, $other), 409, 8006, 'and again';
    is_deeply [grep { -e "$_/file" } @{staged($rbe)}], [], 'no bytes are left';
}

sub test_early {
    my ($rbe) = @_;
    my $before = staged($rbe);
    refused ask($rbe, name => 'a/b'), 400, 1001, 'a version name that is none';
    refused ask($rbe, os => 'beos'), 400, 8002, 'no such system';
    refused ask($rbe, arch => 'sparc'), 400, 8003, 'no such arch';
    refused ask($rbe, channel => 'nightly'), 400, 8004, 'no such channel';
    refused ask($rbe, name => 'zebra', channel => 'beta'), 400, 8008, 'no order on beta';
    refused ask($rbe, channel => 'beta', arch => 'arm64'), 409, 8006, 'another platform under another channel';
    refused ask($rbe, filname => 'x'), 400, 1001, 'a typo';
    refused ask($rbe, rid => 'nothing'), 404, 8001, 'no such resource';
    refused $rbe->request(POST => '/resources/app/versions', json => {name => '2'}), 401, 1, 'no token';
    my ($bound) = split /\n/, $rbe->admin_ok(qw(token create elsewhere --resource other));
    refused $rbe->request(POST => '/resources/app/versions', token => $bound, json => {name => '2'}), 403, 1, 'bound elsewhere';
    is $rbe->request(POST => '/resources/app/versions', json => {name => '2', filename => "/tmp/\xfc b.tar.gz"},
        headers => {Authorization => $rbe->{token}})->{json}{data}{name}, '___b.tar.gz', 'a token without the word Bearer, an odd name';
    is_deeply staged($rbe), $before, 'nothing is kept of all that';
}

sub test_forms {
    my ($rbe, $zip) = @_;
    my $bytes = slurp($zip);
    my $l = location($rbe, name => '1.1.0');
    my $other = location($rbe, name => '1.1.0');
    my $before = staged($rbe);
    my %bad = (
        'no key' => [400, 1001, key => undef], 'no policy' => [400, 1001, policy => undef],
        'no access key' => [400, 1001, OSSAccessKeyId => undef], 'no signature' => [400, 1001, signature => undef],
        'the key of another location' => [403, 1, key => $other->{key}],
        'the policy of another location' => [403, 1, policy => $other->{policy}],
        'key and policy of another location' => [403, 1, key => $other->{key}, policy => $other->{policy}],
        'another access key' => [403, 1, OSSAccessKeyId => 'me'],
        'another signature' => [403, 1, signature => 'A' x 43], 'a mangled signature' => [403, 1, signature => "$l->{signature}A"],
        'another file name' => [403, 1, key => $l->{key} =~ s/zip/exe/r],
        'another status' => [400, 1001, success_action_status => 302],
        'a status that is none' => [400, 1001, success_action_status => 'ok'],
    );
    for my $what (sort keys %bad) {
        my ($status, $code, %more) = @{$bad{$what}};
        refused bring($rbe, $l, $bytes, %more), $status, $code, $what;
    }
    my @form = form($l, $bytes);
    refused $rbe->request(POST => $l->{host}, $rbe->multipart($form[-1], @form[0 .. $#form - 1])), 400, 1001, 'the file first';
    refused $rbe->request(POST => $l->{host}, $rbe->multipart(@form[0 .. $#form - 1])), 400, 1001, 'no file';
    refused bring($rbe, $l, ''), 400, 1001, 'an empty file';
    refused $rbe->request(POST => $l->{host}, $rbe->multipart(@form, ['key', $l->{key}])), 400, 1001, 'a field twice';
    refused $rbe->request(POST => $l->{host}, body => '{}', headers => {'Content-Type' => 'application/json'}), 400, 1001, 'no form';
    refused $rbe->get($l->{host}), 405, 1, 'no GET';
    my %cut = $rbe->multipart(@form);
    refused $rbe->request(POST => $l->{host}, %cut, body => substr $cut{body}, 0, -60), 400, 1001, 'a body without its end';
    is_deeply staged($rbe), $before, 'nothing is left of all that';
    # Fields that others know are passed over.
    is bring($rbe, $l, $bytes, name => 'app.zip', callback => 'x', success_action_status => 201)->{status}, 201, 'a status as asked';
    my $r = bring($rbe, $other, $bytes, success_action_status => undef);
    is $r->{status}, 200, 'without one';
    is callback($rbe, $l, name => '1.1.0')->{status}, 200;
    is callback($rbe, $other, name => '1.1.0')->{status}, 200, 'the second of two that brought the same';
    $l = location($rbe, name => '1.2.0');
    $r = bring($rbe, $l, $bytes, success_action_status => 204);
    is_deeply [$r->{status}, $r->{content}], [204, ''], 'no content';
    is callback($rbe, $l, name => '1.2.0')->{status}, 200;
}

sub test_refused_archive {
    my ($rbe) = @_;
    my $l = location($rbe, name => '2.0.0');
    is bring($rbe, $l, 'no archive')->{status}, 200, 'bytes are not looked into when they come';
    my $r = callback($rbe, $l, name => '2.0.0');
    refused $r, 400, 1001, 'but by the callback';
    is $r->{json}{data}{violations}[0]{field}, 'file';
    refused callback($rbe, $l, name => '2.0.0'), 410, 1, 'and then they are gone';
    is_deeply [grep { -e "$_/file" } @{staged($rbe)}], [], 'from the disk as well';
}

# What is named by extension keeps it.
sub test_full {
    my ($rbe) = @_;
    $rbe->create('blob', update_type => 'full');
    my $l = location($rbe, rid => 'blob', filename => 'Setup.EXE');
    is bring($rbe, $l, 'MZ')->{status}, 200;
    is callback($rbe, $l, rid => 'blob')->{status}, 200;
    my $url = $rbe->get('/resources/blob/latest?os=windows&arch=amd64')->{json}{data}{download_url};
    like $rbe->head($url)->{headers}{'content-disposition'}, qr/\.exe"$/, 'the kind of file is what the name said';
}

each_host {
    my $rbe = shift;
    $rbe->create($_) for qw(app other);
    my $zip = $rbe->zip_of({'app.txt' => 'one'});
    test_story($rbe, $zip);
    test_early($rbe);
    test_forms($rbe, $zip);
    test_refused_archive($rbe);
    test_full($rbe);

    # What nobody publishes is swept with the rest.
    is bring($rbe, location($rbe, name => '3.0.0'), slurp($zip))->{status}, 200;
    utime time - 90_000, time - 90_000, $_ for @{staged($rbe)};
    $rbe->{pid} ? do { $rbe->stop; $rbe->batch } : $rbe->batch;
    is_deeply staged($rbe), [], 'swept after a day';
    my ($ok, $out) = $rbe->admin('verify');
    is $ok, 0, 'database and disk agree' or diag $out;
};

# As a job does it: curl, tar.gz for unix and zip for Windows, two callbacks at once, a connection that drops.
each_host {
    my $rbe = shift;
    $rbe->create('app');
    for my $case (['osx', 'arm64', 'tar.gz', 'darwin'], ['linux', 'x64', 'tar.gz', 'linux'], ['win', 'x86', 'zip', 'windows']) {
        my ($os, $arch, $type, $system) = @$case;
        my $file = $rbe->zip_of({'bin/app' => "#!/bin/sh\necho $os\n"}, $type);
        my ($status, $out, $err) = run('curl', '-sS', '-H', "Authorization: $rbe->{token}", '-H', 'Content-Type: application/json',
            '-d', qq({"name":"v1.0.0","os":"$os","arch":"$arch","channel":"stable","filename":"app.$type"}),
            "$rbe->{base}/api/resources/app/versions");
        my $l = $JSON->decode($out)->{data};
        ($status, $out, $err) = run('curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', map({ ('-F', $_) } "key=$l->{key}",
            "policy=$l->{policy}", "OSSAccessKeyId=$l->{access_key}", "signature=$l->{signature}", 'success_action_status=200',
            "file=\@$file"), $l->{host});
        is $out, 200, "curl brings a $type for $os" or diag $err;
        my @callback = ('curl', '-sS', '-H', "Authorization: Bearer $rbe->{token}", '-H', 'Content-Type: application/json', '-d',
            qq({"name":"v1.0.0","os":"$os","arch":"$arch","channel":"stable","key":"$l->{key}"}),
            "$rbe->{base}/api/resources/app/versions/callback");
        my @other = fork_curl(@callback);
        ($status, $out) = run(@callback);
        my %seen = map { $_ => 1 } $JSON->decode($out)->{code}, $JSON->decode(join '', readline $other[0])->{code};
        waitpid $other[1], 0;
        ok $seen{0} && !grep({ $_ != 0 && $_ != 8007 } keys %seen), 'two callbacks at once: published, the other waits or agrees';
        my $key = $JSON->decode((run(@callback))[1])->{data}{status_key};
        is $rbe->get("/api/resources/app/versions/status?key=$key", token => $rbe->{token})->{json}{data}{status}, 2, 'completed';
        is $rbe->get("/resources/app/latest?system=$os&arch=$arch")->{json}{data}{system}, $system, 'live';
    }

    my $before = staged($rbe);
    my $l = location($rbe, name => '2.0.0');
    my %form = $rbe->multipart(form($l, 'x' x 3_000_000));
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $rbe->{port}) or die;
    print {$s} "POST /upload HTTP/1.1\r\nHost: 127.0.0.1:$rbe->{port}\r\nContent-Type: $form{headers}{'Content-Type'}\r\n"
        . "Content-Length: " . length($form{body}) . "\r\n\r\n" . substr $form{body}, 0, 2_000_000;
    close $s;
    my $tries = 0;
    select undef, undef, undef, 0.05 while @{staged($rbe)} > @$before && $tries++ < 100;
    is_deeply staged($rbe), $before, 'a connection that drops leaves nothing';
    is bring($rbe, $l, 'whole')->{status}, 200, 'and the location is still good';
    refused bring($rbe, location($rbe, name => '3.0.0'), 'x' x 4_000_001), 413, 1, 'a file over limits.upload_bytes';
} only => ['lighttpd'], config => {'limits.upload_bytes' => 4_000_000};

sub fork_curl {
    my (@argv) = @_;
    my $pid = open my $out, '-|', @argv or die;
    return ($out, $pid);
}

done_testing;
