# Every change through the API is recorded with the token, the address and what was done; what changed nothing is not.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

each_host {
    my $rbe = shift;
    my ($publisher) = split /\n/, $rbe->admin_ok(qw(token create ci));
    $rbe->admin_ok(qw(token create spare));
    $rbe->admin_ok(qw(token revoke spare));
    is $rbe->create('app', name => 'App')->{status}, 201;
    my $file = $rbe->zip_of({'a.txt' => 'one'});
    for my $time (1, 2) {
        is $rbe->publish('app', version_name => '1.0.0', file => $file, token => $publisher)->{status},
            $time == 1 ? 201 : 200, "published, time $time";
    }
    my %texts = ('release-note' => 'version note', 'custom-data' => 'version data');
    is $rbe->request(PUT => "/resources/app/versions/$_", token => $publisher,
        json => {version_name => '1.0.0', content => 'text'})->{status}, 200 for sort keys %texts;
    is $rbe->request(DELETE => '/resources/app/versions/1.0.0', token => $publisher)->{status}, 200 for 1, 2;
    is $rbe->request(DELETE => '/resources/app', token => $rbe->{token})->{status}, 200;
    is $rbe->request(DELETE => '/resources/app', token => $publisher)->{status}, 403;
    is $rbe->publish('app', version_name => '1.0.0', file => $rbe->zip_of({'a.txt' => 'two'}))->{status}, 409;

    my $rows = $JSON->decode($rbe->admin_ok(qw(audit --json)));
    my @got = map { [@$_{qw(actor origin action resource subject)}] } reverse @$rows;
    my $shell = 'shell ' . (getpwuid $<);
    for my $row (@got) { $row->[0] =~ s/^shell \S+ as /shell / }
    is_deeply \@got, [
        [$shell, undef, 'token create', undef, 'test-admin'],
        [$shell, undef, 'token create', undef, 'ci'],
        [$shell, undef, 'token create', undef, 'spare'],
        [$shell, undef, 'token revoke', undef, 'spare'],
        ['token test-admin', '127.0.0.1', 'resource create', 'app', undef],
        ['token ci', '127.0.0.1', 'version publish', 'app', '1.0.0'],
        ['token ci', '127.0.0.1', 'version data', 'app', '1.0.0'],
        ['token ci', '127.0.0.1', 'version note', 'app', '1.0.0'],
        ['token ci', '127.0.0.1', 'version yank', 'app', '1.0.0'],
    ], 'who, from where, what' or diag explain \@got;
    my ($published) = grep { $_->{action} eq 'version publish' } @$rows;
    is $published->{detail}{sha256}, Digest::SHA::sha256_hex(slurp($file)), 'the detail has the hash';
    unlike $JSON->encode($rows), qr/\Q$publisher\E/, 'no token';
};
done_testing;
