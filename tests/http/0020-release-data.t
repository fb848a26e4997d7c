# Release data: notes and custom data, lists, withdrawing; each seen in the very next answer.
use strict;
use warnings;
use utf8;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

sub refused {
    my ($r, $status, $code, $what) = @_;
    is_deeply [$r->{status}, $r->{json}{code}, $r->{json}{data} && $r->{json}{data}{list}], [$status, $code, undef], $what
        or diag $r->{content};
}

# A few kilobytes that differ little between versions, so that an incremental is worth it.
srand 5;
my $bulk = join '', map { chr int rand 256 } 1 .. 20_000;

sub put_text {
    my ($rbe, $rid, $what, $body, %opt) = @_;
    return $rbe->request(PUT => "/resources/$rid/versions/$what", token => $rbe->{token}, json => $body, %opt);
}

sub withdraw {
    my ($rbe, $path, %opt) = @_;
    return $rbe->request(DELETE => "/resources/$path", token => $rbe->{token}, %opt);
}

sub latest {
    my ($rbe, $rid, $query) = @_;
    return $rbe->get("/resources/$rid/latest?" . ($query // ''));
}

sub publish_ok {
    my ($rbe, $rid, $name, %more) = @_;
    my $file = $rbe->zip_of({'app.txt' => $name, 'bulk.bin' => $bulk});
    is $rbe->publish($rid, version_name => $name, file => $file, %more)->{status}, 201, "$rid $name is published";
}

sub test_texts {
    my ($rbe, $publisher) = @_;
    for my $case (['release-note', 'release_note'], ['custom-data', 'custom_data']) {
        my ($call, $field) = @$case;
        my $r = put_text($rbe, 'texts', $call, {version_name => '1.0.0', channel => 'Stable', content => "grün \x{1F600}"});
        is $r->{status}, 200, "$call is put";
        is_deeply $r->{json}, {code => 0, msg => 'success', data => {resource_id => 'texts', version_name => '1.0.0',
            version_number => 1, channel => 'stable', content => "grün \x{1F600}"}};
        is latest($rbe, 'texts')->{json}{data}{$field}, "grün \x{1F600}", 'and there in the next answer';
        is put_text($rbe, 'texts', $call, {name => '1.0.0', content => 'two'}, token => $publisher)->{status}, 200,
            'without a channel, under an alias, by a publisher';
        is latest($rbe, 'texts')->{json}{data}{$field}, 'two';

        my $good = {version_name => '1.0.0', content => 'never'};
        my $path = "/resources/texts/versions/$call";
        my $r401 = $rbe->request(PUT => $path, body => '{');
        refused $r401, 401, 1, "$call without a token";
        like $r401->{headers}{'www-authenticate'}, qr/^Bearer/;
        refused put_text($rbe, 'other', $call, $good, token => $publisher), 403, 1, 'a token bound to another resource';
        refused put_text($rbe, 'nothing', $call, $good, token => $publisher), 403, 1, '403 comes before 404';
        refused put_text($rbe, 'nothing', $call, {}), 404, 8001, '404 of the resource comes before 400';
        refused put_text($rbe, 'texts', $call, {%$good, version_name => '9'}), 404, 8001, 'an unknown version';
        refused put_text($rbe, 'texts', $call, {%$good, channel => 'beta'}), 404, 8001, 'a version of another channel';
        refused put_text($rbe, 'texts', $call, {%$good, channel => 'nightly'}), 400, 8004, 'no such channel';
        refused put_text($rbe, 'texts', $call, {%$good, kontent => 'x'}), 400, 1001, 'a typo in a field';
        my $without = put_text($rbe, 'texts', $call, {version_name => '1.0.0'});
        refused $without, 400, 1001, 'no content';
        is $without->{json}{data}{violations}[0]{field}, 'content';
        refused put_text($rbe, 'texts', $call, {content => 'x'}), 400, 1001, 'no version';
        refused $rbe->request(PUT => $path, token => $rbe->{token}, body => '{'), 400, 1001, 'no JSON';
        my $get = $rbe->get($path, token => $rbe->{token});
        is $get->{status}, 405, 'only PUT';
        like $get->{headers}{allow}, qr/\bPUT\b/;
        is latest($rbe, 'texts')->{json}{data}{$field}, 'two', 'nothing of that changed anything';
    }
    my $r = put_text($rbe, 'texts', 'release-note', {version_name => '1.0.0', content => "é" x 20_001});
    is $r->{status}, 200, 'a long note is cut';
    is latest($rbe, 'texts')->{json}{data}{release_note}, "é" x 20_000, 'on a character';
    is put_text($rbe, 'texts', 'custom-data', {version_name => '1.0.0', content => 'x' x 10_000})->{status}, 200;
    my $long = put_text($rbe, 'texts', 'custom-data', {version_name => '1.0.0', content => "é" x 5_000 . 'x'});
    refused $long, 400, 1001, 'over 10,000 bytes of custom data';
    is $long->{json}{data}{violations}[0]{field}, 'content';
    is latest($rbe, 'texts')->{json}{data}{custom_data}, 'x' x 10_000;
    put_text($rbe, 'texts', 'release-note', {version_name => '1.0.0', content => ''});
    is latest($rbe, 'texts')->{json}{data}{release_note}, '', 'an empty one takes it away';
}

sub test_withdraw {
    my ($rbe, $publisher) = @_;
    publish_ok($rbe, 'yanked', $_) for qw(1.0.0 1.1.0 1.2.0+b);
    my $key = latest($rbe, 'yanked')->{json}{data}{download_url};
    is $rbe->get($key)->{status}, 200;

    refused $rbe->request(DELETE => '/resources/yanked/versions/1.2.0+b'), 401, 1, 'withdrawing without a token';
    refused withdraw($rbe, 'yanked/versions/1.2.0+b', token => $publisher), 403, 1, 'of another resource';
    refused withdraw($rbe, 'nothing/versions/1.2.0+b'), 404, 8001, 'of an unknown resource';
    refused withdraw($rbe, 'yanked/versions/7'), 404, 8001, 'of an unknown version';
    is latest($rbe, 'yanked')->{json}{data}{version_name}, '1.2.0+b', 'it is still there';

    my $r = withdraw($rbe, 'yanked/versions/1.2.0%2Bb');
    is $r->{status}, 200, 'withdrawn';
    is_deeply $r->{json}{data}, {resource_id => 'yanked', version_name => '1.2.0+b', version_number => 3,
        channel => 'stable', withdrawn => $JSON->decode('[true]')->[0]};
    is latest($rbe, 'yanked')->{json}{data}{version_name}, '1.1.0', 'the next answer knows';
    is withdraw($rbe, 'yanked/versions/1.2.0+b')->{status}, 200, 'once more changes nothing';
    is $rbe->get($key)->{status}, 410, 'its keys are gone';

    my $ask = sub { latest($rbe, 'yanked', "current=$_[0]")->{json}{data} };
    is_deeply [@{$ask->('1.2.0+b')}{qw(version_name update_type)}], ['1.1.0', 'full'], 'its clients are moved';
    # Asked for once, the way back may be built already.
    like join(' ', @{$ask->('1.2.0%2Bb')}{qw(version_name update_type)}), qr/^1\.1\.0 (?:full|incremental)$/;
    is $ask->('1.3.0')->{update_type}, 'none', 'those on an unknown greater one are not';
    for (1 .. 100) {
        $rbe->batch;
        last if $ask->('1.2.0%2Bb')->{update_type} eq 'incremental';
        select undef, undef, undef, 0.1;
    }
    is $ask->('1.2.0%2Bb')->{update_type}, 'incremental', 'a patch leads away from the withdrawn version';
    my $patch = $rbe->get($ask->('1.2.0%2Bb')->{download_url});
    is $patch->{status}, 200;

    my $other = $rbe->zip_of({'app.txt' => 'other'});
    refused $rbe->publish('yanked', version_name => '1.2.0+b', file => $other), 409, 8006, 'the name stays taken';
    refused $rbe->publish('yanked', version_name => '1.2.0+b', file => $other, system => 'linux'), 409, 8006,
        'for every platform';
    publish_ok($rbe, 'yanked', 'status');
    is withdraw($rbe, 'yanked/versions/status')->{status}, 200, 'a version may be called as a call is';

    refused $rbe->request(DELETE => '/resources/yanked'), 401, 1, 'all without a token';
    refused withdraw($rbe, 'texts', token => $publisher), 403, 1, 'all of a resource is for admins';
    refused withdraw($rbe, 'nothing'), 404, 8001, 'all of an unknown resource';
    $r = withdraw($rbe, 'yanked');
    is_deeply [$r->{status}, $r->{json}{data}], [200, {resource_id => 'yanked', withdrawn => 2}], 'all are withdrawn';
    refused latest($rbe, 'yanked'), 404, 8001, 'nothing is left';
    refused latest($rbe, 'yanked', 'current=1.0.0'), 404, 8001, 'for its clients either';
    is withdraw($rbe, 'yanked')->{json}{data}{withdrawn}, 0, 'once more changes nothing';
    is $rbe->get('/admin/resources/yanked', token => $rbe->{token})->{json}{data}{version_count}, 4, 'the rows stay';
    is latest($rbe, 'texts')->{status}, 200, 'other resources are untouched';
    publish_ok($rbe, 'yanked', '2.0.0');
    is latest($rbe, 'yanked', 'current=1.1.0')->{json}{data}{version_name}, '2.0.0', 'a new version revives it';
}

sub test_lists {
    my ($rbe, $publisher) = @_;
    my $list = sub { $rbe->get("/admin/resources$_[0]", token => $rbe->{token}) };
    my $r = $list->('');
    is $r->{status}, 200;
    my $data = $r->{json}{data};
    is_deeply [map { $_->{id} } @{$data->{list}}], [qw(list-app other texts yanked)], 'by id';
    is_deeply [@$data{qw(total page page_size)}], [4, 1, 20], 'with the presets';
    like $data->{list}[0]{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
    delete $data->{list}[0]{created_at};
    is_deeply $data->{list}[0], {id => 'list-app', name => 'Lists', description => 'd', update_type => 'full',
        access => 'cdk', order => 'published'}, 'a row';

    my $ids = sub { my $d = $list->($_[0])->{json}{data}; [$d->{total}, map { $_->{id} } @{$d->{list}}] };
    is_deeply $ids->('?page_size=3'), [4, qw(list-app other texts)], 'a page';
    is_deeply $ids->('?page_size=3&page=2'), [4, 'yanked'], 'the last one';
    is_deeply $ids->('?page=999999999999'), [4], 'one beyond';
    is_deeply $ids->('?id=T'), [3, qw(list-app other texts)], 'by part of the id';
    is_deeply $ids->('?resource_id=text'), [1, 'texts'];
    is_deeply $ids->('?name=lis'), [1, 'list-app'], 'by part of the name';
    is_deeply $ids->('?name=lis&id=texts'), [0], 'by both';
    is_deeply $ids->('?name='), [4, qw(list-app other texts yanked)], 'empty is any';
    is $rbe->head('/admin/resources', token => $rbe->{token})->{status}, 200, 'HEAD';

    $r = $list->('/list-app');
    is_deeply [@{$r->{json}{data}}{qw(id name version_count order)}], ['list-app', 'Lists', 3, 'published'], 'one resource';

    $data = $list->('/list-app/versions')->{json}{data};
    is_deeply [map { $_->{name} } @{$data->{list}}], [qw(gamma beta alpha)], 'versions, newest first';
    is_deeply [@$data{qw(total page page_size)}], [3, 1, 20];
    my ($row) = grep { $_->{name} eq 'alpha' } @{$data->{list}};
    like delete $row->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
    like delete $row->{id}, qr/^\d+$/;
    is_deeply $row, {channel => 'stable', name => 'alpha', number => 1, withdrawn => $JSON->decode('[false]')->[0],
        packages => 2}, 'a row';
    my $names = sub { my $d = $list->("/list-app/versions$_[0]")->{json}{data}; [$d->{total}, map { $_->{name} } @{$d->{list}}] };
    is_deeply $names->('?channel=BETA'), [1, 'beta'], 'of one channel';
    is_deeply $names->('?channel=alpha'), [0], 'of an empty one';
    is_deeply $names->('?page_size=2&page=2'), [3, 'alpha'], 'the second page';
    withdraw($rbe, 'list-app/versions/beta');
    ok $list->('/list-app/versions?channel=beta')->{json}{data}{list}[0]{withdrawn}, 'withdrawn ones are listed as such';

    for my $query (qw(page=0 page=-1 page=x page=1x page=1.5 page=99999999999999999999 page_size=0 page_size=101 page_size=%20)) {
        for my $path ('', '/list-app/versions') {
            $r = $list->("$path?$query");
            refused $r, 400, 1001, "$path?$query";
            is $r->{json}{data}{violations}[0]{field}, $query =~ s/=.*//r;
        }
    }
    is scalar @{$list->('?page=0&page_size=0')->{json}{data}{violations}}, 2, 'every bad one is named';
    refused $list->('/list-app/versions?channel=nightly'), 400, 8004, 'no such channel';
    for my $path ('', '/list-app', '/list-app/versions') {
        refused $rbe->get("/admin/resources$path?page=0"), 401, 1, "$path without a token";
        refused $rbe->get("/admin/resources$path?page=0", token => $publisher), 403, 1, "$path by a publisher";
    }
    refused $list->('/nothing'), 404, 8001, 'an unknown resource';
    refused $list->('/nothing/versions?page=0'), 404, 8001, 'its versions; 404 comes before 400';
}

sub test_promote {
    my ($rbe) = @_;
    publish_ok($rbe, 'other', '1.0.0', channel => 'beta');
    refused latest($rbe, 'other'), 404, 8001, 'beta is not for clients of stable';
    $rbe->admin_ok(qw(version promote other 1.0.0 stable));
    is latest($rbe, 'other')->{json}{data}{channel}, 'stable', 'promoted, and in the next answer';
    publish_ok($rbe, 'other', '1.0.0', system => 'linux');
    $rbe->admin_ok(qw(version yank other 1.0.0));
    refused latest($rbe, 'other', 'system=linux'), 404, 8001, 'yanked from the shell';
}

each_host {
    my $rbe = shift;
    $rbe->create('texts');
    $rbe->create('other');
    $rbe->create('yanked');
    $rbe->create('list-app', name => 'Lists', description => 'd', update_type => 'full', access => 'cdk', order => 'published');
    my ($publisher) = split /\n/, $rbe->admin_ok(qw(token create ci --scope publish --resource texts));
    publish_ok($rbe, 'texts', '1.0.0');
    publish_ok($rbe, 'list-app', 'alpha');
    publish_ok($rbe, 'list-app', 'alpha', system => 'linux');
    publish_ok($rbe, 'list-app', 'beta', channel => 'beta');
    publish_ok($rbe, 'list-app', 'gamma');
    subtest texts => sub { test_texts($rbe, $publisher) };
    subtest withdraw => sub { test_withdraw($rbe, $publisher) };
    subtest lists => sub { test_lists($rbe, $publisher) };
    subtest promote => sub { test_promote($rbe) };
};

done_testing;
