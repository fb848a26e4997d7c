# etc/Dockerfile without a container engine: its steps are run in empty roots, and what it starts is asked.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Rbe::Root qw(copy_source make_root needs);
use Rbe::Test qw(free_port must slurp spew);
use Test::More;
use Time::HiRes qw(sleep time);

needs('unshare');

my $dir = tempdir(CLEANUP => 1);
my $base = "$dir/base.tar";
my $path = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin';

make_root("$dir/base", 'bookworm');
must('kept', 'tar', '-C', "$dir/base", '-cf', $base, '.');

# Instructions, with continued lines joined.
my @steps = map { /^(\w+)\s+(.*)$/s ? [$1, $2] : () }
    split /\n/, slurp('etc/Dockerfile') =~ s/^#.*\n//mgr =~ s/\\\n\s*//gr;
my (%stage, $root, $work, $user, @env, @entry, @volumes);
for (@steps) {
    my ($verb, $rest) = @$_;
    if ($verb eq 'FROM') {
        my ($image, $name) = $rest =~ /^(\S+)(?: AS (\S+))?$/;
        is $image, 'debian:bookworm-slim', 'the image is known here';
        ($root, $work, $user) = ("$dir/" . ($name // 'last'), '/', 'root');
        $stage{$name} = $root if $name;
        mkdir $root or die $!;
        must('its root', 'tar', '-C', $root, '-xf', $base);
    }
    elsif ($verb eq 'WORKDIR') { $work = $rest; must("WORKDIR $rest", 'mkdir', '-p', "$root$rest") }
    elsif ($verb eq 'COPY' && $rest eq '. .') {
        # What git has, as .dockerignore leaves it.
        copy_source("$root$work");
    }
    elsif ($verb eq 'COPY') {
        my ($from, $what, $to) = $rest =~ /^--from=(\S+) (\S+) (\S+)$/ or die "COPY $rest";
        my @files = glob "$stage{$from}$what";
        must("COPY $rest", 'cp', @files, "$root$to");
    }
    elsif ($verb eq 'RUN') {
        must("RUN $rest", 'chroot', $root, 'env', '-i', $path, 'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', "cd $work && $rest");
    }
    elsif ($verb eq 'ENV') { push @env, $rest }
    elsif ($verb eq 'USER') { $user = $rest }
    elsif ($verb eq 'VOLUME') { push @volumes, $rest }
    elsif ($verb eq 'ENTRYPOINT') { @entry = @{decode_json($rest)} }
    else { is $verb, 'EXPOSE', "an instruction of no effect here: $verb $rest" }
}
is "@volumes", '/data', 'what has to be kept is one volume';
ok !-e "$root/etc/rbe/rbe.yaml", 'no secret in the image';

# Its first process, as in a container.
my $port = free_port();
my @inside = ('chroot', "--userspec=$user:$user", $root, 'env', '-i', $path, @env);
spew("$dir/out", '');
my $pid = fork // BAIL_OUT($!);
if (!$pid) {
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$dir/out";
    open STDERR, '>&', \*STDOUT;
    exec 'unshare', '-p', '-f', '--kill-child', @inside, @entry, '--port', $port or POSIX::_exit(127);
}
my $until = time + 30;
sleep 0.1 until slurp("$dir/out") =~ /^rbe-serve: ready/m || time > $until;
is eval { decode_json(HTTP::Tiny->new->get("http://127.0.0.1:$port/health")->{content})->{status} }, 'ok', 'it answers'
    or diag slurp("$dir/out");
ok -s "$root/data/rbe.yaml", 'and has made its own configuration';
my ($exec) = slurp('etc/Dockerfile') =~ /^#   docker exec CONTAINER (.*)$/m;
my ($token) = split /\n/, must('a token, as the file says', @inside, split ' ', $exec);
my $made = HTTP::Tiny->new->post("http://127.0.0.1:$port/resources", {content => '{"resource_id":"app"}',
    headers => {Authorization => "Bearer $token", 'Content-Type' => 'application/json'}});
is $made->{status}, 201, 'which it takes' or diag $made->{content};
my ($first) = slurp("/proc/$pid/task/$pid/children") =~ /^(\d+)/;
kill TERM => $first;
waitpid $pid, 0;
is $?, 0, 'it ends when it is told to';
done_testing;
