# An update that is stopped at any of its steps: the n-th call that changes a file fails, or the process is killed there. After
# the next run the tree is the old one or the new one, and nothing else is left. RBE_LONG=1 goes through every n.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(remove_tree);
use Rbe::Shelf;
use Rbe::Test;
use Rbe::Update;
use Test::More;

my $faults = build_dir() . '/tests/faults.so';
plan skip_all => 'sanitizers want to be loaded first' if sanitized;
plan skip_all => "$faults is not built" if !-e $faults;

my $shelf = Rbe::Shelf->new;
srand 5;
my $bulk = join '', map { chr int rand 256 } 1 .. 20_000;
my %old = (app => "#!/bin/sh\n1", 'doc/a' => 'a' x 3000, 'doc/b' => 'b', 'gone/x/y' => 'y', link => ['app'], turns => 'f', 'dir/f' => 'f',
    bulk => $bulk, same => 'same');
my %new = (app => "#!/bin/sh\n2", 'doc/a' => 'a' x 3000 . 'b', 'doc/c' => 'c', 'new/x/y' => 'y', link => ['doc/a'], 'turns/f' => 'f', dir => 'f',
    bulk => $bulk . 'more', same => 'same');
my ($v1, $v2) = map { tree_of($_) } $shelf->release('1.0.0', \%old), $shelf->release('1.1.0', \%new);
$shelf->incremental('1.0.0', '1.1.0', qw(files vcdiff zstd));

my $base = $shelf->{dir};
my $u = Rbe::Update->new(dir => "$base/client", server => $shelf->{base}, resource => 'app', more => [qw(--tries 1 --system linux)]);

sub same { my ($a, $b) = @_; return $JSON->encode($a) eq $JSON->encode($b) }

# Runs with the fault; the number of calls there are when it has none.
sub faulty {
    my ($at, $how, @verb) = @_;
    local $u->{env} = {LD_PRELOAD => $faults, RBE_FAULT_AT => $at, RBE_FAULT_HOW => $how, RBE_FAULT_COUNT => "$base/count"};
    return $u->run(@verb);
}

sub calls { my ($how, @verb) = @_; is faulty(0, 'kill', @verb), 0, "$how: without a fault" or diag $u->{err}; return 0 + slurp("$base/count") }

# What must hold after a run that was stopped.
sub judge {
    my ($what, $before, $after) = @_;
    my $status = $u->run('--verify');
    my $state = -e "$u->{dir}/.rbe/state.json" ? $u->state->{version_name} : '';
    my $tree = $u->tree;
    my $want = $state eq $before->[0] ? $before : $after;
    my @strays = grep { !/^package/ } $u->strays;
    return "$what: the state is $state" if $state ne $want->[0];
    return "$what: verifying ends with $status: $u->{err}" if $status != ($state eq '' ? 1 : 0);
    return "$what: the tree is not that of version '$state'" if !same($tree, $want->[1]);
    return "$what: left @strays" if @strays;
    return '';
}

# Every n, or some of them with the first and last.
sub points {
    my ($calls, $most) = @_;
    return 1 .. $calls if $ENV{RBE_LONG} || $calls <= $most;
    my %n = map { (1 + int($_ * ($calls - 1) / ($most - 1))) => 1 } 0 .. $most - 1;
    return sort { $a <=> $b } keys %n;
}

sub reset_to { my ($copy) = @_; remove_tree($u->{dir}); run('cp', '-a', $copy, $u->{dir}) if $copy }

# [name, start from, verb, before, after, package that is offered]
$shelf->{latest} = '1.0.0';
$shelf->save;
is $u->run, 0, 'version 1' or diag $u->{err};
run('cp', '-a', $u->{dir}, "$base/at1");
$shelf->{latest} = '1.1.0';
$shelf->save;
is $u->run, 0, 'version 2' or diag $u->{err};
ok same($u->tree, $v2), 'the published tree';
run('cp', '-a', $u->{dir}, "$base/at2");
my @nothing = ('', {});
my $most = 12;
for my $case (['a first installation', undef, [], [@nothing], ['1.1.0', $v2], 'full'],
    ['an update by files', "$base/at1", [], ['1.0.0', $v1], ['1.1.0', $v2], 'files'],
    ['an update by vcdiff', "$base/at1", [], ['1.0.0', $v1], ['1.1.0', $v2], 'vcdiff'],
    ['an update by zstd', "$base/at1", [], ['1.0.0', $v1], ['1.1.0', $v2], 'zstd'],
    ['a rollback', "$base/at2", ['--rollback'], ['1.1.0', $v2], ['1.0.0', $v1], 'files']) {
    my ($name, $copy, $verb, $before, $after, $format) = @$case;
    my $ways = $shelf->{packages}{'1.0.0>1.1.0'};
    local $shelf->{packages}{'1.0.0>1.1.0'} = {$format => $ways->{$format}} if $format ne 'full';
    $shelf->save;
    reset_to($copy);
    my $calls = calls($name, @$verb);
    ok same($u->tree, $after->[1]), "$name: the new tree";
    cmp_ok $calls, '>', 20, "$name: $calls calls change files";
    for my $how ($ENV{RBE_LONG} ? qw(kill eio enospc erofs eio+ enospc+ erofs+) : qw(kill eio enospc+)) {
        my ($bad, $told) = (0, '');
        for my $n (points($calls, $how eq 'kill' ? $most : $most / 2)) {
            reset_to($copy);
            my $status = faulty($n, $how, @$verb);
            my $wrong = judge("$name, $how at $n (status $status)", $before, $after);
            if (!$wrong && !@$verb) {
                $status = $u->run;
                $wrong = "$name, $how at $n: the next update ends with $status: $u->{err}" if $status;
                $wrong ||= "$name, $how at $n: the next update makes another tree" if !same($u->tree, $after->[1]);
                $wrong ||= "$name, $how at $n: left " . join ' ', $u->strays if $u->strays;
            }
            $bad++, $told ||= $wrong if $wrong;
        }
        is $bad, 0, "$name, $how: old or new" or diag $told;
    }
}
$shelf->stop;
done_testing;
