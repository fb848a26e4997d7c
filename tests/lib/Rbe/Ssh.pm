# A real sshd on a free port, with keys of its own, as another machine would have it: for the user who runs the test.
#
#   if (my $missing = Rbe::Ssh::missing()) { plan skip_all => $missing }
#   my $ssh = Rbe::Ssh->new;
#   $ssh->{command};             # "ssh -F …", which reaches it under the names in hosts
#   $ssh->{login};               # user@host
#
# It is gone when it goes out of scope.
package Rbe::Ssh;
use strict;
use warnings;
use Carp qw(croak);
use File::Temp ();
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);
use Rbe::Test qw(free_port run slurp spew);
use Time::HiRes qw(sleep time);

my ($program) = grep { -x } map { "$_/sshd" } split(/:/, $ENV{PATH}), qw(/usr/local/sbin /usr/sbin /sbin);

# What is not installed; undef when all is there.
sub missing {
    return 'sshd is not installed (Debian: openssh-server)' if !$program;
    return 'ssh is not installed (Debian: openssh-client)' if (run('sh', '-c', 'command -v ssh ssh-keygen'))[0];
    return 'rsync is not installed (Debian: rsync)' if (run('sh', '-c', 'command -v rsync'))[0];
    return undef;
}

# hosts: the names it is known under to the client.
sub new {
    my ($class, %o) = @_;
    my $self = bless {dir => File::Temp->newdir('rbe-ssh-XXXXXX', TMPDIR => 1), hosts => $o{hosts} // ['mirror.example.com']}, $class;
    for my $key (qw(host user)) {
        my ($status, undef, $err) = run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', "$self->{dir}/$key");
        croak "ssh-keygen: $err" if $status;
    }
    $self->authorize(1);
    # A place that the service makes when root starts it.
    mkdir '/run/sshd', 0755 if !$>;
    $self->start;
    my $name = join ' ', @{$self->{hosts}};
    $self->know(slurp("$self->{dir}/host.pub"));
    spew("$self->{dir}/config", <<"CONF");
Host $name
    HostName 127.0.0.1
    Port $self->{port}
    HostKeyAlias $self->{hosts}[0]
    IdentityFile $self->{dir}/user
    IdentitiesOnly yes
    UserKnownHostsFile $self->{dir}/known_hosts
    GlobalKnownHostsFile none
CONF
    $self->{command} = "ssh -F $self->{dir}/config -o BatchMode=yes -o ConnectTimeout=20";
    $self->{user} = getpwuid $>;
    $self->{login} = "$self->{user}\@$self->{hosts}[0]";
    return $self;
}

# What the client takes for its host key.
sub know { my ($self, $key) = @_; spew("$self->{dir}/known_hosts", "$self->{hosts}[0] $key") }

# Whether it lets the client in.
sub authorize { my ($self, $yes) = @_; spew("$self->{dir}/authorized", $yes ? slurp("$self->{dir}/user.pub") : '') }

sub start {
    my ($self) = @_;
    for (1 .. 5) {
        my $port = $self->{port} //= free_port();
        spew("$self->{dir}/sshd_config", <<"CONF");
ListenAddress 127.0.0.1:$port
HostKey $self->{dir}/host
AuthorizedKeysFile $self->{dir}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PidFile none
CONF
        $self->{pid} = fork // croak "fork: $!";
        if (!$self->{pid}) {
            open STDIN, '<', '/dev/null';
            open STDOUT, '>', "$self->{dir}/said";
            open STDERR, '>&', \*STDOUT;
            exec 'setpriv', '--pdeathsig', 'KILL', $program, '-D', '-e', '-f', "$self->{dir}/sshd_config" or POSIX::_exit(127);
        }
        my $until = time + 10;
        while (time < $until && waitpid($self->{pid}, WNOHANG) == 0) {
            return if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
            sleep 0.02;
        }
        croak 'sshd: ' . slurp("$self->{dir}/said") if slurp("$self->{dir}/said") !~ /in use/;
        delete $self->{port};
    }
    croak 'no port for sshd';
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    local ($?, $@);
    kill TERM => $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY { $_[0]->stop }

1;
