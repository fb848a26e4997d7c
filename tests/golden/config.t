# config check and list.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Rbe::Test qw(spew);
use Test::More;

tool(qw(rbe-admin init));
golden check => qw(rbe-admin config check);
golden 'check-json' => qw(rbe-admin config check --json);
my ($status, $out) = tool(qw(rbe-admin config list));
is $status, 0, 'config list';
like $out, qr{^KEY +VALUE\ninstance\.data_dir +\Q$DIR\E/home$}m;
like $out, qr{^auth\.sign_secret +\(set\)$}m, 'secrets are not shown';
($status, $out) = tool(qw(rbe-admin config list --json));
like $out, qr{\{"key":"batch\.max_patches","value":"20","reloadable":(?:true|false),"help":"[^"]+"\}}, 'as JSON';
spew("$DIR/home/rbe.local.yaml", "batch:\n  max_patches: 3\n");
like((tool(qw(rbe-admin config list)))[1], qr/^batch\.max_patches +3$/m, 'the local file wins');
spew("$DIR/home/rbe.local.yaml", "batch:\n  max_patchs: 3\n");
golden 'check-unknown-key' => qw(rbe-admin config check);
unlink "$DIR/home/rbe.local.yaml";
spew("$DIR/bare.yaml", "instance:\n  data_dir: away\n");
golden 'check-bad' => qw(rbe-admin config check --config bare.yaml);
spew("$DIR/home/db/rbe.db", 'this is no database at all, whatever its name says');
golden 'check-database' => qw(rbe-admin config check);
done_testing;
