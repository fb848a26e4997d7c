# The documentation against the programs: every setting, verb and option is in its manual page, pages are well-formed, links
# lead to files, the example for lighttpd is one it takes.
use strict;
use warnings;
use lib 'tests/lib';
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Rbe::Test qw(build_dir run slurp spew);
use Test::More;

my $bin = build_dir() . '/bin';
my $dir = tempdir(CLEANUP => 1);

sub page { my ($name) = @_; my $text = slurp("share/man/$name"); $text =~ s/\\&//g; return $text }

# Settings.
my ($status, $out, $err) = run("$bin/rbe-admin", '--config', "$dir/rbe.yaml", 'init');
is $status, 0, 'init' or diag $err;
($status, $out) = run("$bin/rbe-admin", '--config', "$dir/rbe.yaml", 'config', 'list');
my @settings = $out =~ /^([a-z]+\.[a-z_]+)/mg;
my @described = page('rbe.yaml.5') =~ /^\.It Cm ([a-z]+\.[a-z_]+)$/mg;
is_deeply \@described, \@settings, 'rbe.yaml.5 describes every setting, in order';

# Defaults: a unit test holds the example to the table, this one the page to the example.
my ($section, %preset);
for (split /\n/, slurp('etc/rbe.yaml.example')) {
    $section = $1 if /^([a-z]+):$/;
    $preset{"$section.$1"} = $2 if /^  #([a-z_]+): (.*)$/;
}
is_deeply [sort keys %preset], [sort @settings], 'the example has every setting';
for my $key (@settings) {
    my ($said) = page('rbe.yaml.5') =~ /^\.It Cm \Q$key\E\n(.*?)^\.(?:It|El)\b/ms;
    $said =~ s/\n(?!\z)/ /g;
    my $preset = $preset{$key} =~ tr/"//dr;
    $preset = {'' => 'empty', '[]' => 'none', '{}' => 'none'}->{$preset} // $preset;
    my $end = $key eq 'auth.sign_secret' ? 'it must be set' : "the default is $preset";
    like $said, qr/; \Q$end\E\.$/, "rbe.yaml.5: $key: $end";
}

# The keys of records, which the example names and the page explains.
(my $example = slurp('etc/rbe.yaml.example')) =~ s/\n  # / /g;
my %field = map { $_ => 1 } map { split /, / } $example =~ /of the keys ([a-z_, ]+);/g;
cmp_ok scalar(keys %field), '>', 10, 'keys of records were found';
like page('rbe.yaml.5'), qr/^\.It Va \Q$_\E$/m, "rbe.yaml.5 explains $_" for sort keys %field;

# Verbs and their options.
($status, $out) = run("$bin/rbe-admin", '--help');
my ($verbs) = $out =~ /^Verbs:\n(.*?)\n\n/ms;
my @verbs = $verbs =~ /^  ([a-z]+(?: [a-z]+)?)/mg;
cmp_ok scalar(@verbs), '>', 10, 'verbs were found';
my $page = page('rbe-admin.8');
for my $verb (@verbs) {
    my ($item) = $page =~ /^(\.It (?:Xo\n\.)?Cm \Q$verb\E(?=[ \n]).*?)(?=^\.It |^\.El)/ms;
    ok defined $item, "rbe-admin.8 describes $verb" or next;
    ($status, $out) = run("$bin/rbe-admin", split(/ /, $verb), '--help');
    my @options = grep { !/^(config|json|help|version)$/ } $out =~ /^  --([a-z-]+)/mg;
    like $item, qr/\bFl -\Q$_\E\b/, "rbe-admin.8: $verb --$_" for @options;
}
my %page_of = ('bin/rbe-batch' => 'rbe-batch.8', 'bin/rbe-update' => 'rbe-update.1', 'bin/rbe-serve' => 'rbe-serve.8',
    map { ("cgi-bin/$_.fcgi" => 'rbe-fcgi.8') } qw(latest download admin));
for my $tool (sort keys %page_of) {
    ($status, $out) = run("$bin/../$tool", '--help');
    my ($text, @options) = (page($page_of{$tool}), $out =~ /^  --([a-z-]+)/mg);
    ok scalar(@options), "$tool --help names options";
    like $text, qr/\bFl -\Q$_\E\b/, "$page_of{$tool}: $tool --$_" for @options;
}

# On a terminal of 80 columns; where the configuration lies is the builder's choice.
sub narrow {
    my ($what, $text) = @_;
    my @wide = grep { length > 80 && !m{^\s+/\S+$} } split /\n/, $text;
    like $text, qr/^\S.*\n\s*\S/, "$what --help says something";
    is "@wide", '', "$what --help fits 80 columns";
}
narrow($_, (run($_, '--help'))[1]) for './bootstrap', glob "$bin/* $bin/../cgi-bin/*.fcgi";
narrow("rbe-admin $_", (run("$bin/rbe-admin", split(/ /), '--help'))[1]) for @verbs;

# A page for each program.
for my $program (map { s{.*/}{}r } glob "$bin/* $bin/../libexec/rbe/*") {
    ok -e "share/man/$program.1" || -e "share/man/$program.8", "$program has a manual page";
}
for my $program (map { s{.*/}{}r } glob "$bin/../cgi-bin/*.fcgi") {
    like page('rbe-fcgi.8'), qr/^\.Sh NAME\n(?:\.Nm .*\n)*\.Nm \Q$program\E(?: ,)?$/m, "$program is one that rbe-fcgi.8 is about";
}

# Well-formed pages, each with the references it makes.
my @pages = map { s{.*/}{}r } glob 'share/man/*.[0-9]';
my ($mandoc) = grep { -x } map { "$_/mandoc" } split(/:/, $ENV{PATH});
for my $name (@pages) {
    SKIP: {
        skip 'no mandoc', 1 if !$mandoc;
        # Which pages of others are installed is this machine's matter.
        ($status, $out) = run($mandoc, '-Tlint', "share/man/$name");
        is join("\n", grep { !/referenced manual not found/ } split /\n/, $out), '', "$name is well-formed, and of good style";
    }
    for my $xr (page($name) =~ /^\.Xr (rbe\S* \d)/mg) {
        ok -e 'share/man/' . ($xr =~ tr/ /./r), "$name refers to $xr";
    }
}

# Links of the documents.
for my $file (glob '*.md share/doc/*.md') {
    for my $link (slurp($file) =~ /\]\(([^)#\s]+)(?:#[^)]*)?\)/g) {
        ok -e dirname($file) . "/$link", "$file links to $link" if $link !~ /^[a-z]+:/;
    }
}

SKIP: {
    my ($lighttpd) = grep { -x } map { "$_/lighttpd" } '/usr/sbin', split(/:/, $ENV{PATH});
    skip 'no lighttpd', 1 if !$lighttpd;
    # Modules that are packages of their own, and users and directories of an installation, are not looked at.
    my $conf = slurp('lighttpd.conf.example') =~ s/"mod_openssl", //r =~ s/^ +ssl\..*\n//mgr;
    ($status, $out, $err) = run($lighttpd, '-t', '-f', spew("$dir/lighttpd.conf", $conf));
    is $status, 0, 'lighttpd takes lighttpd.conf.example' or diag "$out$err";
}
done_testing;
