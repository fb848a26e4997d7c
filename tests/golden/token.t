# token create, list, revoke.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Test::More;

tool(qw(rbe-admin init));
tool(qw(rbe-admin resource create my-app --name), 'My App');
golden create => qw(rbe-admin token create ci);
golden 'create-all' => qw(rbe-admin token create boss --scope admin --resource my-app --expires 90d --json);
golden 'create-twice' => qw(rbe-admin token create ci);
golden 'create-scope' => qw(rbe-admin token create x --scope all);
golden 'create-expires' => qw(rbe-admin token create x --expires soon);
golden 'create-unknown' => qw(rbe-admin token create x --resource nothing);
golden 'create-unnamed' => qw(rbe-admin token create), '';
golden revoke => qw(rbe-admin token revoke ci);
golden 'revoke-again' => qw(rbe-admin token revoke ci);
golden 'revoke-json' => qw(rbe-admin --json token revoke boss);
golden 'create-anew' => qw(rbe-admin token create ci);
golden list => qw(rbe-admin token list);
golden 'list-json' => qw(rbe-admin token list --json);
done_testing;
