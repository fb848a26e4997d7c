# Updates that are killed at random moments: after the next run the tree is the old one or the new one, nothing else is left, and
# the next update makes the new one. Fixed seed; RBE_LONG=1 kills 500 times, else 40.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Shelf;
use Rbe::Test;
use Rbe::Update;
use Test::More;
use Time::HiRes qw(sleep time);

my $kills = $ENV{RBE_LONG} ? 500 : 40;
srand 500;
my $shelf = Rbe::Shelf->new;
my %old = map { ("dir" . ($_ % 7) . "/file$_" => join '', map { chr int rand 256 } 1 .. 5000) } 1 .. 50;
my %new = map { (int rand 3 ? $_ : "$_.renamed" => int rand 2 ? $old{$_} : $old{$_} . 'changed') } keys %old;
$new{"more/file$_"} = "#!$_" for 1 .. 20;
my $v1 = tree_of($shelf->release('1.0.0', \%old));
my $v2 = tree_of($shelf->release('1.1.0', \%new));
$shelf->incremental('1.0.0', '1.1.0', qw(files vcdiff zstd));
my %ways = %{$shelf->{packages}{'1.0.0>1.1.0'}};
my $u = Rbe::Update->new(dir => "$shelf->{dir}/client", server => $shelf->{base}, resource => 'app');
my @argv = (build_dir() . '/bin/rbe-update', '--server', $shelf->{base}, '--resource', 'app', '--dir', $u->{dir});

sub start {
    my (@more) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    exec @argv, @more or POSIX::_exit(127);
}
sub offer { my ($version, $format) = @_; $shelf->{latest} = $version; $shelf->{packages}{'1.0.0>1.1.0'} = {$format ? ($format => $ways{$format}) : ()}; $shelf->save }
sub same { my ($a, $b) = @_; return $JSON->encode($a) eq $JSON->encode($b) }

offer('1.0.0');
is $u->run, 0, 'version 1' or diag $u->{err};
run('cp', '-a', $u->{dir}, "$shelf->{dir}/at1");
# How long an update takes here, so that kills fall all over it.
my %span;
for my $format (qw(files vcdiff zstd full)) {
    run('rm', '-rf', $u->{dir});
    run('cp', '-a', "$shelf->{dir}/at1", $u->{dir});
    offer('1.1.0', $format eq 'full' ? undef : $format);
    my $begun = time;
    waitpid start(), 0;
    $span{$format} = time - $begun;
    ok same($u->tree, $v2), "an update by $format";
}
my (%seen, @wrong);
for my $n (1 .. $kills) {
    my $format = (qw(files vcdiff zstd full))[rand 4];
    my @verb = rand() < 0.2 ? ('--rollback') : ();
    run('rm', '-rf', $u->{dir});
    run('cp', '-a', "$shelf->{dir}/at1", $u->{dir});
    offer('1.1.0', $format eq 'full' ? undef : $format);
    $u->run if @verb;
    # Once more over what a killed run left, now and then.
    for (1 .. 1 + int rand 2) {
        my $pid = start(@verb);
        sleep rand() * $span{$format} * (@verb ? 0.5 : 1.1);
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
    my $status = $u->run('--verify');
    my $version = -e "$u->{dir}/.rbe/state.json" ? $u->state->{version_name} : '';
    $seen{$version}++;
    push @wrong, "kill $n: verifying ends with $status: $u->{err}" if $status;
    push @wrong, "kill $n: not the tree of '$version'" if !same($u->tree, $version eq '1.0.0' ? $v1 : $v2);
    my @left = grep { !/^package/ } $u->strays;
    push @wrong, "kill $n: left @left" if @left;
    push @wrong, "kill $n: the next update: $u->{err}" if $u->run || !same($u->tree, $v2) || $u->strays;
}
is_deeply \@wrong, [], "killed $kills times: old or new";
is_deeply [sort keys %seen], ['1.0.0', '1.1.0'], 'both were seen' or diag $JSON->encode(\%seen);
diag $JSON->encode(\%seen) if $ENV{RBE_LONG};
$shelf->stop;
done_testing;
