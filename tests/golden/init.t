# init and migrate: a new installation, one that is there, and other places.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Rbe::Test qw(slurp spew);
use Test::More;

golden new => qw(rbe-admin init);
my $made = slurp("$DIR/home/rbe.yaml");
is((stat "$DIR/home/rbe.yaml")[2] & 0777, 0600, 'the secret is for the owner alone');
ok -d "$DIR/home/$_", "$_ is there" for qw(db packages/p tmp run);
golden again => qw(rbe-admin init);
is slurp("$DIR/home/rbe.yaml"), $made, 'a configuration is never overwritten';
golden migrate => qw(rbe-admin migrate);
golden 'migrate-json' => qw(rbe-admin migrate --json);
golden elsewhere => qw(rbe-admin --config etc/deep/rbe.yaml init --data var --json);
ok -f "$DIR/var/db/rbe.db", 'a data directory of its own';
isnt slurp("$DIR/etc/deep/rbe.yaml"), $made, 'and another secret';
golden 'data-of-old' => qw(rbe-admin init --data other);
spew("$DIR/bad.yaml", "instance:\n  data_dir: .\nauth:\n  sign_secrets: x\n");
golden 'bad-config' => qw(rbe-admin init --config bad.yaml);
done_testing;
