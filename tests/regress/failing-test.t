# What runs the tests notices every way in which they can fail, and passes when they pass.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp qw(tempdir);
use Rbe::Test qw(build_dir run spew);
use Test::More;

my $dir = tempdir(CLEANUP => 1);
my $inverted = build_dir() . '/tests/inverted';
my $pass = spew("$dir/pass.t", "print qq(ok 1\\nok 2\\n1..2\\n);");
my $fail = spew("$dir/fail.t", "print qq(ok 1\\nnot ok 2\\n1..2\\n);");
my $short = spew("$dir/short.t", "print qq(1..3\\nok 1\\n);");
my $dies = spew("$dir/dies.t", "print qq(ok 1\\n1..1\\n); exit 3;");
my $hangs = spew("$dir/hangs.t", "print qq(ok 1\\n1..1\\n); sleep 60;");

sub check { my ($status, $out, $err) = run('tests/check', @_); return ($status, "$out$err") }

my ($status, $out) = check('--minimum', 2, $pass);
is $status, 0, 'a passing test passes' or diag $out;
like $out, qr/^Result: PASS\n\z/m, 'the last line is the summary of prove';
isnt +(check('--minimum', 0, $pass, $_->[0]))[0], 0, $_->[1]
    for [$inverted, 'a failing assertion of a program'], [$fail, 'a failing assertion of a script'],
        [$short, 'a test that ends early'], [$dies, 'a bad exit status'], ["$dir/none.t", 'a test that is not there'];
isnt +(check('--minimum', 0, '--timeout', 1, $hangs))[0], 0, 'a test that hangs';
($status, $out) = check('--minimum', 3, $pass);
isnt $status, 0, 'fewer assertions than the minimum';
like $out, qr/2 assertions ran, 3 are the minimum/;

mkdir "$dir/tests";
spew("$dir/tests/forgotten.t", '');
$ENV{RBE_TESTS} = "$dir/tests";
($status, $out) = check('--minimum', 0, '--all', $pass);
isnt $status, 0, 'a test that no target runs';
like $out, qr/no target runs \S+forgotten\.t/;
($status, $out) = check('--minimum', 0, '--all', $pass, "$dir/tests/forgotten.t");
unlike $out, qr/no target runs/, 'a test that is named is none';

my @left = grep { -e } glob "$ENV{TMPDIR}/rbe-check-*" if $ENV{TMPDIR};
is scalar(@left), 0, 'no temporary directory is left';
done_testing;
