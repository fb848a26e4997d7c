# rbe-update and the deltas that the real server builds: each step by a package of patches, the trees as published.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Rbe::Update;
use Test::More;

srand 81;
my @words = map { join '', map { chr 97 + int rand 26 } 1 .. 2 + int rand 9 } 1 .. 3000;
sub prose { return join ' ', map { $words[rand @words] } 1 .. $_[0] }
my $block = join '', map { chr int rand 256 } 1 .. 120_000;
my %tree = ('bin/app' => "#!/bin/sh\n" . prose(4000), 'data.bin' => $block, 'doc/guide.txt' => prose(6000), 'doc/old name' => prose(2000),
    'same' => prose(500), 'link' => ['bin/app'], 'empty/dir' => undef);
my @trees = ({%tree});
# A little changes in much, a file moves and becomes two, one turns into a directory.
substr $tree{'bin/app'}, 9000, 0, 'inserted ';
substr $tree{'data.bin'}, 40_000, 100, 'x' x 250;
$tree{'doc/new name'} = $tree{'doc/copy'} = delete $tree{'doc/old name'};
$tree{'link'} = ['doc/copy'];
push @trees, {%tree};
$tree{'doc/guide.txt'} .= prose(30);
substr $tree{'data.bin'}, 0, 0, "\0" x 9;
delete $tree{same};
$tree{'same/now a directory'} = 'x';
$tree{'bin/app'} =~ s/^#!/##/;
push @trees, {%tree};

for my $format (qw(vcdiff zstd)) {
    each_host {
        my $rbe = shift;
        $rbe->create('app');
        my $publish = sub {
            my ($n) = @_;
            my $r = $rbe->publish('app', version_name => "1.$n.0", file => $rbe->zip_of($trees[$n]), $n ? (old_version => '1.' . ($n - 1) . '.0') : ());
            is $r->{status}, 201;
            Rbe::Test::make_tree("$rbe->{dir}/tree-$n", $trees[$n]);
        };
        my $u = Rbe::Update->new(dir => "$rbe->{dir}/client", server => $rbe->{base}, resource => 'app');
        $publish->(0);
        is $u->run, 0, 'a fresh installation' or diag $u->{err};
        for my $n (1 .. $#trees) {
            $publish->($n);
            my $from = '1.' . ($n - 1) . '.0';
            my $offered = '';
            for (1 .. 200) {
                $offered = $rbe->get("/resources/app/latest?current=$from&delta=$format")->{json}{data}{patch_format} // '';
                last if $offered eq $format;
                select undef, undef, undef, 0.1;
            }
            is $offered, $format, "a package of format $format is offered" or last;
            is $u->run('--json'), 0, "1.$n.0" or diag $u->{err};
            unlike $u->{out}, qr/fallback/, 'its first package does it';
            $u->is_tree("$rbe->{dir}/tree-$n", "1.$n.0 by $format");
            is $u->run('--rollback'), 0;
            $u->is_tree("$rbe->{dir}/tree-" . ($n - 1), "back from 1.$n.0");
            is $u->run, 0;
            is $u->run('--verify'), 0;
        }
    } only => ['lighttpd'], config => {'batch.delta_formats' => "[$format]"};
}
done_testing;
