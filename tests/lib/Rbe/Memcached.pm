# Real memcached servers on free ports.
#
#   plan skip_all => $_ for grep { $_ } Rbe::Memcached::missing();
#   my $server = Rbe::Memcached->new;
#   $server->{address};          # 127.0.0.1:PORT
#   $server->stop('KILL'); $server->start;
#
# Each is gone when it goes out of scope.
package Rbe::Memcached;
use strict;
use warnings;
use Carp qw(croak);
use Rbe::Daemon;

our @ISA = ('Rbe::Daemon');
my $program = Rbe::Daemon::program('memcached');

# What is not installed; undef when all is there.
sub missing {
    return 'memcached is not installed (Debian: memcached)' if !$program;
    return 'libmemcached is not installed (Debian: libmemcached11)' if !glob '/usr/lib/*/libmemcached.so.11';
    return undef;
}

sub new {
    my ($class) = @_;
    my $self = (bless {}, $class)->start;
    $self->{address} = "127.0.0.1:$self->{port}";
    return $self;
}

sub start {
    my ($self) = @_;
    return $self->launch(sub { my ($port) = @_; return ($program, '-l', '127.0.0.1', '-p', $port, '-m', 16, '-t', 1, ($> ? () : ('-u', 'root'))) });
}

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

1;
