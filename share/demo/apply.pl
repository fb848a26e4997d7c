#!/usr/bin/perl
# The simplest updater there can be: applies an incremental package of format "files" to a tree. It knows nothing of rbe
# but what share/doc/api.md says, and uses Perl's core modules and tar or unzip.
#
#   apply.pl TREE PACKAGE
use strict;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP;

my ($tree, $package) = @ARGV;
die "usage: apply.pl TREE PACKAGE\n" unless defined $package && -d $tree;

my $zip = do { open my $fh, '<:raw', $package or die "$package: $!\n"; read $fh, my $head, 2; $head eq 'PK' };
my $unpack = sub {
    my ($to) = @_;
    my @argv = $zip ? ('unzip', '-q', '-o', $package, '-d', $to) : ('tar', '-xf', $package, '-C', $to);
    system(@argv) == 0 or die "cannot unpack $package\n";
};

# First everything into a directory beside, so that a broken package changes nothing.
my $beside = tempdir(CLEANUP => 1);
$unpack->($beside);
my $changes = do {
    open my $fh, '<:raw', "$beside/changes.json" or die "no changes.json in $package\n";
    local $/;
    decode_json(<$fh>);
};
for my $list (values %$changes) { utf8::encode($_) for @$list }

unlink "$tree/$_" or die "cannot delete $_: $!\n" for @{$changes->{deleted} || []};
# Sorted by path: the deepest come last.
rmdir "$tree/$_" or die "cannot remove $_: $!\n" for reverse @{$changes->{deleted_dir} || []};
unlink "$tree/$_" for @{$changes->{modified} || []};
$unpack->($tree);
unlink "$tree/changes.json";

printf "   applied: %s\n", join ', ', map { scalar(@{$changes->{$_} || []}) . " $_" } qw(added modified deleted added_dir deleted_dir);
