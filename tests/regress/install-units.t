# What make install puts down for systemd: units that systemd takes, for programs that are where they say; and for other admins:
# cron, logrotate, examples of web servers that name the places of this installation.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use Rbe::Test qw(build_dir run slurp spew);
use Test::More;

my $dir = tempdir(CLEANUP => 1);
my @make = ('make', '-s', "B=" . build_dir(), "prefix=$dir/rbe", "localstatedir=$dir/rbe/var", "DESTDIR=");
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

sub found { my ($tool) = @_; return !(run('sh', '-c', "PATH=\$PATH:/usr/sbin command -v $tool"))[0] }

SKIP: {
    skip 'no systemd-analyze', 2 if !found('systemd-analyze');
    # It wants manual pages and users of this machine; of our units themselves it must say nothing.
    ($status, $out, $err) = run({env => {SYSTEMD_LOG_LEVEL => 'warning', SYSTEMD_UNIT_PATH => "$units:"}},
        'systemd-analyze', 'verify', '--man=no', map { "$units/$_" } @names);
    my @said = grep { /\brbe-/ && !/Failed to (?:connect|open)/ } split /\n/, $err;
    is "@said", '', 'systemd takes them';
    # Ten is a service that may do everything. Each systemd looks for a little more than the one before.
    ($status, $out, $err) = run('systemd-analyze', 'security', '--offline=yes', '--threshold=35', map { "$units/$_" } grep { /\.service$/ } @names);
    skip 'systemd-analyze looks at no files yet', 1 if $err =~ /unrecognized option/;
    is $status, 0, 'services may do little but their work' or diag $out, $err;
}

SKIP: {
    skip 'no systemd-sysusers', 3 if !found('systemd-sysusers') || !found('systemd-tmpfiles');
    my $root = "$dir/root";
    make_path("$root/etc");
    ($status, $out, $err) = run('systemd-sysusers', "--root=$root", "$dir/rbe/lib/sysusers.d/rbe.conf");
    is $status, 0, 'systemd-sysusers takes its file' or diag $err;
    like slurp("$root/etc/passwd"), qr{^rbe:x:\d+:\d+:rbe update server:\Q$dir\E/rbe/var/lib/rbe:\S*/nologin$}m, 'and makes the user';
    skip 'giving files away needs root', 1 if $>;
    ($status, $out, $err) = run('systemd-tmpfiles', "--root=$root", '--create', "$dir/rbe/lib/tmpfiles.d/rbe.conf");
    is_deeply [$status, map { sprintf '%o', (stat "$root$_")[2] & 07777 } "$dir/rbe/var/lib/rbe", '/run/rbe'], [0, '750', '755'],
        'systemd-tmpfiles makes the directories' or diag $err;
}

# Examples of web servers name what is there: programs, documents, the data.
make_path(map { "$dir/rbe/$_" } qw(var/lib/rbe/packages var/lib/rbe/tmp));
spew("$dir/rbe/etc/rbe/rbe.yaml", '');
for my $file (map { "$dir/rbe/share/doc/rbe/$_" } 'lighttpd.conf.example', map { s{.*/}{}r } glob 'etc/*.conf') {
    my $text = slurp($file);
    unlike $text, qr{/usr/local|(?<!\Q$dir\E/rbe)/var/lib/rbe}, "$file: no other place";
    my %named = map { $_ => 1 } $text =~ m{(\Q$dir\E/rbe/[\w./-]*\w)}g;
    cmp_ok scalar(keys %named), '>', 1, 'places';
    is join(' ', grep { !-e } sort keys %named), '', 'that are there';
}
like slurp("$dir/rbe/etc/rbe/rbe.yaml.example"), qr{^  #data_dir: \Q$dir\E/rbe/var/lib/rbe$}m, 'where the data lie by default';
like slurp("$dir/rbe/share/man/man5/rbe.yaml.5"), qr{the default is \Q$dir\E/rbe/var/lib/rbe\.}, 'says the manual page as well';
remove_tree("$dir/rbe/var", "$dir/rbe/etc/rbe/rbe.yaml");

# cron takes lines of five fields, a user and a command, that end; a percent sign would end the command.
my $cron = slurp("$dir/rbe/share/doc/rbe/rbe.cron");
is scalar(my ($line) = grep { !/^#/ } split /\n/, $cron), 1, 'cron: one line';
like $line, qr{^(?:[\d*/,-]+ +){5}root \Q$dir\E/rbe/bin/rbe-batch$}, 'that cron takes';
like $cron, qr/\n\z/, 'which ends';

SKIP: {
    skip 'no logrotate', 3 if !found('logrotate');
    # This machine has no user rbe.
    (my $conf = slurp("$dir/rbe/share/doc/rbe/rbe.logrotate")) =~ s/^ +su rbe rbe$/sprintf '    su %s %s', (getpwuid $>)[0], (getgrgid $) + 0)[0]/me;
    spew("$dir/logrotate.conf", $conf);
    chmod 0644, "$dir/logrotate.conf";
    make_path("$dir/rbe/var/lib/rbe/log");
    my $log = spew("$dir/rbe/var/lib/rbe/log/latest.log", "one\n");
    my @logrotate = ('env', "PATH=$ENV{PATH}:/usr/sbin", 'logrotate', '-s', "$dir/logrotate.state");
    ($status, $out, $err) = run(@logrotate, '-d', "$dir/logrotate.conf");
    unlike $err, qr/error/i, 'logrotate takes its file';
    open my $writer, '>>', $log or die $!;
    ($status, $out, $err) = run(@logrotate, '-f', "$dir/logrotate.conf");
    print {$writer} "two\n";
    close $writer;
    is_deeply [$status, slurp("$log.1"), slurp($log)], [0, "one\n", "two\n"], 'and a program that is writing goes on' or diag $err;
    remove_tree("$dir/rbe/var");
}

# What the admin has made is his.
my @own = map { "$dir/rbe/$_" } 'etc/rbe/rbe.yaml', 'etc/rbe/rbe.local.yaml', 'var/lib/rbe/db/rbe.db';
make_path("$dir/rbe/var/lib/rbe/db");
spew($_, 'his own') for @own;
for my $what ('install', 'uninstall') {
    ($status, $out, $err) = run(@make, '-o', 'all', $what);
    is $status, 0, "make $what" or diag $out, $err;
    is join(' ', map { slurp($_) } @own), 'his own his own his own', "make $what leaves what is edited";
}
($status, $out) = run('find', "$dir/rbe", '!', '-type', 'd');
is_deeply [sort split /\n/, $out], [sort @own], 'and nothing else';
done_testing;
