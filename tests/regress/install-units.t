# What make install puts down for systemd: units that systemd takes, for programs that are where they say.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp qw(tempdir);
use Rbe::Test qw(build_dir run slurp);
use Test::More;

my $dir = tempdir(CLEANUP => 1);
my @make = ('make', '-s', "B=$ENV{RBE_BUILD}", "prefix=$dir/rbe", "DESTDIR=");
# The programs are built already and know another prefix; only what is filled in at installation is looked at here.
my ($status, $out, $err) = run(@make, '-o', 'all', 'install');
is $status, 0, 'make install' or diag $out, $err;
my $units = "$dir/rbe/lib/systemd/system";
my @names = map { s{.*/}{}r } glob "$units/*";
is "@names", join(' ', sort('rbe-batch.service', 'rbe-batch-run.service', 'rbe-batch-run.timer',
    map { ("rbe-$_.service", "rbe-$_.socket") } qw(admin download health latest))), 'the units';
for my $file (map("$units/$_", @names), "$dir/rbe/lib/sysusers.d/rbe.conf", "$dir/rbe/lib/tmpfiles.d/rbe.conf",
    "$dir/rbe/share/doc/rbe/rbe.cron", "$dir/rbe/share/doc/rbe/rbe.logrotate") {
    unlike slurp($file), qr/\@\w+\@/, "$file is filled in";
    like sprintf('%o', (stat $file)[2] & 0777), qr/^644$/, 'for all to read';
    next if $file !~ /\.service$/;
    my ($program) = slurp($file) =~ /^ExecStart=(\S+)/m;
    ok -x $program, "$program is there";
}
like slurp("$units/rbe-health.service"), qr{^ExecStart=\S+/admin\.fcgi .*^Environment=RBE_INSTANCE_WORKERS=1$}ms;

SKIP: {
    skip 'no systemd-analyze', 1 if (run('sh', '-c', 'command -v systemd-analyze'))[0];
    my @said;
    # It wants manual pages and users of this machine; of our units themselves it must say nothing.
    ($status, $out, $err) = run({env => {SYSTEMD_LOG_LEVEL => 'warning', SYSTEMD_UNIT_PATH => "$units:"}},
        'systemd-analyze', 'verify', '--man=no', map { "$units/$_" } @names);
    @said = grep { /\brbe-/ && !/Failed to (?:connect|open)/ } split /\n/, $err;
    is "@said", '', 'systemd takes them';
}

($status, $out, $err) = run(@make, 'uninstall');
is $status, 0, 'make uninstall' or diag $out, $err;
($status, $out) = run('find', "$dir/rbe", '!', '-type', 'd');
is $out, '', 'leaves nothing';
done_testing;
