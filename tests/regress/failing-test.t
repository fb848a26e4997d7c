# tests/check notices every way in which a run can fail, and passes when nothing does.
use strict;
use warnings;
use lib 'tests/lib';
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Rbe::Test qw(build_dir run spew);
use Test::More;

# A tree of its own, so that --all finds the tests of this one only.
my $dir = tempdir(CLEANUP => 1);
make_path("$dir/tests/lib");
for my $file ('tests/check', 'tests/lib/one') {
    copy($file, "$dir/$file") or die "$file: $!";
    chmod 0755, "$dir/$file";
}
spew("$dir/tests/MINIMUM", "2\n");
my $inverted = build_dir() . '/tests/inverted';
sub script { my ($name, $text) = @_; spew("$dir/tests/$name.t", $text); return "tests/$name.t" }
my $pass = script('pass', 'print qq(ok 1\nok 2\n1..2\n);');

sub check {
    my ($status, $out, $err) = run({dir => $dir, env => {RBE_BUILD => 'none'}}, 'tests/check', @_);
    return ($status, "$out$err");
}

my ($status, $out) = check('--all', $pass);
is $status, 0, 'a passing test passes' or diag $out;
like $out, qr/^Result: PASS\n\z/m, 'the last line is the summary of prove';

for my $case ([$inverted, 'a failing assertion of a program'],
    [script('fail', 'print qq(ok 1\nnot ok 2\n1..2\n);'), 'a failing assertion of a script'],
    [script('short', 'print qq(1..3\nok 1\n);'), 'a test that ends early'],
    [script('dies', 'print qq(ok 1\n1..1\n); exit 3;'), 'a bad exit status'],
    [script('leaves', 'mkdir "$ENV{TMPDIR}/left"; print qq(ok 1\n1..1\n);'), 'a test that leaves something behind'],
    ['tests/none.t', 'a test that is not there']) {
    ($status, $out) = check($pass, $case->[0]);
    isnt $status, 0, "$case->[1] fails the run" or diag $out;
    unlink "$dir/$case->[0]" if $case->[0] ne $inverted;
}
my $hangs = script('hangs', 'print qq(ok 1\n1..1\n); sleep 60;');
isnt +(check('--timeout', 1, $pass, $hangs))[0], 0, 'a test that hangs fails the run';
unlink "$dir/$hangs";

($status, $out) = check('--all', '--minimum', 3, $pass);
isnt $status, 0, 'fewer assertions than the minimum fail the run';
like $out, qr/2 assertions ran, fewer than 3/;
spew("$dir/tests/MINIMUM", "3\n");
isnt +(check('--all', $pass))[0], 0, 'the minimum is that of tests/MINIMUM';

script('forgotten', '');
($status, $out) = check('--all', '--minimum', 0, $pass);
isnt $status, 0, 'a test that no target runs fails the run';
like $out, qr/orphan: \S+forgotten\.t/;
done_testing;
