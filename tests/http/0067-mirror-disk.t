# A mirror target whose disk is full: nothing half-copied is ever offered, nothing is left in the way, and the next run that has
# room brings it to its end. Once with calls that change a file failing or being the last (all of them with RBE_LONG=1), once
# with a real full disk.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp ();
use Rbe::Mounts;
use Rbe::Ssh;
use Rbe::Test;
use Test::More;

my $own_mounts = Rbe::Mounts::own();
my $faults = build_dir() . '/tests/faults.so';
my $dir = File::Temp->newdir(TMPDIR => 1);

sub url_of { my ($rbe) = @_; $rbe->get('/resources/blob/latest')->{json}{data}{download_url} }
sub copies { my ($rbe) = @_; $JSON->decode($rbe->admin_ok(qw(mirror list --json)))->[0]{copies} }
sub parts { my ($target) = @_; return glob "$target/p/*/.*.part" }

sub server {
    my ($target, %config) = @_;
    my $rbe = Rbe::Test->start(host => 'cgi', config => {
        'extra.download_prefix_info' => "{default: [{url: 'https://one.example'}]}", 'mirror.probe_interval' => 0,
        'mirror.targets' => "[{name: one, $target, urls: ['https://one.example']}]", 'instance.workers' => 1, %config,
    });
    $rbe->create('blob', update_type => 'full');
    return $rbe;
}

sub publish {
    my ($rbe, $version, $bytes) = @_;
    my $r = $rbe->publish('blob', version_name => $version, bytes => $bytes, file_name => 'a.zip');
    is $r->{status}, 201, "version $version" if $r->{status} != 201;
    return;
}

sub mirror { my ($rbe, $env, @argv) = @_; run({env => $env // {}}, "$rbe->{build}/bin/rbe-batch", '--config', $rbe->{config}, 'mirror', @argv) }

# '' where the latest is sent from here, or from a place that has all of it.
sub bad_offer {
    my ($rbe, $target, $bytes) = @_;
    my $r = $rbe->get(url_of($rbe));
    return $r->{content} eq $bytes ? '' : 'other bytes from here' if $r->{status} == 200;
    return "status $r->{status}" if $r->{status} != 302;
    my $copy = $target . $r->{headers}{location} =~ s{^https://one\.example}{}r;
    return !-e $copy ? "no $copy" : slurp($copy) eq $bytes ? '' : "$copy is not whole";
}

SKIP: {
    skip 'sanitizers want to be loaded first', 1 if sanitized;
    skip "$faults is not built", 1 if !-e $faults;
    mkdir "$dir/one" or die $!;
    my $rbe = server("path: $dir/one");
    for my $how ('enospc', 'enospc+', 'kill') {
        my ($calls, $n) = (1, 0);
        my @bad;
        while ($n < $calls) {
            $n += $how eq 'enospc' && !$ENV{RBE_LONG} ? 3 : 1;
            # More than one piece, so that it is cut in the midst.
            my $bytes = "$how $n " x 20_000;
            publish($rbe, "$how-$n", $bytes);
            my ($status, undef, $err) = mirror($rbe, {LD_PRELOAD => $faults, RBE_FAULT_AT => $n, RBE_FAULT_HOW => $how,
                RBE_FAULT_COUNT => "$dir/count"});
            # How many calls there are shows when the fault is too late to matter.
            $calls = $n + 1 if $status != 0 || -s "$dir/count" && slurp("$dir/count") >= $n;
            push @bad, "at call $n, status $status: $_" for grep { $_ } bad_offer($rbe, "$dir/one", $bytes),
                $how eq 'enospc' && parts("$dir/one") ? 'a part is left' : ();
            push @bad, "at call $n: $err" if $how =~ /\+/ && $status == 1 && $err !~ /No space left on device|disk I\/O error|disk is full/;
            ($status, undef, $err) = mirror($rbe);
            push @bad, "after call $n: $status $err" if $status;
            push @bad, "after call $n: no copy" if $rbe->get(url_of($rbe))->{status} != 302;
            push @bad, "after call $n: $_" for grep { $_ } bad_offer($rbe, "$dir/one", $bytes);
            last if $n > 200;
        }
        is "@bad", '', "$how, $n calls";
        cmp_ok $n, '>', 8, 'there were some';
    }
}

# A disk of three MiB, of which two are taken: two packages of 700 kB do not go onto the rest.
sub full_disk {
    my ($what, $target, $command) = @_;
    mkdir $target or die $!;
    is +(run('mount', '-t', 'tmpfs', '-o', 'size=3m', 'none', $target))[0], 0, "$what: a small disk";
    spew("$target/ballast", 'x' x (2 << 20));
    my $rbe = server($command);
    my %bytes = map { $_ => "$_ " x 350_000 } 1, 2;
    publish($rbe, '1', $bytes{1});
    is +(mirror($rbe))[0], 0, 'one goes onto it';
    is $rbe->get(url_of($rbe))->{status}, 302;
    publish($rbe, '2', $bytes{2});
    my ($status, $out, $err) = mirror($rbe);
    is $status, 1, 'the next does not';
    # what the other side of rsync says may get lost on the way, its status 11 does not
    like $err, qr{^rbe-batch: one p/\S+: .*(?:No space left on device|status 11)}ms, 'which is told';
    is bad_offer($rbe, $target, $bytes{2}), '', 'nothing of it is offered';
    is $rbe->get(url_of($rbe))->{status}, 200, 'it is sent from here';
    is copies($rbe), 1;
    is scalar(() = parts($target)), 0, 'no part lies there';
    is scalar(() = glob "$target/p/*/*"), 1, 'nor under its name';
    (undef, undef, $err) = run("$rbe->{build}/bin/rbe-batch", '--config', $rbe->{config});
    like $err, qr/^rbe-batch: mirror one:2, try 1: .*(?:No space left on device|status 11)/ms, 'the job says so as well';
    like $rbe->admin_ok(qw(job list --state queued)), qr/one:2/, 'and is tried again';
    ok unlink("$target/ballast"), 'there is room';
    ($status, undef, $err) = mirror($rbe);
    is $status, 0, 'the next run brings it there' or diag $err;
    is $rbe->get(url_of($rbe))->{status}, 302;
    is bad_offer($rbe, $target, $bytes{2}), '', 'whole';
    is copies($rbe), 2;
    is +(run('umount', $target))[0], 0, 'the disk goes';
    return;
}
SKIP: {
    skip 'no file system may be mounted here', 1 if !$own_mounts;
    full_disk('a directory', "$dir/full", "path: $dir/full");
    my $missing = slurp('/proc/self/uid_map') !~ /^\s*0\s+0\s+4294967295/ ? 'sshd needs real rights' : Rbe::Ssh::missing();
    skip $missing, 1 if $missing;
    my $ssh = Rbe::Ssh->new;
    full_disk('rsync', "$dir/far", "rsync: '$ssh->{login}:$dir/far', ssh: '$ssh->{command}'");
}
done_testing;
