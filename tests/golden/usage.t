# Help of every verb, versions, wrong usage: nothing here needs an installation.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Test::More;

golden help => qw(rbe-admin --help);
for my $verb ('init', 'migrate', 'resource create', 'resource list', 'resource show', 'version publish', 'version list',
    'version show', 'token create', 'token list', 'token revoke', 'job list', 'config check', 'config list', 'verify')
{
    golden "help-$verb" =~ tr/ /-/r => 'rbe-admin', split(/ /, $verb), '--help';
}
golden batch => qw(rbe-batch --help);
golden update => qw(rbe-update --help);
for my $program (qw(rbe-admin rbe-batch rbe-update)) {
    my ($status, $out, $err) = tool($program, '--version');
    is $status, 0;
    like $out, qr/^\Q$program\E \d+\.\d+\S*\n$/, "$program --version";
}
golden 'no-verb' => qw(rbe-admin);
golden 'half-verb' => qw(rbe-admin resource);
golden 'unknown-verb' => qw(rbe-admin resource destroy);
golden 'unknown-option' => qw(rbe-admin resource list --all);
golden 'missing-argument' => qw(rbe-admin version show my-app);
golden 'missing-option' => qw(rbe-admin resource create my-app);
golden 'missing-value' => qw(rbe-admin --config);
golden 'too-many' => qw(rbe-admin init here);
golden 'batch-argument' => qw(rbe-batch now);
golden 'update-no-dir' => qw(rbe-update --check);
golden 'update-no-server' => qw(rbe-update --dir client);
golden 'wrong-value' => qw(rbe-admin resource create my-app --name App --access all);
golden 'update-wrong-value' => qw(rbe-update --dir client --server ftp://localhost --resource app);
golden 'update-two-verbs' => qw(rbe-update --dir client --verify --rollback);
golden 'no-config' => qw(rbe-admin --config nowhere.yaml resource list);
done_testing;
