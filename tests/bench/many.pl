#!/usr/bin/perl
# A release of 40,000 small files of which four changed: what its deltas come to (below 20 kB) and what making each costs (at most a
# second of CPU), as zip and as tar.gz.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(abs_path);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON::PP;
use Rbe::Test qw(run spew);

my $build = abs_path($ENV{RBE_BUILD} // 'build');
my $tmp = tempdir('many-bench-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $JSON = JSON::PP->new->utf8;
sub must { my ($status, $out, $err) = run(@_); die "@_[grep { !ref $_[$_] } 0 .. $#_]: $err" if $status; return $out }
sub admin { return must({env => {RBE_CONFIG => "$tmp/site/rbe.yaml"}}, "$build/bin/rbe-admin", @_) }

srand 9;
for my $i (0 .. 39_999) {
    my $dir = sprintf 'old/dir%02d/sub%02d', $i / 1000, $i / 50 % 20;
    make_path("$tmp/$dir") unless $i % 50;
    spew("$tmp/$dir/file$i.txt", "file $i\n" . join(' ', map { int rand 100_000 } 1 .. 60) . "\n");
}
must('cp', '-a', "$tmp/old", "$tmp/new");
must({dir => "$tmp/new"}, 'sh', '-c', 'find . -type f | sort | sed -n "9p;11000p;22222p;39999p" | while read -r f; do echo changed >> "$f"; done');
for my $kind (qw(zip tar.gz)) {
    for my $tree (qw(old new)) {
        if ($kind eq 'zip') { must({dir => "$tmp/$tree"}, 'zip', '-q', '-r', '-X', "../$tree.zip", '.') }
        else { must({dir => $tmp}, 'tar', '-C', $tree, '-czf', "$tree.tar.gz", '.') }
    }
    must('rm', '-rf', "$tmp/site");
    make_path("$tmp/site");
    admin('init');
    spew("$tmp/site/rbe.local.yaml", "batch: {prebuild_depth: 0}\n");
    admin(qw(resource create app --name App));
    admin('version', 'publish', 'app', '1', "$tmp/old.$kind");
    admin('version', 'publish', 'app', '2', "$tmp/new.$kind", '--old-version', '1');
    must({env => {RBE_CONFIG => "$tmp/site/rbe.yaml"}}, "$build/bin/rbe-batch");
    my %job = map { $_->{subject} =~ /^(\w+)/ ? ($1 => $_) : () } @{$JSON->decode(admin(qw(job list --json)))};
    printf "%-6s %-6s %6d bytes, %.2f s of CPU  %s\n", $kind, $_, $job{$_}{bytes}, $job{$_}{cpu_ms} / 1000, $job{$_}{bytes} ? '' : $job{$_}{note}
        for qw(files vcdiff zstd);
}
