# A backup made while publishers are at work holds every version acknowledged before it began, is whole, and comes up as an
# installation that answers the same.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep);

my $PUBLISHERS = 3;

# Publishes one version after the other until told to stop; acknowledged names in a file.
sub publisher {
    my ($rbe, $n, $stop) = @_;
    open my $log, '>>', "$rbe->{dir}/acknowledged.$n" or die $!;
    $log->autoflush;
    for (my $i = 1; !-e $stop && $i <= 500; $i++) {
        my $r = $rbe->publish('app', version_name => "$n.$i.0", bytes => "version $n.$i.0 " x 2000, file_name => 'a.bin');
        die "$r->{status} $r->{content}" if $r->{status} != 201;
        print {$log} "$n.$i.0\n";
    }
    POSIX::_exit(0);
}

sub acknowledged { my ($rbe) = @_; return map { split /\n/, slurp($_) } glob "$rbe->{dir}/acknowledged.*" }

my $rbe = Rbe::Test->start(host => 'lighttpd');
$rbe->create('app', name => 'App', update_type => 'full');
my $stop = "$rbe->{dir}/stop";
my @pids;
for my $n (1 .. $PUBLISHERS) {
    my $pid = fork // die $!;
    publisher($rbe, $n, $stop) if !$pid;
    push @pids, $pid;
}
my $until = time + 30;
sleep 0.1 until (() = acknowledged($rbe)) >= 10 || time > $until;
my @backups;
for my $i (1 .. 3) {
    my @before = acknowledged($rbe);
    my ($status, undef, $err) = $rbe->admin('backup', "$rbe->{dir}/backup$i.tar.gz");
    is $status, 0, "backup $i" or diag $err;
    push @backups, ["$rbe->{dir}/backup$i.tar.gz", \@before];
}
spew($stop, '');
for (@pids) { waitpid $_, 0; is $?, 0, 'a publisher had no failure' }

for my $backup (@backups) {
    my ($file, $before) = @$backup;
    my $dir = File::Temp->newdir(TMPDIR => 1);
    spew("$dir/rbe.yaml", slurp($rbe->{config}));
    my @tool = ("$rbe->{build}/bin/rbe-admin", '--config', "$dir/rbe.yaml");
    my ($status, undef, $err) = run(@tool, 'restore', $file);
    is $status, 0, 'restored' or diag $err;
    my %there = map { $_->{version_name} // $_->{name} => 1 }
        @{$JSON->decode((run(@tool, qw(version list app --json)))[1])};
    is_deeply [grep { !$there{$_} } @$before], [], scalar(@$before) . ' acknowledged versions are in it';
    ($status, my $out) = run(@tool, 'verify');
    is $status, 0, 'and every one is whole' or diag $out;
}
# The stock tools read it as well.
my $dir = File::Temp->newdir(TMPDIR => 1);
my ($status) = run(qw(tar -xzf), $backups[0][0], '-C', "$dir");
is $status, 0, 'tar unpacks it';
($status) = run({dir => "$dir"}, qw(sha256sum --quiet -c SHA256SUMS));
is $status, 0, 'sha256sum is content';
$rbe->stop;
done_testing;
