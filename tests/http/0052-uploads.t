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

sub left { my $rbe = shift; return [glob "$rbe->{data}/packages/p/* $rbe->{data}/tmp/*"] }
sub versions { my $rbe = shift; return $rbe->get('/admin/resources/app/versions', token => $rbe->{token})->{json}{data}{total} }

# tmp/ as it was, once the server has noticed.
sub settles {
    my ($rbe, $before, $what) = @_;
    for (1 .. 100) { last if @{left($rbe)} == @$before; sleep 0.05 }
    is_deeply left($rbe), $before, $what;
}

sub upload {
    my ($rbe, @parts) = @_;
    return $rbe->request(POST => '/resources/app/versions', token => $rbe->{token}, $rbe->multipart(@parts));
}

# Raw: what is sent, in pieces, and what comes back within a few seconds.
sub talk {
    my ($rbe, %o) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $rbe->{port}) or die "connect: $!";
    my $path = $o{path} // '/resources/app/versions';
    my $auth = exists $o{token} ? $o{token} : $rbe->{token};
    local $SIG{PIPE} = 'IGNORE';
    print {$s} "POST $path HTTP/1.1\r\nHost: 127.0.0.1\r\n", defined $auth ? "Authorization: Bearer $auth\r\n" : '',
        "Content-Type: multipart/form-data; boundary=x\r\n$o{headers}\r\n", $o{body} // '';
    if ($o{drop}) { close $s; return }
    my $got = '';
    local $SIG{ALRM} = sub { die "no answer\n" };
    eval { alarm 10; 1 while $got !~ /"data":/ && sysread $s, $got, 4096, length $got; alarm 0 };
    alarm 0;
    return {status => $got =~ m{^HTTP/1.1 (\d+)} ? $1 : 0, content => $got, json => eval { $JSON->decode($got =~ s/.*?\r\n\r\n//sr) }};
}

my $part = qq(--x\r\nContent-Disposition: form-data; name="version_name"\r\n\r\n9.0.0\r\n)
    . qq(--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n);

# Any order of the parts, and what is in them more than once.
each_host {
    my $rbe = shift;
    $rbe->create('app');
    srand 9;
    my $bulk = join '', map { chr int rand 256 } 1 .. 20_000;
    my @old = map { "0.$_.0" } 1 .. 4;
    for my $name (@old) {
        is $rbe->publish('app', version_name => $name, file => $rbe->zip_of({a => $name, b => $bulk}))->{status}, 201, $name;
    }
    my $zip = slurp($rbe->zip_of({a => 'new', b => $bulk}));
    my %part = (name => ['name', '1.0.0'], os => ['os', 'any'], note => ['release_note', 'words'], hash => ['sha256', sha256_hex($zip)],
        file => ['file', $zip, 'a.zip'], old => ['old_version', ' 0.1.0 ,,0.2.0,'], more => ['old_version', '0.3.0'],
        none => ['old_version', ''], unknown => ['old_version', "7.7.7, \t8.8.8 "]);
    my @orders = ([qw(file hash name os note old more none unknown)], [qw(more hash old file unknown note none os name)],
        [qw(name hash unknown old more none os note file)]);
    my $n = 0;
    for my $order (@orders) {
        $part{name}[1] = '1.' . ++$n . '.0';
        my $r = upload($rbe, @part{@$order});
        is $r->{status}, 201, "@$order" or diag $r->{content};
        is_deeply [sort @{$r->{json}{data}{ignored_old_versions}}], ['7.7.7', '8.8.8'], 'the unknown ones are named';
    }
    my $jobs = $JSON->decode($rbe->admin_ok('--json', 'job', 'list'));
    # Those of the first two are void once the third is there; what the worker has built meanwhile has numbers too.
    my @pairs = map { $_->{subject} =~ /^files:(\d+):(\d+)$/ ? [$1, $2] : () } @$jobs;
    my ($last) = sort { $b <=> $a } map { $_->[0] } @pairs;
    is_deeply [sort map { $_->[0] == $last ? $_->[1] : () } @pairs], [1 .. 3], 'the known ones are queued, once each';

    # A hash of other bytes, in any spelling, wherever it stands.
    for my $case (['0' x 64, 'mismatch'], ['sha256:' . 'f' x 64, 'mismatch'], ['x' x 64, 'format'], ['', undef],
        ['SHA256:' . sha256_hex($zip), 'format'], ['sha256:' . uc sha256_hex($zip), undef]) {
        my ($hash, $rule) = @$case;
        my $r = upload($rbe, ['file', $zip, 'a.zip'], ['sha256', $hash], ['version_name', '2.' . ++$n . '.0']);
        is $r->{status}, $rule ? 400 : 201, "sha256 '$hash'" or diag $r->{content};
        is $r->{json}{data}{violations}[0]{violation}, $rule, 'and why' if $rule;
    }
    is upload($rbe, (map { ['old_version', "0.0.$_"] } 1 .. 101), ['file', $zip, 'a'], ['version_name', '3'])->{json}{code}, 1001,
        'more than a hundred old versions';
    my $r = upload($rbe, (map { ['old_version', ''] } 1 .. 300), ['file', $zip, 'a'], ['version_name', '3']);
    is $r->{json}{code}, 1001, 'more parts than a form may have';
};

# Two at once: the same bytes are one publish, of others one wins.
each_host {
    my $rbe = shift;
    $rbe->create('app');
    my @zips = map { $rbe->zip_of({a => $_ x 1000}) } 1 .. 2;
    for my $case (['the same bytes', 0, 0], ['other bytes', 0, 1]) {
        my ($what, @which) = @$case;
        for my $round (1 .. 3) {
            my @out = map {
                my $zip = $zips[$_];
                open my $fh, '-|', 'curl', '-sS', '-H', "Authorization: Bearer $rbe->{token}", '-F', "version_name=$what $round",
                    '-F', "file=\@$zip", '-w', ' %{http_code}', "$rbe->{base}/resources/app/versions" or die $!;
                $fh;
            } @which;
            my @status = sort map { my $got = join '', readline $_; close $_; $got =~ /(\d+)$/ } @out;
            is_deeply \@status, $what =~ /same/ ? [200, 201] : [201, 409], "$what at once";
        }
    }
    is versions($rbe), 6, 'one version each';
    my ($ok, $out) = $rbe->admin('verify');
    is $ok, 0, 'database and disk agree' or diag $out;
} only => ['lighttpd'];

# Connections that drop, lengths that are too large, lengths that are not said.
each_host {
    my $rbe = shift;
    $rbe->create('app');
    my $before = left($rbe);
    talk($rbe, headers => "Content-Length: 900000\r\n", body => $part . 'x' x 700_000, drop => 1);
    settles($rbe, $before, 'a connection that drops');
    talk($rbe, headers => "Transfer-Encoding: chunked\r\n", body => sprintf("%x\r\n%s\r\n", length $part, $part) . "5000\r\n" . 'x' x 200,
        drop => 1);
    settles($rbe, $before, 'one that drops in a chunk');
    is versions($rbe), 0, 'no row';

    my $r = talk($rbe, headers => "Content-Length: 3000000\r\n");
    is_deeply [$r->{status}, $r->{json}{code}], [413, 1], 'too much is refused when it is announced';
    $r = talk($rbe, headers => "Transfer-Encoding: chunked\r\n", body => $part
        =~ s/^(.*)$/sprintf "%x\r\n%s\r\n", length $1, $1/ser . (sprintf("%x\r\n%s\r\n", 100_000, 'x' x 100_000) x 30));
    is_deeply [$r->{status}, $r->{json}{code}], [413, 1], 'and when it comes unannounced';
    # A little over the limit is still kept by the web server, so the program counts.
    my $body = $part . 'x' x 1_000_001 . "\r\n--x--\r\n";
    $r = talk($rbe, headers => 'Content-Length: ' . length($body) . "\r\n", body => $body);
    is_deeply [$r->{status}, $r->{json}{code}], [413, 1], 'a byte over the limit';
    is $r->{json}{msg}, 'the upload is over 1000000 bytes', 'says the limit';
    settles($rbe, $before, 'nothing of it is left');

    # Before the body.
    $r = talk($rbe, token => undef, headers => "Content-Length: 900000\r\n");
    is_deeply [$r->{status}, $r->{json}{code}], [401, 1], 'no token: refused while the body is still to come';
    like $r->{content}, qr/^WWW-Authenticate: Bearer/mi, 'with the way to authenticate';
    $r = talk($rbe, token => undef, headers => "Content-Length: 900000\r\n", body => $part . 'x' x 899_000);
    is $r->{status}, 401, 'or is coming';
    $r = talk($rbe, path => '/resources/app/latest', headers => "Content-Length: 3000000\r\n");
    is_deeply [$r->{status}, $r->{json}{code}], [413, 1], 'nobody else may send much';
    settles($rbe, $before, 'nothing is kept');
    is $rbe->publish('app', version_name => '1.0.0', file => $rbe->zip_of({a => 'b'}))->{status}, 201, 'and then it goes on';
} only => ['lighttpd'], config => {'limits.upload_bytes' => 1_000_000};

# The same without a web server that counts: a body of unknown length, and one that ends early.
each_host {
    my $rbe = shift;
    $rbe->create('app');
    my $before = left($rbe);
    my %type = ('Content-Type' => 'multipart/form-data; boundary=x');
    my $send = sub {
        my ($body, %headers) = @_;
        return $rbe->request(POST => '/resources/app/versions', token => $rbe->{token}, body => $body, headers => {%type, %headers});
    };
    my $r = $send->($part . 'x' x 500, 'Content-Length' => 100_000);
    is_deeply [$r->{status}, $r->{json}{code}], [400, 1], 'a body that ends early';
    $r = $send->('', 'Content-Length' => 3_000_000);
    is_deeply [$r->{status}, $r->{json}{code}], [413, 1], 'too much is refused when it is announced';
    $r = $send->($part . 'x' x 2_000_000, 'Content-Length' => '');
    is_deeply [$r->{status}, $r->{json}{code}], [413, 1], 'and counted when it is not';
    is_deeply left($rbe), $before, 'nothing is left';
    is versions($rbe), 0, 'no row';
    my $zip = slurp($rbe->zip_of({a => 'b'}));
    is $send->("$part$zip\r\n--x--\r\n", 'Content-Length' => '')->{status}, 201, 'a length that is not said is no harm';
} only => ['cgi'], config => {'limits.upload_bytes' => 1_000_000};

done_testing;
