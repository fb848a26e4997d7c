# secret rotate: in every place and form that auth.sign_secret stands in.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Golden;
use Rbe::Test qw(slurp spew);
use Test::More;

sub mode_of { sprintf '%04o', (stat shift)[2] & 07777 }

tool(qw(rbe-admin init));
my ($file, $local) = ("$DIR/home/rbe.yaml", "$DIR/home/rbe.local.yaml");
my ($first) = slurp($file) =~ /- "([\w-]{43})"/;
chmod 0640, $file;
golden rotate => qw(rbe-admin secret rotate);
my $text = slurp($file);
like $text, qr/  sign_secret:\n    - "[\w-]{43}"\n    - "\Q$first\E"\n$/, 'in front, all else as it was';
is mode_of($file), '0640', 'the mode stays';
golden 'rotate-json' => qw(rbe-admin secret rotate --json);
tool(qw(rbe-admin secret rotate)) for 1 .. 5;
like slurp($file), qr/\Q$first\E/, 'the eighth is still there';
golden dropped => qw(rbe-admin secret rotate);
unlike slurp($file), qr/\Q$first\E/, 'the ninth is not';
is scalar(() = slurp($file) =~ /^    - "/mg), 8;

spew($local, "# mine\nauth:\n  key_skew: 3s # a moment\n");
$text = slurp($local);
golden 'in-the-file' => qw(rbe-admin secret rotate);
is slurp($local), $text, 'a local file that does not set it is left alone';
spew($local, "auth:\n  sign_secret: sixteen bytes long\n");
$text = slurp($file);
golden 'in-the-local-file' => qw(rbe-admin secret rotate);
is slurp($file), $text;
like slurp($local), qr/^auth:\n  sign_secret: \["[\w-]{43}", sixteen bytes long\]\n$/;
is_deeply [glob "$DIR/home/*.tmp"], [], 'nothing left behind';
golden audit => qw(rbe-admin audit --limit 1 --json);
golden config => qw(rbe-admin config check);
done_testing;
