#!/usr/bin/perl
# The CPU time of building a package of whole files, against unpacking both releases, hashing both and packing the changed files
# with gzip -6, in the same run: at most a tenth for zip, a third for tar.gz. And the tar.gz against what gzip -6 makes of the
# same files.
#
#     tests/bench/files.pl OLD.zip NEW.zip      two releases; without, two are made up: 60 MB, a fifth changed
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(abs_path);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON::PP;
use Rbe::Test qw(run spew);

my $build = abs_path($ENV{RBE_BUILD} // 'build');
my $tmp = tempdir('files-bench-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $JSON = JSON::PP->new->utf8;
sub must { my ($status, $out, $err) = run(@_); die "@_[grep { !ref $_[$_] } 0 .. $#_]: $err" if $status; return $out }
sub admin { return must({env => {RBE_CONFIG => "$tmp/site/rbe.yaml"}}, "$build/bin/rbe-admin", @_) }

# Seconds of CPU of a command.
sub cpu {
    my (undef, undef, $u, $s) = times;
    my $out = must(@_);
    my (undef, undef, $u2, $s2) = times;
    return $u2 + $s2 - $u - $s;
}

if (@ARGV == 2) { must('unzip', '-q', $ARGV[$_], '-d', "$tmp/" . ('old', 'new')[$_]) for 0, 1 }
else {
    srand 5;
    my @words = map { join '', map { chr 97 + int rand 26 } 1 .. 2 + rand 9 } 1 .. 3000;
    for my $i (1 .. 600) {
        my $text = '';
        $text .= $words[abs(rand() + rand() - 1) * @words] . (rand() < 0.1 ? "\n" : ' ') while length $text < 100_000;
        make_path("$tmp/$_/dir" . $i % 20) for qw(old new);
        spew("$tmp/old/dir" . $i % 20 . "/$i", $text);
        spew("$tmp/new/dir" . $i % 20 . "/$i", $i % 5 ? $text : "changed $i\n$text");
    }
}
my ($changed) = must({dir => $tmp}, 'sh', '-c', 'cd new; find . -type f | sort | while read -r f; do cmp -s "$f" "../old/$f" || echo "$f"; done > ../changed; wc -l < ../changed');
printf "%d files changed\n", $changed;
for my $kind (qw(zip tar.gz)) {
    for my $tree (qw(old new)) {
        if ($kind eq 'zip') { must({dir => "$tmp/$tree"}, 'zip', '-q', '-r', '-X', '-y', "../$tree.zip", '.') }
        else { must({dir => $tmp}, 'tar', '-C', $tree, '-czf', "$tree.tar.gz", '.') }
    }
    make_path("$tmp/site");
    must('rm', '-rf', "$tmp/site");
    make_path("$tmp/site");
    admin('init');
    spew("$tmp/site/rbe.local.yaml", "batch: {delta_formats: [], prebuild_depth: 0, workers: 1}\n");
    admin(qw(resource create app --name App));
    admin('version', 'publish', 'app', '1', "$tmp/old.$kind");
    admin('version', 'publish', 'app', '2', "$tmp/new.$kind", '--old-version', '1');
    my $ours = cpu({env => {RBE_CONFIG => "$tmp/site/rbe.yaml"}}, "$build/bin/rbe-batch");
    my ($package) = grep { ($_->{patch_format} // '') eq 'files' } @{$JSON->decode(admin(qw(version show app 2 --json)))->{packages}};
    my $unpack = $kind eq 'zip' ? 'unzip -q -o $1.zip -d x/$1' : 'mkdir -p x/$1; tar -xzf $1.tar.gz -C x/$1';
    must('rm', '-rf', "$tmp/x");
    my $plain = cpu({dir => $tmp}, 'sh', '-c', "mkdir -p x; for t in old new; do set -- \$t; $unpack; find x/\$t -type f -print0 | xargs -0 sha256sum > x/\$t.sums; done;" .
        'tar -C x/new --no-recursion -cf - -T changed | gzip -6 > x/changed.tar.gz');
    my $gzip = -s "$tmp/x/changed.tar.gz";
    printf "%-6s %.2f s of CPU, against %.2f s: %.3f (at most %s)%s\n", $kind, $ours, $plain, $ours / $plain,
        $kind eq 'zip' ? '0.100' : '0.333', $package && $kind ne 'zip' ? sprintf('; %d bytes, gzip -6 makes %d: %.4f', $package->{file_size}, $gzip, $package->{file_size} / $gzip) : '';
}
