# The last step of the schema, taken by a real installation. The programs of before it, built from the history, make an
# installation and fill it. Upgrades of it that are killed on the way harm nothing. Then it serves behind lighttpd, under requests
# that do not cease, while the present programs are put in their place, bring the databases up to date, serve beside the old
# workers, which go on, and take over.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use Rbe::Test qw(each_host build_dir sanitized must run slurp spew $JSON);
use Test::More;
use Time::HiRes qw(sleep time);

my ($step) = sort { $b cmp $a } map { m{/(\d+)-} } glob 'schema/*.sql';
my @git = ('git', '-c', 'safe.directory=*');
my $before = (split /\n/, (run(@git, 'log', '--diff-filter=A', '--format=%H^', '--', glob "schema/$step-*.sql"))[1])[-1];
plan skip_all => "no history of git from before step $step of the schema" if !$before || (run(@git, 'cat-file', '-e', $before))[0];
for my $tool (qw(autoreconf lighttpd python3)) {
    plan skip_all => "$tool is not installed" if (run('sh', '-c', "PATH=\$PATH:/usr/sbin command -v $tool"))[0];
}
my $faults = build_dir() . '/tests/faults.so';
plan skip_all => 'sanitizers want to be loaded first' if sanitized;
plan skip_all => "$faults is not built" if !-e $faults;

my $dir = tempdir('rbe-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
must('the rbe of before is built', 'env', '-u', 'MAKEFLAGS', '-u', 'MAKELEVEL', 'sh', '-e', '-c',
    'git -c safe.directory="*" archive "$1" | tar -x -C "$0"; cd "$0"; autoreconf -i; ./configure --quiet; make -s -j2', $dir, $before);

# Whatever web server the examples are for, their places are there.
mkdir $_ for "$dir/build/share", "$dir/build/share/rbe", "$dir/build/share/rbe/www";

# ---- made and filled by it ----

my $rbe = Rbe::Test->start(host => 'cgi', build => "$dir/build", own_build => 1,
    config => {'batch.prebuild_depth' => undef, 'storage.sendfile' => 'x-sendfile'});
my @resources = (map({ sprintf 'app%02d', $_ } 1 .. 8), 'whole', 'paid');
my @platforms = (['linux', 'amd64'], ['windows', 'any']);
my @versions = map { "1.$_.0" } 0 .. 4;
srand 6;
for my $rid (@resources) {
    my @kind = $rid eq 'whole' ? ('--update-type', 'full') : $rid eq 'paid' ? ('--access', 'cdk') : ();
    $rbe->admin_ok('resource', 'create', $rid, '--name', "Resource $rid", @kind);
    my $bulk = join '', map { chr int rand 256 } 1 .. 12_000;
    for my $n (0 .. $#versions) {
        for my $platform (@platforms) {
            $rbe->admin_ok('version', 'publish', $rid, $versions[$n], $rbe->zip_of({bulk => $bulk, n => "$n @$platform", "only$n" => $n}),
                '--system', $platform->[0], '--arch', $platform->[1], $n == $#versions ? ('--channel', 'beta') : (),
                map { ('--old-version', $versions[$_]) } 0 .. $n - 1);
        }
    }
}
$rbe->batch;
$rbe->admin_ok(qw(version yank app01 1.1.0));
$rbe->admin_ok(qw(version promote app02 1.4.0 stable));
for my $rid (qw(old new)) { $rbe->admin_ok('resource', 'create', "live-$rid", '--name', 'Published to all the time') }
$rbe->admin_ok('verify');

# Every question and its answer, without what differs each time.
sub latest_url {
    my ($rid, $platform, $channel, $from) = @{$_[0]};
    return "/resources/$rid/latest?system=$platform->[0]&arch=amd64&channel=$channel&current=$from";
}
my @questions = map { my $rid = $_; map { my $p = $_; map { my $c = $_; map { [$rid, $p, $c, $_] } @versions, '0.9' } 'stable', 'beta' } @platforms }
    @resources;
my @fields = qw(resource_id version_name version_number channel system arch update_type file_size file_hash release_note custom_data published_at);
sub essence { my ($r) = @_; my %d = %{$r->{json}{data} || {}}; return {status => "$r->{status}", map { $_ => $d{$_} } @fields} }

my %expected = map { latest_url($_) => essence($rbe->get(latest_url($_))) } @questions;
my %kinds;
$kinds{$_->{update_type} // 'without a cdk'}++ for values %expected;
is join(' ', sort keys %kinds), 'full incremental none without a cdk', 'answers of all kinds are known' or diag explain \%kinds;

sub same { my ($r, $url) = @_; return $JSON->encode(essence($r)) eq $JSON->encode($expected{$url}) }

sub all_right {
    my ($who, $what, @which) = @_;
    my @wrong = grep { !same($who->get($_), $_) } @which ? @which : sort keys %expected;
    is "@wrong", '', "$what: every answer is as it was" or diag explain $who->get($wrong[0]);
}

# What is no answer has to be a refusal that is said to be one, and worth trying again.
sub refused { my ($r) = @_; return $r->{status} =~ /^50[03]$/ && ($r->{json}{code} // 0) == -1 }

my $ask = 'import sqlite3, sys; print(*[row[0] for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2])])';
sub sql { my ($base, $sql) = @_; my (undef, $out, $err) = run('python3', '-c', $ask, "$rbe->{data}/db/$base.db", $sql); chomp $out; return $out . $err }
sub sound {
    my ($what, @steps) = @_;
    my $wanted = join '|', @steps;
    my @odd = grep { sql($_, 'PRAGMA integrity_check') ne 'ok' || sql($_, 'PRAGMA user_version') !~ /^(?:$wanted)$/
        || sql($_, 'PRAGMA foreign_key_check') ne '' } qw(rbe usage);
    is "@odd", '', "$what: both databases are sound, of schema $wanted";
}
my ($old_step, $new_step) = ($step - 1, 0 + $step);
my $archive = $rbe->zip_of({a => 'b'});
sound('filled', $old_step);

# ---- killed on the way ----

must('kept', 'cp', '-a', $rbe->{data}, "$dir/before");
my $new = bless {%$rbe, build => build_dir(), pids => undef}, ref $rbe;
my @some = (sort keys %expected)[map { $_ * 17 } 0 .. 7];
sub migrate {
    my (%env) = @_;
    local @ENV{keys %env} = values %env;
    return $new->admin('migrate');
}

sub fresh { remove_tree($rbe->{data}); must('data of before', 'cp', '-a', "$dir/before", $rbe->{data}) }

my ($status, undef, $err) = migrate(LD_PRELOAD => $faults, RBE_FAULT_COUNT => "$dir/count");
is $status, 0, 'migrated without a fault' or diag $err;
my $calls = 0 + slurp("$dir/count");
cmp_ok $calls, '>', 20, 'there are places to be killed at';
sound('migrated', $new_step);
all_right($new, 'migrated');
$new->admin_ok('verify');
is scalar(grep { !refused($rbe->get($_)) } @some), 0, 'programs of before that start now refuse';

for my $at (map { 2 * $_ } 1 .. $calls / 2) {
    subtest "killed at $at of $calls" => sub {
        fresh();
        ($status) = migrate(LD_PRELOAD => $faults, RBE_FAULT_AT => $at, RBE_FAULT_HOW => 'kill');
        is $status, 128 + 9, 'killed';
        sound('then', $old_step, $new_step);
        my @wrong = grep { my $r = $rbe->get($_); !same($r, $_) && !refused($r) } @some[0, 1];
        is "@wrong", '', 'programs of before answer rightly or refuse';
        # Who goes on with it: the admin, cron, or whoever asks and publishes next.
        if ($at % 3 == 0) { is((migrate())[0], 0, 'migrated after that') }
        if ($at % 3 == 1) { $new->batch }
        all_right($new, 'after that', @some);
        my $r = $new->publish('live-new', version_name => '1', file => $archive);
        is $r->{status}, 201, 'publishing goes on' or diag $r->{content}, $r->{stderr};
        sound('after that', $new_step);
        ($status, undef, $err) = $new->admin('verify');
        is $status, 0, 'database and disk agree' or diag $err;
    };
}
fresh();

# ---- while it serves ----

# Until the file stop is there, for ever: asks, and downloads now and then. Tells what it got.
sub asker {
    my ($who, $seed, $stop) = @_;
    srand $seed;
    my @urls = sort keys %expected;
    my (%seen, @odd);
    for (my $n = 0; !-e $stop; $n++) {
        my $url = $urls[rand @urls];
        my $r = $who->get($url);
        if (!same($r, $url)) {
            refused($r) ? $seen{refused}++ : push @odd, [$url, $r];
            next;
        }
        $seen{answered}++;
        my $data = $r->{json}{data};
        next if $n % 5 || !$data->{download_url};
        my $file = $who->get($data->{download_url} =~ s{^http://[^/]+}{}r);
        if ($file->{status} == 200 && 'sha256:' . sha256_hex($file->{content}) eq $data->{file_hash}) { $seen{downloaded}++ }
        else { refused($file) ? $seen{refused}++ : push @odd, [$data->{download_url}, {%$file, content => substr $file->{content}, 0, 200}] }
    }
    return {%seen, odd => \@odd};
}

# Publishes one version after the other to a resource of its own; what was published has to be what everybody is told of, within
# the second in which programs of two versions learn of each other.
sub publisher {
    my ($who, $rid, $stop, @told) = @_;
    my (%seen, @odd);
    for (my $n = 0; !-e $stop; $n++) {
        my $name = "1.0.$n";
        my $r = $who->publish($rid, version_name => $name, file => $who->zip_of({n => $n, bulk => 'x' x 2000}), $n ? (old_version => '1.0.' . ($n - 1)) : ());
        if ($r->{status} != 201) { refused($r) ? $seen{refused}++ : push @odd, [$name, $r]; next }
        $seen{published}++;
        $seen{last} = $name;
        for my $reader (@told) {
            my $until = time + 3;
            my $got;
            sleep 0.02 while ($got = $reader->get("/resources/$rid/latest")->{json}{data}{version_name} // '') ne $name && time < $until;
            push @odd, ["$name is told by $reader->{base}", $got] if $got ne $name;
        }
        sleep 0.05;
    }
    return {%seen, odd => \@odd};
}

my $children = 0;
sub beside {
    my ($what, $work, @args) = @_;
    my $file = "$dir/seen." . ++$children;
    my $pid = fork // die $!;
    if (!$pid) {
        my $seen = eval { $work->(@args) } // {odd => ["$@"]};
        spew($file, $JSON->encode($seen));
        POSIX::_exit(0);
    }
    return [$what, $pid, $file];
}

sub told {
    my ($what, $pid, $file) = @{$_[0]};
    waitpid $pid, 0;
    my $seen = $JSON->decode(slurp($file));
    my @odd = @{delete $seen->{odd}};
    is scalar(@odd), 0, "$what: every answer is right, or a refusal" or diag explain @odd[0 .. ($#odd > 2 ? 2 : $#odd)];
    note "$what: " . join ', ', map { "$_ $seen->{$_}" } sort keys %$seen;
    return $seen;
}

$rbe->{host} = 'lighttpd-spawn';
Rbe::Host::start($rbe);
my ($stop_old, $stop_new) = ("$dir/stop.old", "$dir/stop.new");
my @old = (map({ beside("asking old workers, $_", \&asker, $rbe, $_, $stop_old) } 1, 2), beside('publishing by old workers', \&publisher, $rbe, 'live-old', $stop_old, $rbe));
sleep 2;

# What `make install` does to programs that run.
for my $part (qw(bin cgi-bin libexec share)) {
    must("the new $part", 'cp', '-r', '--remove-destination', '-t', $rbe->{build}, build_dir() . "/$part");
}
sleep 2;
is sql('rbe', 'PRAGMA user_version'), $old_step, 'the old ones serve on, nobody has migrated';
$rbe->admin_ok('migrate');
sound('migrated while old workers serve', $new_step);
sleep 2;

# New workers beside them, as while a web server restarts gracefully.
my $second = bless {%$rbe, dir => "$dir/second", pids => undef}, ref $rbe;
mkdir $second->{dir} or die $!;
Rbe::Host::start($second);
my @new = (beside('asking new workers', \&asker, $second, 3, $stop_new), beside('publishing by new workers', \&publisher, $second, 'live-new', $stop_new, $second));
sleep 4;
spew($stop_old, '');
my @seen = map { told($_) } @old;
cmp_ok $seen[0]{answered} + $seen[1]{answered}, '>', 100, 'old workers answered all the while';
cmp_ok $seen[1]{downloaded} + $seen[0]{downloaded}, '>', 10, 'and sent packages';
cmp_ok $seen[2]{published}, '>', 2, 'and published';
ok Rbe::Host::stop($rbe), 'the old ones stop';
$rbe->{own_build} = 0;
Rbe::Host::start($rbe);
sleep 1;
spew($stop_new, '');
push @seen, map { told($_) } @new;
cmp_ok $seen[4]{published}, '>', 2, 'new workers published';

# ---- after all that ----

all_right($rbe, 'behind the new ones');
is $rbe->get('/resources/live-old/latest')->{json}{data}{version_name}, $seen[2]{last}, 'what old workers published last is there';
is $rbe->get('/resources/live-new/latest')->{json}{data}{version_name}, $seen[4]{last}, 'and what new ones did';
ok Rbe::Host::stop($_), 'stopped' for $second, $rbe;
$rbe->heard(map { Rbe::Host::logs($_) } $second, $rbe);
$new->batch;
my (undef, $jobs) = $new->admin(qw(--json job list --state failed));
is_deeply $JSON->decode($jobs), [], 'no job failed' or diag $jobs;
($status, undef, $err) = $new->admin('verify');
is $status, 0, 'database and disk agree' or diag $err;
sound('after all that', $new_step);
$rbe->{host} = 'cgi';
is $rbe->publish('app03', version_name => '2.0.0', system => 'linux', bytes => slurp($rbe->zip_of({a => 1})))->{status}, 201, 'the token of before publishes';
my ($cdk) = split /\n/, $rbe->admin_ok(qw(cdk create --expires 30d));
is $rbe->get("/resources/paid/latest?system=linux&arch=amd64&current=1.0.0&cdk=$cdk")->{json}{data}{update_type}, 'incremental', 'a cdk is good for what was there before';
done_testing;
