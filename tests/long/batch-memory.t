# Building from a tree of more than 100 MB stays within batch.memory_bytes, from the least it may be upwards: rbe-batch and all it
# starts run under that limit on their address space. Whole files are always built; a delta is, or its job has failed and says what
# it takes. What is built does not depend on the limit being enforced, and applies.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use Rbe::Test;
use Test::More;

plan skip_all => 'sanitizers keep memory of their own' if sanitized;
my $apply = abs_path('share/examples/apply.pl');

each_host {
    my $rbe = shift;
    # one file of 70 MB and nearly seventy of 1 MB; some lines of the first and of two others change
    Rbe::Test::make_large_tree("$rbe->{dir}/old", 70_000_000, 'sed -i 3s/./x/ app part/aac part/aba');
    Rbe::Test::make_large_tree("$rbe->{dir}/new", 70_000_000, 'sed -i "3000,3010d;9999s/./y/" app part/aac part/aba');
    my $want = tree_of("$rbe->{dir}/new");
    for my $type (qw(zip tar.gz)) {
        my @file = map { Rbe::Test::pack_tree("$rbe->{dir}/$_", $type, "$rbe->{dir}/$_.$type") } qw(old new);
        for my $mib (128, 256, 512, 1024) {
            my @built;
            spew("$rbe->{data}/rbe.local.yaml", "batch: {prebuild_depth: 0, workers: 1, memory_bytes: ${mib}M}\n");
            for my $limit ([], ['prlimit', '--as=' . ($mib << 20)]) {
                my $rid = join '-', 'app', $type =~ tr/./-/r, $mib, scalar @$limit;
                $rbe->create($rid);
                $rbe->admin_ok('version', 'publish', $rid, "1.$_.0", $file[$_], qw(--system linux), $_ ? (qw(--old-version 1.0.0)) : ()) for 0, 1;
                my ($status, undef, $err) = run({env => {RBE_CONFIG => $rbe->{config}}}, @$limit, "$rbe->{build}/bin/rbe-batch");
                is $status, $err =~ /: not built: / ? 1 : 0, "rbe-batch @$limit" or diag $err;
                push @built, $rbe->packages($rid, '1.1.0');
                my @jobs = @{$JSON->decode($rbe->admin_ok(qw(job list --limit 3 --json)))};
                for my $job (@jobs) {
                    my ($format) = $job->{subject} =~ /^(\w+)/;
                    my $built = $format eq 'files' || $built[-1]{$format};
                    is $job->{state}, $built ? 'done' : 'failed', "$rid: $format" or diag $job->{note};
                    next if !@$limit;
                    cmp_ok $job->{rss_bytes}, '<', $mib << 20, "$rid: $format took $job->{rss_bytes} bytes";
                    if ($built) { cmp_ok $job->{bytes}, '>', 0, "$rid: $format is built" }
                    else { like $job->{note}, qr/^$format: not built: \S.* takes \d+ MiB, and batch\.memory_bytes is $mib MiB$/, "$rid: why there is no $format" }
                }
            }
            is_deeply {map { ($_ => $built[1]{$_}{file_hash}) } keys %{$built[1]}}, {map { ($_ => $built[0]{$_}{file_hash}) } keys %{$built[0]}},
                "$type, $mib MiB: the same with and without the limit, " . join ' ', sort keys %{$built[1]};
            next if $mib < 1024;
            is join(' ', sort keys %{$built[1]}), 'files full vcdiff zstd', 'with enough of it all formats are built';
            for my $format (qw(files vcdiff zstd)) {
                remove_tree("$rbe->{dir}/client");
                run('cp', '-a', "$rbe->{dir}/old", "$rbe->{dir}/client");
                my ($status, undef, $err) = run($apply, "$rbe->{data}/packages/$built[1]{$format}{path}", "$rbe->{dir}/client");
                is $status, 0, "$type: $format applies" or diag $err;
                is_deeply tree_of("$rbe->{dir}/client"), $want, "$type: $format leads to the new tree";
            }
        }
    }
} only => ['cgi'];

done_testing;
