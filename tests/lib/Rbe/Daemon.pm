# A real program beside rbe, on a port of its own: what Rbe::Place, Rbe::Ssh and Rbe::Memcached are. It ends with the object, with
# `stop`, and with the test, whatever becomes of that.
#
#   our @ISA = ('Rbe::Daemon');
#   $self->launch(sub { my ($port) = @_; return ('memcached', '-p', $port) });      # $self->{port}, $self->said
package Rbe::Daemon;
use strict;
use warnings;
use Carp qw(croak);
use File::Temp ();
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);
use Rbe::Test qw(free_port slurp);
use Time::HiRes qw(sleep time);

$ENV{PATH} .= ':/usr/local/sbin:/usr/sbin:/sbin';

# Where a program lies; undef when it is not installed.
sub program { my ($name) = @_; my ($path) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH}; return $path }

# Starts it, on $self->{port} where that is set, else on a free one. argv: a function that makes ready what it needs for a port and
# returns its command line; it stays in the foreground. Returns when it takes connections.
sub launch {
    my ($self, $argv) = @_;
    my $fixed = $self->{port};
    $self->{dir} //= File::Temp->newdir('rbe-daemon-XXXXXX', TMPDIR => 1);
    for (1 .. 5) {
        $self->{port} = $fixed // free_port();
        my @argv = ('setpriv', '--pdeathsig', 'KILL', $argv->($self->{port}));
        $self->{owner} = $$;
        $self->{pid} = fork // croak "fork: $!";
        if (!$self->{pid}) {
            open STDIN, '<', '/dev/null';
            open STDOUT, '>', "$self->{dir}/said";
            open STDERR, '>&', \*STDOUT;
            exec { $argv[0] } @argv or POSIX::_exit(127);
        }
        my $until = time + 10;
        while (time < $until && waitpid($self->{pid}, WNOHANG) == 0) {
            return $self if $self->connected;
            sleep 0.02;
        }
        croak "@argv: " . $self->said if $self->said !~ /in use/;
    }
    croak 'no port for ' . ref $self;
}

sub connected { my ($self) = @_; return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) }
sub said { my ($self) = @_; return slurp("$self->{dir}/said") }
sub signal { my ($self, $signal) = @_; return kill $signal => $self->{pid} }

# By another signal than TERM where one is named.
sub stop {
    my ($self, $signal) = @_;
    local ($?, $@);
    return if ($self->{owner} // 0) != $$;
    my $pid = delete $self->{pid} or return;
    kill $signal // 'TERM', $pid;
    my $until = time + 5;
    while (waitpid($pid, WNOHANG) == 0) {
        kill KILL => $pid if time > $until;
        sleep 0.02;
    }
    return;
}

sub DESTROY { $_[0]->stop }

1;
