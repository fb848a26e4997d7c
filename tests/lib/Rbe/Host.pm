# The web servers that the http tests run behind, other than rbe-serve: each is started with the example that rbe ships for it, in
# which only paths and the port are replaced, as a user of its own when the tests run as root, and with `rbe-batch --watch` beside.
#
# What a host forces upon an answer is known here, so that tests ask for the fact and not for the name.
package Rbe::Host;
use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use POSIX qw(:sys_wait_h);
use Rbe::Test qw(run slurp spew free_port);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(example find_program apache_main shared);

# example: the file; start: makes the configuration and the command line; sockets: the programs make their own.
my %hosts = (
    'lighttpd-spawn' => {example => 'lighttpd.conf.example', start => \&lighttpd, sendfile => 'x-sendfile'},
    'lighttpd-cgi' => {example => 'etc/lighttpd-cgi.conf', start => \&lighttpd, sendfile => 'x-sendfile'},
    'apache-fcgid' => {example => 'etc/apache-fcgid.conf', start => \&apache, modules => ['fcgid']},
    'apache-proxy' => {example => 'etc/apache-proxy.conf', start => \&apache, modules => ['proxy', 'proxy_fcgi'], sockets => 1},
    'apache-cgi' => {example => 'etc/htaccess', start => \&apache_cgi, modules => ['cgid', 'rewrite']},
    'nginx' => {example => 'etc/nginx.conf', start => \&nginx, sendfile => 'x-accel', sockets => 1},
);
my $apache_modules = '/usr/lib/apache2/modules';
my $user = 'www-data';

sub all { return sort keys %hosts }
sub known { my ($name) = @_; return exists $hosts{$name} }

sub find_program {
    my ($name) = @_;
    my ($path) = grep { -x } map { "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin', '/sbin';
    return $path;
}

# Why this host cannot run here; undef when it can.
sub missing {
    my ($name) = @_;
    my $program = $name =~ /^apache/ ? 'apache2' : $name =~ /^lighttpd/ ? 'lighttpd' : 'nginx';
    return "no $program" if !find_program($program);
    return 'no mod_fcgid' if $name eq 'apache-fcgid' && !-e "$apache_modules/mod_fcgid.so";
    return;
}

# What else a test changes in an example.
our $edit = sub { $_[0] };

# The text of a shipped example with paths replaced. Each must be found, so that the examples keep to one layout.
sub example {
    my ($file, @replace) = @_;
    my $text = slurp($file);
    while (my ($from, $to) = splice @replace, 0, 2) {
        croak "$file does not have $from" if !ref $from && index($text, $from) < 0;
        $from = ref $from ? $from : quotemeta $from;
        $text =~ s/$from/$to/g;
    }
    return $edit->($text);
}

# A copy of the programs, for a test that will harm them.
sub own_build {
    my ($rbe) = @_;
    my $copy = "$rbe->{dir}/rbe";
    make_path($copy);
    my ($status, undef, $err) = run('cp', '-r', map({ "$rbe->{build}/$_" } qw(bin cgi-bin libexec share)), $copy);
    croak "cp: $err" if $status;
    $rbe->{build} = $copy;
}

# Programs of root's tests in a place that is closed to whom they run as, by default the web servers' user, are copied.
sub reach {
    my ($rbe, $who) = @_;
    $who //= $user;
    my @as = ('setpriv', "--reuid=$who", "--regid=$who", '--clear-groups');
    own_build($rbe) if $> == 0 && (run(@as, 'test', '-x', "$rbe->{build}/cgi-bin/latest.fcgi"))[0];
}

# What root's tests start must be able to reach programs and data as another user.
sub open_up {
    my ($rbe) = @_;
    chmod 0711, $rbe->{dir};
    $rbe->{own_build} ? own_build($rbe) : reach($rbe);
    make_path("$rbe->{data}/tmp", map { "$rbe->{dir}/$_" } qw(run/rbe run/lighttpd log/lighttpd log/apache2 log/nginx));
    give($rbe->{data}, map { "$rbe->{dir}/$_" } qw(run log));
}

sub give {
    my (@dirs) = @_;
    return if $> != 0;
    my ($status, undef, $err) = run('chown', '-R', "$user:$user", @dirs);
    croak "chown: $err" if $status;
}

# Settings that the example of a host asks for; the test's own come first.
sub settings {
    my ($name) = @_;
    return 'storage.sendfile' => $hosts{$name}{sendfile} // 'none';
}

sub start {
    my ($rbe) = @_;
    my $host = $hosts{$rbe->{host}};
    open_up($rbe);
    my @pids = spawn($rbe, 'batch', {RBE_CONFIG => $rbe->{config}}, "$rbe->{build}/bin/rbe-batch", '--watch');
    push @pids, map { $rbe->{program_pids}{$_} = own_socket($rbe, $_) } qw(latest download admin health) if $host->{sockets};
    $rbe->{pids} = \@pids;
    # The port may be taken between finding and using it.
    for my $try (1 .. 5) {
        my $port = free_port();
        my $pid = spawn($rbe, 'web', {}, $host->{start}->($rbe, $host, $port));
        @$rbe{qw(base port)} = ("http://127.0.0.1:$port", $port);
        my $until = time + 30;
        while (waitpid($pid, WNOHANG) == 0) {
            my $r = HTTP::Tiny->new(keep_alive => 0, timeout => 10)->get("$rbe->{base}/health");
            if ($r->{status} == 200) {
                unshift @pids, $pid;
                return;
            }
            last if time > $until;
            sleep 0.05;
        }
        kill KILL => -$pid;
        waitpid $pid, 0;
    }
    my $said = join '', map { "$_:\n" . slurp($_) } grep { -s } logs($rbe);
    stop($rbe);
    croak "$rbe->{host} did not start: " . substr $said, 0, 4000;
}

# A program on a socket of its own, that listens when this returns.
sub own_socket {
    my ($rbe, $name) = @_;
    my $socket = "$rbe->{dir}/run/rbe/$name.sock";
    my $program = $name eq 'health' ? 'admin' : $name;
    unlink $socket;
    my $pid = spawn($rbe, $name, {RBE_CONFIG => $rbe->{config}, $name eq 'health' ? (RBE_INSTANCE_WORKERS => 1) : ()},
        "$rbe->{build}/cgi-bin/$program.fcgi", '--listen', $socket);
    my $until = time + 30;
    sleep 0.02 until -S $socket || time > $until;
    return $pid;
}

# In a group of its own, so that whatever it leaves can be ended.
sub spawn {
    my ($rbe, $name, $env, @argv) = @_;
    my $pid = fork // croak $!;
    if (!$pid) {
        setpgrp;
        $ENV{$_} = $env->{$_} for keys %$env;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$rbe->{dir}/$name.err";
        open STDERR, '>&', \*STDOUT;
        exec { $argv[0] } @argv or POSIX::_exit(127);
    }
    return $pid;
}

sub stop {
    my ($rbe) = @_;
    my @pids = @{delete $rbe->{pids} || []};
    my @odd;
    for my $pid (@pids) {
        kill TERM => $pid;
        my $until = time + 20;
        my $gone;
        sleep 0.02 until ($gone = waitpid($pid, WNOHANG) == $pid) || time > $until;
        push @odd, $pid if !$gone;
        # What a web server started and left.
        kill KILL => -$pid;
        waitpid $pid, 0 if !$gone;
    }
    return !@odd;
}

# A configuration made of a host's example as changed by $change: the web server, and the file.
sub configured {
    my ($rbe, $name, $change) = @_;
    local $edit = $change;
    my $host = $hosts{$name};
    return ($host->{start}->($rbe, {%$host, modules => ['ssl', @{$host->{modules} || []}]}, free_port()))[0, -1];
}

# Everything that was said, for those who look for what must not be.
sub logs { my ($rbe) = @_; return glob "$rbe->{dir}/*.err $rbe->{dir}/log/*/*" }

# ---- each of them ----

# An installation below /usr/local with its data in /var/lib/rbe, as all examples have it.
sub places {
    my ($rbe) = @_;
    return ('/usr/local/etc/rbe/rbe.yaml' => $rbe->{config}, '/usr/local' => $rbe->{build}, '/var/lib/rbe' => $rbe->{data});
}

sub lighttpd {
    my ($rbe, $host, $port) = @_;
    my $text = example($host->{example}, places($rbe), '/run/' => "$rbe->{dir}/run/", '/var/log/' => "$rbe->{dir}/log/",
        qr/(?<=^server\.port {10}= )80$/m => $port);
    return (find_program('lighttpd'), '-D', '-f', spew("$rbe->{dir}/lighttpd.conf", $text));
}

# What surrounds a site on Debian: modules, user, logs.
sub apache_main {
    my ($rbe, $host, $port, $site) = @_;
    my $d = $rbe->{dir};
    my @modules = (qw(mpm_event authz_core unixd log_config alias env setenvif mime headers), @{$host->{modules}});
    my $text = join '', map { "LoadModule ${_}_module $apache_modules/mod_$_.so\n" } @modules;
    # Debian has some of them compiled in.
    $text =~ s/^LoadModule (?:unixd|log_config)_module .*\n//mg;
    $text .= <<"CONF";
ServerRoot $d
ServerName localhost
Listen 127.0.0.1:$port
PidFile $d/run/apache.pid
DefaultRuntimeDir $d/run
Mutex file:$d/run default
ErrorLog $d/log/apache2/error.log
TypesConfig /dev/null
<IfModule mod_cgid.c>
    ScriptSock $d/run/cgisock
</IfModule>
<IfModule mod_fcgid.c>
    FcgidIPCDir $d/run/fcgid
    FcgidProcessTableFile $d/run/fcgid_shm
</IfModule>
<Directory />
    Require all denied
</Directory>
CONF
    $text .= "User $user\nGroup $user\n" if $> == 0;
    return (find_program('apache2'), '-DFOREGROUND', '-f', spew("$d/apache2.conf", $text . $site));
}

sub apache {
    my ($rbe, $host, $port) = @_;
    my @places = $host->{sockets} ? ('/usr/local' => $rbe->{build}, '/run/rbe/' => "$rbe->{dir}/run/rbe/") : places($rbe);
    pop @places, pop @places if !$host->{sockets};
    return apache_main($rbe, $host, $port, example($host->{example}, @places, '/var/log/' => "$rbe->{dir}/log/", '*:80>' => "*:$port>"));
}

# A directory of the web space, as share/doc/shared-hosting.md makes it.
sub apache_cgi {
    my ($rbe, $host, $port) = @_;
    my $web = "$rbe->{dir}/web";
    make_path("$web/rbe-cgi");
    symlink "$rbe->{build}/share/rbe/errors", "$web/rbe-errors";
    spew("$web/.htaccess", slurp($host->{example}));
    for my $program (qw(latest download admin)) {
        spew("$web/rbe-cgi/$program.cgi", "#!/bin/sh\nRBE_CONFIG=$rbe->{config} exec $rbe->{build}/cgi-bin/$program.fcgi\n");
        chmod 0755, "$web/rbe-cgi/$program.cgi";
    }
    return apache_main($rbe, $host, $port, shared($web));
}

# What a shared host's own configuration says of a user's directory.
sub shared {
    my ($web) = @_;
    return <<"CONF";
DocumentRoot $web
LimitRequestBody 0
<Directory $web>
    Require all granted
    Options SymLinksIfOwnerMatch
    AllowOverride FileInfo Options=ExecCGI
</Directory>
CONF
}

sub nginx {
    my ($rbe, $host, $port) = @_;
    my $d = $rbe->{dir};
    my $site = spew("$d/nginx-site.conf", example($host->{example}, '/usr/local' => $rbe->{build}, '/var/lib/rbe' => $rbe->{data},
        '/run/rbe/' => "$d/run/rbe/", '/var/log/' => "$d/log/", 'listen 80;' => "listen 127.0.0.1:$port;"));
    my $user_line = $> == 0 ? "user $user;" : '';
    return (find_program('nginx'), '-p', $d, '-e', "$d/log/nginx/error.log", '-c', spew("$d/nginx.conf", <<"CONF"));
$user_line
daemon off;
worker_processes 2;
pid $d/run/nginx.pid;
error_log $d/log/nginx/error.log;
events { worker_connections 256; }
http {
    client_body_temp_path $d/run/nginx-body;
    fastcgi_temp_path $d/run/nginx-fastcgi;
    proxy_temp_path $d/run/nginx-proxy;
    uwsgi_temp_path $d/run/nginx-uwsgi;
    scgi_temp_path $d/run/nginx-scgi;
    include $site;
}
CONF
}

1;
