# A chain of random releases: files added, changed, deleted, renamed, turned into directories and back, made executable, links.
# Applied step by step and by leaps, by every kind of package, each tree equals the published one. Fixed seed; RBE_LONG=1 takes 30
# releases, else 8.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path remove_tree);
use Rbe::Shelf;
use Rbe::Test;
use Rbe::Update;
use Test::More;

my $releases = $ENV{RBE_LONG} ? 30 : 8;
srand 20261124;
my @names = ('a', 'b.txt', 'name with spaces', "gr\xc3\xbc\xc3\x9fe", "\xe6\xbc\xa2\xe5\xad\x97", "e\xcc\x81", "\xc3\xa9", 'UPPER', 'upper', '.hidden',
    'x' x 200, "qu'ote", 'semi;colon', '#hash', '-dash', '%41', '[brackets]');
sub pick { return $_[int rand @_] }
sub text { return join '', map { pick(qw(lorem ipsum dolor sit amet consetetur), int rand 1000) . ' ' } 1 .. 1 + int rand 400 }
sub noise { return join '', map { chr int rand 256 } 1 .. int rand 3000 }

# A tree as {path => content, undef, [target]}; what lies below a path and the path itself never stand together as files.
sub any_path {
    my ($tree) = @_;
    for (1 .. 50) {
        my $path = join '/', map { pick(@names) } 1 .. 1 + int rand 3;
        next if exists $tree->{$path} || grep { index($_, "$path/") == 0 } keys %$tree;
        my ($bad, $up) = (0, $path);
        while ($up =~ s{/[^/]*$}{}) { $bad = 1 if exists $tree->{$up} && defined $tree->{$up} }
        return $path if !$bad;
    }
    return 'last resort ' . int rand 1e9;
}
sub files { my ($tree) = @_; return grep { defined $tree->{$_} && !ref $tree->{$_} } sort keys %$tree }
sub below { my ($tree, $path) = @_; return grep { index($_, "$path/") == 0 } sort keys %$tree }

my %change = (
    add => sub { my ($t) = @_; $t->{any_path($t)} = rand() < 0.5 ? text() : noise() },
    directory => sub { my ($t) = @_; $t->{any_path($t)} = undef },
    link => sub { my ($t) = @_; my $to = pick(files($t)) // return; $t->{any_path($t)} = [('../' x 0) . 'nowhere/' . ($to =~ s{.*/}{}r)] },
    change => sub { my ($t) = @_; my $p = pick(files($t)) // return; my $at = int rand 1 + length $t->{$p};
        my $end = substr $t->{$p}, $at; $t->{$p} = substr($t->{$p}, 0, $at) . text() . substr($end, int length($end) / 8) },
    delete => sub { my ($t) = @_; my $p = pick(sort keys %$t) // return; delete $t->{$p} },
    rename => sub { my ($t) = @_; my $p = pick(files($t)) // return; my $c = delete $t->{$p}; $t->{any_path($t)} = $c },
    twin => sub { my ($t) = @_; my $p = pick(files($t)) // return; $t->{any_path($t)} = $t->{$p} },
    case => sub { my ($t) = @_; my $p = pick(files($t)) // return; my $q = $p eq lc $p ? uc $p : lc $p;
        return if exists $t->{$q} || below($t, $q); my $c = delete $t->{$p}; my $up = $q; my $bad = 0;
        while ($up =~ s{/[^/]*$}{}) { $bad = 1 if exists $t->{$up} && defined $t->{$up} } $t->{$bad ? $p : $q} = $c },
    to_dir => sub { my ($t) = @_; my $p = pick(files($t)) // return; my $c = delete $t->{$p}; $t->{"$p/" . pick(@names)} = $c },
    to_file => sub { my ($t) = @_; my ($p) = pick(grep { s{/[^/]*$}{} } my @copy = sort keys %$t); return if !defined $p;
        delete @$t{below($t, $p)}; $t->{$p} = text() },
    to_link => sub { my ($t) = @_; my $p = pick(files($t)) // return; $t->{$p} = ['somewhere'] },
    executable => sub { my ($t) = @_; my $p = pick(files($t)) // return; $t->{$p} = $t->{$p} =~ /^#!/ ? substr $t->{$p}, 2 : "#!$t->{$p}" },
    empty => sub { my ($t) = @_; my $p = pick(files($t)) // return; $t->{$p} = '' },
);

my $shelf = Rbe::Shelf->new;
my (%tree, @published);
$change{add}->(\%tree) for 1 .. 25;
for my $n (1 .. $releases) {
    for (1 .. 3 + int rand 12) { $change{pick(sort keys %change)}->(\%tree) }
    $change{add}->(\%tree) if !%tree;
    push @published, tree_of($shelf->release("1.0.$n", \%tree, 'zip'));
}
my %u = map { my $name = $_; ($name => Rbe::Update->new(dir => "$shelf->{dir}/client-$name", server => $shelf->{base}, resource => 'app')) }
    qw(files vcdiff zstd full leaps);
my @formats = qw(files vcdiff zstd);

# One client goes one step by one kind of package; the request log proves which one.
sub go {
    my ($name, $from, $to, $format) = @_;
    my $u = $u{$name};
    my ($old, $new) = map { "1.0.$_" } $from, $to;
    $shelf->{latest} = $new;
    if ($from) { $shelf->incremental($old, $new, $format) if $format ne 'full'; $shelf->{packages}{"$old>$new"} = $format eq 'full' ? {} : {$format => $shelf->{packages}{"$old>$new"}{$format}} }
    $shelf->save;
    $shelf->requests;
    my $status = $u->run;
    my @fetched = map { m{^/p/(\S+)} ? $1 : () } $shelf->requests;
    my $want = !$from || $format eq 'full' ? "$new.zip" : "$old-$new.$format.zip";
    my $ok = $status == 0 && "@fetched" eq $want && $JSON->encode($u->tree) eq $JSON->encode($published[$to - 1]) && !$u->strays;
    ok $ok, "$name: $from to $to by $format" or do {
        diag "status $status, fetched @fetched, strays ", join(' ', $u->strays), "\n$u->{err}";
        is_deeply $u->tree, $published[$to - 1], 'the tree';
    };
    return $ok;
}

for my $name (@formats, 'full') {
    go($name, $_ - 1, $_, $_ == 1 ? 'full' : $name) or last for 1 .. $releases;
    is $u{$name}->run('--verify'), 0, "$name: the last one verifies";
}
# Leaps of any length by any format, also backwards: a withdrawn version's clients are moved to an older one.
my $at = 0;
for my $leap (1 .. $releases) {
    my $to = 1 + int rand $releases;
    $to = $to % $releases + 1 if $to == $at;
    go('leaps', $at, $to, $at ? pick(@formats, 'full') : 'full') or last;
    if (rand() < 0.3 && $at) {
        is $u{leaps}->run('--rollback'), 0;
        is_deeply $u{leaps}->tree, $published[$at - 1], "leaps: back at $at";
    } else { $at = $to }
}
$shelf->stop;
done_testing;
