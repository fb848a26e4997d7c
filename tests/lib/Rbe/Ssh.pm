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
use Rbe::Daemon;
use Rbe::Test qw(run slurp spew);

our @ISA = ('Rbe::Daemon');
my $program = Rbe::Daemon::program('sshd');

# What is not installed; undef when all is there.
sub missing {
    return 'sshd is not installed (Debian: openssh-server)' if !$program;
    return 'ssh is not installed (Debian: openssh-client)' if !Rbe::Daemon::program('ssh-keygen');
    return 'rsync is not installed (Debian: rsync)' if !Rbe::Daemon::program('rsync');
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
    return $self->launch(sub {
        my ($port) = @_;
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
        return ($program, '-D', '-e', '-f', "$self->{dir}/sshd_config");
    });
}

1;
