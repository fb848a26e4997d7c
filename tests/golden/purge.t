# purge: what is old goes, counted.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Test::More;

tool(qw(rbe-admin init));
tool(qw(rbe-admin resource create my-app --name), 'My App');
golden nothing => qw(rbe-admin purge);
for (1 .. 4) {
    release("$_.tar.gz", 'a.txt' => "release $_");
    tool(qw(rbe-admin version publish my-app), "$_.0.0", "$_.tar.gz");
}
golden unknown => qw(rbe-admin purge --resource other);
golden purge => qw(rbe-admin purge --resource my-app);
golden again => qw(rbe-admin purge);
golden json => qw(rbe-admin purge --json);
golden 'version-show' => qw(rbe-admin version show my-app 1.0.0);
golden help => qw(rbe-admin purge --help);
done_testing;
