# The services, under a systemd that boots in an empty root: the Debian package starts them when it is installed, upgrades them
# under requests that are all answered, and stops them when it goes; and what its README.Debian and share/doc/install.md say of nginx,
# Apache and lighttpd, with the services and, where these start the programs, with cron, works as written.
use strict;
use warnings;
use lib 'tests/lib';
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Rbe::Root qw(boot make_root needs);
use Rbe::Shell;
use Rbe::Test qw(must pack_tree run slurp spew);
use Test::More;

needs(qw(dpkg-buildpackage systemd-nspawn));
my $dir = tempdir(CLEANUP => 1);
my $root = "$dir/root";
make_root($root);
sub in_root { my ($what, $command) = @_; must($what, 'chroot', $root, 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-e', '-c', $command) }
in_root('a system with systemd and web servers', 'apt-get -q update && apt-get -q -y install --no-install-recommends systemd systemd-sysv curl cron nginx'
    . ' lighttpd apache2 libapache2-mod-fcgid && systemctl disable nginx lighttpd apache2');
my ($status, $said) = boot($root, "systemctl is-system-running --wait\nexit 42\n");
plan skip_all => 'systemd does not boot here: ' . substr $said, -300 if $status != 42;

must('the package is built', 'env', '-u', 'MAKEFLAGS', 'make', '-s', "B=$dir/build", 'deb');
my ($deb) = grep { !/dbgsym/ } glob "$dir/build/deb/rbe_*.deb";
my $version = ($deb =~ /rbe_([^_]+)_/)[0];
copy($deb, "$root/rbe.deb") or die $!;
must('the next version of it', 'dpkg-deb', '-R', $deb, "$dir/next");
spew("$dir/next/DEBIAN/control", slurp("$dir/next/DEBIAN/control") =~ s/^Version: .*/Version: $version+next/mr);
must('is packed', 'dpkg-deb', '--root-owner-group', '-b', "$dir/next", "$root/next.deb");
# In the network that the system will not have: what the package needs, and not itself.
in_root('its libraries', 'apt-get -q -y install --no-install-recommends /rbe.deb && dpkg --purge rbe && ! getent passwd rbe');
unlink "$root/usr/sbin/policy-rc.d";

srand 3;
my $bulk = join '', map { chr int rand 256 } 1 .. 30_000;
for my $n (1, 2) {
    mkdir "$dir/tree$n" or die $!;
    spew("$dir/tree$n/bulk", $bulk);
    spew("$dir/tree$n/n", $n);
    pack_tree("$dir/tree$n", 'tar.gz', "$root/$n.tar.gz");
}

my $units = 'rbe-latest.socket rbe-download.socket rbe-admin.socket rbe-health.socket rbe-batch.service';
my $begin = q{set -ex; trap 'test $? = 42 || { systemctl --no-pager list-units "rbe-*"; journalctl --no-pager -n 60; }' EXIT};
# What is asked of a server that runs, whatever installed it, and builds what is asked for without being told.
my $works = <<'SH';
curl="curl -fsS --retry 30 --retry-connrefused --retry-delay 1"
$curl http://127.0.0.1/health; echo
token=$(rbe-admin token create test --scope admin)
curl -fsS -H "Authorization: Bearer $token" -d '{"resource_id":"app"}' http://127.0.0.1/resources; echo
curl -fsS -H "Authorization: Bearer $token" -F version_name=1 -F file=@/1.tar.gz http://127.0.0.1/resources/app/versions; echo
curl -fsS -H "Authorization: Bearer $token" -F version_name=2 -F old_version=1 -F file=@/2.tar.gz http://127.0.0.1/resources/app/versions; echo
tries=0
until answer=$(curl -fsS 'http://127.0.0.1/resources/app/latest?current=1') && case $answer in *'"update_type":"incremental"'*) true ;; *) false ;; esac; do
    tries=$((tries + 1)); [ $tries -lt 400 ] || { echo "$answer"; exit 1; }
    sleep 0.2
done
get() {
url=$(echo "$answer" | sed 's/.*"download_url":"\([^"]*\)".*/\1/; s|^https://updates.example.com|http://127.0.0.1|')
curl -fsS -o /got "$url"
echo "$answer" | grep "\"file_hash\":\"sha256:$(sha256sum < /got | cut -d' ' -f1)\""
}
get
rbe-admin verify
SH

# ---- the package, as debian/README.Debian has it ----

my %package = map { $_ => (Rbe::Shell::blocks(slurp('debian/README.Debian'), $_))[0] } qw(nginx Apache lighttpd);
($status, $said) = boot($root, <<"SH");
$begin
export DEBIAN_FRONTEND=noninteractive
dpkg -i /rbe.deb
systemctl is-active $units
systemctl is-enabled $units
$package{nginx}
$works
systemctl is-active rbe-latest.service rbe-download.service rbe-admin.service rbe-health.service
# Requests do not cease while it is upgraded; the sockets stay.
set +x
(while [ ! -e /stop ]; do curl -fsS -o /dev/null http://127.0.0.1/resources/app/latest && echo good >> /asked || echo bad >> /asked; done) 2>> /asked.err &
set -x
before=\$(systemctl show -P MainPID rbe-latest.service)
systemctl reload rbe-latest.service
sleep 1
test \$(systemctl show -P MainPID rbe-latest.service) = \$before
dpkg -i /next.deb
sleep 1
touch /stop
wait
test \$(systemctl show -P MainPID rbe-latest.service) != \$before
sort /asked | uniq -c
if grep bad /asked; then cat /asked.err; exit 1; fi
systemctl is-active $units
rbe-admin verify
# The timer is the other way to run the queue.
systemctl disable --now rbe-batch.service
systemctl enable --now rbe-batch-run.timer
rbe-admin version publish app 3 /1.tar.gz --old-version 2
systemctl start rbe-batch-run.service
curl -fsS 'http://127.0.0.1/resources/app/latest?current=2' | grep '"update_type":"incremental"'
# Other web servers in its place.
systemctl stop nginx
rm /etc/rbe/rbe.local.yaml
$package{Apache}
answer=\$(\$curl http://127.0.0.1/resources/app/latest)
get
systemctl stop apache2
$package{lighttpd}
answer=\$(\$curl http://127.0.0.1/resources/app/latest)
get
systemctl stop lighttpd
if systemctl --failed --no-legend 'rbe-*' | grep .; then exit 1; fi
dpkg --purge rbe
if getent passwd rbe || systemctl list-units --all --no-legend 'rbe-*' | grep -v not-found || ls /etc/systemd/system/*/rbe-*; then exit 1; fi
exit 42
SH
is $status, 42, 'the Debian package starts, upgrades and goes' or diag $said;
like $said, qr/"status":"ok"/, 'it answered';
like $said, qr/^\s*\d+ good$/m, 'all the time';

# ---- make install, as share/doc/install.md has it ----

run('rm', '-rf', map { "$root/$_" } qw(stop asked));
must('make install', 'env', '-u', 'MAKEFLAGS', 'make', '-s', 'B=' . Rbe::Test::build_dir(), "DESTDIR=$root", 'install');
my $doc = slurp('share/doc/install.md');
# Packages are there: the system that boots has no network.
my $blocks = sub { return map { s/^apt-get .*\n//mgr } Rbe::Shell::blocks($doc, @_) };
my @configure = $blocks->('Configure');
my ($services, $group) = $blocks->('With systemd\'s services');
my ($cron) = $blocks->('Build incremental packages');
my ($elsewhere) = $blocks->('Other places');
my (undef, undef, $restart) = $blocks->('Upgrading');

# On a new installation.
sub as_written {
    my ($what, $script) = @_;
    run('rm', '-rf', map { "$root/$_" } qw(got etc/cron.d/rbe etc/systemd/system/rbe-.service.d var/lib/rbe srv/rbe usr/local/etc/rbe/rbe.yaml
        usr/local/etc/rbe/rbe.local.yaml));
    ($status, $said) = boot($root, "$begin\n@configure\n$script\nexit 42\n");
    is $status, 42, $what or diag $said;
}

# And what else an admin may do.
my %more = (nginx => <<"SH", Apache => "a2dismod proxy_fcgi\n", lighttpd => "systemctl disable $units\n");
before=\$(systemctl show -P MainPID rbe-latest.service)
$restart
test \$(systemctl show -P MainPID rbe-latest.service) != \$before
# A mistake in the configuration: clients are told at once, and when it is mended, what the document says brings all back.
cp /usr/local/etc/rbe/rbe.local.yaml /good.yaml
echo 'nonsense: true' >> /usr/local/etc/rbe/rbe.local.yaml
$restart
sleep 12
test \$(curl -s --max-time 5 -o /got -w '%{http_code}' http://127.0.0.1/resources/app/latest) = 503
grep '"code":-1' /got
journalctl -u rbe-latest.service | grep -i nonsense
cp /good.yaml /usr/local/etc/rbe/rbe.local.yaml
$restart
for i in latest download admin health; do systemctl is-active rbe-\$i.service rbe-\$i.socket; done
curl -fsS http://127.0.0.1/resources/app/latest
cp -a /var/lib/rbe /srv/rbe
sed -i 's|^instance:|&\\n  data_dir: /srv/rbe|' /usr/local/etc/rbe/rbe.local.yaml
$elsewhere
$restart
curl -fsS -H "Authorization: Bearer \$token" -F version_name=3 -F file=\@/1.tar.gz http://127.0.0.1/resources/app/versions
test \$(find /srv/rbe/packages -type f -newer /srv/rbe -name '*-3-*' | wc -l) = 1
SH
as_written("$_ with the services", join "\n", $services, $group, $blocks->($_), $works, "systemctl is-active $units", $more{$_}) for qw(nginx Apache lighttpd);

my %service = (lighttpd => 'lighttpd', Apache => 'apache2');
for my $name (sort keys %service) {
    my ($behind) = $blocks->("Behind $name");
    as_written("$name starts the programs", <<"SH");
$behind
$cron
$works
# What rotates its logs does this.
systemctl reload $service{$name}
sleep 2
\$curl http://127.0.0.1/resources/app/latest
systemctl restart $service{$name}
\$curl http://127.0.0.1/resources/app/latest
systemctl stop $service{$name}
if ls -l /proc/[0-9]*/exe | grep '[.]fcgi'; then exit 1; fi
SH
}
done_testing;
