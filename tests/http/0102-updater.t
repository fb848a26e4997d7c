# The simplest updater of the compatible dialect over ten versions with random changes: each time its tree is the published
# one, whichever versions it skips.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Client;
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep);

use constant {VERSIONS => 10, SEED => 20};

sub bytes { my ($n) = @_; return join '', map { chr int rand 256 } 1 .. $n }

# A name that is there no more than once, whatever else is at that place.
my @places = ('', 'bin/', 'lib/deep/er/', "gr\xc3\xbc\xc3\x9fe/", 'with space/', 'data/');
sub new_path { my ($n) = @_; return $places[rand @places] . "file $n." . (qw(txt bin dat))[rand 3] }

# What a release changes: files come, go, change, become executable or a link, and whole directories are emptied.
sub changed {
    my ($tree, $n) = @_;
    my %new = %$tree;
    my @files = sort grep { $_ !~ /^(?:bulk\.bin|interface\.json)$/ } keys %new;
    for my $i (1 .. 6) { $new{new_path("$n-$i")} = bytes(1 + rand 400) }
    for my $path (@files) {
        my $dice = rand 10;
        if ($dice < 1) { delete $new{$path} }
        elsif ($dice < 3) { $new{$path} = bytes(rand 400) }
        elsif ($dice < 4) { $new{$path} = "#!/bin/sh\necho $n\n" }
        elsif ($dice < 5) { $new{$path} = ['interface.json'] if $path !~ m{/} }
    }
    my $gone = $places[1 + rand $#places];
    delete @new{grep { /^\Q$gone\E/ } keys %new} if rand() < 0.3;
    $new{"empty $n"} = undef;
    delete $new{'empty ' . ($n - 2)};
    return \%new;
}

sub follow {
    my ($rbe, $rid, $type, $os) = @_;
    srand SEED;
    $rbe->create($rid, always_include => ['interface.json']);
    my $tree = {'interface.json' => '{"name":"app"}', 'bulk.bin' => bytes(60_000), map { (new_path("0-$_") => bytes(200)) } 1 .. 12};
    my $fetch = sub { $rbe->get($_[0]) };
    my $root = sub {
        my ($dir, $changes) = @_;
        ok -e "$dir/interface.json", 'the file by which the root is found is there' if !grep { /interface/ } map { @$_ } values %$changes;
        ok -e "$dir/$_", "modified and whole: $_" for grep { !-l "$dir/$_" } @{$changes->{modified} || []};
    };
    my %client = map { ($_ => Rbe::Client->new(fetch => $fetch, rid => $rid, dir => "$rbe->{dir}/$rid-$_", os => $os, arch => 'x64',
        on_changes => $root)) } qw(eager lazy);
    my %did;
    for my $n (1 .. VERSIONS) {
        $tree = changed($tree, $n) if $n > 1;
        my $version = "1.$n.0+b$n";
        my $file = $rbe->zip_of($tree, $type);
        my $r = $rbe->publish($rid, version_name => $version, os => $os, arch => 'x86_64', file => $file,
            old_version => [grep { length } map { $_->{version} } values %client]);
        is $r->{status}, 201, "published $version" or diag $r->{content};
        for my $name (sort keys %client) {
            my $client = $client{$name};
            next if $name eq 'lazy' && $n % 3 != 1;
            # The batch tool of rbe-serve may have them in hand.
            if (length $client->{version}) {
                $rbe->batch;
                for (1 .. 200) { last if $client->check->{update_type} eq 'incremental'; sleep 0.05 }
            }
            my $did = $client->update;
            $did{$did}++;
            is $client->{version}, $version, "$name is on $version";
            is_deeply tree_of($client->{dir}), tree_of("$rbe->{dir}/tree$rbe->{archives}"), "$name: its tree is the published one ($did)";
            is $client->update, '', "$name: nothing more to do";
        }
    }
    is_deeply \%did, {full => 2, incremental => VERSIONS - 1 + 3}, "$type: all but the first by an incremental package";
}

each_host {
    my $rbe = shift;
    follow($rbe, 'app-win', 'zip', 'win');
    follow($rbe, 'app-unix', 'tar.gz', 'linux');
} config => {'api.public_url' => 'true'};

done_testing;
