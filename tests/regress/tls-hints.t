# What the examples of web servers say of TLS and IPv6 in comments: with the # taken away, and a certificate in the place of theirs,
# they are configurations that the web servers take, and those with addresses of their own answer on them.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Rbe::Test qw(build_dir free_port must run slurp spew);
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'openssl is not installed' if (run('sh', '-c', 'command -v openssl'))[0];
my $dir = tempdir('rbe-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @names = ('/etc/ssl/certs/updates.example.com.pem', '/etc/ssl/private/updates.example.com.key');
must('a certificate', 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=updates.example.com', '-keyout', "$dir/key", '-out', "$dir/cert");
make_path(map { "$dir/$_" } qw(data/tmp run/rbe run/lighttpd log/lighttpd log/apache2 log/nginx));

# The lines of a block that are commented out; what is said about them has one space after the #.
sub with_tls {
    my ($text, $from, $to) = @_;
    my ($block) = $text =~ /(^ *\Q$from\E.*?)(?=^ *\Q$to\E)/ms or die "no $from before $to";
    my $done = $block =~ s/^( *)#(?! \S)/$1/mgr;
    isnt $done, $block, 'lines were commented out';
    return $text =~ s/\Q$block\E/$done/r;
}

my $rbe = {build => build_dir(), dir => $dir, data => "$dir/data", config => "$dir/rbe.yaml"};
must('a configuration for the programs', "$rbe->{build}/bin/rbe-admin", '--config', $rbe->{config}, 'init', '--data', $rbe->{data});
chmod 0711, $dir;
Rbe::Host::reach($rbe);
my @nginx = ('-e', "$dir/log/nginx/error.log", '-p', $dir, '-c');
my ($tls, $plain) = (free_port(), free_port());
my $ipv6 = -e '/proc/net/if_inet6' && slurp('/proc/net/if_inet6') =~ /^0{31}1 /m;

# Ports that are free, of this machine alone.
sub own_ports {
    my ($text) = @_;
    $text =~ s/^.*\[::\].*\n//mg if !$ipv6;
    return $text =~ s/"(?=:443")/"127.0.0.1/r =~ s/\[::\]:80\b/[::1]:$plain/r =~ s/\[::\](?=:443\b)/[::1]/r =~ s/:443\b/:$tls/gr
        =~ s/(?<=listen )443\b/127.0.0.1:$tls/r;
}

sub answers {
    my ($host, @argv) = @_;
    my $pid = Rbe::Host::spawn($rbe, $host, {}, @argv);
    my @ask = ('curl', '-gks', '--max-time', '10', '-w', ' %{http_code} %{redirect_url}');
    for (1 .. 100) {
        last if !(run(@ask, "https://127.0.0.1:$tls/robots.txt"))[0];
        sleep 0.1;
    }
    for my $address ('127.0.0.1', $ipv6 ? '[::1]' : ()) {
        is +(run(@ask, "https://$address:$tls/robots.txt"))[1], slurp('share/www/robots.txt') . ' 200 ', "$host: TLS on $address";
    }
    like +(run(@ask, "http://[::1]:$plain/health?a=b"))[1], qr{ 301 https://[^/]+/health\?a=b$}, "$host: http leads there" if $ipv6;
    kill TERM => $pid;
    waitpid $pid, 0;
    kill KILL => -$pid;
}

my @cases = (
    ['lighttpd-spawn', "# ---- TLS", '# ---- requests', sub { own_ports($_[0] =~ s/^server\.(?:user|group)name .*\n//mgr) }, sub { ('-tt', '-f', $_[0]) },
        sub { ('-D', '-f', $_[0]) }],
    ['nginx', '# TLS', 'access_log', \&own_ports, sub { ('-t', @nginx, $_[0]) }, sub { (@nginx, $_[0]) }],
    ['apache-fcgid', '# TLS', '# Only uploads', undef, sub { ('-t', '-f', $_[0]) }],
    ['apache-proxy', '# TLS', '# The programs', undef, sub { ('-t', '-f', $_[0]) }],
);
for my $case (@cases) {
    my ($host, $from, $to, $edit, $test, $serve) = @$case;
    SKIP: {
        my $missing = Rbe::Host::missing($host);
        $missing //= 'no mod_openssl' if $host =~ /^lighttpd/ && !-e '/usr/lib/lighttpd/mod_openssl.so';
        $missing //= 'no mod_ssl' if $host =~ /^apache/ && !-e '/usr/lib/apache2/modules/mod_ssl.so';
        skip "$host: $missing", 2 if $missing;
        my ($program, $file) = Rbe::Host::configured($rbe, $host, sub {
            my $text = with_tls($_[0], $from, $to);
            $text =~ s/\Q$names[0]\E/$dir\/cert/g;
            $text =~ s/\Q$names[1]\E/$dir\/key/g;
            return $edit ? $edit->($text) : $text;
        });
        my ($status, $out, $err) = run($program, $test->($file));
        is $status, 0, "$host takes it" or diag $out, $err;
        answers($host, $program, $serve->($file)) if $serve;
    }
}
done_testing;
