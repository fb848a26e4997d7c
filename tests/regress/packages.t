# What is needed to build stands in bootstrap and in debian/control: the same.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test qw(slurp);
use Test::More;

# What every Debian machine that builds packages has, what the other needs by itself, and child programs of the running rbe.
my %apart = map { $_ => 1 } qw(automake gcc libc6-dev make debhelper-compat xdelta3);

my ($build) = slurp('bootstrap') =~ /^BUILD='([^']*)'/m;
my ($depends) = slurp('debian/control') =~ /^Build-Depends: (.*(?:\n .*)*)/m;
my @wanted = grep { !$apart{$_} } sort split ' ', $build;
my @said = grep { !$apart{$_} } sort map { s/\s*\(.*\)//r } split /,\s*/, $depends;
is "@said", "@wanted", 'Build-Depends are what bootstrap installs';
done_testing;
