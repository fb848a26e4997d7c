# Networks and servers that fail: answers that are cut off, garbage of proxies, packages that change under way or do not fit.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Shelf;
use Rbe::Test;
use Rbe::Update;
use Test::More;
use Time::HiRes qw(sleep time);

my $shelf = Rbe::Shelf->new;
srand 7;
my $bulk = join '', map { chr int rand 256 } 1 .. 300_000;
my %old = (app => "#!/bin/sh\n1", 'doc/a' => 'a' x 3000, bulk => $bulk, same => 'same', 'renamed' => 'content ' x 9);
my %new = (%old, app => "#!/bin/sh\n2", 'doc/a' => 'a' x 3000 . 'b', bulk => substr($bulk, 0, 200_000) . 'x' . substr($bulk, 200_000),
    'other name' => $old{renamed}, 'twice/1' => 'two ' x 99, 'twice/2' => 'two ' x 99);
delete $new{renamed};
my $v1 = tree_of($shelf->release('1.0.0', \%old));
my $v2 = tree_of($shelf->release('1.1.0', \%new));
$shelf->incremental('1.0.0', '1.1.0', qw(files vcdiff zstd));
my %ways = %{$shelf->{packages}{'1.0.0>1.1.0'}};

my $u = Rbe::Update->new(dir => "$shelf->{dir}/client", server => $shelf->{base}, resource => 'app', more => [qw(--tries 1)]);
my $at1 = "$shelf->{dir}/at1";
$shelf->{latest} = '1.0.0';
$shelf->save;
is $u->run, 0, 'version 1' or diag $u->{err};
run('cp', '-a', $u->{dir}, $at1);
$shelf->{latest} = '1.1.0';

# A client on version 1, packages of some formats, a server that does what it is set to.
sub begin {
    my ($formats, %set) = @_;
    run('rm', '-rf', $u->{dir});
    run('cp', '-a', $at1, $u->{dir});
    $shelf->{packages}{'1.0.0>1.1.0'} = {map { $_ => $ways{$_} } @$formats};
    $shelf->set(%set);
    $shelf->requests;
}
sub fetched { return map { m{^/p/(\S+)} ? $1 : () } @_ }
sub stays { my ($what) = @_; is_deeply [$u->tree, grep { !/^package/ } $u->strays], [$v1], "$what: the old tree stays" }

# ---- formats ----

for my $format (qw(files vcdiff zstd)) {
    begin([$format]);
    is $u->run, 0, "an update by $format" or diag $u->{err};
    is_deeply [fetched($shelf->requests)], ["1.0.0-1.1.0.$format.zip"], 'and by nothing else';
    $u->is_tree($v2, "an update by $format");
    is $u->run('--rollback'), 0;
    $u->is_tree($v1, "an update by $format rolled back");
    is $u->run('--verify'), 0;
}

# Each package is refused for what is in it though its hash is right; the next kind does it.
begin(['vcdiff', 'files']);
run('rm', '-rf', "$shelf->{dir}/patched");
run({dir => $shelf->{dir}}, 'sh', '-c', 'mkdir patched && cd patched && unzip -q ../1.0.0-1.1.0.vcdiff.zip && xz -dc delta/0.vcdiff.xz >d && printf "\377\377" | dd of=d bs=1 seek=600 conv=notrunc 2>/dev/null && xz -c d >delta/0.vcdiff.xz && rm d && zip -q -X -y -r ../bad.zip changes.json .');
$shelf->put_package('1.0.0', '1.1.0', 'vcdiff', 'bad.zip');
is $u->run, 0, 'a patch that is broken' or diag $u->{err};
is_deeply [fetched($shelf->requests)], ['bad.zip', '1.0.0-1.1.0.files.zip'], 'leads to files';
$u->is_tree($v2, 'a broken patch');

begin(['files']);
run({dir => $shelf->{dir}}, 'sh', '-c', 'rm -rf patched && mkdir patched && cd patched && unzip -q ../1.0.0-1.1.0.files.zip && rm -f ../bad.zip app && zip -q -X -y -r ../bad.zip .');
$shelf->put_package('1.0.0', '1.1.0', 'files', 'bad.zip');
is $u->run, 0, 'a package that lacks a file' or diag $u->{err};
like $u->{err}, qr/fallback: "app" should come, but the package does not hold it|fallback: .*app/;
is_deeply [fetched($shelf->requests)], ['bad.zip', '1.1.0.zip'], 'leads to everything';
$u->is_tree($v2, 'a package that lacks a file');

# Paths that lead out of the tree, by a link of the old tree or the new one.
begin(['files']);
run({dir => $shelf->{dir}}, 'sh', '-c', q(rm -rf patched bad.zip && mkdir patched && cd patched && printf '{"added":["evil"]}' >changes.json && ln -s ../../out evil && zip -q -X -y ../bad.zip changes.json evil));
$shelf->put_package('1.0.0', '1.1.0', 'files', 'bad.zip');
is $u->run, 0, 'a link that leads out' or diag $u->{err};
like $u->{err}, qr/fallback: .*leads out of the tree/;
$u->is_tree($v2, 'a link that leads out');
begin(['files']);
unlink "$u->{dir}/doc/a";
rmdir "$u->{dir}/doc";
mkdir "$shelf->{dir}/outside";
symlink "$shelf->{dir}/outside", "$u->{dir}/doc";
is $u->run, 0, 'a link where a directory was' or diag $u->{err};
$u->is_tree($v2, 'a link where a directory was');
is_deeply tree_of("$shelf->{dir}/outside"), {}, 'nothing was written through it';

# Damage in what a patch starts from.
begin(['zstd', 'files']);
spew("$u->{dir}/bulk", 'damaged');
is $u->run, 0, 'a patch of a damaged file' or diag $u->{err};
is_deeply [fetched($shelf->requests)], ['1.0.0-1.1.0.zstd.zip', '1.0.0-1.1.0.files.zip'], 'leads to files, which have it whole';
$u->is_tree($v2, 'a patch of a damaged file');

# ---- cut off ----

begin(['files'], cut => 100_000);
is $u->run('--tries', 3), 2, 'tries are given twice';
$u->{more} = [qw(--tries 3)];
is $u->run, 0, 'answers that end early' or diag $u->{err};
my @asked = grep { m{^/p/} } $shelf->requests;
is scalar @asked, 1 + int((-s "$shelf->{dir}/1.0.0-1.1.0.files.zip") / 100_000), 'as often as needed';
like $asked[1], qr/ bytes=100000-$/, 'each goes on where the one before ended';
$u->is_tree($v2, 'answers that end early');

begin(['files'], cut => 100_000, norange => 1);
$u->{more} = [qw(--tries 2)];
is $u->run, 1, 'no ranges, and never a whole answer';
stays('no ranges');
$u->{more} = [qw(--tries 1)];
begin(['files'], cut => 100_000);
is $u->run, 0, 'progress counts as a new start' or diag $u->{err};

# ---- a server that wants to be left alone for a while ----

for my $busy ([429, 2], [503, 'date']) {
    $u->{more} = [qw(--tries 2)];
    begin(['files'], busy => [@$busy, 1]);
    my $begun = time;
    is $u->run('--json'), 0, "@$busy: asked again later" or diag $u->{err};
    like $u->{out}, qr/^\{"event":"retry","text":"status $busy->[0]: .*","seconds":[1-4]\}$/m, 'and told so';
    cmp_ok time - $begun, '>=', 1.9, 'not earlier';
    is scalar(grep { m{/latest } } $shelf->requests), 2, 'nor more often';
    $u->is_tree($v2, 'asked again later');
}
for my $more ([], [qw(--patience 3599)], [qw(--tries 1 --patience 4000)]) {
    $u->{more} = $more;
    begin(['files'], busy => [503, 3600, 99]);
    my $begun = time;
    is $u->run, 1, "@$more: too long to wait";
    like $u->{err}, qr/^rbe-update: status 503: .*; it may be asked again in 60 minutes$/m, 'told so';
    is $u->run('--json'), 1;
    like $u->{out}, qr/"event":"failed",.*"retry_after":3600\}$/m;
    cmp_ok time - $begun, '<', 30, 'at once';
    is scalar(grep { m{/latest } } $shelf->requests), 2, 'each run asked once';
    stays('too long to wait');
}
$u->{more} = [qw(--tries 1)];

# Another run goes on.
begin(['files'], cut => 250_000);
{
    local $shelf->{set};
    my $pid = fork // die;
    if (!$pid) { open STDERR, '>', '/dev/null'; open STDOUT, '>', '/dev/null'; exec 'timeout', '-s', 'KILL', '1', build_dir() . '/bin/rbe-update', '--server', $shelf->{base}, '--resource', 'app', '--dir', $u->{dir} }
    $shelf->set(slow => 0.4);
    waitpid $pid, 0;
    isnt $?, 0, 'killed while it downloads';
}
my $have = -s "$u->{dir}/.rbe/package";
$shelf->set;
$shelf->requests;
is $u->run, 0;
@asked = grep { m{^/p/} } $shelf->requests;
like $asked[0], $have ? qr/ bytes=$have-$/ : qr/ -$/, "the next run goes on at $have";
$u->is_tree($v2, 'a download in two runs');

# The package changes while it is fetched.
begin(['files'], cut => 100_000);
spew("$u->{dir}/.rbe/package", 'y' x 50_000);
spew("$u->{dir}/.rbe/package.json", $JSON->encode({sha256 => $ways{files}{sha256}, etag => '"of another file"'}));
is $u->run, 0, 'a part of something else is thrown away' or diag $u->{err};
$u->is_tree($v2, 'a part of something else');
begin(['files']);
spew("$u->{dir}/.rbe/package", 'y' x 50_000);
spew("$u->{dir}/.rbe/package.json", $JSON->encode({sha256 => $ways{files}{sha256}, etag => ''}));
is $u->run, 0, 'a wrong part that nobody knows for one is found by the hash, and all of it fetched' or diag $u->{err};
@asked = grep { m{^/p/} } $shelf->requests;
is scalar @asked, 2;
$u->is_tree($v2, 'a wrong part');

# ---- nothing to be had ----

for my $case (['a page of a proxy for packages', {garbage => 1}, qr/is not the one that was promised|larger than|ended after/],
    ['a page of a proxy for everything', {garbage => 2}, qr/is no answer of an update server/],
    ['other packages than promised', {stale => 1}, qr/is not the one that was promised/],
    ['packages that are gone', {status => 410}, qr/gone from where the server said/],
    ['a server at its end', {status => 500}, qr/cannot be had now \(status 500\)/]) {
    my ($what, $set, $why) = @$case;
    begin(['files', 'zstd'], %$set);
    is $u->run, 1, $what;
    like $u->{err}, $why;
    stays($what);
    $shelf->set;
    is $u->run, 0, "$what, then all is well" or diag $u->{err};
    $u->is_tree($v2, $what);
}

# Stopped by its user.
begin(['files'], slow => 0.3);
my $pid = fork // die;
if (!$pid) { open STDERR, '>', "$shelf->{dir}/err"; open STDOUT, '>', '/dev/null'; exec build_dir() . '/bin/rbe-update', '--server', $shelf->{base}, '--resource', 'app', '--dir', $u->{dir} or POSIX::_exit(127) }
for (1 .. 200) { last if -s "$u->{dir}/.rbe/package"; sleep 0.05 }
kill 'TERM', $pid;
waitpid $pid, 0;
is $? >> 8, 1, 'stopped by a signal';
like slurp("$shelf->{dir}/err"), qr/^rbe-update: stopped$/m;
is_deeply $u->tree, $v1, 'the old tree stays';

# Two at once: both wait for each other and end well; one that does not want to wait leaves.
begin(['files'], slow => 0.2);
my @pids = map {
    my $p = fork // die;
    if (!$p) { open STDERR, '>', '/dev/null'; open STDOUT, '>', "$shelf->{dir}/out$_"; exec build_dir() . '/bin/rbe-update', '--server', $shelf->{base}, '--resource', 'app', '--dir', $u->{dir} or POSIX::_exit(127) }
    $p;
} 1, 2;
for (1 .. 200) { last if -s "$u->{dir}/.rbe/package"; sleep 0.05 }
is $u->run('--no-wait'), 1, 'a third one leaves';
like $u->{err}, qr/another updater is at work/;
for my $p (@pids) { waitpid $p, 0; is $?, 0, 'both of two end well' }
is_deeply [sort map { slurp("$shelf->{dir}/out$_") =~ /^(\w+):/ } 1, 2], [qw(current updated)], 'one updated, the other had nothing to do';
$shelf->set;
$u->is_tree($v2, 'two at once');

# Plain http is warned of, but not on this machine.
begin(['files']);
is $u->run('--check'), 3;
unlike $u->{err}, qr/warning/, 'this machine';
{
    local $u->{server} = $u->{server} =~ s/127\.0\.0\.1/0.0.0.0/r;
    is $u->run('--check', '--json'), 3;
    like $u->{out}, qr/"event":"warning","text":"the server is spoken to without encryption/, 'another one, as far as the name tells';
    like $u->{out}, qr/"event":"available","version":"1\.1\.0","before":"1\.0\.0","size":\d+,"downloadable":true,"release_note":""/;
}

# What a hard link of the package names is the user's own by now: its content is in the package all the same.
{
    my $linked = Rbe::Update->new(%$u, dir => "$shelf->{dir}/linked", more => [qw(--tries 1 --keep first)]);
    for my $n (1, 2) {
        my $dir = "$shelf->{dir}/hard$n";
        Rbe::Test::make_tree($dir, {first => "shipped $n"});
        for my $name (qw(second third)) { link "$dir/first", "$dir/$name" or die }
        $shelf->release_dir("2.$n.0", $dir, 'tar.gz');
        is $linked->run, 0, "hard links, $n" or diag $linked->{err};
        is_deeply [map { slurp("$linked->{dir}/$_") } qw(first second third)], [$n == 1 ? 'shipped 1' : 'mine', ("shipped $n") x 2];
        spew("$linked->{dir}/first", 'mine');
    }
    is_deeply [$linked->strays], [];
    $shelf->{latest} = '1.1.0';
    $shelf->save;
}

# A directory that its user moved to another disk and linked to is left alone, with what is in it.
{
    my $moved = Rbe::Update->new(%$u, dir => "$shelf->{dir}/moved", more => [qw(--tries 1 --keep data)]);
    for my $n (1, 2) {
        $shelf->release("4.$n.0", {'data/a' => $n, "data/new$n/b" => $n, app => $n});
        is $moved->run, 0, "a directory that is kept, $n" or diag $moved->{err};
        is slurp("$moved->{dir}/app"), $n;
        next if $n == 2;
        rename "$moved->{dir}/data", "$shelf->{dir}/elsewhere" or die;
        symlink "$shelf->{dir}/elsewhere", "$moved->{dir}/data" or die;
    }
    is readlink "$moved->{dir}/data", "$shelf->{dir}/elsewhere", 'stays a link';
    is_deeply [sort keys %{tree_of("$shelf->{dir}/elsewhere")}], ['a', 'new1', 'new1/b'], 'and nothing is written through it';
    is $moved->run('--verify'), 0, 'or found damaged';
    $shelf->{latest} = '1.1.0';
    $shelf->save;
}

# Patches that take more memory than there is: a file of 64 MiB, old and new, in an address space of 117.
SKIP: {
    skip 'sanitizers need an address space without end', 4 if sanitized;
    my $narrow = Rbe::Update->new(%$u, dir => "$shelf->{dir}/narrow");
    my $bulky = "\0" x (64 << 20);
    for my $n (1, 2) {
        $shelf->release("3.$n.0", {bulky => $bulky . $n, app => $n});
        last if $n == 2;
        is $narrow->run, 0, 'installed' or diag $narrow->{err};
    }
    $shelf->incremental('3.1.0', '3.2.0', qw(zstd files));
    $shelf->requests;
    my ($status, undef, $err) = run('sh', '-c', 'ulimit -v 120000; exec "$@"', 'sh', build_dir() . '/bin/rbe-update', '--server', $shelf->{base},
        qw(--resource app --tries 1 --dir), $narrow->{dir});
    is $status, 0, 'patches that do not fit in memory' or diag $err;
    like $err, qr/fallback: cannot map a file of \d+ bytes: it does not fit in the memory allowed/;
    is_deeply [fetched($shelf->requests)], ['3.1.0-3.2.0.zstd.zip', '3.1.0-3.2.0.files.zip'], 'lead to files';
    $shelf->{latest} = '1.1.0';
    $shelf->save;
}

# The server dies.
begin(['files']);
$shelf->stop;
is $u->run, 1, 'nobody answers';
stays('nobody answers');
is $u->run('--verify'), 0;
done_testing;
