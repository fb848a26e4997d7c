# Web servers that serve copies of packages, as a mirror or a CDN does: real nginx and lighttpd on free ports.
#
#   my $place = Rbe::Place->nginx(root => $dir, server => 'location /x/ { … }');
#   get "$place->{base}/x/file";
#
# Each answers until it goes out of scope.
package Rbe::Place;
use strict;
use warnings;
use File::Temp ();
use Rbe::Daemon;
use Rbe::Test qw(run slurp spew);

our @ISA = ('Rbe::Daemon');
# Another one where RBE_LIGHTTPD names it.
sub lighttpd_program { return $ENV{RBE_LIGHTTPD} || 'lighttpd' }

# Whether a module of lighttpd is there.
sub lighttpd_has {
    my ($module) = @_;
    my $dir = File::Temp->newdir(TMPDIR => 1);
    spew("$dir/conf", "server.document-root = \"$dir\"\nserver.port = 1\nserver.modules = (\"$module\")\n");
    my ($status, $out, $err) = run(lighttpd_program(), '-tt', '-f', "$dir/conf");
    return $status == 0 && "$out$err" !~ /\Q$module\E/;
}

# server: directives of the server block, http: of the http block, root: the document root. Or site, a function of
# (directory, port) that gives all of the http block.
sub nginx {
    my ($class, %o) = @_;
    my $user = $< == 0 ? 'user root;' : '';
    return $class->_start(%o, conf => sub {
        my ($dir, $port) = @_;
        return <<"CONF", ['nginx', '-q', '-p', $dir, '-c', "$dir/conf", '-e', "$dir/error.log"];
$user
daemon off;
master_process off;
pid $dir/pid;
error_log $dir/error.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; scgi_temp_path $dir; uwsgi_temp_path $dir;
    @{[$o{site} ? $o{site}->($dir, $port) : <<"SITE"]}
    @{[$o{http} // '']}
    server {
        listen 127.0.0.1:$port;
        root @{[$o{root} // $dir]};
        @{[$o{server} // '']}
    }
SITE
}
CONF
    });
}

# config: further lines of the configuration.
sub lighttpd {
    my ($class, %o) = @_;
    return $class->_start(%o, conf => sub {
        my ($dir, $port) = @_;
        return <<"CONF", [lighttpd_program(), '-D', '-f', "$dir/conf"];
server.document-root = "@{[$o{root} // $dir]}"
server.bind = "127.0.0.1"
server.port = $port
server.errorlog = "$dir/error.log"
@{[$o{config} // '']}
CONF
    });
}

sub _start {
    my ($class, %o) = @_;
    my $self = bless {port => $o{port}}, $class;
    $self->launch(sub {
        my ($port) = @_;
        my ($conf, $argv) = $o{conf}->("$self->{dir}", $port);
        spew("$self->{dir}/conf", $conf);
        return @$argv;
    });
    $self->{base} = "http://127.0.0.1:$self->{port}";
    return $self;
}

# Also what it says to its log.
sub said { my ($self) = @_; return $self->SUPER::said . (-e "$self->{dir}/error.log" ? slurp("$self->{dir}/error.log") : '') }

1;
