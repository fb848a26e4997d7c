# The compatible dialect: which fields stand in an answer, in which order, and what its clients need of the rest.
# What a cdk changes is in 0101-verdicts.t.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use Rbe::Test;
use Test::More;

my @untold = qw(version_name version_number channel os arch release_note);

# The keys of data, in the order they stand there.
sub fields_of {
    my ($r) = @_;
    my ($data) = $r->{content} =~ /"data":\{(.*)\}\}\z/s or return;
    $data =~ s/\\"//g;
    return $data =~ /"(\w+)":/g;
}

sub publish {
    my ($rbe, $rid, $version, %field) = @_;
    my $r = $rbe->publish($rid, version_name => $version, bytes => "bytes of $rid $version", file_name => 'x.zip', %field);
    is $r->{status}, 201, "published $rid $version" or diag $r->{content};
    return $r->{json}{data};
}

# Without a cdk, and what does not depend on one.
each_host {
    my $rbe = shift;
    my $ask = sub { $rbe->get("/api/resources/$_[0]/latest" . (defined $_[1] ? "?$_[1]" : '')) };
    for my $rid (qw(unknown xy empty)) {
        $rbe->create($rid, update_type => 'full') if $rid eq 'empty';
        my $r = $ask->($rid, 'cdk=&current_version=');
        is $r->{status}, 404, "$rid: 404";
        is $r->{content}, '{"code":8001,"msg":"resource not found","data":null}', "$rid: the body";
    }
    $rbe->create('open', update_type => 'full');
    $rbe->create('paid', update_type => 'full', access => 'cdk');
    for my $rid (qw(open paid)) {
        publish($rbe, $rid, '1.2.0+7', system => 'windows', arch => 'amd64', release_note => 'Note', custom_data => '{"k":1}');
        for my $query ('', 'cdk=', 'cdk=&current_version=', 'current_version=1.0.0', 'current_version=9.0.0', 'current_version=banana') {
            my $r = $ask->($rid, "os=win&arch=x86_64&$query");
            is $r->{status}, 200, "$rid $query: 200";
            is $r->{json}{code}, 0, 'code 0';
            is $r->{json}{msg}, 'current resource latest version is 1.2.0+7', 'msg';
            is_deeply [fields_of($r)], \@untold, 'the fields, in order';
            is_deeply $r->{json}{data}, {version_name => '1.2.0+7', version_number => 1, channel => 'stable', os => 'windows',
                arch => 'amd64', release_note => 'Note'}, 'their values';
        }
        # A + that was not encoded arrives as a space.
        for my $current ('1.2.0+7', '1.2.0%2B7', '1.2.0%207') {
            my $r = $ask->($rid, "os=windows&arch=x64&current_version=$current");
            is_deeply [fields_of($r)], \@untold, "$rid on $current: the same fields";
            is $r->{json}{data}{release_note}, 'placeholder', 'placeholder';
            is $r->{json}{msg}, 'current resource latest version is 1.2.0+7', 'msg';
        }
        my $r = $ask->($rid, 'os=linux');
        is $r->{content}, '{"code":8001,"msg":"resource not found","data":null}', 'nothing for this platform';
    }
    is $ask->('open', 'os=beos')->{json}{code}, 8002, 'unknown system';
    is $ask->('open', 'arch=sparc')->{json}{code}, 8003, 'unknown arch';
    is $ask->('open', 'channel=nightly')->{json}{code}, 8004, 'unknown channel';
    is $ask->('open', 'current_version=' . 'x' x 200)->{json}{code}, 1001, 'current_version too long';
    is $ask->('open', 'os=windows&arch=amd64&cdk=nonsense')->{status}, 403, 'a cdk is judged also where access is public';

    # The three as asked, not as the package has them; an empty note stays where it is one of six.
    $rbe->create('any', update_type => 'full');
    publish($rbe, 'any', '1.0.0');
    for my $case (['', 'stable', '', ''], ['channel=BETA&os=any&arch=any', 'beta', '', ''],
        ['channel=alpha&os=osx&arch=aarch64', 'alpha', 'darwin', 'arm64'], ['os=&arch=&channel=', 'stable', '', '']) {
        my ($query, @told) = @$case;
        my $r = $ask->('any', $query);
        is_deeply [@{$r->{json}{data}}{qw(channel os arch)}], \@told, "'$query': channel, os, arch";
        is_deeply [fields_of($r)], \@untold, 'all there';
        is $r->{json}{data}{release_note}, '', 'an empty note';
    }
    is $rbe->head('/api/resources/any/latest')->{status}, 200, 'HEAD';
    is $rbe->post('/api/resources/any/latest')->{json}{code}, 1, 'POST is answered in JSON';
};

# Public resources opened to everybody.
each_host {
    my $rbe = shift;
    my $ask = sub { $rbe->get("/api/resources/$_[0]/latest?$_[1]") };
    $rbe->create($_->[0], update_type => 'full', access => $_->[1]) for ['open', 'public'], ['paid', 'cdk'];
    my %made = map { my $rid = $_; ($rid => publish($rbe, $rid, '1.2.0', release_note => 'Note', custom_data => "{\"k\":\"\xc3\xa4\"}")) } qw(open paid);
    publish($rbe, 'open', '1.3.0-beta.1', channel => 'beta');
    for my $query ('cdk=', 'cdk=nonsense', 'delta=vcdiff,zstd,bsdiff&current_version=1.1.0',
        map { "current_version=$_" } '', qw(1.1.0 9.0.0 v1.2.0 banana 1.3.0-beta.1)) {
        my $r = $ask->('open', $query);
        is $r->{status}, 200, "$query: 200";
        is $r->{json}{msg}, 'success', 'success';
        is_deeply [fields_of($r)], [qw(version_name version_number url sha256 channel os arch update_type custom_data release_note
            filesize)], 'all fields, in order';
        my $data = $r->{json}{data};
        is 'sha256:' . $data->{sha256}, $made{open}{file_hash}, 'bare hex';
        is $data->{filesize}, $made{open}{file_size};
        is $data->{update_type}, 'full';
        is $data->{custom_data}, "{\"k\":\"\x{e4}\"}";
        like $data->{url}, qr{^\Q$rbe->{base}\E/api/resources/download/[A-Za-z0-9_-]{1,128}$}, 'a whole URL';
    }
    my $r = $ask->('open', 'current_version=1.2.0');
    is $r->{content}, '{"code":0,"msg":"current version is latest","data":{"version_name":"1.2.0","version_number":1,"channel":"stable",'
        . '"os":"","arch":"","release_note":"placeholder"}}', 'on the latest: the whole body';
    $r = $ask->('open', 'channel=beta');
    is_deeply [fields_of($r)], [qw(version_name version_number url sha256 channel os arch update_type filesize)], 'empty ones are left out';
    is_deeply [fields_of($ask->('paid', ''))], \@untold, 'a resource that is not public is not opened';
    is $ask->('paid', 'cdk=nonsense')->{status}, 403;

    # The file, under either path; the name plain and last in its header.
    my $url = $ask->('open', '')->{json}{data}{url};
    (my $plain = $url) =~ s{/api/resources/}{/resources/};
    for my $where ($url, $plain) {
        $r = $rbe->get($where);
        is $r->{status}, 200, $where;
        is sha256_hex($r->{content}), $made{open}{file_hash} =~ s/^sha256://r, 'the bytes';
        is $r->{headers}{'content-disposition'}, 'attachment; filename="open-1.2.0-any-any.zip"', 'nothing after the name';
        $r = $rbe->head($where);
        is $r->{status}, 200, 'HEAD';
        is $r->{headers}{'content-length'}, $made{open}{file_size};
        is $r->{content}, '';
    }
    is $rbe->get('/api/resources/download/nonsense')->{json}{code}, 1, 'a key that is none';
    is $rbe->get($url, headers => {Range => 'bytes=0-3'})->{content}, 'byte', 'resumes';
} config => {'api.public_url' => 'true'};

done_testing;
