# Every state of the cdk with every standing of the client, on a public resource and on one that wants a cdk, in each dialect:
# status, code, msg, and the exact fields in their order.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Test;
use Test::More;

my @currents = ([absent => undef], [empty => ''], [unknown => '0.5.0'], [older => '1.0.0'], [equal => '1.1.0'], [newer => '9.9.9']);

# A cell is a shape of the answer (below), with the code of a bad cdk before it.
my %table = (
    native => <<'TABLE',
# access cdk       absent   empty    unknown  older    equal    newer
public   absent    full     full     full     incr     none     none
public   empty     full     full     full     incr     none     none
public   good      full     full     full     incr     none     none
public   expired   full     full     full     incr     none     none
public   wrong     full     full     full     incr     none     none
public   foreign   full     full     full     incr     none     none
public   quota     full     full     full     incr     none     none
public   blocked   full     full     full     incr     none     none
cdk      absent    untold   untold   untold   untold   untold   untold
cdk      empty     untold   untold   untold   untold   untold   untold
cdk      good      full+    full+    full+    incr+    none+    none+
cdk      expired   7001     7001     7001     7001     7001     7001
cdk      wrong     7002     7002     7002     7002     7002     7002
cdk      foreign   7004     7004     7004     7004     7004     7004
cdk      quota     7003     7003     7003     7003     7003     7003
cdk      blocked   7005     7005     7005     7005     7005     7005
TABLE
    compat => <<'TABLE',
# access cdk       absent   empty    unknown  older    equal    newer
public   absent    untold   untold   untold   untold   same     untold
public   empty     untold   untold   untold   untold   same     untold
public   good      full+    full+    full+    incr+    none+    full+
public   expired   7001     7001     7001     7001     7001same 7001
public   wrong     7002     7002     7002     7002     7002same 7002
public   foreign   7004     7004     7004     7004     7004same 7004
public   quota     7003     7003     7003     7003     7003same 7003
public   blocked   7005     7005     7005     7005     7005same 7005
cdk      absent    untold   untold   untold   untold   same     untold
cdk      empty     untold   untold   untold   untold   same     untold
cdk      good      full+    full+    full+    incr+    none+    full+
cdk      expired   7001     7001     7001     7001     7001same 7001
cdk      wrong     7002     7002     7002     7002     7002same 7002
cdk      foreign   7004     7004     7004     7004     7004same 7004
cdk      quota     7003     7003     7003     7003     7003same 7003
cdk      blocked   7005     7005     7005     7005     7005same 7005
TABLE
);

my $told = 'current resource latest version is 1.1.0';
my $latest = 'current version is latest';
# Of each shape: msg, the fields in their order, and values that must stand there.
my @version = qw(resource_id version_name version_number channel system arch);
my @texts = qw(release_note custom_data published_at);
my @file = qw(download_url file_size file_hash);
my @six = qw(version_name version_number channel os arch release_note);
my @all = qw(version_name version_number url sha256 channel os arch update_type custom_data release_note filesize);
my %shape = (
    native => {
        full => ['success', [@version, 'update_type', @file, @texts], {update_type => 'full', release_note => 'Note'}],
        incr => ['success', [@version, qw(update_type patch_format), @file, @texts], {update_type => 'incremental', patch_format => 'files'}],
        none => [$latest, [@version, 'update_type', @texts], {update_type => 'none'}],
        untold => [$told, [@version, @texts], {release_note => 'Note'}],
    },
    compat => {
        full => ['success', \@all, {update_type => 'full', release_note => 'Note'}],
        incr => ['success', \@all, {update_type => 'incremental'}],
        none => [$latest, \@six, {release_note => 'placeholder'}],
        same => [$told, \@six, {release_note => 'placeholder'}],
        untold => [$told, \@six, {release_note => 'Note'}],
    },
);
my %refused = (7001 => 'the cdk has expired', 7002 => 'the cdk is not valid', 7003 => q(the cdk's downloads of today are used up),
    7004 => 'the cdk is not for this resource', 7005 => 'the cdk is blocked');

sub expected {
    my ($dialect, $cell) = @_;
    my ($code, $name, $dated) = $cell =~ /^(7\d\d\d)?([a-z]*)(\+?)$/;
    my ($msg, $fields, $values) = @{$shape{$dialect}{$name || 'untold'}};
    return {
        status => $code ? 403 : 200, code => $code || 0, msg => $code ? $refused{$code} : $msg,
        fields => join(' ', @$fields, $dated ? 'cdk_expired_time' : ()), values => $values,
    };
}

each_host {
    my $rbe = shift;
    srand 5;
    my $bulk = join '', map { chr int rand 256 } 1 .. 20_000;
    my %rid = (public => 'open', cdk => 'paid');
    for my $access ('public', 'cdk') {
        $rbe->create($rid{$access}, access => $access);
        $rbe->publish($rid{$access}, version_name => '1.0.0', file => $rbe->zip_of({bulk => $bulk, a => 1}));
        my $r = $rbe->publish($rid{$access}, version_name => '1.1.0', file => $rbe->zip_of({bulk => $bulk, a => 2}), old_version => '1.0.0',
            release_note => 'Note', custom_data => 'data');
        is $r->{status}, 201, 'published' or diag $r->{content};
    }
    $rbe->create('other');
    $rbe->batch;

    my $cdk = sub { (split /\n/, $rbe->admin_ok(qw(cdk create), @_))[0] };
    my %cdk = (
        absent => undef, empty => '', good => $cdk->(qw(--expires 30d)), expired => $cdk->(qw(--expires 1s)), wrong => '0' x 26,
        foreign => $cdk->(qw(--resource other)), quota => $cdk->(qw(--daily-limit 1 --expires 30d)),
        blocked => $cdk->(qw(--expires 30d)),
    );
    $rbe->admin_ok(qw(cdk block), $cdk{blocked});
    my $url = $rbe->get("/resources/paid/latest?cdk=$cdk{quota}")->{json}{data}{download_url};
    is $rbe->get($url)->{status}, 200, 'the one download of the day';
    sleep 2;

    for my $dialect (sort keys %table) {
        for my $row (grep { !/^#/ } split /\n/, $table{$dialect}) {
            my ($access, $state, @cells) = split ' ', $row;
            for my $i (0 .. $#currents) {
                my ($standing, $current) = @{$currents[$i]};
                my @query = ((defined $cdk{$state} ? "cdk=$cdk{$state}" : ()), (defined $current ? "current_version=$current" : ()));
                my $r = $rbe->get(($dialect eq 'compat' ? '/api' : '') . "/resources/$rid{$access}/latest?" . join '&', @query);
                my $want = expected($dialect, $cells[$i]);
                my ($data) = $r->{content} =~ /,"data":\{(.*)\}\}\z/;
                is_deeply {
                    status => $r->{status}, code => $r->{json}{code}, msg => $r->{json}{msg},
                    fields => join(' ', ($data // '') =~ /"(\w+)":/g),
                    values => {map { ($_ => $r->{json}{data}{$_}) } keys %{$want->{values}}},
                }, $want, "$dialect, $access, cdk $state, current $standing: $cells[$i]" or diag $r->{content};
            }
        }
    }
    # Asking never counts, however often.
    is $rbe->get("/api/resources/paid/latest?cdk=$cdk{good}")->{json}{code}, 0, 'asking counts against no quota' for 1 .. 20;
};

done_testing;
