# The configurations of share/doc/distribution.md as they stand there, with ports of our own.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use File::Temp ();
use Rbe::Place;
use Rbe::Ssh;
use Rbe::Test;
use Rbe::Update;
use Test::More;

my $doc = slurp('share/doc/distribution.md');
my $bytes = join '', map { chr($_ * 11 % 253) } 1 .. 300_000;

# The blocks of a language below a heading.
sub blocks {
    my ($heading, $language) = @_;
    my ($part) = $doc =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms or die "no heading $heading";
    my @found = $part =~ /^```\Q$language\E\n(.*?)^```$/msg;
    ok @found > 0, "$heading has $language";
    return @found;
}

# A server with the configuration of the document; %port replaces the hosts there.
sub serve {
    my ($yaml, %port) = @_;
    my $rbe = Rbe::Test->start(host => 'cgi');
    $yaml =~ s{https://\Q$_\E}{http://127.0.0.1:$port{$_}}g for keys %port;
    spew("$rbe->{data}/rbe.local.yaml", $yaml =~ s/^  public_url: https:.*\n//mr);
    my ($status, $out) = $rbe->admin(qw(config check));
    is $status, 0, 'config check is content' or diag $out;
    unlike $out, qr/^(?:warning|bad)/m, 'and warns of nothing' or diag $out;
    $rbe->{host} = 'lighttpd';
    $rbe->boot($port{'updates.example.com'});
    $rbe->create('blob', update_type => 'full');
    is $rbe->publish('blob', version_name => '1.0', bytes => $bytes, file_name => 'a.zip')->{status}, 201;
    return $rbe;
}

sub url_of { my ($rbe, $query) = @_; $rbe->get('/resources/blob/latest' . ($query // ''))->{json}{data}{download_url} }
sub fetch { my ($url, %headers) = @_; Rbe::Test::http({}, GET => $url, \%headers) }

subtest 'One machine' => sub {
    my $rbe = serve((blocks('One machine', 'yaml'))[0]);
    my $r = $rbe->get(url_of($rbe));
    is $r->{status}, 200, 'the file from here';
    is sha256_hex($r->{content}), sha256_hex($bytes);
    $rbe->stop;
};

subtest 'One CDN in front' => sub {
    my %port = ('cdn.example.com' => free_port(), 'updates.example.com' => free_port());
    my $rbe = serve((blocks('One CDN in front', 'yaml'))[0], %port);
    my $site = (blocks('One CDN in front', 'nginx'))[0];
    my $cdn = Rbe::Place->nginx(port => $port{'cdn.example.com'}, site => sub {
        my ($dir, $port) = @_;
        $site =~ s{/var/cache/nginx/rbe}{$dir/cache};
        $site =~ s{listen 443 ssl}{listen 127.0.0.1:$port};
        $site =~ s{^\s+(?:ssl_\w+|server_name) .*\n}{}mg;
        $site =~ s{https://updates\.example\.com}{$rbe->{base}};
        return $site;
    });
    my $link = $rbe->get(url_of($rbe))->{headers}{location};
    like $link, qr{^\Q$cdn->{base}\E/p/}, 'sent to the CDN';
    my $r = fetch($link);
    is $r->{status}, 200, 'which has the file';
    is sha256_hex($r->{content}), sha256_hex($bytes);
    like $r->{headers}{'x-cache'}, qr/^(?:MISS|HIT)$/, 'from the origin, now or when the place was probed';
    is $r->{headers}{etag}, '"' . sha256_hex($bytes) . '"';
    my $again = $rbe->get(url_of($rbe))->{headers}{location};
    $r = fetch($again, Range => 'bytes=1000-1999');
    is $r->{status}, 206, 'ranges';
    ok $r->{content} eq substr($bytes, 1000, 1000);
    is $r->{headers}{'x-cache'}, 'HIT', 'from its cache, whatever the signature';
    # The whole way of an updater: told here, fetched there.
    $rbe->create('app');
    my $zip = $rbe->zip_of({'bin/app' => "#!/bin/sh\n", 'data.txt' => 'x' x 5000});
    is $rbe->publish('app', version_name => '1.0', file => $zip)->{status}, 201;
    my $u = Rbe::Update->new(dir => "$rbe->{dir}/client", server => $rbe->{base}, resource => 'app');
    is $u->run, 0, 'rbe-update' or diag $u->{err};
    is $u->state->{version_name} // $u->state->{version}, '1.0';
    is slurp("$rbe->{dir}/client/data.txt"), 'x' x 5000;
    is fetch($link =~ s/\?.*//r)->{status}, 403, 'no signature';
    is fetch($link =~ s/md5=./md5=_/r)->{status}, 403, 'an altered one';
    is fetch($link =~ s{^\Q$cdn->{base}\E}{$rbe->{base}}r)->{status}, 404, 'the origin serves nobody else';
    $rbe->stop;
};

subtest 'CDN plus two regions' => sub {
    if (my $missing = Rbe::Ssh::missing()) { plan skip_all => $missing }
    my @hosts = map { "$_.example.com" } qw(updates cdn us1 eu1 eu2);
    my %port = map { $_ => free_port() } @hosts;
    my $dir = File::Temp->newdir(TMPDIR => 1);
    mkdir "$dir/$_" or die $! for qw(us1 eu bin);
    # eu1 is a sshd of this machine; the ssh that is found first knows its port and keys.
    my $ssh = Rbe::Ssh->new(hosts => ['eu1.example.com']);
    chmod 0755, spew("$dir/bin/ssh", "#!/bin/sh\nPATH=\${PATH#*:}\nexec $ssh->{command} \"\$@\"\n");
    local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
    my $yaml = (blocks('CDN plus two regions', 'yaml'))[0] =~ s{/mnt/us1}{$dir/us1}r =~ s{rbe\@eu1(\S+):/srv/rbe}{$ssh->{user}\@eu1$1:$dir/eu}r;
    my $rbe = serve($yaml, %port);
    my $nginx = (blocks('CDN plus two regions', 'nginx'))[0];
    my %place;
    for my $name (qw(us1 eu1 eu2)) {
        my ($secret) = $yaml =~ /$name.*?secret: (\w+)/s;
        my $root = $name eq 'us1' ? "$dir/us1" : "$dir/eu";
        $place{$name} = Rbe::Place->nginx(port => $port{"$name.example.com"}, site => sub {
            return $nginx =~ s{listen 443 ssl}{listen 127.0.0.1:$_[1]}r =~ s{^\s+(?:ssl_\w+|server_name) .*\n}{}mgr
                =~ s{uri \w+"}{uri $secret"}r =~ s{/srv/rbe}{$root}r;
        });
    }
    my %of = map { $port{$_} => s/\..*//r } @hosts;
    # Which places a hundred downloads of a region are sent to; each of them has the bytes.
    my $places_of = sub {
        my ($query, $tries) = @_;
        my (%seen, %fetched);
        for (1 .. $tries) {
            my $r = $rbe->get(url_of($rbe, $query));
            my $place = $r->{status} == 302 ? $of{($r->{headers}{location} =~ m{:(\d+)/})[0]} : 'here';
            $seen{$place}++;
            next if $place eq 'cdn' || $fetched{$place}++;
            my $got = $place eq 'here' ? $r : fetch($r->{headers}{location});
            is sha256_hex($got->{content}), sha256_hex($bytes), "the bytes from $place";
        }
        return \%seen;
    };
    # Until both targets have their copies, what does not go to the CDN is sent from here.
    my $until = time + 30;
    sleep 1 until time > $until || 2 == grep { $_->{target} && $_->{copies} } @{$JSON->decode($rbe->admin_ok(qw(mirror list --json)))}[1, 2];
    my $seen = $places_of->('?region=eu', 100);
    is_deeply [sort keys %$seen], [qw(cdn eu1 eu2)], 'europeans: the CDN and both machines there';
    is_deeply [sort keys %{$places_of->('', 60)}], [qw(cdn us1)], 'others: the CDN and America';
    is_deeply [sort keys %{$places_of->('?region=asia', 60)}], [qw(cdn us1)], 'a region that is not configured is one of them';
    my $link;
    do { $link = $rbe->get(url_of($rbe, '?region=eu'))->{headers}{location} } until $link =~ m{/rbe/};
    is fetch($link =~ s/\?.*//r)->{status}, 403, 'no signature, no file';
    $rbe->stop;
};

done_testing;
