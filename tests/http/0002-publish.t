# POST /resources/{rid}/versions: what is accepted, refused, and answered.
use strict;
use warnings;
use lib 'tests/lib';
use Digest::SHA qw(sha256_hex);
use Rbe::Test;
use Test::More;

# But for what rbe-batch is at just now.
sub packages { my $rbe = shift; return [grep { !m{/tmp/patch-} } glob "$rbe->{data}/packages/p/* $rbe->{data}/tmp/*"] }

each_host {
    my $rbe = shift;
    $rbe->create('my-app');
    my $zip = $rbe->zip_of({'bin/run me' => "#!/bin/sh\n", "d\xc3\xb6c/\xe6\xbc\xa2.txt" => 'text', 'empty' => '', 'void' => undef});

    my $r = $rbe->publish('my-app', version_name => '1.0.0', channel => 'stable', system => 'windows', arch => 'amd64',
        file => $zip, file_name => 'my-app.zip');
    is $r->{status}, 201, 'published';
    is $r->{json}{msg}, 'success';
    my $data = $r->{json}{data};
    my @order = $r->{content} =~ /"(\w+)":/g;
    is_deeply \@order, [qw(code msg data resource_id version_name version_number channel system arch file_type file_size
        file_hash files status_key ignored_old_versions)], 'fields in order';
    is $data->{file_hash}, 'sha256:' . sha256_hex(slurp($zip));
    is $data->{file_size}, -s $zip;
    is $data->{file_type}, 'zip';
    is $data->{files}, 3, 'files and links are counted, directories are not';
    is $data->{version_number}, 1;
    is_deeply [@$data{qw(channel system arch)}], [qw(stable windows amd64)];
    is_deeply $data->{ignored_old_versions}, [];

    my $s = $rbe->get("/resources/my-app/versions/status?key=$data->{status_key}", token => $rbe->{token});
    is_deeply $s->{json}{data}, {status => 2}, 'status: completed';
    $s = $rbe->get('/resources/my-app/versions/status?key=AAAA', token => $rbe->{token});
    is_deeply $s->{json}{data}, {status => 4}, 'status: not found';

    # A retry is harmless; other bytes are not.
    my $again = $rbe->publish('my-app', version_name => '1.0.0', os => 'Win32', arch => 'x64', file => $zip);
    is $again->{status}, 200, 'the same bytes again';
    is_deeply $again->{json}{data}, $data, 'the same data';
    my $other = $rbe->zip_of({'a' => 'b'});
    $r = $rbe->publish('my-app', version_name => '1.0.0', system => 'windows', arch => 'amd64', file => $other);
    is $r->{status}, 409, 'other bytes';
    is $r->{json}{code}, 8006;
    $r = $rbe->publish('my-app', version_name => '1.0.0', channel => 'beta', system => 'linux', file => $other);
    is $r->{status}, 409, 'another platform under another channel';
    is $r->{json}{code}, 8006;
    $r = $rbe->publish('my-app', name => '1.0.0', os => 'macos', arch => 'aarch64', file => $other);
    is $r->{status}, 201, 'another platform of the same version';
    is $r->{json}{data}{version_number}, 1, 'is the same version';
    is_deeply [@{$r->{json}{data}}{qw(system arch)}], [qw(darwin arm64)];

    $r = $rbe->publish('my-app', version_name => '1.1.0', system => 'windows', arch => 'amd64', file => $other,
        old_version => ['1.0.0, 0.9.0', '0.8.0'], release_note => "N\xc3\xb6te", custom_data => '{"a":1}',
        sha256 => uc sha256_hex(slurp($other)));
    is $r->{status}, 201, 'with old versions and a hash';
    is $r->{json}{data}{version_number}, 2;
    is_deeply $r->{json}{data}{ignored_old_versions}, ['0.9.0', '0.8.0'], 'unknown old versions are listed';

    # The order of the parts does not matter, and the file may come first.
    $r = $rbe->request(POST => '/resources/my-app/versions', token => $rbe->{token},
        $rbe->multipart(['file', slurp($other), 'x.zip'], ['arch', 'amd64'], ['version_name', '1.2.0'], ['system', 'linux']));
    is $r->{status}, 201, 'file first';

    my $before = packages($rbe);
    for my $case (
        ['no file', 400, 1001, 'file', [['version_name', '2.0.0']]],
        ['empty file', 400, 1001, 'file', [['version_name', '2.0.0'], ['file', '', 'x.zip']]],
        ['no version_name', 400, 1001, 'version_name', [['file', slurp($zip), 'x.zip']]],
        ['version_name with a slash', 400, 1001, 'version_name', [['version_name', 'a/b'], ['file', slurp($zip), 'x.zip']]],
        ['version_name too long', 400, 1001, 'version_name', [['version_name', 'a' x 129], ['file', slurp($zip), 'x.zip']]],
        ['version_name of dots', 400, 1001, 'version_name', [['version_name', '..'], ['file', slurp($zip), 'x.zip']]],
        ['wrong hash', 400, 1001, 'sha256', [['version_name', '2.0.0'], ['sha256', '0' x 64], ['file', slurp($zip), 'x.zip']]],
        ['mangled hash', 400, 1001, 'sha256', [['version_name', '2.0.0'], ['sha256', 'abc'], ['file', slurp($zip), 'x.zip']]],
        ['system', 400, 8002, undef, [['version_name', '2.0.0'], ['system', 'beos'], ['file', slurp($zip), 'x.zip']]],
        ['arch', 400, 8003, undef, [['version_name', '2.0.0'], ['arch', 'sparc'], ['file', slurp($zip), 'x.zip']]],
        ['channel', 400, 8004, undef, [['version_name', '2.0.0'], ['channel', 'nightly'], ['file', slurp($zip), 'x.zip']]],
        ['unordered name on beta', 400, 8008, undef,
            [['version_name', 'zebra'], ['channel', 'beta'], ['file', slurp($zip), 'x.zip']]],
        ['no archive', 400, 1001, 'file', [['version_name', '2.0.0'], ['file', 'hello', 'x.zip']]],
        ['broken archive', 400, 1001, 'file', [['version_name', '2.0.0'], ['file', substr(slurp($zip), 0, -10), 'x.zip']]],
        ['long custom data', 400, 1001, 'custom_data',
            [['version_name', '2.0.0'], ['custom_data', 'x' x 10_001], ['file', slurp($zip), 'x.zip']]],
        ['a typo in a field', 400, 1001, 'chanel', [['version_name', '2.0.0'], ['chanel', 'beta'], ['file', slurp($zip), 'x.zip']]],
    ) {
        my ($what, $status, $code, $field, $parts) = @$case;
        $r = $rbe->request(POST => '/resources/my-app/versions', token => $rbe->{token}, $rbe->multipart(@$parts));
        is $r->{status}, $status, "$what: $status";
        is $r->{json}{code}, $code, "$what: $code";
        is $r->{json}{data}{violations}[0]{field}, $field, "$what: names the field" if $field;
        is_deeply packages($rbe), $before, "$what: leaves nothing behind";
    }
    $r = $rbe->publish('my-app', version_name => 'zebra', file => $zip);
    is $r->{status}, 201, 'an unordered name on stable';

    # Bodies that are no good multipart.
    my %good = $rbe->multipart(['version_name', '2.0.0'], ['file', slurp($zip), 'x.zip']);
    for my $case (
        ['no boundary', 'multipart/form-data', $good{body}],
        ['not multipart', 'text/plain', $good{body}],
        ['cut short', $good{headers}{'Content-Type'}, substr($good{body}, 0, -40)],
        ['closing boundary missing', $good{headers}{'Content-Type'}, $good{body} =~ s/--\r\n\z/\r\n/r],
    ) {
        my ($what, $type, $body) = @$case;
        $r = $rbe->request(POST => '/resources/my-app/versions', token => $rbe->{token}, body => $body,
            headers => {'Content-Type' => $type});
        is $r->{status}, 400, "$what: 400";
        is $r->{json}{code}, 1001, "$what: 1001";
    }
    $before = packages($rbe);

    # Rights: 401 before 403 before 404 before 400.
    my ($bound) = split /\n/, $rbe->admin_ok(qw(token create bound --resource my-app));
    $rbe->create('elsewhere');
    is $rbe->publish('my-app', token => undef, version_name => '3.0.0', file => $zip)->{status}, 401, 'no token';
    is $rbe->publish('elsewhere', token => $bound, version_name => '3.0.0', file => $zip)->{status}, 403, 'bound elsewhere';
    is $rbe->publish('unknown', token => $bound, version_name => '3.0.0', file => $zip)->{status}, 403, 'no word on what exists';
    $r = $rbe->publish('unknown', version_name => '', file => $zip);
    is $r->{status}, 404, 'unknown resource before bad fields';
    is $r->{json}{code}, 8001;
    is_deeply packages($rbe), $before, 'nothing left behind';
    is $rbe->publish('my-app', token => $bound, version_name => '3.0.0', file => $zip)->{status}, 201, 'bound here';

    # A full resource takes anything.
    $rbe->create('blob', update_type => 'full');
    $r = $rbe->publish('blob', version_name => '1', bytes => "MZ\0\0", file_name => "C:\\dir\\Setup.EXE");
    is $r->{status}, 201, 'any file';
    is $r->{json}{data}{file_type}, 'exe';
    is $r->{json}{data}{files}, 0;
    for my $type (qw(tar.gz tar.xz tar.zst)) {
        my $file = $rbe->zip_of({'a b' => 'c', 'l' => ['a b']}, $type);
        $r = $rbe->publish('my-app', version_name => "4.0.0-$type", channel => 'beta', system => 'linux', file => $file);
        is $r->{status}, 201, $type or diag $r->{content};
        is $r->{json}{data}{file_type}, $type;
        is $r->{json}{data}{files}, 2;
    }
};

each_host {
    my $rbe = shift;
    $rbe->create('my-app');
    my $zip = $rbe->zip_of({a => 'x' x 5000});
    my $r = $rbe->publish('my-app', version_name => '1.0.0', file => $zip, release_note => 'n' x 70_000);
    is $r->{status}, 413, 'body over limits.upload_bytes';
    is $r->{json}{code}, 1, 'as JSON';
    $r = $rbe->publish('my-app', version_name => '1.0.0', bytes => join '', map { chr rand 256 } 1 .. 300_000);
    is $r->{status}, 413, 'far over it';
    is $r->{json}{code}, 1;
    is_deeply packages($rbe), [], 'nothing left behind';
} config => {'limits.upload_bytes' => 2000};

done_testing;
