# make lint finds what it is there for: a small tree that breaks each rule once.
use strict;
use warnings;
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Rbe::Test;
use Test::More;

my $tree = tempdir(CLEANUP => 1);
my %bad = (
    'lib/base/a.c' => ["#include \"lib/wrap/db.h\"\n", qr{base may not include lib/wrap/db\.h}],
    'lib/patch/b.c' => ["#include \"lib/store/store.h\"\n", qr{patch may not include lib/store/store\.h}],
    'lib/core/c.c' => ["#include \"lib/web/req.h\"\n", qr{core may not include lib/web/req\.h}],
    'lib/web/d.c' => ["#include \"lib/core/app.h\"\n", qr{web may not include lib/core/app\.h}],
    'lib/core/vercmp.c' => ["#include \"lib/store/store.h\"\n", qr{core may not include lib/store/store\.h}],
    'bin/e.c' => ["#include \"lib/web/req.h\"\n", qr{bin may not include lib/web/req\.h}],
    'cgi-bin/f.c' => ["#include \"lib/store/store.h\"\n", qr{cgi-bin may not include lib/store/store\.h}],
    'lib/core/g.c' => ["#include <json.h>\n", qr{core may not include <json\.h>}],
    'lib/wrap/h1.c' => ["#include <zlib.h>\n", undef],
    'lib/wrap/h2.c' => ["#include <zlib.h>\n", qr{<zlib\.h> is in lib/wrap/h1\.c already}],
    'lib/core/i.c' => ["const char *s = \"SELECT id FROM resource\";\n", qr{SQL outside}],
    'lib/base/j.c' => ["int f(void)\n{\n    return atoi(\"1\");\n}\n", qr{banned: .*atoi}],
    'lib/base/k.c' => ["/* atoi(s) in a comment, \"strcpy(\" in a string */\nconst char *s = \"strcpy(a)\";\n", undef],
    'lib/base/l.c' => ["int f(void)\n{\n" . "    ;\n" x 101 . "}\n", qr{a function of 101 lines}],
    'lib/base/m.c' => ['/* ' . 'x' x 130 . " */\n", qr{longer than}],
    'lib/base/n.c' => ["\tint x;\n", qr{a tab}],
    'lib/base/o.c' => ["/* TODO */\n", qr{unfinished}],
    'lib/base/p.c' => ["int x;\n" x 1001, qr{1001 lines, more than 1000}],
    'lib/base/r.h' => ["int r(void);\n", qr{nobody includes it}],
    'tests/unit/s.h' => ["int s(void);\n", qr{nobody includes it}],
    'tests/unit/t.h' => ["int t(void);\n", undef],
    'tests/unit/test-t.c' => ["#include \"tests/unit/t.h\"\n", undef],
    'lib/store/q.c' => ["\n", undef],
    'lib/base/q.c' => ["\n", qr{q\.c: stands in two rooms}],
);
for my $path (sort keys %bad) {
    (my $dir = "$tree/$path") =~ s{/[^/]*$}{};
    make_path($dir);
    spew("$tree/$path", $bad{$path}[0]);
}
my ($status, undef, $err) = run('tests/lint/lint', $tree);
is $status, 1, 'a bad tree fails';
for my $path (sort keys %bad) {
    my ($rule) = $bad{$path}[1];
    my $said = join "\n", grep { /^\Q$path\E\b/ || (/^[a-z]+\.c: stands/ && $path =~ m{^lib/base/q}) } split /\n/, $err;
    if ($rule) { like $said, $rule, $path }
    else { is $said, '', "$path is fine" }
}
($status, undef, $err) = run('tests/lint/lint', '.');
is $status, 0, 'this tree passes' or diag $err;

done_testing;
