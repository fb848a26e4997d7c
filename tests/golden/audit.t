# audit: who changed what.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Test::More;

delete $ENV{SUDO_USER};
tool(qw(rbe-admin init));
golden empty => qw(rbe-admin audit);
tool(qw(rbe-admin resource create my-app --name), 'My App');
tool(qw(rbe-admin resource create other --name), 'Other', qw(--access cdk --order published));
tool(qw(rbe-admin resource create other --name), 'Refused');
release('one.tar.gz', 'a.txt' => 'one');
tool(qw(rbe-admin version publish my-app 1.0.0 one.tar.gz --channel beta));
tool(qw(rbe-admin version publish my-app 1.0.0 one.tar.gz --channel beta));
tool(qw(rbe-admin version publish my-app 2.0.0 one.tar.gz --system linux --arch amd64));
tool(qw(rbe-admin version promote my-app 1.0.0 stable));
tool(qw(rbe-admin version yank my-app 2.0.0)) for 1, 2;
tool(qw(rbe-admin resource delete my-app));
tool(qw(rbe-admin token create ci --resource my-app));
{
    local $ENV{SUDO_USER} = 'alice';
    tool(qw(rbe-admin token revoke ci));
}
golden all => qw(rbe-admin audit);
golden json => qw(rbe-admin audit --json --limit 3);
golden resource => qw(rbe-admin audit --resource other --since 1d);
golden action => (qw(rbe-admin audit --action), 'version yank');
golden actor => (qw(rbe-admin audit --actor), 'token ci');
golden since => qw(rbe-admin audit --since yesterday);
golden limit => qw(rbe-admin audit --limit none);
golden help => qw(rbe-admin audit --help);
done_testing;
