# What the tests of rbe-update share: an installation being updated, and what may be found in it.
#
#   my $u = Rbe::Update->new(dir => "$rbe->{dir}/client", server => $rbe->{base}, resource => 'app');
#   is $u->run('--check'), 3;          # output in $u->{out}, $u->{err}
#   $u->is_tree($published, 'what for');
package Rbe::Update;
use strict;
use warnings;
use Rbe::Test qw(build_dir tree_of slurp $JSON);
use Test::More;

sub new {
    my ($class, %self) = @_;
    return bless {build => build_dir(), more => [], env => {}, %self}, $class;
}

# The exit status.
sub run {
    my ($self, @more) = @_;
    my @remote = (grep { /^--(verify|rollback)$/ } @more) ? () : ('--server', $self->{server}, '--resource', $self->{resource});
    my ($status, $out, $err) = Rbe::Test::run({env => $self->{env}}, "$self->{build}/bin/rbe-update", @remote, '--dir', $self->{dir},
        @{$self->{more}}, @more);
    @$self{qw(out err)} = ($out, $err);
    ok 0, "nothing bad from rbe-update: $1" if $err =~ /((?:ERROR: \w+Sanitizer|runtime error:)[^\n]*)/;
    return $status;
}

sub state { my ($self) = @_; return $JSON->decode(slurp("$self->{dir}/.rbe/state.json")) }

# The tree without what the updater keeps in it.
sub tree {
    my ($self) = @_;
    my $tree = tree_of($self->{dir});
    delete @$tree{grep { m{^\.rbe(/|$)} } keys %$tree};
    return $tree;
}

# Names in .rbe that a finished run does not leave.
sub strays {
    my ($self) = @_;
    opendir my $dh, "$self->{dir}/.rbe" or return;
    my @all = grep { !/^\.\.?$/ } readdir $dh;
    my $undo = -e "$self->{dir}/.rbe/undo" ? slurp("$self->{dir}/.rbe/undo") : '';
    my ($set) = $undo =~ /^\w+\t([0-9a-f]{16})\t/m;
    my @manifests = map { -e $_ ? slurp($_) =~ /"manifest":"([0-9a-f]{64})"/ : () }
        "$self->{dir}/.rbe/state.json", $set ? "$self->{dir}/.rbe/set-$set/state.old" : ();
    my %known = map { $_ => 1 } qw(lock state.json stamps undo), ($set ? "set-$set" : ()), map { "manifest-$_" } @manifests;
    return grep { !$known{$_} } @all;
}

sub is_tree {
    my ($self, $published, $name) = @_;
    my $want = ref $published ? $published : tree_of($published);
    delete @$want{grep { m{^\.rbe(/|$)} } keys %$want};
    is_deeply $self->tree, $want, $name;
    is_deeply [$self->strays], [], "$name, nothing else in .rbe";
}

1;
