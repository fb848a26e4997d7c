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

# Where downloads go: what can be wrong with it.
spew("$DIR/home/rbe.local.yaml", <<'YAML');
extra:
  cdn_prefix: https://cdn.example.com/
  cdn_auth: {type: md5-a, secret: short}
  download_prefix_info:
    eu:
    - {url: https://eu.example.com, auth: {type: cloudfront, key_id: K1, key_file: missing.pem}}
    - {url: https://open.example.com/rbe}
mirror:
  targets:
  - {name: one, path: /nowhere/mirror, urls: [https://one.example.com]}
YAML
tool(qw(rbe-admin resource create guarded --name Guarded --access cdk));
golden 'check-places-bad' => qw(rbe-admin config check);
spew("$DIR/home/rbe.local.yaml", "extra:\n  cdn_auth: {type: secure-link, secret: 0123456789abcdef}\n");
golden 'check-places-idle' => qw(rbe-admin config check);
spew("$DIR/home/rbe.local.yaml", <<"YAML");
extra:
  cdn_prefix: https://cdn.example.com/rbe
  cdn_auth: {type: secure-link, secret: 0123456789abcdef}
  download_prefix_info: {default: [{url: 'https://m.example.com', auth: {type: secdownload, secret: 0123456789abcdef}}]}
mirror:
  targets: {name: m, path: $DIR/home, urls: [https://cdn.example.com/rbe/, https://m.example.com]}
YAML
golden 'check-places-good' => qw(rbe-admin config check);
spew("$DIR/home/rbe.local.yaml", "extra:\n  download_prefix_info:\n    eu: [{url: 'https://eu', wait: 3}]\n");
golden 'check-places-refused' => qw(rbe-admin config check);

spew("$DIR/home/rbe.local.yaml", "batch:\n  max_patchs: 3\n");
golden 'check-unknown-key' => qw(rbe-admin config check);
unlink "$DIR/home/rbe.local.yaml";
spew("$DIR/bare.yaml", "instance:\n  data_dir: away\n");
golden 'check-bad' => qw(rbe-admin config check --config bare.yaml);
spew("$DIR/home/db/rbe.db", 'this is no database at all, whatever its name says');
golden 'check-database' => qw(rbe-admin config check);
done_testing;
