#!/usr/bin/perl
# apply.pl PACKAGE TREE: takes TREE to the version that an incremental package of any format leads to, by what share/doc/api.md and
# share/doc/incremental.md say and nothing else, with tar or unzip and, for deltas, xz and xdelta3 or zstd. Hashes are checked. An
# example for those who write an updater: unlike rbe-update, it cannot be cut off in the middle and go on.
use strict;
use warnings;
use Cwd qw(abs_path);
use Digest::SHA;
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON::PP;

my ($package, $tree) = @ARGV;
die "usage: apply.pl PACKAGE TREE\n" unless @ARGV == 2;
$package = abs_path($package);
$tree = abs_path($tree);
my $tmp = tempdir('apply-XXXXXX', TMPDIR => 1, CLEANUP => 1);
$ENV{LC_ALL} = 'C.UTF-8';

sub run { system(@_) == 0 or die "apply.pl: @_ failed\n" }
sub parent { make_path(dirname($_[0])) }
sub sha256 { Digest::SHA->new(256)->addfile($_[0], 'b')->hexdigest }
sub bytes { my $p = shift; utf8::encode($p); return $p }

mkdir "$tmp/new";
if ($package =~ /\.zip$/) { run('unzip', '-q', '-o', $package, '-d', "$tmp/new") }
else { run('tar', '-xpf', $package, '-C', "$tmp/new") }
open my $in, '<:raw', "$tmp/new/changes.json" or die "changes.json: $!\n";
my $changes = decode_json(do { local $/; <$in> });
close $in;
unlink "$tmp/new/changes.json";
my $delta = $changes->{delta} // {copies => [], groups => []};

# 1. Read what the groups and the copies of old files need.
my @made;
my $n = 0;
for my $group (@{$delta->{groups}}) {
    my ($source, $out) = ("$tmp/source-$n", "$tmp/target-$n");
    open my $to, '>:raw', $source or die "$source: $!\n";
    for my $file (@{$group->{source}}) {
        my $path = "$tree/" . bytes($file->{path});
        -s $path == $file->{size} && sha256($path) eq $file->{sha256} or die "$path is not as it should be\n";
        copy($path, $to) or die "$path: $!\n";
    }
    close $to or die "$source: $!\n";
    my $patch = "$tmp/new/" . bytes($group->{patch});
    if ($delta->{format} eq 'vcdiff') {
        run('sh', '-c', 'xz -dc "$1" > "$1.raw" && xdelta3 -d -f -s "$2" "$1.raw" "$3"', 'sh', $patch, $source, $out);
        unlink "$patch.raw";
    } elsif ($delta->{format} eq 'zstd') {
        run('zstd', '-q', '-d', '-f', '--long=31', "--patch-from=$source", $patch, '-o', $out);
    } else { die "format $delta->{format}\n" }
    unlink $patch, $source;
    rmdir dirname($patch);
    open my $from, '<:raw', $out or die "$out: $!\n";
    for my $file (@{$group->{target}}) {
        my $name = sprintf('%s/made-%d', $tmp, scalar @made);
        open my $part, '>:raw', $name or die "$name: $!\n";
        my $left = $file->{size};
        while ($left > 0) {
            my $got = read($from, my $data, $left < 1 << 20 ? $left : 1 << 20) or die "$out ends early\n";
            print $part $data;
            $left -= $got;
        }
        close $part or die "$name: $!\n";
        push @made, [$name, $file];
    }
    unlink $out;
    $n++;
}
for my $file (grep { ($_->{of} // 'old') eq 'old' } @{$delta->{copies}}) {
    my $name = sprintf('%s/made-%d', $tmp, scalar @made);
    copy("$tree/" . bytes($file->{from}), $name) or die "$file->{from}: $!\n";
    push @made, [$name, $file];
}

# 2. Delete.
for my $path (@{$changes->{deleted} // []}) { unlink "$tree/" . bytes($path) or die "$path: $!\n" }
for my $path (reverse @{$changes->{deleted_dir} // []}) { rmdir "$tree/" . bytes($path) or die "$path: $!\n" }
for my $path (@{$changes->{added_dir} // []}) { make_path("$tree/" . bytes($path)) }

# 3. Write what patches and copies gave.
sub put {
    my ($from, $file) = @_;
    my $path = "$tree/" . bytes($file->{path});
    sha256($from) eq $file->{sha256} or die "$file->{path} came out wrong\n";
    parent($path);
    unlink $path;
    copy($from, $path) or die "$path: $!\n";
    chmod oct($file->{mode}), $path;
}
put(@$_) for @made;

# 4. Lay the whole files over it.
for my $path (@{$changes->{modified} // []}) {
    my $p = bytes($path);
    unlink "$tree/$p" if -e "$tmp/new/$p" || -l "$tmp/new/$p";
}
run('cp', '-a', "$tmp/new/.", "$tree/");

# 5. Copies of new files.
put("$tree/" . bytes($_->{from}), $_) for grep { ($_->{of} // 'old') eq 'new' } @{$delta->{copies}};

printf "applied: %s\n", join ', ', map { scalar(@{$changes->{$_} // []}) . " $_" } qw(added modified deleted added_dir deleted_dir);
