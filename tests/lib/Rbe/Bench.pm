# What the benchmarks share. A benchmark is a file tests/bench/NAME.bench; `make bench` runs all, `make bench BENCH="a b"` some.
# Times mean nothing on a machine that others use too, so whatever is measured is a ratio against something measured in the
# same run, taken in turns (A B A B …), and the median over the turns.
#
#   use Rbe::Bench;
#   my $site = Rbe::Bench->site('instance.workers' => 4);       # an installation, served by nothing yet
#   ...publish with $site, an Rbe::Test on the bare CGI environment...
#   my $floor = $site->floor($path);                            # an empty program with the same answer to the same path
#   my $r = in_turns(sub { $site->load($path) }, sub { $site->load($floor) });
#   report('latest-hit', 'requests a second, of the empty program\'s', $r, at_least => 0.95);
#
# BENCH_TURNS and BENCH_SECONDS set how many turns there are and how long each measures.
package Rbe::Bench;
use strict;
use warnings;
use parent -norequire, 'Rbe::Test';
use Carp qw(croak);
use Exporter qw(import);
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOL_SOCKET SO_RCVTIMEO);
use Rbe::Test;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(in_turns report median mean cost_of cpu_of spawn_cost wrk_script seconds);

sub turns   { $ENV{BENCH_TURNS}   || 7 }
sub seconds { $ENV{BENCH_SECONDS} || 2 }

sub median {
    my @v = sort { $a <=> $b } @_ or croak 'nothing was measured';
    return @v % 2 ? $v[$#v / 2] : ($v[@v / 2 - 1] + $v[@v / 2]) / 2;
}

# The geometric mean.
sub mean { my $sum = 0; $sum += log for @_; return exp($sum / (@_ || 1)) }

# What a program took, and those it waited for: seconds of wall clock and of CPU, and the most memory of one of them in KiB. It
# must succeed.
sub cost_of {
    my (@argv) = @_;
    my ($status, $out, $err) = run((ref $argv[0] ? shift @argv : ()), build_dir() . '/tests/bench/peak', @argv);
    croak "@argv: status $status: $err" if $status;
    return split ' ', $out;
}

# The CPU alone.
sub cpu_of { return (cost_of(@_))[1] }

# Runs the ways in turns, after one turn that does not count. Each returns a number. The result: {a, b: medians, ratio: the
# median of a/b turn by turn, low, high: its quartiles, turns}.
sub in_turns {
    my ($one, $other, %opt) = @_;
    my (@a, @b);
    my $turns = $opt{turns} || turns();
    for my $turn (0 .. $turns) {
        my ($x, $y) = ($one->(), $other->());
        next if !$turn;
        push @a, $x;
        push @b, $y;
    }
    my @ratio = sort { $a <=> $b } map { $a[$_] / $b[$_] } 0 .. $#a;
    return {a => median(@a), b => median(@b), ratio => median(@ratio), low => $ratio[$#ratio / 4],
        high => $ratio[$#ratio - int($#ratio / 4)], turns => $turns};
}

# Prints a line and keeps it for the plot. %bound: at_least or at_most, what the ratio shall be.
sub report {
    my ($name, $what, $r, %bound) = @_;
    my ($way) = grep { defined $bound{$_} } qw(at_least at_most);
    my $met = !$way ? '' : ($way eq 'at_least' ? $r->{ratio} >= $bound{$way} : $r->{ratio} <= $bound{$way}) ? 'met' : 'missed';
    my $goal = $way ? sprintf(' (%s %s: %s)', $way =~ tr/_/ /r, $bound{$way}, $met) : '';
    printf "%-22s %6.3f  %-52s %s%s\n", $name, $r->{ratio}, $what,
        defined $r->{low} ? sprintf('[%.3f %.3f] %.6g : %.6g', @$r{qw(low high a b)}) : sprintf('%.6g : %.6g', @$r{qw(a b)}), $goal;
    STDOUT->flush;
    my $file = ($ENV{BENCH_RESULTS} || build_dir() . '/bench.jsonl');
    open my $fh, '>>', $file or croak "$file: $!";
    print {$fh} $JSON->encode({name => $name, what => $what, %$r, $way ? (bound => $way, goal => $bound{$way}) : ()}), "\n";
    close $fh or croak "$file: $!";
}

# Median microseconds a run of a program, with an environment: (wall clock, CPU).
sub spawn_cost {
    my ($count, $env, @argv) = @_;
    my ($status, $out, $err) = run({env => $env}, build_dir() . '/tests/bench/spawn', $count, @argv);
    croak "@argv: $err" if $status;
    return split ' ', $out;
}

# ---- an installation behind lighttpd ----

sub site {
    my ($class, %config) = @_;
    my $self = $class->start(host => 'cgi', config => {'instance.workers' => 4, %config});
    mkdir "$self->{data}/$_" for qw(run log);
    $self->{children} = [];
    return $self;
}

sub child {
    my ($self, $name, @argv) = @_;
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDERR, '>>', "$self->{data}/log/$name.log";
        open STDOUT, '>&', \*STDERR;
        $ENV{RBE_CONFIG} = $self->{config};
        exec 'setpriv', '--pdeathsig', 'TERM', @argv or POSIX::_exit(127);
    }
    push @{$self->{children}}, [$pid, $name];
    return $pid;
}

# Ends a program; one that is still there so many seconds after SIGTERM is killed, and the benchmark fails.
sub end_program {
    my ($pid, $what, $seconds) = @_;
    kill TERM => $pid;
    for (1 .. 40 * $seconds) { return if waitpid($pid, POSIX::WNOHANG()) != 0; sleep 0.025 }
    kill KILL => $pid;
    waitpid $pid, 0;
    croak "$what did not end within $seconds seconds of SIGTERM";
}

sub await {
    my ($self, $name, $ready) = @_;
    for (1 .. 400) { return if $ready->(); sleep 0.025 }
    croak "$name does not start: " . slurp("$self->{data}/log/$name.log");
}

# The program's answer to this path, as bytes of CGI.
sub answer_of {
    my ($self, $path) = @_;
    my $r = $self->get($path);
    croak "$path: status $r->{status}: $r->{content}" if $r->{status} != 200;
    my %h = %{$r->{headers}};
    delete $h{server};
    return "Status: $r->{status} OK\r\n" . join('', map { "$_: $h{$_}\r\n" } sort keys %h) . "\r\n$r->{content}";
}

# A path answered by the empty program with the same bytes, that ends as the given one does.
sub floor {
    my ($self, $path) = @_;
    my $n = ++$self->{floors};
    spew("$self->{data}/run/floor$n.answer", $self->answer_of($path));
    return "/floor$n$path";
}

# Starts the programs and lighttpd in front of them, floors as well.
sub serve {
    my ($self, %opt) = @_;
    my $run = "$self->{data}/run";
    my @parts = qw(latest download admin);
    my $rules = '';
    my $rule = sub {
        my ($url, $socket) = @_;
        $rules .= <<"RULE" =~ s/\n$/ else /r;
\$HTTP["url"] =~ "$url" {
    fastcgi.server = ("/" => (("socket" => "$socket", "check-local" => "disable", "fix-root-scriptname" => "enable",
        "x-sendfile" => "enable", "x-sendfile-docroot" => ("$self->{data}/packages/"))))
}
RULE
    };
    $self->child($_, "$self->{build}/cgi-bin/$_.fcgi", '--listen', "$run/$_.sock") for @parts;
    for my $n (1 .. $self->{floors} || 0) {
        $self->child("floor$n", "$self->{build}/tests/bench/empty", "$run/floor$n.sock", 4, "$run/floor$n.answer");
        $rule->("^/floor$n/", "$run/floor$n.sock");
    }
    $rule->('^/(api/)?resources/[^/]+/latest$', "$run/latest.sock");
    $rule->('^/resources/download/', "$run/download.sock");
    $rule->($opt{static} ? '^/(resources|admin)' : '', "$run/admin.sock");
    $self->{port} = free_port();
    $self->{base} = "http://127.0.0.1:$self->{port}";
    spew("$run/lighttpd.conf", <<"CONF" . $rules =~ s/ else $/\n/r);
server.modules = ("mod_fastcgi")
server.document-root = "$run"
server.bind = "127.0.0.1"
server.port = $self->{port}
server.errorlog = "$self->{data}/log/lighttpd.log"
server.upload-dirs = ("$self->{data}/tmp")
server.max-keep-alive-requests = 1000000
server.stream-response-body = 1
CONF
    for my $name (@parts, map { "floor$_" } 1 .. $self->{floors} || 0) {
        $self->await($name, sub { -S "$run/$name.sock" });
    }
    my ($lighttpd) = grep { -x } map { "$_/lighttpd" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
    croak 'lighttpd is not installed' if !$lighttpd;
    $self->child('lighttpd', $lighttpd, '-D', '-f', "$run/lighttpd.conf");
    $self->await('lighttpd', sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) });
    $self->{host} = 'lighttpd';
    return $self;
}

sub stop {
    my ($self) = @_;
    my @children = splice @{$self->{children}};
    kill TERM => map { $_->[0] } @children;
    my @left = grep { !eval { end_program(@$_, 30); 1 } } @children;
    croak join(', ', map { $_->[1] } @left), ': not ended within 30 seconds of SIGTERM' if @left;
}

sub DESTROY { my $self = shift; local ($?, $@); eval { $self->stop } if @{$self->{children} || []} }

# A Lua script for wrk that asks the paths of a file in their order, each connection and start from the beginning.
sub wrk_script {
    my ($self, $paths) = @_;
    my $n = ++$self->{scripts};
    spew("$self->{dir}/paths$n", join '', map { "$_\n" } @$paths);
    return spew("$self->{dir}/paths$n.lua", <<"LUA");
local request, n, i = {}, 0, 0
function init(args)
    for path in io.lines("$self->{dir}/paths$n") do
        n = n + 1
        request[n] = wrk.format("GET", path)
    end
end
function request_next() i = i % n + 1; return request[i] end
_G.request = request_next
LUA
}

# Requests a second over 32 connections that stay; any answer but 2xx is an error. script: of wrk_script, in place of a path.
sub load {
    my ($self, $path, %opt) = @_;
    my @script = $path =~ /\.lua$/ ? ('-s', $path) : ();
    my ($status, $out, $err) = run('wrk', '-t1', '-c32', '-d' . ($opt{seconds} || seconds()) . 's', @script,
        @script ? $self->{base} : "$self->{base}$path");
    croak "wrk (Debian: wrk): status $status: $err$out" if $status;
    croak "$path: $1" if $out =~ /^\s*((?:Non-2xx|Socket errors)[^\n]*)/m;
    my ($rate) = $out =~ m{^Requests/sec:\s+([\d.]+)}m or croak $out;
    return $rate;
}

# ---- instructions ----

# User-space instructions a request, by callgrind: of a program on a FastCGI socket on descriptor 0, which gets the requests
# of `ask` (a function of their number, called with the path of the socket) after so many others. Start and end cancel out.
sub instructions {
    my ($self, $argv, $ask) = @_;
    my @total = map { my $n = $_; $self->callgrind($argv, $n, $ask) } 200, 1200;
    return ($total[1] - $total[0]) / 1000;
}

sub callgrind {
    my ($self, $argv, $n, $ask) = @_;
    my $socket = "$self->{dir}/callgrind.sock";
    unlink $socket;
    my $listen = IO::Socket::UNIX->new(Local => $socket, Listen => 16) or croak "$socket: $!";
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        POSIX::dup2(fileno($listen), 0);
        open STDOUT, '>', "$self->{dir}/callgrind.out";
        open STDERR, '>&', \*STDOUT;
        $ENV{RBE_CONFIG} = $self->{config};
        $ENV{RBE_INSTANCE_WORKERS} = 1;
        exec 'valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', @$argv or POSIX::_exit(127);
    }
    close $listen;
    my $asked = eval { $ask->($socket, $n); 1 };
    my $failure = $@;
    end_program($pid, "$argv->[0] under callgrind", 60);
    croak $failure if !$asked;
    my ($ir) = slurp("$self->{dir}/callgrind.out") =~ /Collected : (\d+)/ or croak slurp("$self->{dir}/callgrind.out");
    return $ir;
}

# n requests as lighttpd sends them, each on a connection of its own; the answers must hold `want`.
sub ask_fastcgi {
    my ($self, $path, $want) = @_;
    my ($name, $query) = split /\?/, $path, 2;
    my %env = (SERVER_SOFTWARE => 'lighttpd/1.4.69', SERVER_NAME => '127.0.0.1', GATEWAY_INTERFACE => 'CGI/1.1',
        SERVER_PORT => 8080, SERVER_ADDR => '127.0.0.1', REMOTE_PORT => 40000, REMOTE_ADDR => '127.0.0.1',
        CONTENT_LENGTH => 0, SCRIPT_NAME => '', PATH_INFO => $name, SCRIPT_FILENAME => "/srv/www$name",
        DOCUMENT_ROOT => '/srv/www', REQUEST_URI => $path, QUERY_STRING => $query // '', REQUEST_METHOD => 'GET',
        REDIRECT_STATUS => 200, SERVER_PROTOCOL => 'HTTP/1.1', HTTP_HOST => '127.0.0.1:8080', REQUEST_SCHEME => 'http');
    my $params = join '', map {
        my $v = $env{$_};
        pack('CC', length, length $v) . $_ . $v
    } sort keys %env;
    my $pad = -length($params) % 8;
    my $bytes = pack('CCnnCx nCx5', 1, 1, 1, 8, 0, 1, 0) . pack('CCnnCx', 1, 4, 1, length $params, $pad) . $params . "\0" x $pad
        . pack('CCnnCx', 1, 4, 1, 0, 0) . pack('CCnnCx', 1, 5, 1, 0, 0);
    return sub {
        my ($socket, $n) = @_;
        for (1 .. $n) {
            my $s = IO::Socket::UNIX->new(Peer => $socket) or croak "$socket: $!";
            $s->setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack('l!l!', 60, 0));
            syswrite $s, $bytes;
            my $answer = do { local $/; <$s> };
            croak 'no answer within 60 seconds' if !defined $answer;
            croak "wrong answer: $answer" if index($answer, $want) < 0;
        }
    };
}

1;
