# What the examples of web servers say of TLS in comments: with the # taken away, and a certificate in the place of theirs, they are
# configurations that the web servers take.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Rbe::Test qw(build_dir must run spew);
use Test::More;

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
my @cases = (
    ['lighttpd-spawn', "# ---- TLS", '# ---- requests', sub { $_[0] =~ s/^server\.(?:user|group)name .*\n//mgr }, sub { ('-tt', '-f', $_[0]) }],
    ['nginx', '# TLS', 'access_log', undef, sub { ('-t', '-e', "$dir/log/nginx/error.log", '-p', $dir, '-c', $_[0]) }],
    ['apache-fcgid', '# TLS', '# Only uploads', undef, sub { ('-t', '-f', $_[0]) }],
    ['apache-proxy', '# TLS', '# The programs', undef, sub { ('-t', '-f', $_[0]) }],
);
for my $case (@cases) {
    my ($host, $from, $to, $edit, $test) = @$case;
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
    }
}
done_testing;
