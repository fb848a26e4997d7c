# Delta packages from outside: built at publish, offered to those who can apply them, applied with stock tools, never told in
# the compatible dialect.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path);
use JSON::PP;
use Rbe::Test;
use Test::More;

my $JSON = JSON::PP->new->utf8;
my $apply = abs_path('share/examples/apply.pl');
srand 70;
my $noise = join '', map { chr int rand 256 } 1 .. 60_000;
my $text = join '', map { "line $_ of something that is long enough: " . $_ * 7919 % 104_729 . "\n" } 1 .. 6000;
my %old = (
    'bin/app' => "#!$noise$text", 'lib/data' => $text, 'gone/file' => "gone\n", 'moved/old' => "#!$text",
    'link' => ['bin/app'], 'interface.json' => '{}', 'keep' => 'same', 'turns' => 'file',
);
my %new = (
    'bin/app' => "#!${noise}1.1.0\n$text", 'lib/data' => $text . "more\n",
    'moved/new' => "#!$text", 'moved/again' => "#!$text", 'link' => ['lib/data'],
    'interface.json' => '{}', 'keep' => 'same', 'turns/into' => 'directory', 'delta/own' => 'a directory of that name',
);

each_host {
    my $rbe = shift;
    for my $type (qw(zip tar.gz)) {
        my $rid = 'app-' . $type =~ tr/./-/r;
        $rbe->create($rid, always_include => ['interface.json']);
        my %file = (old => $rbe->zip_of(\%old, $type), new => $rbe->zip_of(\%new, $type));
        my %where = (system => 'linux', arch => 'amd64');
        is $rbe->publish($rid, version_name => '1.0.0', %where, file => $file{old})->{status}, 201;
        my $full = $rbe->publish($rid, version_name => '1.1.0', %where, old_version => '1.0.0', file => $file{new})->{json}{data};
        my $ask = sub { $rbe->get("/resources/$rid/latest?system=linux&arch=amd64&current=1.0.0$_[0]")->{json}{data} };
        my %size;
        $rbe->batch if $rbe->{host} eq 'cgi';
        for my $format (qw(files vcdiff zstd)) {
            my $data;
            for (1 .. 150) {
                $data = $ask->($format eq 'files' ? '' : "&delta=$format");
                last if ($data->{patch_format} // '') eq $format;
                select undef, undef, undef, 0.1;
            }
            is $data->{patch_format}, $format, "$type: $format is built and told" or next;
            is $data->{update_type}, 'incremental';
            $size{$format} = $data->{file_size};
            my $r = $rbe->get($data->{download_url});
            is $r->{status}, 200;
            is 'sha256:' . sha256_hex($r->{content}), $data->{file_hash}, 'the hash that was promised';
            my $ending = $format eq 'files' ? $type : 'zip';
            like $r->{headers}{'content-disposition'}, qr/from-1\.0\.0\.\Q$ending\E"/;
            my $package = spew("$rbe->{dir}/$rid-$format.$ending", $r->{content});
            my ($client, $fresh) = map { "$rbe->{dir}/$rid-$format-$_" } qw(client fresh);
            make_path($client, $fresh);
            Rbe::Test::make_tree($client, \%old);
            Rbe::Test::make_tree($fresh, \%new);
            my ($status, undef, $err) = run($apply, $package, $client);
            is $status, 0, 'applies' or diag $err;
            is_deeply tree_of($client), tree_of($fresh), "$type: $format: the trees are equal";
            next if $format eq 'files';
            my (undef, $names) = run('unzip', '-Z1', $package);
            like $names, qr{\Achanges\.json\n}, 'changes.json is the first entry';
            like $names, qr{^interface\.json$}m, 'always_include comes whole';
            like $names, qr{^delta-1/0\.}m, 'patches keep clear of a directory of the tree';
            my (undef, $json) = run('unzip', '-p', $package, 'changes.json');
            my $delta = $JSON->decode($json)->{delta};
            is $delta->{format}, $format;
            is_deeply [map { "$_->{path} $_->{from} $_->{of} $_->{mode}" } @{$delta->{copies}}],
                ['moved/again moved/old old 0755', 'moved/new moved/old old 0755'], 'a renamed file is a copy, and so is its double';
        }
        cmp_ok $size{$_}, '<', $size{files} / 5, "$_ is much smaller" for qw(vcdiff zstd);
        cmp_ok $size{files}, '<', $full->{file_size};
        my ($best) = sort { $size{$a} <=> $size{$b} } qw(vcdiff zstd);
        is $ask->('&delta=vcdiff,zstd')->{patch_format}, $best, 'the smallest wins';
        is $ask->('&delta=bsdiff,files,later')->{patch_format}, 'files', 'formats that are not known are passed over';
        my $compat = $rbe->get("/api/resources/$rid/latest?os=linux&arch=amd64&current_version=1.0.0&delta=vcdiff,zstd");
        unlike $compat->{content}, qr/vcdiff|zstd/, 'never in the compatible dialect';
    }
    is scalar(grep { $_->{state} ne 'done' } @{$JSON->decode($rbe->admin_ok(qw(job list --json)))}), 0, 'all jobs are done';
};

# Found out from what clients ask: no delta without one who can apply it.
each_host {
    my $rbe = shift;
    $rbe->create('app');
    $rbe->publish('app', version_name => "1.$_.0", file => $rbe->zip_of({data => "$noise$text$_", same => $noise . $noise})) for 0 .. 2;
    $rbe->get('/resources/app/latest?current=1.1.0');
    $rbe->batch;
    my $subjects = sub { join ' ', sort map { $_->{subject} =~ s/:.*//r } @{$JSON->decode($rbe->admin_ok(qw(job list --json)))} };
    is $subjects->(), 'files', 'whole files alone';
    is $rbe->get('/resources/app/latest?current=1.1.0&delta=zstd')->{json}{data}{patch_format}, 'files';
    $rbe->batch;
    is $subjects->(), 'files zstd', 'then the format that was asked for';
    is $rbe->get('/resources/app/latest?current=1.1.0&delta=zstd')->{json}{data}{patch_format}, 'zstd';
} only => ['cgi'], config => {'batch.prebuild_depth' => 0};

done_testing;
