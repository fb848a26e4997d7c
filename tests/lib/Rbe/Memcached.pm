# Real memcached servers on free ports.
#
#   plan skip_all => $_ for grep { $_ } Rbe::Memcached::missing();
#   my $server = Rbe::Memcached->new;
#   $server->{address};          # 127.0.0.1:PORT
#   $server->stop; $server->start;
#
# Each is gone when it goes out of scope.
package Rbe::Memcached;
use strict;
use warnings;
use Carp qw(croak);
use IO::Socket::INET;
use POSIX ();
use Rbe::Test qw(free_port);
use Time::HiRes qw(sleep);

my ($program) = grep { -x } map { "$_/memcached" } split(/:/, $ENV{PATH}), '/usr/bin', '/usr/sbin';

# What is not installed; undef when all is there.
sub missing {
    return 'memcached is not installed (Debian: memcached)' if !$program;
    return 'libmemcached is not installed (Debian: libmemcached11)' if !glob '/usr/lib/*/libmemcached.so.11';
    return undef;
}

sub new {
    my ($class) = @_;
    my $port = free_port();
    return (bless {port => $port, address => "127.0.0.1:$port"}, $class)->start;
}

sub start {
    my ($self) = @_;
    $self->{owner} = $$;
    $self->{pid} = fork // croak "fork: $!";
    if (!$self->{pid}) {
        exec 'setpriv', '--pdeathsig', 'KILL', $program, '-l', '127.0.0.1', '-p', $self->{port}, '-m', 16, '-t', 1,
            ($> ? () : ('-u', 'root')) or POSIX::_exit(127);
    }
    for (1 .. 200) { return $self if $self->connected; sleep 0.025 }
    croak 'memcached does not start';
}

sub connected { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $_[0]{port}) }

# What it says to a line, up to END.
sub say_to {
    my ($self, $line) = @_;
    my $s = $self->connected or croak "memcached: $!";
    print $s "$line\r\n";
    my @lines;
    while (defined(my $got = <$s>)) { last if $got =~ /^END/; push @lines, $got }
    return @lines;
}

sub keys { return map { /^key=(\S+)/ ? $1 =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger : () } $_[0]->say_to('lru_crawler metadump all') }

sub signal { kill $_[1] => $_[0]{pid} }

sub stop {
    my ($self) = @_;
    local $?;
    return if ($self->{owner} // 0) != $$;
    my $pid = delete $self->{pid} or return;
    kill KILL => $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY { $_[0]->stop }

1;
