# share/doc/shared-hosting.md from the source, followed to the letter by a user whose home is all that he may write to, on a host
# that has Apache with suEXEC, cron, and nothing of rbe's beside its libraries; reached by its name, over TLS.
use strict;
use warnings;
use lib 'tests/lib';
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Rbe::Root qw(make_root needs);
use Rbe::Shell;
use Rbe::Test qw(must pack_tree run slurp spew tree_of $JSON);
use Test::More;
use Time::HiRes qw(sleep time);

needs(qw(unshare nsenter ip openssl));
my $dir = tempdir(CLEANUP => 1);
my $root = "$dir/host";
my $home = "$root/home/me";

# ---- the host ----

make_root($root);
my $host = Rbe::Shell->new(home => '/root', root => $root);
my ($libraries) = slurp('bootstrap') =~ /^BUILD='(.*?)'$/ms or die 'no BUILD in bootstrap';
$host->does('a host with a compiler', 'apt-get update -q && apt-get install -q -y --no-install-recommends ' . $libraries =~ s/\s+/ /gr
    . ' apache2 apache2-suexec-custom ca-certificates cron curl libcurl4');
$host->does('with a user', 'useradd -m -s /bin/sh me && chmod 711 /home/me && install -d -o me -g me -m 755 /home/me/public_html'
    . ' && echo 127.0.0.1 updates.example.com >> /etc/hosts');
$host->does('that has neither memcached nor X-Sendfile', '! find / -name "libmemcached*" -o -name "memcached*" -o -name "mod_xsendfile*" | grep .');
must('and a certificate', 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=updates.example.com',
    '-addext', 'subjectAltName=DNS:updates.example.com', '-keyout', "$root/etc/ssl/private/host.key", '-out', "$root/etc/ssl/certs/host.pem");
$host->does('that is trusted', 'cat /etc/ssl/certs/host.pem >> /etc/ssl/certs/ca-certificates.crt');
spew("$root/etc/apache2/suexec/www-data", "/home\npublic_html\n");
spew("$root/etc/apache2/sites-available/000-default.conf", <<'CONF' . Rbe::Host::shared('/home/me/public_html') . "</VirtualHost>\n");
<VirtualHost *:443>
ServerName updates.example.com
SSLEngine on
SSLCertificateFile /etc/ssl/certs/host.pem
SSLCertificateKeyFile /etc/ssl/private/host.key
SuexecUserGroup me me
CONF
$host->does('its Apache', 'a2enmod -q cgid rewrite ssl suexec');
# What cron's commands say is mailed.
spew("$root/usr/sbin/sendmail", "#!/bin/sh\ncat >> /var/mail/all\n");
chmod 0755, "$root/usr/sbin/sendmail";

# Its network and its processes, which end with the test.
my $machine = fork // die $!;
if (!$machine) {
    exec 'unshare', '-n', '-p', '-f', '--kill-child', 'sh', '-c', 'ip link set lo up && exec sleep infinity' or POSIX::_exit(127);
}
END { if ($machine) { local $?; kill KILL => $machine; waitpid $machine, 0 } }
my $first;
for (1 .. 100) {
    ($first) = slurp("/proc/$machine/task/$machine/children") =~ /^(\d+)/ and last;
    sleep 0.05;
}
my @inside = ('nsenter', '-t', $first, '-n', '-p');
$host->{before} = [@inside];

my ($uid) = slurp("$root/etc/passwd") =~ /^me:x:(\d+)/m;
# A strict umask, as some hosts have it.
my $me = Rbe::Shell->new(home => '/home/me', root => $root, user => $uid, before => [@inside, 'sh', '-c', 'umask 077 && exec "$@"', 'sh']);

sub files { my (@find) = @_; return [sort split /\n/, (run('find', @find))[1]] }
# What is his outside of his home, and what is in it.
sub outside { return files($root, '-path', $home, '-prune', '-o', '-user', $uid, '-print') }
sub top { return [map { s{.*/}{}r } @{files($home, '-mindepth', '1', '-maxdepth', '1', '!', '-name', '.bash*')}] }
# Programs of his that run.
sub running {
    return map { eval { slurp("$_/cmdline") } // () } grep { (readlink("$_/root") // '') eq $root && ((stat $_)[4] // 0) == $uid } glob '/proc/[0-9]*';
}

# ---- what the document says ----

my $guide = slurp('share/doc/shared-hosting.md');
my $block = sub { (Rbe::Shell::blocks($guide, $_[0]))[$_[1] // 0] };
my $fenced = sub { (Rbe::Shell::fenced($guide, $_[0]))[$_[1] // 0] };

must('the archive of the source', 'make', '-s', "B=$dir/build", 'dist');
my ($archive) = glob 'rbe-[0-9]*.tar.gz';
copy($archive, $home) or die $!;
$me->does('built and installed without root', $fenced->('1. Bring rbe there'));
my ($source) = map { s{.*/}{}r } grep { -d } glob "$home/rbe-[0-9]*";
$me->does('it is all there', "cd $source && make installcheck");
is_deeply outside(), [], 'and nothing outside of his home';
# Compilers want a place for temporary files, rbe does not.
$host->does('his home is all that he may write to', 'chmod 755 /tmp /var/tmp /run/lock; ! find / -xdev -type d -perm -2 | grep .');

$me->does('the configuration', $_) for Rbe::Shell::blocks($guide, '2. Make the configuration and the databases');
$me->does('the web space', $block->('3. Put it into the web space'));
$host->does('the host runs', 'apache2ctl start && cron');
for (1 .. 100) {
    last if !($me->run_it($block->('3. Put it into the web space', 1)))[0];
    sleep 0.1;
}
my $said = $me->does('asked', $block->('3. Put it into the web space', 1));
is $said, '{"status":"ok"}', 'it answers' or diag map { slurp($_) } glob "$root/var/log/apache2/*";
my $get = sub { my ($path) = @_; return $me->does("GET $path", "curl -sS -w ' %{http_code} %{content_type}' https://updates.example.com$path") };
like $get->('/nothing'), qr{^\{"code":1,.*\} 404 application/json}, 'what is not there';
like $get->('/robots.txt'), qr{^User-agent.* 200 text/plain}s, 'a file';
# One of the reasons that the document has for a 500.
$me->does('open to others', 'chmod g+w ~/public_html/rbe-cgi');
like $get->('/health'), qr{^\{"code":-1,.*\} 500 application/json}, 'is refused by the host, in JSON';
my ($mend) = $guide =~ /`(chmod [^`]*)`/;
$me->does($mend, $mend);
like $get->('/health'), qr{ 200 application/json}, 'mends it';

srand 3;
spew("$dir/bulk", join '', map { chr int rand 256 } 1 .. 200_000);
for my $version ('1.0.0', '1.1.0') {
    mkdir "$dir/$version" or die $!;
    copy("$dir/bulk", "$dir/$version/bulk") or die $!;
    spew("$dir/$version/version", $version);
    pack_tree("$dir/$version", 'zip', "$home/my-app-$version.zip");
    chmod 0644, "$home/my-app-$version.zip";
}
my $update = '~/rbe/bin/rbe-update --server https://updates.example.com --resource my-app --dir ~/installed --system linux --arch amd64';
$me->does('published', $block->('5. Publish'));
$me->does('a client installs it', $update);
my ($token) = $me->does('a token', $block->('5. Publish', 1)) =~ /(\S+)\s*\z/;
like $me->does('published from elsewhere', "TOKEN=$token; " . $fenced->('5. Publish')), qr/"version_name":"1\.1\.0"/;

my $ask = sub {
    my $path = shift // '';
    my ($status, $out, $err) = $me->run_it("curl -fsS 'https://updates.example.com$path/resources/my-app/latest?system=linux&arch=amd64&current=1.0.0'");
    return $status ? {update_type => $err} : $JSON->decode($out)->{data};
};
is $ask->()->{update_type}, 'full', 'no incremental package yet';
# The line is cron's, but for the five minutes of waiting.
(my $line = $block->('4. Let cron build')) =~ s{^\*/5 }{* } or die 'no line for cron';
spew("$home/line", $line);
$me->does('the crontab takes the line', 'crontab - < line && crontab -l');
my ($answer, $until) = ({}, time + 130);
sleep 1 until ($answer = $ask->())->{update_type} eq 'incremental' || time > $until;
is $answer->{update_type}, 'incremental', 'cron has built it';
ok !-e "$root/var/mail/all", 'and has nothing to mail' or diag slurp("$root/var/mail/all");

my $url = $answer->{download_url};
like $url, qr{^https://updates\.example\.com/resources/download/}, 'it comes from here';
like $me->does('its head', "curl -fsS -I '$url'"), qr/^content-length: $answer->{file_size}\r$/mi, 'its size is told';
$me->does('downloaded in two pieces', "curl -fsS -o got -r 0-99 '$url' && curl -fsS -o got -C - '$url'");
is +(split ' ', $me->does('summed', 'sha256sum got'))[0], $answer->{file_hash} =~ s/^sha256://r, 'whole';
like $me->does('the client updates', $update), qr/updated: version "1\.1\.0"/;
my $tree = tree_of("$home/installed");
delete @$tree{grep { /^\.rbe/ } keys %$tree};
is_deeply $tree, tree_of("$dir/1.1.0"), 'its tree is that of the release' or diag explain $tree;
# cron may be at it just now.
$until = time + 20;
sleep 0.1 until !running() || time > $until;
is_deeply [running()], [], 'no daemon of his is left running';

# In a directory of the site, beside what it has.
my $local = "$home/rbe/etc/rbe/rbe.local.yaml";
my ($set, $below) = (slurp($local), 'https://updates.example.com/updates');
spew($local, $set =~ s{public_url: .*}{public_url: $below}r);
$me->does('a directory', $block->('3. Put it into the web space') =~ s{public_html}{public_html/updates}gr);
$me->does('of its own', $block->('In a directory of another site'));
is $get->('/updates/health') =~ s/ .*//r, '{"status":"ok"}', 'it answers there';
like $get->('/updates/nothing'), qr{^\{"code":1,.*\} 404 application/json}, 'what is not there';
$answer = $ask->('/updates');
like $answer->{download_url}, qr{^\Q$below\E/resources/download/}, 'it comes from there';
$me->does('downloaded', "curl -fsS -o got '$answer->{download_url}'");
is +(split ' ', $me->does('summed', 'sha256sum got'))[0], $answer->{file_hash} =~ s/^sha256://r, 'whole';
$me->does('broken', 'chmod g+w ~/public_html/updates/rbe-cgi');
like $get->('/updates/health'), qr{^\{"code":-1,.*\} 500 application/json}, 'in JSON as well';
$me->does('and gone', 'rm -r ~/public_html/updates');
spew($local, $set);

# ---- what there is of it ----

my $crontabs = "$root/var/spool/cron/crontabs/me";
is_deeply outside(), [$crontabs], 'outside of his home there is his crontab';
is_deeply top(), [sort '.profile', 'got', 'installed', 'line', 'my-app-1.0.0.zip', 'my-app-1.1.0.zip', 'public_html', 'rbe', $source, $archive],
    'and in it what he has put there';
is_deeply [map { s{.*/}{}r } @{files("$home/public_html", '-mindepth', '1', '-maxdepth', '1')}], [qw(.htaccess rbe-cgi rbe-errors robots.txt)],
    'in the web space, too';

my @his = map { "$home/rbe/etc/rbe/$_" } qw(rbe.local.yaml rbe.yaml);
my %before = map { $_ => slurp($_) } @his;
$me->does('installed once more', "cd $source && make install");
is_deeply {map { $_ => slurp($_) } @his}, \%before, 'the configuration is as it was';
$me->does('and the web space', $block->('3. Put it into the web space'));
ok !-e "$home/public_html/rbe-errors/errors", 'with nothing twice';
is $ask->()->{update_type}, 'incremental', 'it serves what it served';

my $data = tree_of("$home/rbe/data");
$me->does('its line taken away', 'crontab -r');
$me->does('uninstalled', "cd $source\n" . $fenced->('Taking it away'));
is_deeply files("$home/rbe", '-type', 'f', '!', '-path', "$home/rbe/data/*"), \@his, 'what is left is the configuration';
is_deeply {map { $_ => slurp($_) } @his}, \%before, 'as it was';
is_deeply tree_of("$home/rbe/data"), $data, 'and the data';
is_deeply outside(), [], 'nothing outside of his home';
$me->does('installed again', "cd $source && make install");
is $ask->()->{update_type}, 'incremental', 'all is back';
$me->does('and sound', '~/rbe/bin/rbe-admin verify');
$me->does('all taken away', $block->('Taking it away'));
is_deeply [grep { /^(?:rbe|public_html)$/ } @{top()}], ['public_html'], 'his home is as it was';
is_deeply files("$home/public_html", '-mindepth', '1'), [], 'and his web space';
done_testing;
