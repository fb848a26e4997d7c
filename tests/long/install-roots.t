# share/doc/install.md and share/doc/shared-hosting.md, followed to the letter in empty roots: from the source behind lighttpd and
# behind Apache, and the archives of `make dist-bin` on systems that have none of rbe's libraries.
use strict;
use warnings;
use lib 'tests/lib';
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Rbe::Root qw(copy_source make_root needs);
use Rbe::Shell;
use Rbe::Test qw(must slurp spew pack_tree);
use Test::More;

needs(qw(unshare ip));

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;

make_root("$dir/source");
# No manager of services is there: what it would do for these two, and nothing more.
spew("$dir/source/usr/bin/systemctl", <<'SH');
#!/bin/sh
case "$*" in
'restart lighttpd') mkdir -p /run/lighttpd && chown www-data: /run/lighttpd && lighttpd -f /etc/lighttpd/lighttpd.conf ;;
'restart apache2') apache2ctl start ;;
esac
SH
chmod 0755, "$dir/source/usr/bin/systemctl";

srand 3;
mkdir "$dir/tree" or die $!;
spew("$dir/tree/bulk", join '', map { chr int rand 256 } 1 .. 10_000);
pack_tree("$dir/tree", 'zip', "$dir/my-app-1.0.0.zip");

# Serving needs port 80, which a network of its own has.
sub in_own_network {
    my ($shell, $what, $script) = @_;
    local $shell->{before} = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
    return $shell->does($what, $script);
}

my $doc = slurp('share/doc/install.md');
my $block = sub { (Rbe::Shell::blocks($doc, $_[0]))[$_[1] // 0] };
copy_source("$dir/source/root/rbe");
copy("$dir/my-app-1.0.0.zip", "$dir/source/root/rbe/") or die $!;
my $admin = Rbe::Shell->new(home => '/root/rbe', root => "$dir/source");
$admin->does('built and installed', $block->('Build and install'));
$admin->does('configured', $_) for Rbe::Shell::blocks($doc, 'Configure');
my @see = Rbe::Shell::blocks($doc, 'See that it works');
for my $server (['lighttpd', 'kill $(cat /run/lighttpd.pid)'], ['Apache', 'apache2ctl stop']) {
    my ($name, $stop) = @$server;
    my $how = $block->("Behind $name");
    # What is fetched from the network, and then what is done.
    my ($fetch, $rest) = $how =~ /^(apt-get [^\n]*\n)(.*)\z/s;
    $admin->does("$name is installed", "$fetch apt-get install -y curl");
    my $said = in_own_network($admin, "behind $name", "$rest sleep 2\n" . join('', $see[0], $name eq 'lighttpd' ? $see[1] : $see[1] =~ s/^rbe-admin .*\n//mgr) . "\n$stop\n");
    like $said, qr/"status":"ok"/, 'it answers';
    like $said, qr/"version_name":"1\.0\.0".*"update_type":"full"/, 'and tells of the release';
}
$admin->does('cron', $block->('Build incremental packages'));
$admin->does('the batch tool', (grep { /rbe-batch/ } split /\n/, slurp("$dir/source/etc/cron.d/rbe"))[-1] =~ s/^.* root //r);
$admin->does('upgraded', $block->('Upgrading'));
$admin->does('and all is as it was', 'rbe-admin verify && rbe-admin version list my-app');

# The archive, where no library of rbe's is; and the other one, where the C library is older than that of the programs.
my $guide = slurp('share/doc/shared-hosting.md');
my $shared = sub { (Rbe::Shell::blocks($guide, $_[0]))[$_[1] // 0] };
$admin->does('make dist-bin', 'make dist-bin');
$admin->does('make dist-bin STATIC=1', 'make dist-bin STATIC=1');
for my $case ([undef, 'x86_64'], ['bullseye', 'x86_64-static']) {
    my ($suite, $kind) = @$case;
    my $root = "$dir/shared-$kind";
    make_root($root, $suite);
    my ($archive) = glob "$dir/source/root/rbe/rbe-*-linux-$kind.tar.gz" or die 'no archive';
    my $host = Rbe::Shell->new(home => '/root', root => $root);
    $host->does('a shared host', 'apt-get update -q && apt-get install -q -y --no-install-recommends apache2 curl && useradd -m -s /bin/sh me'
        . ' && a2enmod cgid rewrite headers && chmod 711 /home/me');
    spew("$root/etc/apache2/sites-available/000-default.conf", "User me\nGroup me\n<VirtualHost *:80>\n" . Rbe::Host::shared('/home/me/public_html') . "</VirtualHost>\n");
    copy($_, "$root/home/me/") for $archive, "$dir/my-app-1.0.0.zip";
    my ($uid) = slurp("$root/etc/passwd") =~ /^me:x:(\d+)/m;
    my $me = Rbe::Shell->new(home => '/home/me', root => $root, user => $uid);
    $me->does('unpacked', $shared->('1. Bring rbe there'));
    $me->does('the configuration', $_) for Rbe::Shell::blocks($guide, '2. Make the configuration and the databases');
    $me->does('the web space', $shared->('3. Put it into the web space'));
    $me->does('published', $shared->('5. Publish'));
    $me->does('cron', $shared->('4. Let cron build') =~ s/^(?:\S+ ){5}//r);
    my $said = in_own_network($host, 'the host runs', 'apache2ctl start; sleep 2; curl -s http://127.0.0.1/health;'
        . " curl -s http://127.0.0.1/resources/my-app/latest?system=linux\\&arch=amd64; apache2ctl stop");
    like $said, qr/"status":"ok"/, 'it answers';
    like $said, qr/"version_name":"1\.0\.0"/, 'and tells of the release';
    $me->does('upgraded', $shared->('Upgrading'));
    $me->does('and all is sound', '~/rbe/bin/rbe-admin verify');
}
done_testing;
