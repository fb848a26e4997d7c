# A server as updaters see one, over files on a shelf: releases are made here with stock tools, answers come from a process of
# its own, and it can be told to misbehave. For tests where a real server would be too kind.
#
#   my $shelf = Rbe::Shelf->new;
#   $shelf->release('1.0.0', {'app' => "#!/bin/sh\n", 'doc' => undef, 'link' => ['app']});
#   $shelf->incremental('1.0.0', '1.1.0', qw(files vcdiff zstd));
#   $shelf->set(cut => 1000);
package Rbe::Shelf;
use strict;
use warnings;
use Carp qw(croak);
use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX qw(strftime);
use Rbe::Test qw(slurp spew run tree_of pack_tree $JSON);
use Time::HiRes qw(time);

sub new {
    my ($class, %self) = @_;
    my $self = bless {dir => tempdir('rbe-shelf-XXXXXX', TMPDIR => 1, CLEANUP => 1), owner => $$, versions => {}, packages => {}, set => {}, %self}, $class;
    $self->save;
    my $listener = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1', LocalPort => 0) or croak "no port: $!";
    $self->{base} = 'http://127.0.0.1:' . $listener->sockport;
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        $SIG{PIPE} = 'IGNORE';
        open STDIN, '<', '/dev/null';
        my $parent = getppid;
        while (getppid == $parent) {
            my $rin = '';
            vec($rin, fileno $listener, 1) = 1;
            next if !select $rin, undef, undef, 0.5;
            my $c = $listener->accept or next;
            eval { serve($self, $c) };
            close $c;
        }
        POSIX::_exit(0);
    }
    $self->{pid} = $pid;
    return $self;
}

sub stop {
    my ($self) = @_;
    return if !$self->{pid} || $self->{owner} != $$;
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    delete $self->{pid};
}
sub DESTROY { my ($self) = @_; local ($?, $!); $self->stop }

sub save {
    my ($self) = @_;
    spew("$self->{dir}/index.tmp", $JSON->encode({map { $_ => $self->{$_} } qw(versions packages set latest)}));
    rename "$self->{dir}/index.tmp", "$self->{dir}/index.json" or croak $!;
}

# What to do wrong: cut => bytes after which a package's answer ends; garbage => 1: a page of a proxy for packages, 2: for
# everything; status => of packages; stale => 1: the package is another one than was promised; norange => 1: ranges are not
# known; slow => seconds before each of 64 KiB; busy => [status, Retry-After (seconds, or "date": in three),
# requests]: so many of the first.
sub set { my ($self, %set) = @_; $self->{set} = \%set; $self->save }

# ---- releases ----

sub release {
    my ($self, $version, $files, $type) = @_;
    my $dir = "$self->{dir}/tree-$version";
    make_path($dir);
    Rbe::Test::make_tree($dir, $files);
    return $self->release_dir($version, $dir, $type);
}

sub release_dir {
    my ($self, $version, $dir, $type) = @_;
    my $number = 1 + keys %{$self->{versions}};
    my $file = "$version." . ($type // 'zip');
    pack_tree($dir, $type // 'zip', "$self->{dir}/$file");
    $self->{versions}{$version} = {number => $number, dir => $dir};
    $self->put_package('', $version, 'full', $file);
    $self->{latest} = $version;
    $self->save;
    return $dir;
}

sub put_package {
    my ($self, $from, $to, $format, $file) = @_;
    my $bytes = slurp("$self->{dir}/$file");
    $self->{packages}{"$from>$to"}{$format} = {file => $file, size => length $bytes, sha256 => sha256_hex($bytes)};
    $self->save;
}

sub incremental {
    my ($self, $from, $to, @formats) = @_;
    my ($old, $new) = map { tree_of($self->{versions}{$_}{dir}) } $from, $to;
    for my $format (@formats) {
        my $file = "$from-$to.$format.zip";
        $self->pack_incremental($from, $to, $format, "$self->{dir}/$file", $old, $new);
        $self->put_package($from, $to, $format, $file);
    }
}

# As a publisher's contract has it: the five lists, and for formats of patches one group of all modified files, copies of what
# was renamed, the rest whole.
sub pack_incremental {
    my ($self, $from, $to, $format, $file, $old, $new) = @_;
    my %list = map { $_ => [] } qw(added modified deleted added_dir deleted_dir);
    my $is = sub { my ($tree, $path) = @_; my $e = $tree->{$path}; return !$e ? '' : $e->[0] eq 'd' ? 'd' : 'f' };
    for my $path (sort keys %{{%$old, %$new}}) {
        my ($was, $now) = ($is->($old, $path), $is->($new, $path));
        push @{$list{$was eq 'd' ? 'deleted_dir' : 'deleted'}}, $path if $was && $was ne $now;
        push @{$list{$now eq 'd' ? 'added_dir' : 'added'}}, $path if $now && $was ne $now;
        push @{$list{modified}}, $path if $was eq 'f' && $now eq 'f' && "@{$old->{$path}}" ne "@{$new->{$path}}";
    }
    my $work = "$self->{dir}/work";
    make_path($work);
    my ($olddir, $newdir) = map { $self->{versions}{$_}{dir} } $from, $to;
    my @whole = (@{$list{added}}, @{$list{modified}});
    my %changes = map { $_ => $list{$_} } grep { @{$list{$_}} } keys %list;
    if ($format ne 'files') {
        my (@copies, @patched, @rest, %seen);
        my $is_file = sub { my ($path) = @_; return exists $old->{$path} && $old->{$path}[0] eq 'f' && -s "$olddir/$path" && -s "$newdir/$path" };
        my %by_hash = map { $old->{$_}[2] => $_ } grep { $old->{$_}[0] eq 'f' } sort keys %$old;
        for my $path (@whole) {
            my ($kind, $mode, $sum) = @{$new->{$path}};
            if ($kind ne 'f') { push @rest, $path }
            elsif ($by_hash{$sum}) { push @copies, {path => $path, from => $by_hash{$sum}, of => 'old', sha256 => $sum, mode => $mode} }
            elsif ($seen{$sum}) { push @copies, {path => $path, from => $seen{$sum}, of => 'new', sha256 => $sum, mode => $mode} }
            else { $seen{$sum} = $path; push @{$is_file->($path) ? \@patched : \@rest}, $path }
        }
        my %delta = (format => $format, copies => \@copies, groups => []);
        if (@patched) {
            my $patch = 'delta/0.' . ($format eq 'vcdiff' ? 'vcdiff.xz' : 'zst');
            spew("$work/old", join '', map { slurp("$olddir/$_") } @patched);
            spew("$work/new", join '', map { slurp("$newdir/$_") } @patched);
            make_path("$work/tree/delta");
            my @make = $format eq 'vcdiff' ? ('sh', '-c', 'xdelta3 -e -f -A -n -S none -s "$1/old" "$1/new" "$1/diff" && xz -c "$1/diff" >"$1/tree/$2"')
                : ('sh', '-c', 'zstd -q -f --long=31 --patch-from "$1/old" "$1/new" -o "$1/tree/$2"');
            my ($status, undef, $err) = run(@make, 'sh', $work, $patch);
            croak "patch: $err" if $status;
            my $piece = sub { my ($tree, $dir, $path) = @_; return (path => $path, size => -s "$dir/$path", sha256 => $tree->{$path}[2]) };
            push @{$delta{groups}}, {patch => $patch,
                source => [map { {$piece->($old, $olddir, $_)} } @patched],
                target => [map { {$piece->($new, $newdir, $_), mode => $new->{$_}[1]} } @patched]};
        }
        delete $delta{copies} if !@copies;
        delete $delta{groups} if !@{$delta{groups}};
        $changes{delta} = \%delta;
        @whole = @rest;
    }
    make_path("$work/tree");
    for my $path (@{$list{added_dir}}) { make_path("$work/tree/$path") }
    for my $path (@whole) {
        (my $parent = "$work/tree/$path") =~ s{/[^/]*$}{};
        make_path($parent);
        my ($status) = run('cp', '-a', "$newdir/$path", "$work/tree/$path");
        croak "cp $path" if $status;
    }
    my $json = JSON::PP->new->canonical->encode(\%changes);
    spew("$work/tree/changes.json", $json);
    unlink $file;
    my ($status, undef, $err) = run({dir => "$work/tree"}, 'sh', '-c', 'zip -q -X -y "$1" changes.json && zip -q -X -y -r "$1" . -x changes.json || [ $? = 12 ]', 'sh', $file);
    croak "zip: $err" if $status;
    remove_tree($work);
}

# ---- answers ----

sub answer_of {
    my ($self, $query) = @_;
    my $latest = $self->{latest};
    my %data = (resource_id => 'app', version_name => $latest, version_number => $self->{versions}{$latest}{number},
        channel => 'stable', release_note => '', custom_data => '');
    my $current = $query->{current} // $query->{current_version} // '';
    if ($current eq $latest) { $data{update_type} = 'none'; return {code => 0, msg => 'current version is latest', data => \%data} }
    my $ways = $self->{packages}{"$current>$latest"} || {};
    my @asked = $current eq '' ? () : (split(/,/, $query->{delta} // ''), 'files');
    my ($format) = ((grep { $ways->{$_} } @asked), 'full');
    my $p = $ways->{$format} || $self->{packages}{">$latest"}{full};
    %data = (%data, update_type => $format eq 'full' ? 'full' : 'incremental', ($format eq 'full' ? () : (patch_format => $format)),
        download_url => "$self->{base}/p/$p->{file}", file_size => $p->{size}, file_hash => "sha256:$p->{sha256}");
    return {code => 0, msg => 'success', data => \%data};
}

sub put_answer {
    my ($c, $status, $headers, $body) = @_;
    print {$c} "HTTP/1.1 $status X\r\nConnection: close\r\n" . join('', map { "$_\r\n" } @$headers) . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

sub serve {
    my ($self, $c) = @_;
    my $index = $JSON->decode(slurp("$self->{dir}/index.json"));
    @$self{keys %$index} = values %$index;
    my ($request, %header) = (scalar <$c>);
    while (my $line = <$c>) {
        last if $line !~ /^([^:\s]+):\s*(.*?)\r?\n/;
        $header{lc $1} = $2;
    }
    my ($path, $query) = ($request // '') =~ m{^GET ([^ ?]*)\??(\S*)} or return;
    my %query = map { my ($k, $v) = split /=/; $v //= ''; $v =~ s/%(..)/chr hex $1/ge; ($k => $v) } split /&/, $query;
    open my $log, '>>', "$self->{dir}/log";
    print {$log} "$path $query " . ($header{range} // '-') . "\n";
    close $log;
    my $set = $self->{set};
    my $page = '<html><body>Please log in</body></html>';
    return put_answer($c, 200, ['Content-Type: text/html'], $page) if ($set->{garbage} // 0) == 2;
    my ($status, $after, $most) = @{$set->{busy} || []};
    $after = strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + 3)) if ($after // '') eq 'date';
    return put_answer($c, $status, ["Retry-After: $after"], $page) if $status && slurp("$self->{dir}/log") =~ tr/\n// <= $most;
    return put_answer($c, 200, ['Content-Type: application/json'], $JSON->encode($self->answer_of(\%query))) if $path =~ m{/latest$};
    my ($file) = $path =~ m{^/p/([^/]+)$} or return put_answer($c, 404, [], '{"code":1,"msg":"no","data":null}');
    return put_answer($c, 200, ['Content-Type: text/html'], $page) if $set->{garbage};
    return put_answer($c, $set->{status}, [], '{"code":1,"msg":"no","data":null}') if $set->{status};
    my $bytes = slurp("$self->{dir}/$file");
    my $etag = '"' . sha256_hex($bytes) . '"';
    if ($set->{stale}) { $bytes = reverse $bytes; $etag = '"other"' }
    ($status, my $from, my $size) = (200, 0, length $bytes);
    if (!$set->{norange} && ($header{range} // '') =~ /^bytes=(\d+)-$/ && ($header{'if-range'} // $etag) eq $etag) {
        $from = $1;
        return put_answer($c, 416, [], '') if $from >= $size;
        $status = 206;
    }
    my $body = substr $bytes, $from;
    my $length = length $body;
    $body = substr $body, 0, $set->{cut} if defined $set->{cut};
    print {$c} "HTTP/1.1 $status X\r\nConnection: close\r\nETag: $etag\r\nAccept-Ranges: bytes\r\n"
        . ($status == 206 ? 'Content-Range: bytes ' . $from . '-' . ($size - 1) . "/$size\r\n" : '') . "Content-Length: $length\r\n\r\n";
    while (length $body) {
        my $part = substr $body, 0, 65536, '';
        select undef, undef, undef, $set->{slow} if $set->{slow};
        print {$c} $part or last;
    }
}

# The requests so far, and forgets them.
sub requests {
    my ($self) = @_;
    my @lines = -e "$self->{dir}/log" ? split /\n/, slurp("$self->{dir}/log") : ();
    unlink "$self->{dir}/log";
    return @lines;
}

1;
