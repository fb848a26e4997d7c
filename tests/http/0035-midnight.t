# What depends on the clock, to the second: downloads of a day begin anew at midnight of the configured zone, also on the days
# that have 23 and 25 hours; a key lives until its expiry; a clock that is put back finds the days as it left them.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp ();
use Rbe::Test;
use Test::More;

my $clock = build_dir() . '/tests/clock.so';
plan skip_all => 'sanitizers want to be loaded first' if sanitized;
plan skip_all => "$clock is not built" if !-e $clock;

my $dir = File::Temp->newdir(TMPDIR => 1);
# Some hosts run as somebody else.
chmod 0755, $dir;
my %env = (LD_PRELOAD => $clock, RBE_CLOCK_FILE => "$dir/now");
@ENV{keys %env} = values %env;

# Those that hand on their environment to the programs.
my @hosts = qw(lighttpd cgi nginx apache-proxy);

# In one step, for those who look at the same time.
sub at { rename spew("$dir/then", "$_[0]\n"), "$dir/now" or die $!; return }

sub cdk { my ($rbe, @options) = @_; my $out = $rbe->admin_ok('cdk', 'create', @options); chomp $out; return $out }
sub latest { my ($rbe, $cdk) = @_; $rbe->get("/resources/app/latest?cdk=$cdk") }
sub url_of { latest(@_)->{json}{data}{download_url} }
sub code_of { my ($r) = @_; return $r->{status} == 200 ? 200 : "$r->{status}/$r->{json}{code}" }

# An installation at that moment, with one release.
sub prepare {
    my ($rbe) = @_;
    $rbe->{env} = \%env;
    $rbe->create('app', update_type => 'full', access => 'cdk');
    is $rbe->publish('app', version_name => '1', bytes => 'x' x 100)->{status}, 201;
    return;
}

# The two downloads of a day, taken in its last second, and those of the next, which begins a second later.
sub over_midnight {
    my ($rbe, $what, $midnight) = @_;
    my $cdk = cdk($rbe);
    my $used = sub { $JSON->decode($rbe->admin_ok(qw(cdk show --json), $cdk))->{today} };
    at($midnight - 1);
    my @urls = map { url_of($rbe, $cdk) } 1 .. 4;
    is code_of($rbe->get($urls[$_])), 200, "$what: one" for 0, 1;
    is code_of($rbe->get($urls[2])), '403/7003', 'a second before midnight they are used up';
    is code_of(latest($rbe, $cdk)), '403/7003', 'which latest says';
    is $used->(), 2;
    at($midnight);
    is $used->(), 0, 'at midnight there are new ones';
    is code_of(latest($rbe, $cdk)), 200;
    is code_of($rbe->get($urls[0])), 200, 'a key that was counted goes on over midnight';
    is $used->(), 0, 'and is not counted again';
    is code_of($rbe->get($urls[2])), 200, 'the one that was refused is good now';
    is code_of($rbe->get($urls[3])), 200;
    is $used->(), 2;
    is code_of(latest($rbe, $cdk)), '403/7003', 'until they are used up';
    at($midnight - 1);
    is $used->(), 2, 'a clock that is put back finds the day before as it was';
    is code_of(latest($rbe, $cdk)), '403/7003';
    return;
}

# Midnight in Berlin as the days there are: 2027-03-28 has 23 hours, 2027-10-31 has 25.
my @berlin = (['winter time begins to end', 1806188400], ['the day of 23 hours has ended', 1806188400 + 23 * 3600],
    ['before the day of 25 hours', 1824933600], ['after it', 1824933600 + 25 * 3600]);
each_host {
    my $rbe = shift;
    prepare($rbe);
    over_midnight($rbe, @$_) for @berlin;
} only => \@hosts, prepare => sub { at($berlin[0][1] - 43200) }, config => {'extra.download_limit_count' => 2, 'extra.quota_time_zone' => 'Europe/Berlin'};

# A quarter of an hour from the others, and without a zone UTC.
for (['Asia/Kathmandu', 1806171300], ['UTC', 1806192000]) {
    my ($zone, $midnight) = @$_;
    each_host {
        my $rbe = shift;
        prepare($rbe);
        over_midnight($rbe, $zone, $midnight);
    } only => ['cgi'], prepare => sub { at($midnight - 43200) },
        config => {'extra.download_limit_count' => 2, $zone eq 'UTC' ? () : ('extra.quota_time_zone' => $zone)};
}

# Keys, and cdks that expire.
for my $skew (0, 7) {
    my $now = 1806188400;
    each_host {
        my $rbe = shift;
        prepare($rbe);
        my $cdk = cdk($rbe, '--expires', '1h');
        my $url = url_of($rbe, $cdk);
        for ([89 + $skew, 200], [90 + $skew, '410/1'], [91 + $skew, '410/1'], [86400, '410/1'], [-3600, 200], [0, 200]) {
            my ($after, $want) = @$_;
            at($now + $after);
            is code_of($rbe->get($url)), $want, "a key of 90 s after $after s, with a skew of $skew";
            is $rbe->head($url)->{status}, $want =~ s{/.*}{}r, 'HEAD';
        }
        at($now + 3599);
        my $r = latest($rbe, $cdk);
        is $r->{status}, 200, 'a cdk in its last second';
        is $r->{json}{data}{cdk_expired_time}, $now + 3600, 'which it says';
        at($now + 3600);
        is code_of(latest($rbe, $cdk)), '403/7001', 'and when it is over';
    } only => \@hosts, prepare => sub { at($now) }, config => {'extra.download_effective_time' => '90s', 'auth.key_skew' => "${skew}s"};
}
done_testing;
