# rbe-serve alone: what ends is named and takes the rest with it, nothing is left running, and one serves a directory.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Rbe::Test qw(build_dir free_port run slurp spew);
use Test::More;
use Time::HiRes qw(sleep time);

my $serve = build_dir() . '/bin/rbe-serve';
my $dir = tempdir(CLEANUP => 1);
# As long as it may be: the sockets in it are at their limit too.
my $data = "$dir/data" . '-' x (80 - length "$dir/data");

# Started and ready; the port may be taken between finding and using it, so it is tried again.
sub start {
    for (1 .. 5) {
        my $port = free_port();
        pipe my $r, my $w or die $!;
        my $pid = fork // die $!;
        if (!$pid) {
            close $r;
            open STDIN, '<', '/dev/null';
            open STDOUT, '>&', $w;
            open STDERR, '>', "$dir/err";
            exec $serve, '--data', $data, '--port', $port or POSIX::_exit(127);
        }
        close $w;
        my $line = <$r> // '';
        return ($pid, $port) if $line eq "rbe-serve: ready on http://127.0.0.1:$port\n";
        waitpid $pid, 0;
    }
    BAIL_OUT('rbe-serve does not start: ' . slurp("$dir/err"));
}

# Processes whose command line or environment names the data directory, but for this test's own.
sub alive {
    my @pids;
    for my $proc (glob '/proc/[0-9]*') {
        my ($pid) = $proc =~ /(\d+)$/;
        next if $pid == $$;
        my $text = '';
        for my $file ("$proc/cmdline", "$proc/environ") {
            open my $fh, '<', $file or next;
            local $/;
            $text .= <$fh> // '';
        }
        push @pids, [$pid, $text] if index($text, $data) >= 0;
    }
    return @pids;
}

sub none_left {
    my ($what) = @_;
    my $until = time + 15;
    sleep 0.05 while alive() && time < $until;
    is join(' ', map { $_->[1] =~ tr/\0/ /r } alive()), '', "$what: nothing is left running";
}

sub end_of {
    my ($pid) = @_;
    my $until = time + 30;
    while (time < $until) {
        return $? if waitpid($pid, WNOHANG) == $pid;
        sleep 0.05;
    }
    kill KILL => $pid;
    return 'does not end';
}

plan skip_all => 'no /proc' if !-e '/proc/self/environ';

my ($pid, $port) = start();
my ($status, undef, $err) = run($serve, '--data', $data, '--port', free_port());
is $status, 1, 'a second one on the same directory is refused';
like $err, qr/another rbe-serve serves /;
($status, undef, $err) = run($serve, '--data', "$dir/other", '--port', $port);
is $status, 1, 'a port that is taken';
like $err, qr/Address already in use/;
kill INT => $pid;
is end_of($pid), 0, 'SIGINT: status 0';
none_left('SIGINT');

# What is being downloaded when the signal comes is finished.
{
    my $config = "$data/rbe.yaml";
    local $ENV{RBE_INSTANCE_DATA_DIR} = "$dir/elsewhere";
    ($pid, $port) = start();
    ok !-e "$dir/elsewhere", '--data wins over the environment';
    delete local $ENV{RBE_INSTANCE_DATA_DIR};
    my $admin = build_dir() . '/bin/rbe-admin';
    my $size = 64 << 20;
    spew("$dir/big.bin", "\0" x $size);
    for (['resource', 'create', 'big', '--name', 'Big', '--update-type', 'full'], ['version', 'publish', 'big', '1.0.0', "$dir/big.bin"]) {
        my ($failed, undef, $why) = run($admin, '--config', $config, @$_);
        is $failed, 0, "$_->[0] $_->[1]" or diag $why;
    }
    my $http = HTTP::Tiny->new;
    my $url = JSON::PP->new->decode($http->get("http://127.0.0.1:$port/resources/big/latest")->{content})->{data}{download_url};
    my ($got, $told) = (0, 0);
    my $r = $http->get($url, {data_callback => sub {
        $got += length $_[0];
        return if $told++;
        kill TERM => $pid;
        sleep 0.5;
    }});
    is $r->{status}, 200;
    is $got, $size, 'SIGTERM: a download in flight is finished';
    is end_of($pid), 0, 'SIGTERM: status 0';
    none_left('SIGTERM');
}

for my $case (['download' => 'download.fcgi'], ['health' => 'run/health.sock'], ['batch' => 'rbe-batch'],
    ['lighttpd' => 'lighttpd.conf']) {
    my ($part, $mark) = @$case;
    ($pid) = start();
    # The first of them is the parent.
    my ($victim) = sort { $a <=> $b } map { $_->[0] } grep { (split /\0\0|\0[A-Z_]+=/, $_->[1])[0] =~ /\Q$mark\E/ } alive();
    kill KILL => $victim;
    is end_of($pid) >> 8, 1, "$part killed: status 1";
    like slurp("$dir/err"), qr/^rbe-serve: $part ended, see \S+\/log\/$part\.log$/m, "$part is named";
    none_left("$part killed");
}

($pid) = start();
kill KILL => $pid;
end_of($pid);
none_left('rbe-serve killed');
done_testing;
