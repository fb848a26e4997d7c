# Copies at a mirror brought there by rsync over ssh: a real sshd, with its own keys.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp ();
use Rbe::Ssh;
use Rbe::Test;
use Test::More;
use Time::HiRes qw(sleep);

if (my $missing = Rbe::Ssh::missing()) { plan skip_all => $missing }

my $ssh = Rbe::Ssh->new;
my $dir = File::Temp->newdir(TMPDIR => 1);
mkdir "$dir/two" or die $!;

sub url_of { my ($rbe, $rid) = @_; $rbe->get("/resources/$rid/latest")->{json}{data}{download_url} }

my $rbe = Rbe::Test->start(host => 'cgi', config => {
    'extra.download_prefix_info' => "{default: [{url: 'https://two.example'}]}",
    'extra.download_effective_time' => '3s', 'extra.keep_versions' => 1,
    'mirror.targets' => "[{name: two, rsync: '$ssh->{login}:$dir/two', ssh: '$ssh->{command}', urls: ['https://two.example']}]",
    'mirror.probe_interval' => 0,
});
$rbe->create('blob', update_type => 'full');
is $rbe->publish('blob', version_name => '1.0', bytes => 'first', file_name => 'a.zip')->{status}, 201;
is $rbe->get(url_of($rbe, 'blob'))->{status}, 200, 'from here while there is no copy';
like $rbe->batch, qr{^mirror two:1: p/[0-9a-f]{32}/blob-1\.0-any-any\.zip$}m, 'a job copies it';
my $place = $rbe->get(url_of($rbe, 'blob'))->{headers}{location};
my ($path) = $place =~ m{^https://two\.example/(p/.*)};
is slurp("$dir/two/$path"), 'first', 'the copy lies where the link leads';
is sprintf('%04o', (stat "$dir/two/$path")[2] & 07777), '0644', 'for everybody to read';
is $rbe->batch, '', 'and is not made twice';

# A file that is damaged here is not spread.
is $rbe->publish('blob', version_name => '2.0', bytes => 'second', file_name => 'a.zip')->{status}, 201;
my ($second) = glob "$rbe->{data}/packages/p/*/blob-2.0-*";
spew($second, 'secand');
my ($status, $out, $err) = run("$rbe->{build}/bin/rbe-batch", '--config', $rbe->{config}, 'mirror');
is $status, 1, 'damaged';
like $err, qr{^rbe-batch: two p/\S+: p/\S+ has not the bytes of the package$}m;
is $rbe->get(url_of($rbe, 'blob'))->{status}, 200, 'no copy of it is used';
spew($second, 'second');
($status, $out, $err) = run("$rbe->{build}/bin/rbe-batch", '--config', $rbe->{config}, 'mirror');
is $status, 0, 'repaired' or diag $err;
is $rbe->get(url_of($rbe, 'blob'))->{status}, 302;

# What is purged here goes there, and nothing else does.
$rbe->admin_ok('purge');
sleep 4.5;
$rbe->batch;
ok !-e "$rbe->{data}/packages/$path", 'purged here';
($status) = run("$rbe->{build}/bin/rbe-batch", '--config', $rbe->{config}, 'mirror');
is $status, 0;
ok !-e "$dir/two/$path", 'and there';
my @left = glob "$dir/two/p/*/*";
is scalar(@left), 1, 'the other copy stays';
is slurp($left[0]), 'second';
is $JSON->decode($rbe->admin_ok(qw(mirror list --json)))->[0]{copies}, 1, 'mirror list counts it';

# One that is not the one it was, one that does not let us in, one that is away: nothing is copied, and it is tried again.
is $rbe->publish('blob', version_name => '3.0', bytes => 'third', file_name => 'a.zip')->{status}, 201;
my @mirror = ("$rbe->{build}/bin/rbe-batch", '--config', $rbe->{config}, 'mirror');
my $key = slurp("$ssh->{dir}/host.pub");
$ssh->know(slurp("$ssh->{dir}/user.pub"));
($status, undef, $err) = run(@mirror);
is $status, 1, 'another host key';
like $err, qr/^rbe-batch: two p\/\S+: rsync ended with status \d+: .*Host key verification failed/ms, 'is told';
spew("$ssh->{dir}/known_hosts", '');
like +(run(@mirror))[2], qr/Host key verification failed/, 'an unknown one is not taken';
$ssh->know($key);
$ssh->authorize(0);
like +(run(@mirror))[2], qr/Permission denied \(publickey\)/, 'not let in';
$ssh->stop;
(undef, undef, $err) = run("$rbe->{build}/bin/rbe-batch", '--config', $rbe->{config});
like $err, qr/^rbe-batch: mirror two:3, try 1: rsync ended with status \d+: .*Connection refused/ms, 'away';
like $rbe->admin_ok(qw(job list --state queued)), qr/two:3/, 'and queued again';
is scalar(() = glob "$dir/two/p/*/*"), 1, 'nothing came there';
is $rbe->get(url_of($rbe, 'blob'))->{status}, 200, 'nothing is fetched from there';
$ssh->authorize(1);
$ssh->start;
is +(run(@mirror))[0], 0, 'all is as it was';
is $rbe->get(url_of($rbe, 'blob'))->{status}, 302;
done_testing;
