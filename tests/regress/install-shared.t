# share/doc/shared-hosting.md, followed to the letter by a user of his own home, with Apache as shared hosts have it. The archive
# is made of the programs that are built; `make check-long` makes the real one (tests/long/install-roots.t).
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use Rbe::Shell;
use Rbe::Test qw(build_dir free_port run slurp spew pack_tree $JSON);
use Test::More;

plan skip_all => Rbe::Host::missing('apache-cgi') if Rbe::Host::missing('apache-cgi');

my $dir = tempdir('rbe-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $home = "$dir/home";
my $user = $> == 0 ? 'www-data' : undef;
make_path("$home/public_html", map { "$dir/$_" } qw(log/apache2 run root));
chmod 0711, $dir;

my $doc = slurp('share/doc/shared-hosting.md');
sub blocks { my ($heading) = @_; return Rbe::Shell::blocks($doc, $heading) }

my ($status, $out, $err) = run('make', '-s', '-o', 'all', "B=" . build_dir(), "DESTDIR=$dir/root", 'prefix=/rbe', 'exec_prefix=/rbe',
    map({ "$_->[0]=/rbe/$_->[1]" } [bindir => 'bin'], [sysconfdir => 'etc'], [localstatedir => 'var'], [datarootdir => 'share'], [datadir => 'share'],
        [mandir => 'share/man'], [libdir => 'lib'], [includedir => 'include']), 'install');
is $status, 0, 'make install' or diag "$out$err";
run('tar', '-C', "$dir/root", '-czf', "$home/rbe-0-linux-x86_64.tar.gz", 'rbe');
($status, $out, $err) = run('chown', '-R', "$user:", $home, "$dir/log", "$dir/run") if $user;

my $shell = Rbe::Shell->new(home => $home, user => $user);
my ($unpack) = blocks('1. Bring rbe there');
$shell->does('unpacked', $unpack);
$shell->does('the configuration', $_) for blocks('2. Make the configuration and the databases');
$shell->does('the web space', (blocks('3. Put it into the web space'))[0]);

# The host itself.
my ($pid, $port, $r);
for (1 .. 5) {
    $port = free_port();
    my $rbe = {dir => $dir, host => 'apache-cgi'};
    my @argv = Rbe::Host::apache_main($rbe, {modules => ['cgid', 'rewrite']}, $port, Rbe::Host::shared("$home/public_html"));
    $pid = Rbe::Host::spawn($rbe, 'web', {}, @argv);
    for (1 .. 100) {
        $r = HTTP::Tiny->new(timeout => 10)->get("http://127.0.0.1:$port/health");
        last if $r->{status} == 200 || waitpid $pid, POSIX::WNOHANG();
        select undef, undef, undef, 0.05;
    }
    last if $r->{status} == 200;
    kill KILL => -$pid;
}
is $r->{content}, '{"status":"ok"}', 'it answers' or diag slurp("$dir/log/apache2/error.log");

# As the document publishes, with real archives in the place of its own.
my $tree = "$dir/tree";
make_path($tree);
srand 9;
spew("$tree/bulk", join '', map { chr int rand 256 } 1 .. 30_000);
for my $version ('1.0.0', '1.1.0') {
    spew("$tree/version", $version);
    pack_tree($tree, 'zip', "$home/my-app-$version.zip");
    chmod 0644, "$home/my-app-$version.zip";
}
my ($by_shell, $token) = blocks('5. Publish');
$shell->does('published in the shell', $by_shell);
(my $secret) = $shell->does('a token', $token) =~ /(\S+)\s*\z/;
my ($curl) = Rbe::Shell::fenced($doc, '5. Publish');
$curl =~ s{https://updates\.example\.com}{http://127.0.0.1:$port};
like $shell->does('published from elsewhere', "TOKEN=$secret; $curl"), qr/"version_name":"1\.1\.0"/;
my $latest = sub { $JSON->decode(HTTP::Tiny->new->get("http://127.0.0.1:$port/resources/my-app/latest?system=linux&arch=amd64&current=1.0.0")->{content}) };
my $answer = $latest->();
is $answer->{data}{version_name}, '1.1.0', 'told';
like $answer->{data}{download_url}, qr{^https://updates\.example\.com/}, 'by the address that was configured';

# What cron runs.
my ($cron) = blocks('4. Let cron build');
$cron =~ s/^(?:\S+ ){5}//;
$shell->does('cron', $cron);
$answer = $latest->();
is $answer->{data}{update_type}, 'incremental', 'the incremental is there';
(my $url = $answer->{data}{download_url}) =~ s{https://updates\.example\.com}{http://127.0.0.1:$port};
$r = HTTP::Tiny->new->get($url);
is length $r->{content}, $answer->{data}{file_size}, 'downloaded';

# Upgraded in place: the configuration and the data are as they were.
my $before = slurp("$home/rbe/etc/rbe/rbe.yaml");
$shell->does('upgraded', (blocks('Upgrading'))[0]);
is slurp("$home/rbe/etc/rbe/rbe.yaml"), $before, 'the configuration is as it was';
is $latest->()->{data}{update_type}, 'incremental', 'and so are the data';

kill TERM => $pid;
waitpid $pid, 0;
kill KILL => -$pid;
done_testing;
