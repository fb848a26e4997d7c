# The simplest real updater of the compatible dialect, written from the contract and from nothing else: it asks, downloads,
# verifies, deletes what `deleted` and `modified` name, and unpacks the archive over the tree.
#
#   my $client = Rbe::Client->new(fetch => sub { my ($url) = @_; ... }, rid => 'my-app', dir => $dir, os => 'win', arch => 'x64');
#   my $did = $client->update;      # "full", "incremental", or "" when there was nothing to do; dies of anything odd
#
# fetch answers a path or URL with {status, headers, content}.
package Rbe::Client;
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path remove_tree);
use File::Temp;
use JSON::PP;
use Rbe::Test qw(run slurp spew);

sub new {
    my ($class, %self) = @_;
    make_path($self{dir});
    return bless {version => '', cdk => '', %self}, $class;
}

# As such clients do: all parameters always, nothing encoded.
sub check {
    my ($self) = @_;
    my $r = $self->{fetch}->("/api/resources/$self->{rid}/latest?current_version=$self->{version}&cdk=$self->{cdk}&os=$self->{os}&arch=$self->{arch}");
    my $answer = JSON::PP->new->utf8->decode($r->{content});
    die "code $answer->{code}: $answer->{msg}\n" if $answer->{code} != 0;
    die "a URL beside '$answer->{msg}'\n" if defined $answer->{data}{url} && $answer->{msg} ne 'success';
    return $answer->{data};
}

sub download {
    my ($self, $data, $dir) = @_;
    my $r = $self->{fetch}->($data->{url});
    die "download: status $r->{status}\n" if $r->{status} != 200;
    die "not the file that was promised\n" if sha256_hex($r->{content}) ne $data->{sha256} || length $r->{content} != $data->{filesize};
    my ($path) = $data->{url} =~ m{^[^?]*/([^/?]*)};
    my ($name) = ($r->{headers}{'content-disposition'} // '') =~ /^attachment; filename="([^"]+)"\z/;
    my ($kind) = grep { defined } map { /\.(zip|tar\.gz)\z/ } $path, $name // '';
    die "no kind of archive\n" if !$kind;
    return ($kind, spew("$dir/package.$kind", $r->{content}));
}

sub unpack {
    my ($kind, $file, $dir) = @_;
    make_path($dir);
    my ($status, undef, $err) = run($kind eq 'zip' ? ('unzip', '-q', '-o', $file, '-d', $dir) : ('tar', '-xpf', $file, '-C', $dir));
    die "unpack: $err\n" if $status;
}

sub forget_changed {
    my ($self, $changes) = @_;
    for my $path (map { @{$changes->{$_} || []} } qw(deleted modified)) {
        unlink "$self->{dir}/$path" or die "delete $path: $!\n";
    }
    for my $path (reverse @{$changes->{deleted_dir} || []}) {
        rmdir "$self->{dir}/$path" or die "delete $path: $!\n";
    }
}

sub update {
    my ($self) = @_;
    my $data = $self->check;
    return '' if !defined $data->{url} || $data->{version_name} eq $self->{version};
    my $tmp = File::Temp->newdir(TMPDIR => 1);
    my ($kind, $file) = $self->download($data, "$tmp");
    if ($data->{update_type} eq 'incremental') {
        &unpack($kind, $file, "$tmp/look");
        my $changes = JSON::PP->new->utf8->decode(slurp("$tmp/look/changes.json"));
        for my $list (values %$changes) { utf8::encode($_) for @$list }
        $self->{on_changes}->("$tmp/look", $changes) if $self->{on_changes};
        $self->forget_changed($changes);
    } else {
        remove_tree($self->{dir}, {keep_root => 1});
    }
    &unpack($kind, $file, $self->{dir});
    unlink "$self->{dir}/changes.json" if $data->{update_type} eq 'incremental';
    $self->{version} = $data->{version_name};
    return $data->{update_type};
}

1;
