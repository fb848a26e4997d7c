# A web server that keeps its FastCGI connections (nginx, fastcgi_keep_conn), more of them than there are workers: no request
# fails, because a worker closes a connection after its answer and so is never held by one, and because nginx repeats a GET
# that met a connection which was just being closed. It would not repeat a POST, so admin.fcgi's are not kept
# (share/doc/hosts.md).
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my ($nginx) = grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
plan skip_all => 'nginx is not installed (Debian: nginx-light)' if !$nginx;

my $rbe = Rbe::Test->start(host => 'lighttpd', config => {'instance.workers' => 2});
$rbe->create('app', update_type => 'full');
$rbe->publish('app', version_name => '1.0.0', bytes => 'one');
my $dir = "$rbe->{dir}/nginx";
mkdir $dir or die $!;
my $port = free_port();
spew("$dir/nginx.conf", <<"CONF");
daemon off; worker_processes 1; pid $dir/pid; error_log $dir/error.log warn;
@{[$> ? '' : 'user root;']}
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $dir/body; fastcgi_temp_path $dir/fcgi; proxy_temp_path $dir/proxy; uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
    upstream latest { server unix:$rbe->{data}/run/latest.sock; keepalive 16; }
    upstream admin { server unix:$rbe->{data}/run/admin.sock; }
    server {
        listen 127.0.0.1:$port;
        fastcgi_param REQUEST_METHOD \$request_method; fastcgi_param QUERY_STRING \$query_string;
        fastcgi_param CONTENT_TYPE \$content_type; fastcgi_param CONTENT_LENGTH \$content_length;
        fastcgi_param REQUEST_URI \$request_uri; fastcgi_param SERVER_PROTOCOL \$server_protocol;
        fastcgi_param REMOTE_ADDR \$remote_addr; fastcgi_param HTTP_HOST \$http_host; fastcgi_param PATH_INFO \$uri;
        location ~ /latest\$ { fastcgi_keep_conn on; fastcgi_pass latest; }
        location / { fastcgi_pass admin; }
    }
}
CONF
my $pid = fork // die $!;
if (!$pid) {
    open STDERR, '>', "$dir/stderr";
    exec 'setpriv', '--pdeathsig', 'TERM', $nginx, '-p', $dir, '-c', "$dir/nginx.conf" or POSIX::_exit(127);
}
for (1 .. 200) { last if IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port); sleep 0.025 }

# Four clients at once, on connections of their own to nginx, over two workers.
my @clients;
for my $c (1 .. 4) {
    my $client = fork // die $!;
    if (!$client) {
        my $bad = 0;
        local $rbe->{base} = "http://127.0.0.1:$port";
        for my $n (1 .. 150) {
            my $r = $n % 10 ? $rbe->get('/resources/app/latest') : $rbe->post('/resources', json => {resource_id => "made-$c-$n"});
            $bad++ if $r->{status} != ($n % 10 ? 200 : 201);
        }
        $rbe->{pid} = 0;
        POSIX::_exit($bad > 100 ? 100 : $bad);
    }
    push @clients, $client;
}
is_deeply [map { waitpid $_, 0; $? >> 8 } @clients], [0, 0, 0, 0], 'no request fails' or diag slurp("$dir/error.log");
kill TERM => $pid;
waitpid $pid, 0;
$rbe->stop;
done_testing;
