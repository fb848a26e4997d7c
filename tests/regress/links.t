# The two programs that every client asks start fast, also as plain CGI: they are linked with these libraries and no others.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

for my $program (qw(latest download)) {
    my ($status, $out, $err) = run('readelf', '-d', build_dir() . "/cgi-bin/$program.fcgi");
    is $status, 0, "readelf $program.fcgi" or diag $err;
    my @other = grep { !/^lib(?:fcgi|sqlite3|crypto|yaml-0|c|m|pthread|dl|gcov|asan|ubsan|tsan|clang\S*)\.so/ } $out =~ /\(NEEDED\).*\[(\S+)\]/g;
    is "@other", '', "$program.fcgi needs no library that it can do without";
}
done_testing;
