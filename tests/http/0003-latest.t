# GET /resources/{rid}/latest: order, channels, platforms, what is asked and what is answered.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use Rbe::Test;
use Test::More;

each_host {
    my $rbe = shift;
    my $n = 0;
    my $publish = sub {
        my ($rid, $version, %field) = @_;
        my $r = $rbe->publish($rid, version_name => $version, bytes => 'bytes ' . ++$n, file_name => 'x.bin', %field);
        is $r->{status}, 201, "published $rid $version" or diag $r->{content};
        return $r->{json}{data};
    };
    my $ask = sub { my ($rid, $query) = @_; $rbe->get("/resources/$rid/latest" . ($query ? "?$query" : '')) };
    my $latest = sub { my $r = $ask->(@_); $r->{status} == 200 ? $r->{json}{data}{version_name} : $r->{status} };

    $rbe->create('app', update_type => 'full');
    my $r = $ask->('app');
    is $r->{status}, 404, 'nothing published';
    is $r->{json}{code}, 8001;
    is $r->{json}{msg}, 'resource not found';
    is $ask->('unknown')->{json}{code}, 8001, 'unknown resource';

    my $p = $publish->('app', '1.2.0', system => 'windows', arch => 'amd64', release_note => "Line\n\"two\"", custom_data => '{"k":1}');
    $r = $ask->('app', 'os=win&arch=x86_64&current_version=');
    is $r->{status}, 200;
    my @order = $r->{content} =~ /"(\w+)":/g;
    is_deeply [@order[0 .. 2]], [qw(code msg data)];
    is_deeply [@order[3 .. $#order]], [grep { $_ ne 'k' } qw(resource_id version_name version_number channel system arch
        update_type download_url file_size file_hash release_note custom_data published_at)], 'fields in order';
    my $data = $r->{json}{data};
    is $r->{json}{msg}, 'success';
    is $data->{update_type}, 'full';
    is $data->{file_hash}, $p->{file_hash};
    is $data->{file_size}, $p->{file_size};
    is $data->{release_note}, "Line\n\"two\"";
    is $data->{custom_data}, '{"k":1}';
    like $data->{published_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
    like $data->{download_url}, qr{^\Q$rbe->{base}\E/resources/download/[A-Za-z0-9_-]{1,128}$}, 'a whole URL';
    like $r->{headers}{'cache-control'}, qr/no-store/, 'a key is inside: no store';

    is $latest->('app', 'system=windows'), 404, 'no package for (windows, any)';
    is $latest->('app', 'system=linux&arch=amd64'), 404, 'nor for linux';
    is $ask->('app', 'system=beos')->{json}{code}, 8002;
    is $ask->('app', 'arch=sparc')->{json}{code}, 8003;
    $r = $ask->('app', 'channel=nightly');
    is $r->{status}, 400;
    is $r->{json}{code}, 8004;
    is $ask->('app', 'current=' . 'x' x 200)->{json}{code}, 1001, 'current too long';
    # lighttpd mends a stray percent sign before it hands the query on.
    is $ask->('app', 'current=%zz')->{json}{code}, 1001, 'broken escape' if $rbe->{host} eq 'cgi';

    # Fallback of platforms: exact, then (system, any), then (any, any); within one version.
    $publish->('app', '1.2.0');
    my $sys = $publish->('app', '1.2.0', system => 'windows');
    is $ask->('app', 'system=windows&arch=amd64')->{json}{data}{file_hash}, $p->{file_hash}, 'exact wins';
    is $ask->('app', 'system=windows&arch=arm64')->{json}{data}{file_hash}, $sys->{file_hash}, '(system, any) next';
    is $latest->('app', 'system=linux&arch=386'), '1.2.0', '(any, any) last';
    $publish->('app', '1.3.0');
    is $latest->('app', 'system=windows&arch=amd64'), '1.3.0', 'a greater version for any wins over an exact older one';

    # Channels.
    $publish->('app', '2.0.0-beta.1', channel => 'beta');
    $publish->('app', '2.0.0-alpha.9', channel => 'alpha');
    is $latest->('app'), '1.3.0';
    is $latest->('app', 'channel=BETA'), '2.0.0-beta.1';
    is $latest->('app', 'channel=alpha'), '2.0.0-beta.1', 'alpha sees beta, and beta.1 is greater than alpha.9';
    is $ask->('app', 'channel=alpha')->{json}{data}{channel}, 'beta', 'the channel is the version\'s';

    # Where the client is.
    for my $case (
        ['1.3.0', 'none', 'equal'], ['v1.3.0', 'none', 'equal by order'], ['1.2.0', 'full', 'older'], ['0.1.0', 'full', 'older, unknown'],
        ['9.0.0', 'none', 'greater, unknown'], ['2.0.0-beta.1', 'none', 'greater, of another channel'],
        ['banana', 'full', 'not comparable'], ['2024-01-01', 'full', 'of another parser'], ['', 'full', 'not said'],
    ) {
        my ($current, $type, $what) = @$case;
        $r = $ask->('app', "current=$current");
        is $r->{json}{data}{update_type}, $type, "$what: $type";
        is $r->{json}{msg}, $type eq 'none' ? 'current version is latest' : 'success', "$what: msg";
        is !!(grep { exists $r->{json}{data}{$_} } qw(download_url file_size file_hash)), $type ne 'none', "$what: download fields";
    }
    $publish->('app', '1.4.0+7');
    is $ask->('app', 'current=1.4.0+7')->{json}{data}{update_type}, 'none', 'an unencoded + is understood';
    is $ask->('app', 'current=1.4.0%2B7')->{json}{data}{update_type}, 'none', 'and an encoded one';
    $publish->('app', '1.4.0+8');
    is $latest->('app'), '1.4.0+8', 'equal by order: the later number';
    is $ask->('app', 'current=1.4.0%2B7')->{json}{data}{update_type}, 'full', 'and the earlier moves to it';

    # Parsers in turn, and names none takes.
    $rbe->create('mix', update_type => 'full');
    $publish->('mix', '1.0.0');
    $publish->('mix', '2024-05-01');
    is $latest->('mix'), '2024-05-01', 'the winner with the greatest number';
    $publish->('mix', '0.9.0');
    is $latest->('mix'), '2024-05-01', 'an older semver does not win';
    $publish->('mix', 'zebra');
    $publish->('mix', 'aardvark');
    is $latest->('mix'), 'aardvark', 'the last that no parser takes';
    $publish->('mix', '1.0.1');
    is $latest->('mix'), '1.0.1';

    $rbe->create('flow', update_type => 'full', order => 'published');
    $publish->('flow', '2.0.0');
    $publish->('flow', '1.0.0');
    is $latest->('flow'), '1.0.0', 'order published: the greatest number';
    is $ask->('flow', 'current=2.0.0')->{json}{data}{update_type}, 'full', 'order published compares by number';
    is $ask->('flow', 'current=1.0.0')->{json}{data}{update_type}, 'none';

    # A cdk resource says what is there, and gives nothing without a cdk.
    $rbe->create('paid', update_type => 'full', access => 'cdk');
    $publish->('paid', '1.2.0');
    for my $cdk ('', '&cdk=') {
        $r = $ask->('paid', "current=1.0.0$cdk");
        is $r->{status}, 200;
        is $r->{json}{msg}, 'current resource latest version is 1.2.0';
        is $r->{json}{data}{version_name}, '1.2.0';
        ok !exists $r->{json}{data}{$_}, "no $_" for qw(update_type download_url file_size file_hash);
    }
    $r = $ask->('paid', 'cdk=' . '0' x 26);
    is $r->{status}, 403, 'an unknown cdk';
    is $r->{json}{code}, 7002;
    is $r->{json}{data}{version_name}, '1.2.0', 'with the version\'s data';

    is $rbe->head('/resources/app/latest')->{status}, 200, 'HEAD';
    is $rbe->head('/resources/app/latest')->{content}, '', 'HEAD has no body';
};

done_testing;
