# What a stranger can make a web server keep: bodies of uploads without a right to upload, and large bodies elsewhere.
use strict;
use warnings;
use lib 'tests/lib';
use Fcntl qw(:mode);
use IO::Socket::INET;
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $half = 400_000;
# How a body is announced, its first half and its second.
my %body = (
    announced => ['Content-Length: ' . 2 * $half, 'x' x $half, 'x' x $half],
    chunked => ['Transfer-Encoding: chunked', map { sprintf("%x\r\n%s\r\n", $half, 'x' x $half) . $_ } '', "0\r\n\r\n"],
);

# Sends a request up to the middle of its body.
sub begin {
    my ($rbe, $path, $token, $length, $body) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $rbe->{port}) or die "connect: $!";
    print {$s} "POST $path HTTP/1.1\r\nHost: 127.0.0.1\r\n", defined $token ? "Authorization: Bearer $token\r\n" : '',
        "Content-Type: multipart/form-data; boundary=x\r\n$length\r\n\r\n$body";
    return $s;
}

# The answer that comes now; status 0 when none does.
sub answer {
    my ($s) = @_;
    my $got = '';
    local $SIG{ALRM} = sub { die "no answer\n" };
    eval { alarm 5; 1 while $got !~ /"data":/ && sysread $s, $got, 4096, length $got };
    alarm 0;
    my ($json) = $got =~ /(\{"code".*\})/s;
    return {status => $got =~ m{^HTTP/1.1 (\d+)} ? $1 : 0, head => $got, json => $json ? $JSON->decode($json) : {}};
}

# Files of some size that the web server has open, but for its logs and what it runs.
sub kept {
    my ($rbe) = @_;
    my $group = $rbe->{pids} ? $rbe->{pids}[0] : $rbe->{pid};
    my @files;
    for my $dir (grep { (getpgrp s{.*/}{}r) == $group } glob '/proc/[0-9]*') {
        for my $fd (glob "$dir/fd/*") {
            my ($name, @st) = (readlink $fd // '', stat $fd);
            push @files, $name if @st && S_ISREG($st[2]) && $st[7] > 50_000 && $name !~ m{\.(?:log|err|sock)$|/db/|/shared\.};
        }
    }
    return @files;
}

# The same, once it has noticed what came or who went.
sub arrived { my ($rbe) = @_; my $until = time + 5; sleep 0.05 while !kept($rbe) && time < $until; return join ' ', kept($rbe) }
sub left { my ($rbe) = @_; my $until = time + 5; sleep 0.05 while kept($rbe) && time < $until; return join ' ', kept($rbe) }

each_host {
    my $rbe = shift;
    local $SIG{PIPE} = 'IGNORE';
    $rbe->create($_) for qw(app other);
    my ($elsewhere) = split /\n/, $rbe->admin_ok(qw(token create for-another --resource other));
    my $apache = $rbe->{host} =~ /^apache/;
    for my $how (sort keys %body) {
        my ($length, $first, $second) = @{$body{$how}};
        # The web servers that keep a body until it is there do so for one who may upload, so it would be seen.
        if ($rbe->{host} !~ /^apache-(?:proxy|cgi)$/) {
            my $s = begin($rbe, '/resources/app/versions', $rbe->{token}, $length, $first);
            isnt arrived($rbe), '', "$how: kept for a publisher";
            close $s;
            is left($rbe), '', 'until he goes';
        }
        my @cases = (['no token', undef, '/resources/app/versions', 401], ['no token, the other dialect', undef, '/api/resources/app/versions', 401]);
        # It is the one that can ask whose token it is.
        push @cases, ['no token of ours', 'x' x 43, '/resources/app/versions', 401], ['a token for another', $elsewhere, '/resources/app/versions', 403],
            ['no such resource', $rbe->{token}, '/resources/none/versions', 404] if $rbe->{host} eq 'nginx';
        for my $case (@cases) {
            my ($what, $token, $path, $status) = @$case;
            my $s = begin($rbe, $path, $token, $length, $first);
            # Apache reads what is sent, and drops it.
            if ($apache) { sleep 0.5; is join(' ', kept($rbe)), '', "$how, $what: nothing is kept"; print {$s} $second }
            my $r = answer($s);
            # lighttpd hands on no chunks before they are all there.
            $status = 411 if $how eq 'chunked' && $rbe->{host} =~ /^lighttpd/;
            is left($rbe), '', "$how, $what: nothing is kept";
            is_deeply [$r->{status}, $r->{json}{code}], [$status, $status == 404 ? 8001 : 1], "and refused with $status" or diag $r->{head};
            like $r->{head}, qr/^WWW-Authenticate: Bearer realm="rbe"\r$/mi, 'with the way to authenticate' if $status == 401;
        }
    }
    my $r = answer(begin($rbe, '/resources/app/latest', undef, 'Content-Length: 3000000', ''));
    # CGI is handed what comes.
    is_deeply [$r->{status}, $r->{json}{code}], [413, 1], 'nobody else may send much' or diag $r->{head} if $rbe->{host} ne 'apache-cgi';
    srand 8;
    my $bulk = join '', map { pack 'N', int rand 2**32 } 1 .. 800_000;
    is $rbe->publish('app', version_name => '1.0.0', file => $rbe->zip_of({bulk => $bulk}))->{status}, 201, 'a publisher may';
    is $rbe->request(POST => '/api/resources/app/versions', token => $rbe->{token},
        $rbe->multipart(['name', '1.1.0'], ['file', slurp($rbe->zip_of({bulk => "$bulk."})), 'a.zip']))->{status}, 201, 'in the other dialect too';
} on => ['lighttpd', Rbe::Host::all()];

done_testing;
