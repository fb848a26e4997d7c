# mirror list and rbe-batch mirror, with directories as targets.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Rbe::Test qw(slurp spew $JSON);
use Test::More;

tool(qw(rbe-admin init));
golden 'list-none' => qw(rbe-admin mirror list);
golden 'batch-none' => qw(rbe-batch mirror);
mkdir "$DIR/one" or die $!;
spew("$DIR/home/rbe.local.yaml", <<"YAML");
extra:
  cdn_prefix: http://cdn.invalid/
  distribute_cdn_ratio: 80
  download_prefix_info:
    default: [{url: 'http://one.invalid/rbe', weight: 3, auth: {type: md5-a, secret: 0123456789abcdef}}]
    eu: [{url: 'http://one.invalid/rbe/'}, {url: 'http://two.invalid', weight: 0}]
mirror:
  targets:
  - {name: one, path: $DIR/one, urls: [http://one.invalid/rbe]}
  - {name: two, path: $DIR/two, urls: [http://two.invalid]}
YAML
golden list => qw(rbe-admin mirror list);
tool(qw(rbe-admin resource create my-app --update-type full --name), 'My App');
spew("$DIR/a.zip", 'first');
tool(qw(rbe-admin version publish my-app 1.0.0 a.zip));
# two is not there, as a volume that is not mounted
golden batch => qw(rbe-batch mirror);
my ($copy) = glob "$DIR/one/p/*/*";
is slurp($copy), 'first', 'a copy';
is sprintf('%04o', (stat $copy)[2] & 07777), '0644', 'that a web server may read';
is_deeply [glob "$DIR/one/p/*/.*.part"], [], 'and nothing else';
mkdir "$DIR/two" or die $!;
golden 'batch-again' => qw(rbe-batch mirror);
golden 'batch-idle' => qw(rbe-batch mirror);
# A copy that was damaged there is made anew, one that cannot be is not used any more.
spew($copy, 'fir');
golden 'batch-verify' => qw(rbe-batch mirror --verify);
is slurp($copy), 'first', 'the copy is good again';
my ($source) = glob "$DIR/home/packages/p/*/my-app-*";
spew($copy, 'fir');
rename $source, "$DIR/kept" or die $!;
golden 'batch-lost' => qw(rbe-batch mirror --verify);
my ($one) = grep { $_->{target} // '' eq 'one' } @{$JSON->decode((tool(qw(rbe-admin mirror list --json)))[1])};
is $one->{copies}, 0, 'no longer used';
rename "$DIR/kept", $source or die $!;
golden 'batch-found' => qw(rbe-batch mirror);
golden 'list-copied' => qw(rbe-admin mirror list);
golden 'list-json' => qw(rbe-admin mirror list --json);
golden 'help-list' => qw(rbe-admin mirror list --help);
golden 'help-batch' => qw(rbe-batch mirror --help);
done_testing;
