# POST /resources: defaults, rules, rights.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

each_host {
    my $rbe = shift;

    my $r = $rbe->create('my-app', name => 'My App', description => "Gr\x{fc}\x{df}e");
    is $r->{status}, 201, 'created';
    is $r->{json}{code}, 0;
    is $r->{json}{msg}, 'success';
    my $data = $r->{json}{data};
    is $data->{resource_id}, 'my-app';
    is $data->{name}, 'My App';
    is $data->{description}, "Gr\x{fc}\x{df}e";
    is $data->{update_type}, 'incremental', 'default update_type';
    is $data->{access}, 'public', 'default access';
    is $data->{order}, 'version', 'default order';
    is_deeply $data->{always_include}, [], 'default always_include';
    like $data->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

    $r = $rbe->create('my-app');
    is $r->{status}, 409, 'exists';
    is $r->{json}{code}, 8005;
    is $r->{json}{data}, undef;

    $r = $rbe->create('all-of-it', name => 'x', update_type => 'full', access => 'cdk', order => 'published',
        always_include => ['interface.json', 'doc/*.md']);
    is $r->{status}, 201;
    is_deeply [@{$r->{json}{data}}{qw(update_type access order)}], [qw(full cdk published)];
    is_deeply $r->{json}{data}{always_include}, ['interface.json', 'doc/*.md'];

    for my $case (
        ['too short', {resource_id => 'ab'}, 'resource_id'],
        ['too long', {resource_id => 'a' x 65}, 'resource_id'],
        ['characters', {resource_id => 'my app'}, 'resource_id'],
        ['reserved', {resource_id => 'download'}, 'resource_id'],
        ['missing', {name => 'x'}, 'resource_id'],
        ['not text', {resource_id => ['a']}, 'resource_id'],
        ['update_type', {resource_id => 'abc', update_type => 'delta'}, 'update_type'],
        ['access', {resource_id => 'abc', access => 'private'}, 'access'],
        ['order', {resource_id => 'abc', order => 'random'}, 'order'],
        ['a typo in a field', {resource_id => 'abc', acces => 'cdk'}, 'acces'],
    ) {
        my ($what, $body, $field) = @$case;
        $r = $rbe->post('/resources', json => $body);
        is $r->{status}, 400, "$what: 400";
        is $r->{json}{code}, 1001, "$what: 1001";
        is $r->{json}{data}{violations}[0]{field}, $field, "$what: names the field";
        like $r->{json}{data}{violations}[0]{message}, qr/\S/, "$what: has a message";
    }
    $r = $rbe->post('/resources', json => {resource_id => 'x', access => 'y'});
    is_deeply [map { $_->{field} } @{$r->{json}{data}{violations}}], [qw(resource_id access)], 'every bad field is named';

    for my $bad ('', '{', '[]', '{"resource_id":"abc"} x', "\xff") {
        $r = $rbe->post('/resources', body => $bad, headers => {'Content-Type' => 'application/json'});
        is $r->{status}, 400, 'broken JSON';
        is $r->{json}{code}, 1001;
    }

    # Rights come before anything the body says.
    $r = $rbe->post('/resources', json => {}, token => undef);
    is $r->{status}, 401, 'no token';
    like $r->{headers}{'www-authenticate'}, qr/^Bearer/;
    isnt $r->{json}{code}, 0;
    my $without = $r->{json}{msg};
    $r = $rbe->post('/resources', json => {}, token => 'rbe_wrong');
    is $r->{status}, 401, 'bad token';
    is $r->{json}{msg}, $without, 'the answer does not tell which part was wrong';

    my ($publisher) = split /\n/, $rbe->admin_ok(qw(token create ci));
    $r = $rbe->post('/resources', json => {resource_id => 'other'}, token => $publisher);
    is $r->{status}, 403, 'publish scope may not create';
    $r = $rbe->post('/resources', json => {resource_id => 'bare-word'}, token => undef,
        headers => {Authorization => $rbe->{token}});
    is $r->{status}, 201, 'the word Bearer may be missing';
    $r = $rbe->post('/resources', json => {resource_id => 'lower'}, token => undef,
        headers => {Authorization => "bearer $rbe->{token}"});
    is $r->{status}, 201, 'the scheme is of any case';

    $rbe->admin_ok(qw(token revoke ci));
    $r = $rbe->post('/resources', json => {resource_id => 'other'}, token => $publisher);
    is $r->{status}, 401, 'revoked';
};

done_testing;
