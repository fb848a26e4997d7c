# Eight publishers at once, a minute in check-long and some seconds else: every acknowledged version is live and stays, nobody
# gets a 5xx, no database was locked, no job failed.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $PUBLISHERS = 8;
my $SECONDS = $ENV{RBE_LONG} ? 60 : 4;

# What changes little between versions, so that incrementals are worth it.
srand 43;
my $bulk = join '', map { chr int rand 256 } 1 .. 30_000;

# Archives that no two publishers share, made before the clock runs.
sub archives {
    my ($rbe, $n) = @_;
    return map { slurp($rbe->zip_of({'app' => "publisher $n, archive $_", bulk => $bulk})) } 1 .. 4;
}

# One publisher: its own resource, which gets patches, and one that all share. What went wrong, or nothing, one a line.
sub publish_all {
    my ($rbe, $n, $until, @archives) = @_;
    open my $log, '>', "$rbe->{dir}/acknowledged.$n" or die $!;
    open my $bad, '>', "$rbe->{dir}/bad.$n" or die $!;
    $_->autoflush for $log, $bad;
    for (my $i = 1; time < $until; $i++) {
        for my $rid ("own-$n", 'shared') {
            my $name = $rid eq 'shared' ? "$i.$n.0" : "1.$i.0";
            my $bytes = $archives[$i % @archives];
            my @old = $i > 1 ? (old_version => $rid eq 'shared' ? ($i - 1) . ".$n.0" : '1.' . ($i - 1) . '.0') : ();
            my $r = $rbe->publish($rid, version_name => $name, bytes => $bytes, @old);
            if ($r->{status} != 201) { print {$bad} "publish $rid $name: $r->{status} $r->{content}\n"; next }
            print {$log} join(' ', $rid, $name, sha256_hex($bytes)), "\n";
            next if $rid eq 'shared';
            my $latest = $rbe->get("/resources/$rid/latest");
            my $told = $latest->{json}{data}{version_name} // $latest->{content};
            print {$bad} "latest after $rid $name: $told\n" if $told ne $name;
            my $note = $rbe->request(PUT => "/resources/$rid/versions/release-note", token => $rbe->{token},
                json => {version_name => $name, content => "note of $name"});
            print {$bad} "note of $rid $name: $note->{status} $note->{content}\n" if $note->{status} != 200;
        }
        # The same name and the same bytes from everybody: harmless, one makes it.
        my $r = $rbe->publish('race', version_name => "$i.0.0", bytes => $bulk . $i, file_name => 'a.bin');
        print {$bad} "race $i: $r->{status} $r->{content}\n" if $r->{status} !~ /^20[01]$/;
    }
    POSIX::_exit(0);
}

# SHA-256 of every full package, {"rid name" => hash}, straight from the command line.
sub published {
    my ($rbe, @rids) = @_;
    my %hash;
    for my $rid (@rids) {
        for my $version (@{$JSON->decode($rbe->admin_ok(qw(version list --json), $rid))}) {
            my $name = $version->{version_name} // $version->{name};
            $hash{"$rid $name"} = 1;
        }
    }
    return \%hash;
}

my $rbe = Rbe::Test->start(host => 'lighttpd', config => {'instance.workers' => 4});
$rbe->create($_, name => $_) for 'shared', map { "own-$_" } 1 .. $PUBLISHERS;
$rbe->create('race', name => 'Race', update_type => 'full', order => 'published');
my @archives = map { [archives($rbe, $_)] } 1 .. $PUBLISHERS;
my $until = time + $SECONDS;
my @pids;
for my $n (1 .. $PUBLISHERS) {
    my $pid = fork // die $!;
    publish_all($rbe, $n, $until, @{$archives[$n - 1]}) if !$pid;
    push @pids, $pid;
}
waitpid $_, 0 for @pids;

is join('', map { slurp($_) } glob "$rbe->{dir}/bad.*"), '', 'every publish, note and latest was answered as it should be';
my @acknowledged = map { split /\n/, slurp($_) } glob "$rbe->{dir}/acknowledged.*";
cmp_ok scalar(@acknowledged), '>=', 2 * $PUBLISHERS, 'versions were published: ' . @acknowledged;
my $there = published($rbe, 'shared', map { "own-$_" } 1 .. $PUBLISHERS);
is_deeply [grep { !$there->{join ' ', (split)[0, 1]} } @acknowledged], [], 'no acknowledged version is lost';
is scalar(keys %$there), scalar(@acknowledged), 'and none is there that was not acknowledged';

# Each publisher's last version comes as it was sent.
for my $n (1 .. $PUBLISHERS) {
    my ($rid, $name, $hash) = split ' ', (grep { /^own-/ } split /\n/, slurp("$rbe->{dir}/acknowledged.$n"))[-1];
    my $latest = $rbe->get("/resources/$rid/latest")->{json}{data};
    is "$latest->{version_name} $latest->{file_hash}", "$name sha256:$hash", "$rid: the last one is the latest";
    is sha256_hex($rbe->get($latest->{download_url})->{content}), $hash, 'and comes whole';
}

# The queue is worked off, without a failure.
my $patience = time + 60 + 2 * $SECONDS;
my $open = sub { my ($state) = @_; scalar @{$JSON->decode($rbe->admin_ok(qw(job list --json --limit 100000 --state), $state))} };
sleep 0.2 while $open->('queued') + $open->('leased') && time < $patience;
is $open->('queued') + $open->('leased'), 0, 'all jobs are done';
is $open->('failed'), 0, 'none failed';
cmp_ok $open->('done'), '>=', $PUBLISHERS, 'there were some';
my ($status, $out) = $rbe->admin('verify');
is $status, 0, 'rbe-admin verify is content' or diag $out;
for my $log (glob "$rbe->{data}/log/*.log") {
    unlike slurp($log), qr/database is locked|SQLITE_BUSY|\((?:5|261|517)\)/, "no database was locked: $log";
}
$rbe->stop;
done_testing;
