# The updater as applications embed it: the example is built with what is installed, and does its work.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp qw(tempdir);
use Rbe::Shelf;
use Rbe::Test;
use Rbe::Update;
use Test::More;

my $build = build_dir();
my ($cc, $config) = map { my $name = $_; grep { -x } map { "$_/$name" } split /:/, $ENV{PATH} } qw(cc pkg-config);
plan skip_all => 'no compiler or pkg-config' if !$cc || !$config;
plan skip_all => 'sanitizers have to be linked by the program' if slurp("$build/bin/rbe-update") =~ /__(?:asan_init|ubsan_handle)/;
my $dir = tempdir(CLEANUP => 1);

my ($status, $flags, $err) = run({env => {PKG_CONFIG_PATH => "$build/lib/pkgconfig"}}, qw(pkg-config --cflags --libs rbe-update));
is $status, 0, 'pkg-config knows it' or diag $err;
cmp_ok scalar(split /\n/, slurp('share/examples/update.c')), '<=', 34, 'the example is short';
my @flags = split ' ', $flags;
for my $compiler ('cc', 'c++') {
    next if $compiler eq 'c++' && !grep { -x "$_/c++" } split /:/, $ENV{PATH};
    my $source = $compiler eq 'cc' ? 'share/examples/update.c' : spew("$dir/face.cc", "#include <rbe_update.h>\nint main() { return 0; }\n");
    ($status, undef, $err) = run($compiler, qw(-Wall -Wextra -Werror), $source, '-o', "$dir/update-$compiler", @flags);
    is $status, 0, "$compiler builds with it" or diag $err;
}
my (undef, $names) = run('nm', '-g', '--defined-only', "$build/lib/librbe-update.a");
is_deeply [grep { !/^rbe_update_/ } $names =~ / [A-Z] (\S+)$/mg], [], 'the library has no other names';
my @described = slurp('share/man/rbe_update.3') =~ /^\.Fn (rbe_update_\w+) "/mg;
is_deeply [sort @described], [sort $names =~ / T (\S+)$/mg], 'the manual page has all of them';

my $shelf = Rbe::Shelf->new;
my $published = $shelf->release('1.0.0', {app => "#!/bin/sh\n", 'doc/a' => 'a'});
my $u = Rbe::Update->new(dir => "$dir/client", server => $shelf->{base}, resource => 'app');
($status, my $out) = run("$dir/update-cc", $shelf->{base}, 'app', $u->{dir});
is $status, 0, 'the example updates' or diag $out;
like $out, qr/^1\.0\.0$/m, 'and says the version';
$u->is_tree($published, 'the published tree');
is $u->run('--verify'), 0, 'the program takes it over';
($status, $out) = run("$dir/update-cc", 'ftp://nowhere', 'app', $u->{dir});
is $status, 1;
like $out, qr/the server has to be a URL of http or https/;
$shelf->stop;
done_testing;
