# An installation with data of the schema before the last one is brought up to date in place, by whichever program starts first;
# and programs that were started before a migration go on reading, refuse to write, and harm nothing.
use strict;
use warnings;
use lib 'tests/lib';
use POSIX qw(:sys_wait_h);
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'no python3, to work on databases from outside' if (run('python3', '-c', 'import sqlite3'))[0];

# Makes DATABASE anew as the migrations before NUMBER make it, with what is in it now.
my $downgrade = <<'PYTHON';
import os, sqlite3, sys
file, number, scripts = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
old = sqlite3.connect(file + ".old", isolation_level=None)
old.execute("PRAGMA journal_mode = WAL")
for script in scripts:
    old.executescript(open(script).read())
old.execute("ATTACH ? AS now", (file,))
old.execute("BEGIN")
for (table,) in old.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
    columns = lambda schema: [row[1] for row in old.execute("PRAGMA %s.table_info(%s)" % (schema, table))]
    both = ", ".join(c for c in columns("main") if c in columns("now"))
    old.execute("INSERT INTO main.%s (%s) SELECT %s FROM now.%s" % (table, both, both, table))
old.execute("COMMIT")
old.execute("DETACH now")
old.execute("PRAGMA user_version = %d" % (number - 1))
old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
old.close()
for end in ("", "-wal", "-shm"):
    if os.path.exists(file + end):
        os.unlink(file + end)
os.rename(file + ".old", file)
PYTHON
# What the next rbe may do to a database under those that run: another column, a table made anew.
my $migrate = <<'PYTHON';
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
db.execute("BEGIN IMMEDIATE")
for statement in sys.argv[2:]:
    db.execute(statement)
db.execute("PRAGMA user_version = %d" % (db.execute("PRAGMA user_version").fetchone()[0] + 1))
db.execute("COMMIT")
PYTHON
my $ask = <<'PYTHON';
import sqlite3, sys
print(*[row[0] for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2])])
PYTHON

sub python {
    my ($script, @args) = @_;
    my ($status, $out, $err) = run('python3', '-c', $script, @args);
    is $status, 0, 'the database is worked on' or diag $err;
    chomp $out;
    return $out;
}

my %scripts;
push @{$scripts{$_->[0]}}, $_->[1] for map { m{/\d+-(\w+)-} ? [$1, $_] : () } sort glob 'schema/*.sql';

sub populate {
    my ($rbe) = @_;
    srand 4;
    my $bulk = join '', map { chr int rand 256 } 1 .. 20_000;
    for my $rid ('open', 'paid') {
        $rbe->create($rid, access => $rid eq 'paid' ? 'cdk' : 'public', always_include => ['a*']);
        for my $n (1 .. 5) {
            my $r = $rbe->publish($rid, version_name => "1.$n.0", system => 'linux', file => $rbe->zip_of({bulk => $bulk, n => $n}),
                old_version => [map { "1.$_.0" } 1 .. $n - 1], release_note => "Note $n");
            is $r->{status}, 201, "$rid 1.$n.0";
        }
    }
    $rbe->batch;
    $rbe->admin_ok(qw(version yank open 1.2.0));
    my ($cdk) = split /\n/, $rbe->admin_ok(qw(cdk create --expires 30d));
    return $cdk;
}

sub downgrade {
    my ($rbe) = @_;
    for my $base (sort keys %scripts) {
        my @before = @{$scripts{$base}};
        pop @before;
        python($downgrade, "$rbe->{data}/db/$base.db", scalar @{$scripts{$base}}, @before);
    }
}

# What there was is there, and serves.
sub look {
    my ($rbe, $cdk, $what) = @_;
    for my $rid ('open', 'paid') {
        my $data = $rbe->get("/resources/$rid/latest?system=linux&current=1.1.0&cdk=$cdk")->{json}{data};
        is $data->{version_name}, '1.5.0', "$what: $rid";
        is $data->{update_type}, 'incremental', "$what: its patches";
        is length $rbe->get($data->{download_url})->{content}, $data->{file_size}, "$what: its packages";
    }
    is $rbe->publish('open', version_name => '1.2.0', system => 'linux', bytes => 'x')->{json}{code}, 8006, "$what: a withdrawn name stays taken";
    my ($status, $out, $err) = $rbe->admin('verify');
    is $status, 0, "$what: database and disk agree" or diag "$out$err";
}

sub sound {
    my ($rbe, $what) = @_;
    is python($ask, "$rbe->{data}/db/$_.db", 'PRAGMA integrity_check'), 'ok', "$what: $_.db is sound" for sort keys %scripts;
}

each_host {
    my $rbe = shift;
    my $cdk = populate($rbe);
    my $number = python($ask, "$rbe->{data}/db/rbe.db", 'PRAGMA user_version');
    is $number, scalar @{$scripts{rbe}}, 'the schema is the last one';

    # Plain CGI: as many at once as there may be, and the first of them migrates.
    downgrade($rbe);
    is python($ask, "$rbe->{data}/db/rbe.db", 'PRAGMA user_version'), $number - 1, 'and then the one before';
    my @pids = map {
        my $pid = fork // die $!;
        if (!$pid) {
            my $ok = eval { $rbe->get("/resources/paid/latest?system=linux&current=1.4.0&cdk=$cdk")->{json}{data}{update_type} eq 'incremental' };
            POSIX::_exit($ok ? 0 : 1);
        }
        $pid;
    } 1 .. 8;
    my $bad = 0;
    for (@pids) { waitpid $_, 0; $bad++ if $? }
    is $bad, 0, 'eight requests at once are all answered';
    look($rbe, $cdk, 'migrated by CGI');
    sound($rbe, 'migrated by CGI');

    # Where programs may not migrate, they say who may.
    downgrade($rbe);
    local $ENV{RBE_DATABASE_AUTO_MIGRATE} = 'false';
    $rbe->{env} = {RBE_DATABASE_AUTO_MIGRATE => 'false'};
    my $r = $rbe->get('/resources/open/latest?system=linux');
    is $r->{json}{code}, -1, 'refused while it waits';
    like $r->{stderr}, qr/run rbe-admin migrate/, 'with the way out in the log';
    $rbe->admin_ok('migrate');
    look($rbe, $cdk, 'migrated by hand');
    $rbe->{env} = {};
    delete $ENV{RBE_DATABASE_AUTO_MIGRATE};
    downgrade($rbe);
    $rbe->batch;
    look($rbe, $cdk, 'migrated by rbe-batch');
} only => ['cgi'];

each_host {
    my $rbe = shift;
    my $cdk = populate($rbe);
    $rbe->stop;
    downgrade($rbe);
    $rbe->boot;
    look($rbe, $cdk, 'migrated at the start');

    # And while it runs, under requests that never cease, the next rbe migrates.
    my @pids = map {
        my $write = $_ % 2;
        my $pid = fork // die $!;
        if (!$pid) {
            my ($n, $until, %seen) = (0, time + 4);
            while (time < $until) {
                my $r = $write ? $rbe->request(PUT => '/resources/open/versions/release-note', token => $rbe->{token},
                        json => {version_name => '1.5.0', channel => 'stable', content => "Note $$ " . $n++})
                    : $rbe->get("/resources/paid/latest?system=linux&current=1.3.0&cdk=$cdk");
                my $good = $r->{json} && ($r->{status} == 200 ? $r->{json}{code} == 0 : $write && $r->{status} == 503 && $r->{json}{code} == -1);
                $seen{$good ? $r->{status} : 'odd'}++;
            }
            spew("$rbe->{dir}/seen.$$", $JSON->encode(\%seen));
            POSIX::_exit(0);
        }
        $pid;
    } 1 .. 4;
    sleep 1.5;
    python($migrate, "$rbe->{data}/db/rbe.db", 'ALTER TABLE version ADD COLUMN later INTEGER NOT NULL DEFAULT 0',
        'CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT');
    my %seen;
    for my $pid (@pids) {
        waitpid $pid, 0;
        my $own = $JSON->decode(slurp("$rbe->{dir}/seen.$pid"));
        $seen{$_} += $own->{$_} for keys %$own;
    }
    ok $seen{200} && $seen{503}, 'before and after' or diag explain \%seen;
    is $seen{odd}, undef, 'every answer is a good one, or a refusal to write' or diag explain \%seen;
    is $rbe->get('/resources/open/latest?system=linux')->{json}{data}{version_name}, '1.5.0', 'readers go on';
    like join('', map { slurp($_) } glob "$rbe->{data}/log/*.log"), qr/has schema \d+ by now.*: restart it/, 'the log says what to do';
    my ($status, undef, $err) = $rbe->admin(qw(resource list));
    is $status, 1, 'what starts now refuses';
    like $err, qr/this program knows up to \d+: install a newer rbe/, 'and says why';
    sound($rbe, 'after all that');
    $rbe->stop;
} only => ['lighttpd'];

done_testing;
