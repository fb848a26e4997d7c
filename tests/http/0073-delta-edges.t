# Incremental packages between trees at the edges, applied by a plain client: sources that are empty, files that moved and changed,
# thousands of duplicates, kinds that turn, sizes that are a window's; formats that are switched off and on; a builder that is killed
# or meets a full disk between any two writes.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(abs_path);
use File::Path qw(make_path remove_tree);
use Rbe::Test;
use Test::More;

my $apply = abs_path('share/examples/apply.pl');
srand 73;
my @words = map { join '', map { chr 97 + int rand 26 } 1 .. 2 + rand 9 } 1 .. 2000;
sub text { my ($n) = @_; my $t = ''; $t .= $words[abs(rand() + rand() - 1) * @words] . (rand() < 0.1 ? "\n" : ' ') while length $t < $n; return substr $t, 0, $n }
my ($a, $b, $c, $mib) = (text(90_000), text(50_000), text(20_000), text(1 << 20));
my $changed = $b =~ s/(.{9000})/$1 changed /sgr;

# What it is, the old tree, the new one, permissions of the new one; formats that must come of it ('' for none needed).
my @cases = (
    ['nothing old is like it', {keep => $a}, {keep => $a, map { ("new/$_" => $b . $_) } 1 .. 4}, {}, 'files vcdiff zstd'],
    ['moved and changed', {big => $a, 'lib/one' => $b}, {big => $a, 'other/two' => $changed}, {}, 'files vcdiff zstd'],
    ['two thousand duplicates', {big => $a, one => $c}, {big => $a, map { ("copies/$_" => $c) } 1 .. 2000}, {}, 'files vcdiff zstd'],
    ['of the new tree as well', {big => $a}, {big => $a, map { ("copies/$_" => $b) } 1 .. 50}, {}, 'files vcdiff zstd'],
    ['a file turns into a directory, a directory into a file', {big => $a, x => $b, 'y/in' => $c}, {big => $a, 'x/in' => $changed, y => $c}, {}, 'files vcdiff zstd'],
    ['permissions alone', {big => $a, x => $b}, {big => $a, x => $b}, {x => 0755}, 'files vcdiff zstd'],
    ['the target of a link alone', {big => $a, x => ['big']}, {big => $a, x => ['small']}, {}, 'files'],
    ['a link turns into the file', {big => $a, x => ['big']}, {big => $a, x => $a}, {}, 'files vcdiff zstd'],
    ['files as large as a window', {x => $mib x 8}, {x => substr($mib x 8, 0, (8 << 20) - 5) . "other"}, {}, "vcdiff zstd"],
    ['one byte more than a window', {x => $mib}, {x => $mib . 'y'}, {}, 'files vcdiff zstd'],
    ['files that become empty, empty ones that do not stay so', {big => $a, x => $b, y => ''}, {big => $a, x => '', y => $changed}, {}, 'files'],
    ['all deleted but one', {keep => $a, map { ("gone/$_" => $c) } 1 .. 100}, {keep => "$a."}, {}, 'files'],
);

sub publish_pair {
    my ($rbe, $rid, @file) = @_;
    $rbe->create($rid);
    is $rbe->publish($rid, version_name => "$_.0.0", file => $file[$_ - 1], $_ > 1 ? (old_version => '1.0.0') : ())->{status}, 201, "$rid $_" for 1, 2;
}

each_host {
    my $rbe = shift;
    my $n = 0;
    for my $case (@cases) {
        my ($what, $old, $new, $modes, $formats) = @$case;
        my $type = $n++ % 2 ? 'tar.gz' : 'zip';
        my @dir = map { "$rbe->{dir}/case$n-$_" } qw(old new client);
        make_path(@dir);
        Rbe::Test::make_tree($dir[0], $old);
        Rbe::Test::make_tree($dir[1], $new);
        chmod $modes->{$_}, "$dir[1]/$_" for keys %$modes;
        publish_pair($rbe, "case$n", map { Rbe::Test::pack_tree($_, $type, "$_.$type") } @dir[0, 1]);
        $rbe->batch;
        my $got = $rbe->packages("case$n", '2.0.0');
        for my $format (split ' ', $formats) {
            ok $got->{$format}, "$what: $format is built" or next;
            remove_tree($dir[2]);
            run('cp', '-a', $dir[0], $dir[2]);
            my ($status, undef, $err) = run($apply, "$rbe->{data}/packages/$got->{$format}{path}", $dir[2]);
            is $status, 0, "$what: $format applies" or diag $err;
            is_deeply tree_of($dir[2]), tree_of($dir[1]), "$what: by $format";
        }
    }
    my @jobs = grep { $_->{state} ne 'done' } @{$JSON->decode($rbe->admin_ok(qw(job list --limit 1000 --json)))};
    is scalar @jobs, 0, 'no job failed' or diag $JSON->encode(\@jobs);
} only => ['cgi'];

# What is switched off is not built; what is switched on later is, once a client asks for it.
each_host {
    my $rbe = shift;
    publish_pair($rbe, 'app', map { $rbe->zip_of({big => $a, x => $_}) } $b, $changed);
    $rbe->batch;
    is join(' ', sort keys %{$rbe->packages('app', '2.0.0')}), 'files full', 'no format: whole files alone';
    my $ask = sub { $rbe->get('/resources/app/latest?current=1.0.0&delta=vcdiff,zstd')->{json}{data}{patch_format} };
    for my $step (['[zstd]', 'files full zstd'], ['[vcdiff, zstd]', 'files full vcdiff zstd'], ['[]', 'files full vcdiff zstd']) {
        spew("$rbe->{data}/rbe.local.yaml", "batch: {prebuild_depth: 0, delta_formats: $step->[0]}\n");
        $ask->();
        $rbe->batch for 1, 2;
        is join(' ', sort keys %{$rbe->packages('app', '2.0.0')}), $step->[1], "delta_formats: $step->[0]";
    }
    isnt $ask->(), 'files', 'what is built stays';
} only => ['cgi'], config => {'batch.delta_formats' => '[]'};

# Killed, or out of space, at one call after the other: nothing half made is offered, and the next run makes all of it.
each_host {
    my $rbe = shift;
    my %env = (LD_PRELOAD => "$rbe->{build}/tests/faults.so", RBE_CONFIG => $rbe->{config});
    my @file = map { $rbe->zip_of({big => $a, x => $_}) } $b, $changed;
    my $batch = sub { run({env => {%env, @_}}, "$rbe->{build}/bin/rbe-batch") };
    my ($hash, $hit) = ('', 0);
    for my $n (0 .. 9) {
        my $how = $n % 2 ? 'enospc+' : 'kill';
        my $rid = "app$n";
        publish_pair($rbe, $rid, @file);
        $batch->(RBE_FAULT_HOW => $how, RBE_FAULT_AT => 7 * $n) if $n;
        my $late = sub { grep { $_->{state} ne 'done' } @{$JSON->decode($rbe->admin_ok(qw(job list --json)))} };
        $hit += $late->() > 0;
        for (1 .. 3) {
            $rbe->admin('job', 'retry', $_->{id}) for $late->();
            $rbe->batch;
            last if !$late->();
        }
        my $got = $rbe->packages($rid, '2.0.0');
        my $now = join ' ', map { "$_ " . ($got->{$_}{file_hash} // 'none') } qw(files vcdiff zstd);
        $hash ||= $now;
        is $now, $hash, "$how at call " . 7 * $n . ': all formats in the end, the same ones';
    }
    cmp_ok $hit, '>', 3, "$hit runs were hit in a job";
    my ($status, $out) = $rbe->admin('verify');
    unlike $out, qr/missing|size|hash|row/, 'and nothing on disk that is not whole';
} only => ['cgi'];

done_testing;
