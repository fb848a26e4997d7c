# Deltas at their bounds: too little memory or time, an encoder that is stopped by a limit, a full disk, an xdelta3 that is missing,
# fails, or makes what clients do not know. The job fails, once where waiting cannot help, its reason is there for an admin wherever
# he looks, nothing wrong is offered, nothing else is tried in its place, and it succeeds when what was wrong is mended.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256);
use File::Path qw(make_path);
use Rbe::Mounts;
use Rbe::Test;
use Test::More;

my $mounts = Rbe::Mounts::own();
my $noise = join '', map { sha256("noise $_") } 1 .. 180_000;
my $same = join '', map { sha256("same $_") } 1 .. 4000;
my %tree = (1 => {big => $noise, same => $same, text => 'first'}, 2 => {big => $noise =~ s/\A.{1000}/new/sr, same => $same, text => 'second'});

sub publish_pair {
    my ($rbe, $rid, $tree) = @_;
    $rbe->{file} ||= {map { ($_ => $rbe->zip_of(($tree || \%tree)->{$_})) } 1, 2};
    $rbe->create($rid);
    is $rbe->publish($rid, version_name => "$_.0.0", file => $rbe->{file}{$_}, $_ > 1 ? (old_version => '1.0.0') : ())->{status}, 201, "$rid $_" for 1, 2;
}

sub settings { my ($rbe, $text) = @_; spew("$rbe->{data}/rbe.local.yaml", "batch: {prebuild_depth: 0, workers: 1, $text}\n") }
sub batch { my ($rbe, $env, $program) = @_; return run({env => {RBE_CONFIG => $rbe->{config}, %{$env || {}}}}, $program || "$rbe->{build}/bin/rbe-batch") }
sub shown { my ($rbe, $rid) = @_; return $JSON->decode($rbe->admin_ok('version', 'show', $rid, '2.0.0', '--json')) }
sub formats { my ($rbe, $rid) = @_; return join ' ', sort map { $_->{patch_format} // 'full' } @{shown($rbe, $rid)->{packages}} }

# The job of a format of the newest pair, and what is wrong with it, once for good or to be tried again.
sub job {
    my ($rbe, $format) = @_;
    my ($job) = grep { $_->{subject} =~ /^\Q$format\E:/ } @{$JSON->decode($rbe->admin_ok(qw(job list --json)))};
    return $job;
}
sub failed_for_good {
    my ($rbe, $rid, $format, $reason) = @_;
    my $job = job($rbe, $format);
    is "$job->{state} $job->{tries}", 'failed 1', "$rid: $format failed at the first try";
    like $job->{note}, $reason, 'and says why';
    my ($told) = grep { $_->{patch_format} eq $format } @{shown($rbe, $rid)->{failed}};
    is_deeply $told, {job => $job->{id}, from => '1.0.0', patch_format => $format, reason => $job->{note}}, 'with the version as well';
    like $rbe->admin_ok('version', 'show', $rid, '2.0.0'), qr/^(?:failed|      )  +from 1\.0\.0, \Q$format\E, job $job->{id}: \Q$job->{note}\E/m, 'and in its table';
    like $rbe->admin_ok(qw(job list --state failed)), qr/\Q$job->{note}/, 'and among the failed ones';
}
sub to_be_tried_again {
    my ($rbe, $rid, $format, $reason) = @_;
    my $job = job($rbe, $format);
    is "$job->{state} $job->{tries}", 'queued 1', "$rid: $format is tried again";
    like $job->{note}, $reason, 'and the list says why';
}

# Retries what is not done; then all is there.
sub mended {
    my ($rbe, $rid, $env) = @_;
    $rbe->admin_ok('job', 'retry', $_->{id}) for grep { $_->{state} ne 'done' } @{$JSON->decode($rbe->admin_ok(qw(job list --json)))};
    my ($status, undef, $err) = batch($rbe);
    is $status, 0, "$rid: retried" or diag $err;
    is formats($rbe, $rid), 'files full vcdiff zstd', 'and now all formats are there';
    is_deeply shown($rbe, $rid)->{failed}, [], 'and nothing failed';
    my ($hash) = map { $_->{file_hash} } grep { ($_->{patch_format} // '') eq 'vcdiff' } @{shown($rbe, $rid)->{packages}};
    is $rbe->{hash} ||= $hash, $hash, 'the same as ever';
}

# A directory of programs to stand before PATH.
sub path_of {
    my ($rbe, $name, $text) = @_;
    make_path("$rbe->{dir}/$name");
    spew("$rbe->{dir}/$name/xdelta3", "#!/bin/sh\n$text\n");
    chmod 0755, "$rbe->{dir}/$name/xdelta3";
    return {PATH => "$rbe->{dir}/$name:$ENV{PATH}"};
}

each_host {
    my $rbe = shift;
    my $memory = 'memory_bytes: 1G';
    my $enough = "$memory, cpu_seconds: 3";

    publish_pair($rbe, 'memory');
    settings($rbe, 'memory_bytes: 128M');
    my ($status, undef, $err) = batch($rbe);
    is $status, 1, 'too little memory: rbe-batch fails';
    like $err, qr/^rbe-batch: patch vcdiff:\d+:\d+, try 1: vcdiff: not built: /m, 'and says so';
    failed_for_good($rbe, 'memory', 'vcdiff', qr/^vcdiff: not built: the least effort takes 177 MiB, and batch\.memory_bytes is 128 MiB$/);
    is formats($rbe, 'memory'), 'files full zstd', 'what fits is built';
    ($status) = batch($rbe);
    is $status, 0, 'the next run has nothing to do';
    settings($rbe, $enough);
    mended($rbe, 'memory');

    publish_pair($rbe, 'time');
    settings($rbe, "$memory, cpu_seconds: 1");
    is +(batch($rbe))[0], 1, 'too little time: rbe-batch fails';
    failed_for_good($rbe, 'time', 'vcdiff', qr/^vcdiff: not built: the least effort takes up to 2 s, and batch\.cpu_seconds is 1 s$/);
    is formats($rbe, 'time'), 'files full zstd', 'what fits is built';
    settings($rbe, $enough);
    mended($rbe, 'time');

    # An encoder, or the program it runs, that goes on and on.
    publish_pair($rbe, 'endless');
    settings($rbe, "$memory, cpu_seconds: 2");
    make_path("$rbe->{dir}/endless/bin", "$rbe->{dir}/endless/libexec/rbe");
    is +(run('cp', "$rbe->{build}/bin/rbe-batch", "$rbe->{dir}/endless/bin"))[0], 0, 'another place of the programs';
    spew("$rbe->{dir}/endless/libexec/rbe/rbe-encode", "#!/bin/sh\nwhile :; do :; done\n");
    chmod 0755, "$rbe->{dir}/endless/libexec/rbe/rbe-encode";
    is +(batch($rbe, {}, "$rbe->{dir}/endless/bin/rbe-batch"))[0], 1, 'an encoder without end: rbe-batch fails';
    failed_for_good($rbe, 'endless', $_, qr/^$_: stopped after 2 seconds of CPU time$/) for qw(vcdiff zstd);
    is formats($rbe, 'endless'), 'files full', 'nothing else in their place';
    settings($rbe, $enough);
    mended($rbe, 'endless');

    publish_pair($rbe, 'program');
    settings($rbe, "$memory, cpu_seconds: 2");
    is +(batch($rbe, path_of($rbe, 'spin', 'while :; do :; done')))[0], 1, 'an xdelta3 without end: rbe-batch fails';
    failed_for_good($rbe, 'program', 'vcdiff', qr/^vcdiff: xdelta3 was stopped at the limit of CPU time$/);
    cmp_ok job($rbe, 'vcdiff')->{cpu_ms}, '<', 4000, 'one limit for all that works on it';
    settings($rbe, $enough);
    mended($rbe, 'program');

    publish_pair($rbe, 'greedy');
    is +(batch($rbe, path_of($rbe, 'greedy-bin', 'ulimit -v 20000; exec ' . (grep { -x } map { "$_/xdelta3" } split /:/, $ENV{PATH})[0] . ' "$@"')))[0], 1, 'an xdelta3 that gets no memory';
    failed_for_good($rbe, 'greedy', 'vcdiff', qr/^vcdiff: xdelta3 failed with status 1: xdelta3: out of memory/);

    # Of what may come back, another try is made.
    publish_pair($rbe, 'missing');
    is +(batch($rbe, {PATH => '/nonexistent'}))[0], 0, 'no xdelta3';
    to_be_tried_again($rbe, 'missing', 'vcdiff', qr/^vcdiff: cannot start xdelta3: no such program on PATH$/);
    is formats($rbe, 'missing'), 'files full zstd', 'what needs none is built';
    mended($rbe, 'missing');

    publish_pair($rbe, 'failing');
    is +(batch($rbe, path_of($rbe, 'fail', 'echo no such option >&2; exit 1')))[0], 0, 'an xdelta3 that knows other options';
    to_be_tried_again($rbe, 'failing', 'vcdiff', qr/^vcdiff: xdelta3 failed with status 1: no such option$/);

    # What it makes is proved. ${13} and on: the source, the target, the patch.
    my ($xdelta3) = grep { -x } map { "$_/xdelta3" } split /:/, $ENV{PATH};
    for my $case (['extended', "exec $xdelta3 -e -f -S djw -s \"\${13}\" \"\${14}\" \"\${15}\"", qr/vcdiff|patch/],
                  ['another', "exec $xdelta3 -e -f -A -n -S none -s \"\${13}\" \"\${13}\" \"\${15}\"", qr/patch/],
                  ['empty', ': > "${15}"', qr/patch/]) {
        my ($rid, $text, $reason) = @$case;
        publish_pair($rbe, $rid);
        is +(batch($rbe, path_of($rbe, "$rid-bin", $text)))[0], 1, "an xdelta3 that makes something else: $rid";
        failed_for_good($rbe, $rid, 'vcdiff', $reason);
        is formats($rbe, $rid), 'files full zstd', 'and it is not offered';
    }
    mended($rbe, 'empty');
} only => ['cgi'];

# A disk that is full while an encoder writes.
SKIP: {
    skip 'mounting is not allowed here', 1 if !$mounts;
    each_host {
        my $rbe = shift;
        settings($rbe, 'memory_bytes: 1G, cpu_seconds: 3');
        my $hits = 0;
        # What is laid out comes to 6 MB; a patch has the numbers in it, and comes to a third of them as zstd, to all on its way to vcdiff.
        my $numbers = join '', map { $_ * 7919 % 999_983 . "\n" } 1 .. 300_000;
        my %own = (1 => {big => substr($noise, 0, 2_000_000), same => $same}, 2 => {big => substr($noise, 1000, 2_000_000), same => $same, numbers => $numbers});
        for my $free (9000, 9500, 10_500) {
            my $rid = "disk-$free";
            publish_pair($rbe, $rid, \%own);
            my ($left) = (run('df', '--output=avail', '-k', $rbe->{data}))[1] =~ /(\d+)\s*\z/;
            spew("$rbe->{data}/ballast", 'x' x (1024 * ($left - $free)));
            my ($status) = batch($rbe);
            my @late = grep { $_->{state} ne 'done' } @{$JSON->decode($rbe->admin_ok(qw(job list --json)))};
            is $_->{state}, 'queued', "$free KiB: $_->{subject} is tried again" for @late;
            like $_->{note}, qr/No space left/, $_->{note} for @late;
            $hits += grep { $_->{note} =~ /^(?:vcdiff|zstd): / } @late;
            unlink "$rbe->{data}/ballast";
        }
        mended($rbe, 'disk-9500');
        cmp_ok $hits, '>', 0, "$hits encoders met the full disk";
        is +(run('umount', $rbe->{data}))[0], 0, 'taken away';
    } only => ['cgi'], prepare => sub {
        my $rbe = shift;
        my ($status, undef, $err) = run('mount', '-t', 'tmpfs', '-o', 'size=200m', 'none', $rbe->{data});
        is $status, 0, 'a small disk' or diag $err;
    };
}

done_testing;
