# What the tests that speak HTTP share: a fresh installation in a temporary directory, a real web server in front of it (or
# the bare CGI environment), and a client. Perl's core modules only.
#
#   use Rbe::Test;
#   each_host {
#       my $rbe = shift;                            # started, with an admin token
#       my $r = $rbe->get('/resources/my-app/latest');
#       is $r->{status}, 404;
#       is $r->{json}{code}, 8001;
#   };
#
# RBE_BUILD names the build directory (default build), RBE_HOSTS the hosts each_host goes through (default "lighttpd cgi"):
# lighttpd is rbe-serve, cgi the bare CGI environment, the others are those of Rbe::Host.
package Rbe::Test;
use strict;
use warnings;
use Carp qw(croak);
use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(each_host build_dir sanitized slurp spew run tree_of pack_tree free_port $JSON);
our @EXPORT_OK = qw(must json_ok);
our $JSON = JSON::PP->new->utf8->canonical;
# It uses what is exported here.
require Rbe::Host;

sub build_dir { abs_path($ENV{RBE_BUILD} || 'build') or croak 'no build directory' }

# Whether the build carries AddressSanitizer, which wants to be loaded first and keeps memory of its own.
sub sanitized { return slurp(build_dir() . '/bin/rbe-batch') =~ /__asan_init/ }

sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or croak "$path: $!";
    local $/;
    return scalar <$fh> // '';
}

sub spew {
    my ($path, $bytes) = @_;
    open my $fh, '>:raw', $path or croak "$path: $!";
    print {$fh} $bytes;
    close $fh or croak "$path: $!";
    return $path;
}

# Runs a program without a shell; returns (exit status, stdout, stderr).
sub run {
    my (@argv) = @_;
    my $opt = ref $argv[0] eq 'HASH' ? shift @argv : {};
    # Gone at the end of this function, also in a test's forked child that ends without its END blocks.
    my $dir = File::Temp->newdir(TMPDIR => 1);
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        chdir $opt->{dir} or POSIX::_exit(126) if $opt->{dir};
        $ENV{$_} = $opt->{env}{$_} for keys %{$opt->{env} || {}};
        open STDIN, '<', $opt->{in} || '/dev/null';
        open STDOUT, '>', "$dir/out";
        open STDERR, '>', "$dir/err";
        exec { $argv[0] } @argv or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return ($? & 127 ? 128 + ($? & 127) : $? >> 8, slurp("$dir/out"), slurp("$dir/err"));
}

# A step without which the others make no sense. Returns what the command said.
sub must {
    my ($what, @argv) = @_;
    my ($status, $out, $err) = run(@argv);
    is $status, 0, $what or die "$what: " . substr($out . $err, -2000);
    return $out . $err;
}

# An answer as clients have to take it, whatever it says: that status (a number, or an expression for it), and a JSON object with
# that code.
sub json_ok {
    my ($r, $status, $code, $what) = @_;
    like $r->{status}, qr/^$status$/, "$what: $r->{status}";
    like $r->{headers}{'content-type'} // '', qr{^application/json\b}, "$what: JSON";
    my $body = eval { $JSON->decode($r->{content}) };
    is_deeply [sort keys %{$body || {}}], [qw(code data msg)], "$what: the three" or diag $r->{content};
    is $body->{code}, $code, "$what: code $code";
}

# A port of this process's own as long as it lives. Nobody else listens on it now, and no other test will be given it: two Apaches
# could share one port (SO_REUSEPORT), and each would get some of the other's requests. The mark is a socket without a file.
my @port_marks;
sub free_port {
    while (1) {
        my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or croak "no port: $!";
        my $mark = IO::Socket::UNIX->new(Local => "\0rbe-test-port-" . $s->sockport, Listen => 1) or next;
        push @port_marks, $mark;
        return $s->sockport;
    }
}

# {path => [kind, mode, sha256 or link target]} of all below a directory.
sub tree_of {
    my ($root) = @_;
    my (%tree, $walk);
    $walk = sub {
        my ($below) = @_;
        opendir my $dh, "$root/$below" or croak "$root/$below: $!";
        for my $name (grep { !/^\.\.?$/ } readdir $dh) {
            my $path = $below eq '' ? $name : "$below/$name";
            my $full = "$root/$path";
            if (-l $full) { $tree{$path} = ['l', '', readlink $full] }
            elsif (-d _) { $tree{$path} = ['d', '', '']; $walk->($path) }
            else { $tree{$path} = ['f', sprintf('%04o', (stat _)[2] & 0777), sha256_hex(slurp($full))] }
        }
    };
    $walk->('');
    return \%tree;
}

# Packs a directory as zip or tar.gz (tar.xz, tar.zst) into file; the archive's root is the tree's root.
sub pack_tree {
    my ($dir, $type, $file) = @_;
    my @argv = $type eq 'zip'
        ? ('zip', '-q', '-X', '-y', '-r', $file, '.')
        : ('tar', '-C', $dir, '-caf', $file, '.');
    my ($status, undef, $err) = run({dir => $dir}, @argv);
    croak "packing $dir: $err" if $status;
    return $file;
}

# Runs the body once for each host, each time with a fresh installation. only: the hosts it is for, of those asked for; on: those
# it runs on whatever was asked for.
sub each_host(&;%) {
    my ($body, %opt) = @_;
    my @hosts = $opt{on} ? @{$opt{on}} : split ' ', $ENV{RBE_HOSTS} || 'lighttpd cgi';
    my $only = $opt{only} ? join '|', @{$opt{only}} : '.*';
    SKIP: { skip "these cases are for $only", 1 if !grep { /^(?:$only)$/ } @hosts }
    for my $host (grep { /^(?:$only)$/ } @hosts) {
        subtest $host => sub {
            if (my $missing = Rbe::Host::known($host) && Rbe::Host::missing($host)) { plan skip_all => $missing }
            my $rbe = Rbe::Test->start(host => $host, %opt);
            $body->($rbe);
            $rbe->stop;
        };
    }
}

# host: lighttpd or cgi; config: {"section.key" => YAML text} overriding what rbe-serve made, undef leaving out what tests set by
# themselves; build: other programs than those that are built; data: the name of the data directory; prepare: called with the
# new object once that is there and still empty.
sub start {
    my ($class, %opt) = @_;
    my $self = bless {
        host => $opt{host} || 'lighttpd', build => $opt{build} || build_dir(), dir => tempdir('rbe-XXXXXX', TMPDIR => 1, CLEANUP => 1),
    }, $class;
    $self->{own_build} = $opt{own_build};
    $self->{data} = "$self->{dir}/" . ($opt{data} // 'data');
    mkdir $self->{data} or croak $!;
    $opt{prepare}->($self) if $opt{prepare};
    $self->{config} = "$self->{data}/rbe.yaml";
    $self->admin_ok('init');
    my $other = Rbe::Host::known($self->{host});
    # The worker builds nothing that the test or its clients did not ask for.
    my %config = ('batch.prebuild_depth' => 0, ($other ? Rbe::Host::settings($self->{host}) : ()), %{$opt{config} || {}});
    my %section;
    while (my ($key, $value) = each %config) {
        next if !defined $value;
        my ($s, $k) = split /\./, $key, 2;
        $section{$s} .= "  $k: $value\n";
    }
    spew("$self->{data}/rbe.local.yaml", join '', map { "$_:\n$section{$_}" } sort keys %section) if %section;
    if ($self->{host} eq 'cgi') { $self->{base} = 'http://updates.example' }
    elsif ($other) { Rbe::Host::start($self) }
    else { $self->boot }
    ($self->{token}) = split /\n/, $self->admin_ok(qw(token create test-admin --scope admin));
    return $self;
}

# port: the one to try first.
sub boot {
    my ($self, @ports) = @_;
    for my $try (1 .. 5) {
        my $port = shift @ports // free_port();
        pipe my $r, my $w or croak $!;
        my $pid = fork // croak $!;
        if (!$pid) {
            setpgrp;
            close $r;
            open STDIN, '<', '/dev/null';
            open STDOUT, '>&', $w;
            open STDERR, '>>', "$self->{dir}/serve.err";
            exec "$self->{build}/bin/rbe-serve", '--data', $self->{data}, '--port', $port or POSIX::_exit(127);
        }
        close $w;
        my $line = <$r>;
        if (defined $line && $line =~ m{^rbe-serve: ready on (http://\S+)$}) {
            @$self{qw(pid base port)} = ($pid, $1, $port);
            return;
        }
        waitpid $pid, 0;
    }
    croak 'rbe-serve did not start: ' . slurp("$self->{dir}/serve.err");
}

sub stop {
    my ($self) = @_;
    if ($self->{pids}) {
        ok Rbe::Host::stop($self), "$self->{host} stops on SIGTERM";
        return $self->heard(Rbe::Host::logs($self));
    }
    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    my $until = time + 20;
    my $gone;
    sleep 0.02 until ($gone = waitpid($pid, WNOHANG) == $pid) || time > $until;
    if (!$gone) {
        kill KILL => -$pid;
        waitpid $pid, 0;
        fail 'rbe-serve stops on SIGTERM';
    }
    is $? >> 8, 0, 'rbe-serve ends with status 0' if $gone;
    $self->heard(glob "$self->{data}/log/*.log");
}

# What sanitizers and crashed workers say must not pass unseen.
sub heard {
    my ($self, @logs) = @_;
    for my $log (grep { -f } @logs) {
        my $text = slurp($log);
        ok 0, "nothing bad in $log: $1" if $text =~ /((?:ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer)[^\n]*)/;
    }
}

sub DESTROY { my $self = shift; local ($?, $@); kill KILL => -$_ for grep { $_ } $self->{pid}, @{$self->{pids} || []} }

# rbe-admin on this installation: (exit status, stdout, stderr).
sub admin {
    my ($self, @argv) = @_;
    return run("$self->{build}/bin/rbe-admin", '--config', $self->{config}, @argv);
}

sub admin_ok {
    my ($self, @argv) = @_;
    my ($status, $out, $err) = $self->admin(@argv);
    croak "rbe-admin @argv: status $status: $err$out" if $status;
    return $out;
}

# One run of the batch tool until nothing is left to do; by a command that runs others, where one is named.
sub batch {
    my ($self, @by) = @_;
    my ($status, $out, $err) = run(@by, "$self->{build}/bin/rbe-batch", '--config', $self->{config});
    croak "@by rbe-batch: status $status: $err" if $status;
    return $out;
}

# The packages of a version as `version show` has them, by their format; the full one is `full`.
sub packages {
    my ($self, $rid, $version) = @_;
    my $shown = $JSON->decode($self->admin_ok('version', 'show', $rid, $version, '--json'));
    return {map { ($_->{patch_format} // 'full') => $_ } @{$shown->{packages}}};
}

sub request {
    my ($self, $method, $path, %opt) = @_;
    my %headers = %{$opt{headers} || {}};
    my $token = exists $opt{token} ? $opt{token} : undef;
    $headers{Authorization} = "Bearer $token" if defined $token;
    if ($opt{json}) {
        $opt{body} = $JSON->encode($opt{json});
        $headers{'Content-Type'} //= 'application/json';
    }
    my $r = $self->{host} eq 'cgi' ? $self->cgi($method, $path, \%headers, $opt{body})
          : $self->http($method, $path, \%headers, $opt{body});
    $r->{json} = eval { $JSON->decode($r->{content}) } if length $r->{content};
    return $r;
}

sub get    { my ($self, $path, %opt) = @_; $self->request(GET => $path, %opt) }
sub head   { my ($self, $path, %opt) = @_; $self->request(HEAD => $path, %opt) }
sub post   { my ($self, $path, %opt) = @_; $self->request(POST => $path, token => $self->{token}, %opt) }

sub http {
    my ($self, $method, $path, $headers, $body) = @_;
    # A connection of its own for each request: the answers of all workers are seen.
    my $ua = HTTP::Tiny->new(keep_alive => 0, max_redirect => 0, timeout => 120);
    my $url = $path =~ m{^https?://} ? $path : $self->{base} . $path;
    my $r = $ua->request($method, $url, {headers => $headers, defined $body ? (content => $body) : ()});
    croak "$method $url: $r->{content}" if $r->{status} == 599;
    return {status => $r->{status}, headers => $r->{headers}, content => $r->{content} // ''};
}

# What HTTP::Tiny would never send.
sub raw {
    my ($self, $request) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 10) or die $!;
    local $SIG{PIPE} = 'IGNORE';
    print {$s} $request;
    my $text = '';
    while (sysread $s, my $part, 65536) { $text .= $part }
    my ($head, $content) = split /\r\n\r\n/, $text, 2;
    my ($status, %headers) = ($head // '') =~ m{^HTTP/1\.[01] (\d+)} ? $1 : 0;
    while (($head // '') =~ /^([^:\r\n]+):\s*([^\r\n]*)/mg) { $headers{lc $1} = $2 }
    return {status => $status, headers => \%headers, content => $content // ''};
}

sub program_of {
    my ($path) = @_;
    return $path =~ m{^(?:(/api)?/resources/download|/p)/} ? 'download' : $path =~ m{/latest$} ? 'latest' : 'admin';
}

# The same request as a web server hands it to a CGI program (RFC 3875).
sub cgi {
    my ($self, $method, $url, $headers, $body) = @_;
    $url =~ s{^\Q$self->{base}\E}{};
    my ($path, $query) = split /\?/, $url, 2;
    my $program = program_of($path);
    (my $decoded = $path) =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    my %env = (
        PATH => $ENV{PATH}, GATEWAY_INTERFACE => 'CGI/1.1', SERVER_PROTOCOL => 'HTTP/1.1', SERVER_SOFTWARE => 'test',
        REQUEST_METHOD => $method, SCRIPT_NAME => "/cgi-bin/$program.fcgi", PATH_INFO => $decoded,
        QUERY_STRING => $query // '', REQUEST_URI => $url, REMOTE_ADDR => '127.0.0.1', SERVER_NAME => 'updates.example',
        SERVER_PORT => 80, HTTP_HOST => 'updates.example', RBE_CONFIG => $self->{config},
        (map { $_ => $ENV{$_} } grep { /^(TMPDIR|\wSAN_OPTIONS)$/ } keys %ENV), %{$self->{env} || {}},
    );
    while (my ($name, $value) = each %$headers) {
        (my $var = uc $name) =~ tr/-/_/;
        $env{$var eq 'CONTENT_TYPE' || $var eq 'CONTENT_LENGTH' ? $var : "HTTP_$var"} = $value;
    }
    $env{CONTENT_LENGTH} //= length $body if defined $body;
    my $in = "$self->{dir}/cgi.in.$$";
    spew($in, $body // '');
    local %ENV = %env;
    # Apache makes arguments of a query without a "=".
    my @words = ($query // '') =~ /=/ ? () : map { s/%([0-9A-Fa-f]{2})/chr hex $1/ger } split /\+/, $query // '';
    my ($status, $out, $err) = run({in => $in}, "$self->{build}/cgi-bin/$program.fcgi", @words);
    spew("$self->{dir}/cgi.err.$$", $err);
    my ($head, $content) = split /\r?\n\r?\n/, $out, 2;
    croak "$program.fcgi as CGI: status $status, output '$out', $err" unless defined $content;
    ok 0, "nothing bad from $program.fcgi: $1" if $err =~ /((?:ERROR: \w+Sanitizer|runtime error:)[^\n]*)/;
    my %got;
    for (split /\r?\n/, $head) {
        my ($name, $value) = /^([^:]+):\s*(.*)$/ or croak "header line '$_'";
        $got{lc $name} = $value;
    }
    my $code = $got{status} ? (split ' ', delete $got{status})[0] : 200;
    return {status => $code, headers => \%got, content => $content, stderr => $err};
}

# multipart/form-data: a list of [name, value] or [name, bytes, file name], in the order they are sent.
sub multipart {
    my ($self, @parts) = @_;
    my $boundary = 'x' . sha256_hex(join '|', map { $_->[0] } @parts);
    my $body = '';
    for my $part (@parts) {
        my ($name, $value, $file) = @$part;
        $body .= "--$boundary\r\nContent-Disposition: form-data; name=\"$name\""
            . (defined $file ? "; filename=\"$file\"\r\nContent-Type: application/octet-stream" : '') . "\r\n\r\n$value\r\n";
    }
    return (body => "$body--$boundary--\r\n", headers => {'Content-Type' => "multipart/form-data; boundary=$boundary"});
}

# Publishes a file; %field: version_name, channel, system, arch, old_version, … and file (a path) or bytes.
sub publish {
    my ($self, $rid, %field) = @_;
    my $token = exists $field{token} ? delete $field{token} : $self->{token};
    my $path = delete $field{file};
    my $bytes = delete $field{bytes} // slurp($path);
    my $name = delete $field{file_name} // ($path ? $path =~ s{.*/}{}r : 'package.zip');
    my @parts = map { my $k = $_; map { [$k, $_] } ref $field{$k} ? @{$field{$k}} : $field{$k} } sort keys %field;
    return $self->request(POST => "/resources/$rid/versions", token => $token,
        $self->multipart(@parts, ['file', $bytes, $name]));
}

sub create {
    my ($self, $rid, %field) = @_;
    return $self->post('/resources', json => {resource_id => $rid, %field});
}

# Waits until clients at `from` are offered an incremental package.
sub wait_for_incremental {
    my ($self, $rid, $from, $query) = @_;
    $self->batch if $self->{host} eq 'cgi';
    for (1 .. 200) {
        my $r = $self->get("/resources/$rid/latest?current=$from" . ($query // ''));
        return 1 if ($r->{json}{data}{update_type} // '') eq 'incremental';
        sleep 0.1;
    }
    ok 0, "an incremental package of $rid from $from";
    return 0;
}

# A zip of the given files, {path => content}; content undef makes a directory, a reference ['target'] a link.
sub zip_of {
    my ($self, $files, $type) = @_;
    my $n = ++$self->{archives};
    my $dir = "$self->{dir}/tree$n";
    make_path($dir);
    make_tree($dir, $files);
    return pack_tree($dir, $type || 'zip', "$self->{dir}/archive$n." . ($type || 'zip'));
}

# A tree that is work to pack: `app`, of which zlib makes three quarters, in as many bytes; the same in parts of 1 MB but for the
# first; and what a shell's commands change in that.
sub make_large_tree {
    my ($dir, $bytes, $edit) = @_;
    must("a tree of $bytes bytes", 'sh', '-ec', 'mkdir -p "$1/part"; cd "$1"; openssl enc -aes-128-ctr -K 0 -iv 0 </dev/zero 2>/dev/null |
        base64 | head -c "$2" > app; split -b 1000000 -a 3 app part/; rm part/aaa; eval "$3"', 'sh', $dir, $bytes, $edit);
}

sub make_tree {
    my ($dir, $files) = @_;
    for my $path (sort keys %$files) {
        my $content = $files->{$path};
        (my $parent = "$dir/$path") =~ s{/[^/]*$}{};
        make_path($parent);
        if (!defined $content) { make_path("$dir/$path") }
        elsif (ref $content) { symlink $content->[0], "$dir/$path" or croak $! }
        else { spew("$dir/$path", $content); chmod 0755, "$dir/$path" if $content =~ /^#!/ }
    }
}

# Pids of the processes whose executable is this program of the build, children of this server only.
sub worker_pids {
    my ($self, $program) = @_;
    my @pids;
    for my $dir (glob '/proc/[0-9]*') {
        my $exe = readlink "$dir/exe" or next;
        next unless $exe =~ m{/\Q$program\E$};
        my $env = eval { slurp("$dir/cmdline") } // '';
        push @pids, $dir =~ s{.*/}{}r if $env =~ /\Q$self->{data}\E/;
    }
    return @pids;
}

1;
