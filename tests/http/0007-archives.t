# Hostile archives through the upload: each refused with 400/1001 and a message that names entry and rule, nothing left behind.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp qw(tempdir);
use Rbe::Test;
use Test::More;

my $dir = tempdir(CLEANUP => 1);
my ($status, undef, $err) = run($^X, 'tests/regress/archives.pl', $dir);
is $status, 0, 'archives are made' or BAIL_OUT $err;
my @cases = map { chomp; [split /\t/] } grep { !/^#/ } split /^/, slurp("$dir/index.tsv");
cmp_ok scalar @cases, '>', 40, 'a fair number of them';

each_host {
    my $rbe = shift;
    my $n = 0;
    $rbe->create('app');
    for my $case (@cases) {
        my ($file, $verdict, $system, $rule, $text) = @$case;
        my $before = [glob "$rbe->{data}/packages/p/* $rbe->{data}/tmp/*"];
        my $r = $rbe->publish('app', version_name => '1.0.' . ++$n, system => $system, file => "$dir/$file");
        if ($verdict eq 'accept') {
            is $r->{status}, 201, "$file for $system is accepted" or diag $r->{content};
            next;
        }
        is $r->{status}, 400, "$file for $system is refused" or diag $r->{content};
        is $r->{json}{code}, 1001, "$file: 1001";
        is $r->{json}{data}{violations}[0]{field}, 'file', "$file: the field";
        my $message = $r->{json}{data}{violations}[0]{message} // '';
        utf8::encode($message);
        # What does not begin as an archive is refused before it is inspected.
        like $message, qr/\Q$text\E|^must be a zip/, "$file: the message says what";
        is_deeply [glob "$rbe->{data}/packages/p/* $rbe->{data}/tmp/*"], $before, "$file: nothing left behind";
    }
    my ($ok, $out) = $rbe->admin('verify');
    is $ok, 0, 'database and disk agree' or diag $out;
} only => ['lighttpd'], config => {'limits.archive_entries' => 1000, 'limits.archive_bytes' => '64M'};

done_testing;
