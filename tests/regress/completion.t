# Shell completion: what the scripts that the programs print offer, in the real shells.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp qw(tempdir);
use Rbe::Test qw(build_dir run slurp spew);
use Test::More;

my $bin = build_dir() . '/bin';
my $dir = tempdir(CLEANUP => 1);
local $ENV{PATH} = "$bin:$ENV{PATH}";
local $ENV{RBE_CONFIG} = "$dir/rbe.yaml";
run("$bin/rbe-admin", @$_) for ['init'], [qw(resource create my-app --name A)], [qw(resource create my-tool --name B)];
spew("$dir/file one.zip", 'x');
mkdir "$dir/sub" or die $!;

my ($status, $out, $err) = run("$bin/rbe-admin", '--completion', 'fish');
is $status, 2, 'no such shell';
like $err, qr/^rbe-admin: --completion must be bash or zsh/;

# Words before the cursor, the word at it, and what is offered.
my @cases = (
    [[], 'ver', [qw(verify version)]],
    [['version'], '', [qw(list promote publish show yank)]],
    [['version'], 'p', [qw(promote publish)]],
    [[qw(version promote my-app 1.0.0)], '', [qw(alpha beta stable)]],
    [[qw(version promote my-app)], '', []],
    [[qw(version publish)], 'my-', [qw(my-app my-tool)]],
    [[qw(version publish my-app 1.0.0)], 'f', ['file one.zip']],
    [[qw(version publish my-app 1.0.0 f.zip)], '--ch', ['--channel']],
    [[qw(version publish --channel)], '', [qw(alpha beta stable)]],
    [[qw(version publish --channel beta)], 'my-t', ['my-tool']],
    [[qw(--config x.yaml token create ci --scope)], 'p', ['publish']],
    [[qw(resource create new --update-type)], '', [qw(full incremental)]],
    [[qw(job list --state)], 'f', ['failed']],
    [[qw(init --data)], 's', ['sub']],
    [['purge'], '--', [qw(--config --help --json --resource --version)]],
    [['purge'], '', []],
    [['--json'], 'mig', ['migrate']],
    [['nonsense'], '', []],
);

sub check {
    my ($shell, $script) = @_;
    for my $case (@cases) {
        my ($before, $at, $want) = @$case;
        ($status, $out, $err) = run({dir => $dir}, $shell, @$script, 'rbe-admin', @$before, $at);
        my @got = sort grep { index($_, $at) == 0 } split /\n/, $out;
        is_deeply \@got, [sort @$want], "$shell: rbe-admin @$before $at<TAB>" or diag "$out$err";
    }
}

my %made;
for my $shell (qw(bash zsh)) {
    ($status, $out) = run("$bin/rbe-admin", '--completion', $shell);
    is $status, 0, "made for $shell";
    $made{$shell} = spew("$dir/rbe-admin.$shell", $out);
}
SKIP: {
    skip 'no bash', 1 if !grep { -x "$_/bash" } split /:/, $ENV{PATH};
    check('bash', ['--norc', '-c', <<'SCRIPT', $made{bash}]);
. "$0"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_rbe_admin
printf '%s\n' "${COMPREPLY[@]}"
SCRIPT
    # Bash parts --channel=b into three words.
    ($status, $out) = run({dir => $dir}, 'bash', '--norc', '-c', <<'SCRIPT', $made{bash});
. "$0"
COMP_WORDS=(rbe-admin version publish --channel = b) COMP_CWORD=5
_rbe_admin
printf '%s\n' "${COMPREPLY[@]}"
SCRIPT
    is $out, "beta\n", 'bash: --channel=b<TAB>';
}
SKIP: {
    skip 'no zsh', 1 if !grep { -x "$_/zsh" } split /:/, $ENV{PATH};
    # What the completion system would be told; it runs only in a terminal.
    check('zsh', ['-f', '-c', <<'SCRIPT', $made{zsh}]);
compadd() { shift; print -l -- $@ }
_files() { [[ $1 == -/ ]] && print -l -- *(N/) || print -l -- *(N) }
_message() { : }
_describe() { local -a list=("${(@P)2}"); print -l -- ${list%%:*} }
words=("$@") CURRENT=$#
. "$0"
SCRIPT
}

# The other programs have one as well.
for my $program (qw(rbe-batch)) {
    ($status, $out) = run("$bin/$program", '--completion', 'bash');
    is $status, 0, "$program";
    like $out, qr/^O\t\t--watch\t\t/m;
    unlike $out, qr/--json\t/;
}
# A program without verbs and without a configuration.
($status, $out) = run("$bin/rbe-update", '--completion', 'bash');
like $out, qr/^O\t\t--dialect\t=native compat\t/m, 'rbe-update has its own';
unlike $out, qr/--config/, 'and none that is not its own';

done_testing;
