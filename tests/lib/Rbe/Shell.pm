# Follows a document: takes its code blocks and runs them in a shell, as a user in his home. What one block exports, the next one
# has, as in one session.
package Rbe::Shell;
use strict;
use warnings;
use Rbe::Test qw(run);
use Test::More;

# A section with those below it.
sub section {
    my ($doc, $heading) = @_;
    my ($marks, $text) = $doc =~ /^(##+) \Q$heading\E[^\n]*\n(.*)/ms or die "no section $heading";
    my $level = length $marks;
    return $text =~ s/^#{1,$level} .*//msr;
}

# Blocks indented by four spaces, each undone; a list item's own text is indented by less.
sub blocks {
    my $text = section(@_) =~ s/^```.*?^```$//msgr;
    return map { s/^ {4}//mgr } $text =~ /(^ {4}[^\n]*\n(?:^ {4}[^\n]*\n|^\n(?= {4}))*)/mg;
}

# Those between ```.
sub fenced { return section(@_) =~ /^```[^\n]*\n(.*?)^```$/msg }

# root: a directory to change the root to; user: whom to become, when run by root; before: words that stand before the command.
sub new { my ($class, %self) = @_; return bless {env => '', %self}, $class }

sub run_it {
    my ($self, $script) = @_;
    # chroot becomes the user by itself: programs of another release may not understand this kernel.
    my $user = $self->{user};
    my @as = $self->{root} ? ('chroot', $user ? ("--userspec=$user:$user", "--groups=$user") : (), $self->{root})
        : $user ? ('setpriv', "--reuid=$user", "--regid=$user", '--clear-groups') : ();
    my $mark = '=== what is exported';
    my ($status, $out, $err) = run(@{$self->{before} || []}, @as, 'env', '-i', "HOME=$self->{home}", 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'DEBIAN_FRONTEND=noninteractive', 'sh', '-e', '-c', "cd\n$self->{env}\n$script\nprintf '\\n%s\\n' '$mark'\nexport -p");
    ($out, my $exported) = split /\n\Q$mark\E\n/, $out, 2;
    $self->{env} = join "\n", grep { /^export (?!HOME|PATH|PWD|OLDPWD)/ } split /\n/, $exported // '';
    return ($status, $out, $err);
}

sub does {
    my ($self, $what, $script) = @_;
    my ($status, $out, $err) = $self->run_it($script);
    is $status, 0, $what or diag "$script\n$out$err";
    return $out;
}

1;
