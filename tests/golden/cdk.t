# cdk create, list, show, block, unblock.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Test::More;

tool(qw(rbe-admin init));
tool(qw(rbe-admin resource create my-app --name), 'My App');
golden 'list-empty' => qw(rbe-admin cdk list);
golden create => qw(rbe-admin cdk create);
golden 'create-bulk' => qw(rbe-admin cdk create --resource my-app --expires 30d --daily-limit 5 --count 3);
golden 'create-json' => qw(rbe-admin cdk create --resource my-app --daily-limit 7 --count 2 --json);
golden 'create-unknown' => qw(rbe-admin cdk create --resource nothing);
golden 'create-count' => qw(rbe-admin cdk create --count 100001);
golden 'create-limit' => qw(rbe-admin cdk create --daily-limit -1);
golden 'create-expires' => qw(rbe-admin cdk create --expires never);

my (undef, $out) = tool(qw(rbe-admin cdk create));
chomp $out;
like $out, qr/^[0-9A-HJKMNP-TV-Z]{26}$/, 'its text, alone';
is((tool(qw(rbe-admin cdk show), lc $out))[0], 0, 'letter case does not matter');
golden block => qw(rbe-admin cdk block), $out;
golden 'block-again' => qw(rbe-admin cdk block 7);
golden 'block-json' => qw(rbe-admin cdk block 2 --json);
golden unblock => qw(rbe-admin cdk unblock 2);
golden 'unblock-json' => qw(rbe-admin cdk unblock 2 --json);
golden show => qw(rbe-admin cdk show), $out;
golden 'show-json' => qw(rbe-admin cdk show 3 --json);
golden 'show-unknown' => qw(rbe-admin cdk show 00000000000000000000000000);
golden 'block-unknown' => qw(rbe-admin cdk block 99);
golden 'show-neither' => qw(rbe-admin cdk show my-app);
golden list => qw(rbe-admin cdk list);
golden 'list-json' => qw(rbe-admin cdk list --json);
done_testing;
