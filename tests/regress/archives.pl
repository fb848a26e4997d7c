#!/usr/bin/perl
# Makes archives byte by byte, good and hostile ones, for the tests of what may be published.
#
#   perl tests/regress/archives.pl DIR
#
# writes DIR/NAME.zip (tar.gz, tar.xz, tar.zst) and DIR/index.tsv: file, accept or refuse, system of the package, rule and text
# of the refusal ("-" and "-" when accepted). Limits are meant to be 1000 entries and 64 MiB. Names are bytes here.
use strict;
use warnings;
use Compress::Zlib ();

my $dir = shift // die "usage: archives.pl DIR\n";
open my $index, '>:raw', "$dir/index.tsv" or die "$dir/index.tsv: $!\n";
my %made;

sub save {
    my ($file, $bytes) = @_;
    die "$file is made twice\n" if $made{$file}++;
    open my $out, '>:raw', "$dir/$file" or die "$dir/$file: $!\n";
    print $out $bytes;
    close $out or die "$dir/$file: $!\n";
}

sub accept_as {
    my ($system, $file, $bytes) = @_;
    save($file, $bytes);
    print $index join("\t", $file, 'accept', $system, '-', '-'), "\n";
}

sub refuse_as {
    my ($system, $file, $bytes, $rule, $text) = @_;
    save($file, $bytes);
    print $index join("\t", $file, 'refuse', $system, $rule, $text), "\n";
}
sub good { accept_as('any', @_) }
sub bad { refuse_as('any', @_) }

sub deflate {
    my $data = shift;
    my ($z) = Compress::Zlib::deflateInit(-WindowBits => -Compress::Zlib::MAX_WBITS());
    my ($one) = $z->deflate($data);
    my ($two) = $z->flush();
    return $one . $two;
}

# --- zip ------------------------------------------------------------------------------------------------------------------

# An entry: name, data, and what is to be different from a plain one. Keys that begin with l are for the local header.
sub zip_parts {
    my ($x, $offset) = @_;
    my $method = $x->{method} // 8;
    my $packed = $x->{packed} // ($method == 8 ? deflate($x->{data}) : $x->{data});
    my $crc = $x->{crc} // Compress::Zlib::crc32($x->{data});
    my $size = $x->{size} // length $x->{data};
    my $psize = $x->{psize} // length $packed;
    my $dd = $x->{dd} // '';
    my $flags = ($x->{flags} // 0) | ($dd ? 8 : 0);
    my $extra = $x->{extra} // '';
    my $lextra = $x->{lextra} // $extra;
    my ($s32, $p32, $o32, $ls, $lp) = ($size, $psize, $offset, $size, $psize);
    if ($x->{zip64}) {
        $extra .= pack 'vvQ<Q<Q<', 1, 24, $size, $psize, $offset;
        $lextra .= pack 'vvQ<Q<', 1, 16, $size, $psize;
        $s32 = $p32 = $o32 = $ls = $lp = 0xffffffff;
    }
    my $lcrc = $x->{lcrc} // ($dd ? 0 : $crc);
    ($ls, $lp) = (0, 0) if $dd;
    ($s32, $p32) = ($x->{s32} // $s32, $x->{p32} // $p32);
    my $lname = $x->{lname} // $x->{name};
    my $local = pack('VvvvVVVVvv', 0x04034b50, 20, $x->{lflags} // $flags, $x->{lmethod} // $method, $x->{ltime} // 0x21 << 16, $lcrc,
        $x->{lpsize} // $lp, $x->{lsize} // $ls, length $lname, length $lextra) . $lname . $lextra . $packed;
    my $mark = $dd =~ /^sig/ ? pack('V', 0x08074b50) : '';
    $local .= $mark . pack('VVV', $crc, $psize, $size + ($x->{ddlie} // 0)) if $dd =~ /32$/;
    $local .= $mark . pack('VQ<Q<', $crc, $psize, $size + ($x->{ddlie} // 0)) if $dd =~ /64$/;
    my $central = pack('VCCvvvVVVVvvvvvVV', 0x02014b50, 20, $x->{host} // 3, $x->{needs} // 20, $flags, $method, 0x21 << 16, $crc, $p32,
        $s32, length $x->{name}, length $extra, length($x->{comment} // ''), $x->{disk} // 0, $x->{internal} // 0,
        ($x->{mode} // ($x->{name} =~ m{/$} ? 040755 : 0100644)) << 16 | ($x->{dos} // 0), $x->{at} // $o32)
        . $x->{name} . $extra . ($x->{comment} // '');
    return ($local, $central);
}

# zip([entries], options): prefix, middle (before the directory), between (before each entry but the first), comment, tail,
# count, end64, dirgap (between directory and end record)
sub zip {
    my ($entries, %o) = @_;
    my $out = $o{prefix} // '';
    my $directory = '';
    my $n = 0;
    for my $x (@$entries) {
        $out .= $o{between} if $n++ && defined $o{between};
        my ($local, $central) = zip_parts($x, length($out) - ($o{shift} // 0));
        $out .= $local unless $x->{nolocal};
        $directory .= $central;
    }
    $out .= $o{middle} // '';
    my ($count, $size, $at) = ($o{count} // $n, length($directory) + ($o{sizelie} // 0), length($out) - ($o{shift} // 0));
    $out .= $directory . ($o{dirgap} // '');
    if ($o{end64}) {
        my $where = length $out;
        $out .= pack('VQ<vvVVQ<Q<Q<Q<', 0x06064b50, 44, 45, 45, 0, 0, $o{count64} // $count, $o{count64} // $count, $size, $at);
        $out .= pack('VVQ<V', 0x07064b50, 0, $where + ($o{locatorlie} // 0), 1);
        ($count, $size, $at) = (0xffff, 0xffffffff, 0xffffffff);
    }
    my $comment = $o{comment} // '';
    $out .= pack('VvvvvVVv', 0x06054b50, $o{disk} // 0, $o{disk} // 0, $count, $count, $size, $at, length $comment);
    return $out . $comment . ($o{tail} // '');
}

sub file { my ($name, $data, %more) = @_; return { name => $name, data => $data, %more } }
sub folder { my ($name, %more) = @_; return { name => "$name/", data => '', method => 0, %more } }
sub symlink_to { my ($name, $to, %more) = @_; return { name => $name, data => $to, method => 0, mode => 0120777, %more } }

my $text = join '', map { "line $_ of a file that can be compressed\n" } 1 .. 200;
my @tree = (
    file('read me.txt', $text), file('empty', ''), file("d\xc3\xafr/n\xc3\xa4me.txt", 'x', flags => 0x800), folder('nothing here'),
    file('bin/run', "#!/bin/sh\n", mode => 0100755), symlink_to('bin/go', 'run'), symlink_to('latest', 'bin/go'),
    symlink_to('lib/up', '../bin'), symlink_to('here', '.'), symlink_to('not-there', 'missing/file'),
);

good('plain.zip', zip(\@tree));
good('stored.zip', zip([map { { %$_, method => 0 } } @tree]));
for my $shape (qw(sig32 bare32 sig64 bare64)) {
    good("descriptor-$shape.zip", zip([map { { %$_, dd => $shape } } @tree]));
}
good('zip64.zip', zip([map { { %$_, zip64 => 1 } } @tree], end64 => 1));
# More values than the header asks for, as Go and Java write them: all must say what the header says.
sub z64 { return pack 'vv' . 'Q<' x @_, 1, 8 * @_, @_ }
my %max = (s32 => 0xffffffff, p32 => 0xffffffff);
good('zip64-offset-too.zip', zip([file('a', 'xy', method => 0, %max, extra => z64(2, 2, 0), lextra => '')]));
good('zip64-unneeded.zip', zip([file('a', 'xy', method => 0, extra => z64(2, 2, 0), lextra => z64(2, 2))]));
good('zip64-unneeded-sizes.zip', zip([file('a', 'xy', method => 0, extra => z64(2, 2), lextra => z64(2, 2))]));
good('zip64-unneeded-local.zip', zip([file('a', 'xy', method => 0, extra => '', lextra => z64(2, 2))]));
good('zip64-disk.zip', zip([file('a', 'xy', method => 0, %max, extra => pack('vvQ<Q<Q<V', 1, 28, 2, 2, 0, 0), lextra => '')]));
good('zip64-only-packed.zip', zip([file('a', 'xy', method => 0, p32 => 0xffffffff, extra => z64(2), lextra => '')]));
good('zip64-stream.zip', zip([file('a', $text, dd => 'sig64', extra => '', lextra => z64(0, 0))]));
good('zip64-stream-max.zip', zip([file('a', $text, dd => 'sig64', extra => '', lextra => z64(0, 0), lsize => 0xffffffff,
    lpsize => 0xffffffff)]));
bad('zip64-unneeded-lies.zip', zip([file('a', 'xy', method => 0, extra => z64(3, 2, 0), lextra => '')]), 'mismatch',
    'entry "a": its zip64 field disagrees with its header');
bad('zip64-unneeded-offset-lies.zip', zip([file('a', 'xy', method => 0, extra => z64(2, 2, 1), lextra => '')]), 'mismatch',
    'entry "a": its zip64 field disagrees with its header');
bad('zip64-offset-lies.zip', zip([file('a', 'xy', method => 0, %max, extra => z64(2, 2, 7), lextra => '')]), 'mismatch',
    'entry "a": its zip64 field disagrees with its header');
bad('zip64-local-lies.zip', zip([file('a', 'xy', method => 0, extra => '', lextra => z64(2, 3))]), 'mismatch',
    'entry "a": its zip64 field disagrees with its header');
bad('zip64-stream-lies.zip', zip([file('a', $text, dd => 'sig64', extra => '', lextra => z64(5, 0))]), 'mismatch',
    'entry "a": its zip64 field disagrees with its header');
# One reader takes the first value for the packed size, another the second.
bad('zip64-two-ways.zip', zip([file('a', 'xy', method => 0, p32 => 0xffffffff, extra => z64(2, 2), lextra => '')]), 'ambiguous',
    'entry "a": its zip64 field holds more values than it needs');
bad('zip64-disk-other.zip', zip([file('a', 'xy', method => 0, %max, extra => pack('vvQ<Q<Q<V', 1, 28, 2, 2, 0, 1), lextra => '')]),
    'broken', 'entry "a": its zip64 field is missing or of the wrong length');
bad('zip64-long.zip', zip([file('a', 'xy', method => 0, %max, extra => z64(2, 2, 0, 0), lextra => '')]), 'broken',
    'entry "a": its zip64 field is missing or of the wrong length');
bad('zip64-short.zip', zip([file('a', 'xy', method => 0, %max, extra => z64(2), lextra => '')]), 'broken',
    'entry "a": its zip64 field is missing or of the wrong length');
bad('zip64-odd.zip', zip([file('a', 'xy', method => 0, %max, extra => pack('vvQ<Q<v', 1, 18, 2, 2, 0), lextra => '')]), 'broken',
    'entry "a": its zip64 field is missing or of the wrong length');
bad('local-time.zip', zip([file('a', 'x', ltime => 0x5421 << 16)]), 'mismatch', 'entry "a": its local header has another time');
good('zip64-end.zip', zip(\@tree, end64 => 1));
good('comments.zip', zip([file('a', 'x', comment => 'of the entry')], comment => 'of the archive'));
good('made-on-dos.zip', zip([file('a', 'x', host => 0, mode => 0x20), folder('d', host => 0, mode => 0)]));
good('made-on-dos-with-attributes.zip', zip([file('a', 'x', host => 0, mode => 0, dos => 0x21), folder('d', host => 0, mode => 0,
    dos => 0x10), folder('e', dos => 0x10), file('f', 'y', host => 11, mode => 0, dos => 0x2020)]));
good('no-permissions.zip', zip([file('a', 'x', mode => 0100000)]));
good('made-on-mac.zip', zip([file('a', 'x', host => 19), folder('d', host => 19)]));
good('dot-slash.zip', zip([folder('.'), file('./a', 'x'), folder('./d'), file('./d/b', 'y')]));
good('implied.zip', zip([file('a/b/c/d', 'x'), folder('a/b')]));
good('unicode-path.zip', zip([file('a', 'x', extra => pack('vvCV', 0x7075, 6, 1, Compress::Zlib::crc32('a')) . 'a')]));
good('aligned.zip', zip([file('a', 'x', lextra => "\0\0\0", extra => '')]));
good('any-order.zip', do {
    my $z = zip([file('b', 'x'), file('a', 'y')]);
    my @central = map { (zip_parts(file(@$_), $_->[1] eq 'x' ? 0 : length((zip_parts(file('b', 'x'), 0))[0])))[1] }
        (['a', 'y'], ['b', 'x']);
    my $end = substr $z, -22;
    substr($z, 0, length($z) - 22 - length(join '', @central)) . join('', @central) . $end;
});
accept_as('linux', 'case.zip', zip([file('Readme', 'x'), file('README', 'y'), file('CON', 'z'), file('trail.', ''), file('a?', '')]));
accept_as('linux', 'other-case-reserved.zip', zip([file('.RBE', 'x'), file('Changes.json', 'y')]));
accept_as('darwin', 'con.zip', zip([file('con', 'z'), file('trail ', '')]));
accept_as('windows', 'nearly-device.zip', zip([file('COM10', 'z'), file('CONSOLE', ''), file('a.con', ''), file('.hidden', '')]));
good('deeper-reserved.zip', zip([file('x/changes.json', 'z'), file('x/.rbe', ''), file('.rbex', '')]));

my $plain = zip(\@tree);
bad('truncated.zip', substr($plain, 0, length($plain) / 2), 'broken', 'no end record');
bad('truncated-end.zip', substr($plain, 0, -5), 'broken', 'end record does not end with the file');
bad('tiny.zip', "PK\3\4", 'broken', 'too short');
bad("link-of-host-$_.zip", zip([symlink_to('l', '../../x', host => $_)]), 'ambiguous', $_ == 5 || $_ == 30
    ? 'entry "l": it is made on a system' : 'entry "l": it says that it is a link') for 0, 5, 11, 19, 30;
bad('mode-in-extra.zip', zip([file('a', 'x', extra => pack('vvVvVvv', 0x756e, 14, 0, 0120777, 0, 0, 0))]), 'ambiguous',
    'entry "a": an extra field gives it a mode');
bad("dos-folder-$_.zip", zip([file('d', 'x', host => $_, mode => 0, dos => 0x10)]), 'kind', 'entry "d": its name and its attributes '
    . 'disagree on whether it is a directory') for 0, 3, 10, 11, 14, 19;
bad("dos-folder-mode-$_.zip", zip([file('d', 'x', host => $_, dos => 0x10)]), 'kind', 'entry "d": its name and its attributes') for 0, 11;
bad("reparse-$_.zip", zip([file('l', '../x', host => $_, mode => 0, dos => 0x400)]), 'ambiguous', 'entry "l": an attribute of '
    . 'Windows makes it a link') for 0, 10, 11;
bad('prefix.zip', zip(\@tree, prefix => "#!/bin/sh\n", shift => 10), 'gap', 'directory does not end');
bad('prefix-adjusted.zip', zip(\@tree, prefix => "PK\3\4...."), 'gap', 'entry "read me.txt": there are bytes before it');
bad('between.zip', zip([file('a', 'x'), file('b', 'y')], between => 'junk'), 'gap', 'entry "a": there are bytes behind it');
bad('hidden-entry.zip', zip([file('a', 'x'), file('b', 'y')], between => (zip_parts(file('evil', 'e'), 0))[0]), 'gap',
    'entry "a": there are bytes behind it');
bad('middle.zip', zip([file('a', 'x')], middle => 'junk'), 'gap', 'entry "a": there are bytes behind it');
bad('behind-directory.zip', zip([file('a', 'x')], dirgap => 'junk'), 'gap', 'directory does not end');
bad('tail.zip', zip([file('a', 'x')], tail => 'junk'), 'broken', 'end record does not end with the file');
bad('two-ends.zip', zip([file('a', 'x')], comment => zip([file('b', 'y')])), 'ambiguous', 'more than one end record');
bad('two-ends-inside.zip', do {
    my $inner = zip([file('a', 'x')]);
    my $outer = zip([file('c', 'z', comment => '#' x 40)]);
    # an end record within the comment of an entry, whose own comment reaches to the end of the file
    my $at = index $outer, '#' x 40;
    substr($outer, $at, 22) = pack 'VvvvvVVv', 0x06054b50, 0, 0, 0, 0, 0, 0, length($outer) - $at - 22;
    $outer;
}, 'ambiguous', 'more than one end record');
bad('disks.zip', zip([file('a', 'x')], disk => 1), 'broken', 'one part of several');
bad('entry-disk.zip', zip([file('a', 'x', disk => 1)]), 'broken', 'another disk');
bad('count-less.zip', zip([file('a', 'x'), file('b', 'y')], count => 1), 'broken', 'directory holds more');
bad('count-more.zip', zip([file('a', 'x')], count => 2), 'broken', 'directory is too small');
bad('count-more-names.zip', zip([file('a' x 60, 'x')], count => 2), 'broken', 'beyond its place');
bad('directory-size.zip', zip([file('a', 'x')], sizelie => 4), 'gap', 'directory does not end');
bad('zip64-count.zip', zip([file('a', 'x')], end64 => 1, count64 => 2), 'broken', 'directory is too small');
bad('zip64-locator.zip', zip([file('a', 'x')], end64 => 1, locatorlie => 1), 'broken', 'zip64 end record is not where');
bad('zip64-no-end.zip', do {
    my $z = zip([file('a', 'x')]);
    substr($z, -22) = pack 'VvvvvVVv', 0x06054b50, 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0;
    $z;
}, 'broken', 'zip64 end record is missing');
bad('zip64-no-field.zip', zip([file('a', 'x', size => 0xffffffff)]), 'broken', 'entry "a": its zip64 field is missing');
bad('encrypted.zip', zip([file('a', 'x'), file('secret.txt', 'y', flags => 1)]), 'encrypted', 'entry "secret.txt": encrypted');
bad('strongly-encrypted.zip', zip([file('s', 'y', flags => 0x41)]), 'encrypted', 'entry "s": encrypted');
bad('aes.zip', zip([file('s', 'y', flags => 1, method => 99, extra => pack('vvvvCv', 0x9901, 7, 2, 0x4541, 3, 8))]), 'encrypted',
    'entry "s": encrypted');
bad('masked.zip', zip([file('s', 'y', flags => 0x2000)]), 'encrypted', 'entry "s": encrypted');
bad('method.zip', zip([file('b', 'y', method => 12)]), 'method', 'entry "b": its compression method');
bad('deflate64.zip', zip([file('b', 'y', method => 9)]), 'method', 'entry "b": its compression method');
bad('text-link.zip', zip([file('a', 'y', internal => 1), symlink_to('l', 'a', internal => 1)]), 'ambiguous', 'entry "l": it is a link and a text');
bad('needs-newer.zip', zip([file('a', 'y'), file('b', 'y', needs => 63)]), 'method', 'entry "b": it asks for a newer reader');
bad('patched.zip', zip([file('b', 'y', flags => 0x20)]), 'method', 'entry "b": its compression method');
bad('local-name.zip', zip([file('good', 'x', lname => 'evil')]), 'mismatch', 'entry "good": its local header has another name');
bad('local-method.zip', zip([file('a', 'x', lmethod => 0)]), 'mismatch', 'entry "a": its local header has another method');
bad('local-flags.zip', zip([file('a', 'x', lflags => 0x800)]), 'mismatch', 'entry "a": its local header has another method or other flags');
good('local-level.zip', zip([file('a', $text, lflags => 2)]));
bad('local-level-stored.zip', zip([file('a', 'x', method => 0, lflags => 2)]), 'mismatch', 'entry "a": its local header has another method');
bad('local-encrypted.zip', zip([file('a', 'x', lflags => 1)]), 'mismatch', 'entry "a": its local header has another method or other flags');
bad('local-crc.zip', zip([file('a', 'x', lcrc => 5)]), 'mismatch', 'entry "a": its local header has another CRC');
bad('local-size.zip', zip([file('a', 'x', lsize => 5)]), 'mismatch', 'entry "a": its local header has another size');
bad('local-packed.zip', zip([file('a', 'x', lpsize => 5)]), 'mismatch', 'entry "a": its local header has another size');
bad('local-missing.zip', do { my $z = zip([file('a', 'x')]); substr($z, 0, 4) = 'PK__'; $z }, 'broken', 'entry "a": its local header is missing');
bad('descriptor-lies.zip', zip([file('a', 'x', dd => 'sig32', ddlie => 1)]), 'descriptor', 'entry "a": its data descriptor disagrees');
bad('descriptor-missing.zip', zip([file('a', 'x', flags => 8)]), 'descriptor', 'entry "a": its data descriptor is missing');
bad('overlap-same.zip', zip([file('a', 'x'), file('a2', 'x', at => 0, nolocal => 1)]), 'overlap', 'another entry begins at the same place');
bad('overlap-data.zip', do {
    # the second entry's local header lies within the data of the first
    my ($inner, $central) = zip_parts(file('in', 'y'), 31);
    my ($outer, $central0) = zip_parts(file('o', $inner, method => 0), 0);
    my $d = $central0 . $central;
    $outer . $d . pack('VvvvvVVv', 0x06054b50, 0, 0, 2, 2, length $d, length $outer, 0);
}, 'overlap', 'entry "o": its data reaches into what follows');
bad('beyond.zip', zip([file('a', 'x', at => 9_999_999)]), 'gap', 'entry "a": there are bytes before it');
bad('crc.zip', zip([file('a', 'x', crc => 5)]), 'crc', 'entry "a": its data does not match its CRC');
bad('crc-stored.zip', zip([file('a', 'x', method => 0, crc => 5)]), 'crc', 'entry "a": its data does not match its CRC');
bad('unpacks-to-more.zip', zip([file('a', $text, size => 10)]), 'broken', 'entry "a": it unpacks to more than');
bad('unpacks-to-less.zip', zip([file('a', $text, size => 1_000_000)]), 'broken', 'entry "a": it unpacks to less than');
bad('stored-sizes.zip', zip([file('a', 'xyz', method => 0, size => 2)]), 'mismatch', 'entry "a": it is stored, but its two sizes differ');
bad('damaged.zip', zip([file('a', 'x', packed => "\xff\xff\xff\xff")]), 'broken', 'entry "a": its compressed data is damaged');
bad('deflate-cut.zip', zip([file('a', $text, packed => substr(deflate($text), 0, 50))]), 'broken', 'entry "a": its compressed data ends early');
bad('deflate-longer.zip', zip([file('a', 'x', packed => deflate('x') . 'more')]), 'broken', 'entry "a": its compressed data goes on');
bad('unicode-path-other.zip', zip([file('a', 'x', extra => pack('vvCV', 0x7075, 6, 1, Compress::Zlib::crc32('a')) . 'b')]),
    'ambiguous', 'entry "a": its unicode path field names it differently');
bad('unicode-path-local.zip', zip([file('a', 'x', lextra => pack('vvCV', 0x7075, 6, 1, 0) . 'b', extra => '')]),
    'ambiguous', 'entry "a": its unicode path field names it differently');
bad('extra-twice.zip', zip([file('a', 'x', extra => pack('vvCVa', 0x7075, 6, 1, 0, 'a') x 2)]), 'ambiguous', 'entry "a": an extra field stands twice');
bad('extra-damaged.zip', zip([file('a', 'x', extra => pack('vv', 0x5455, 50))]), 'broken', 'entry "a": its extra fields are damaged');
bad('empty.zip', zip([]), 'empty', 'no entries');
bad('only-root.zip', zip([folder('.')]), 'empty', 'no entries');

# What a name must not be, in both kinds of archive. Each: label, name, rule, text, system.
my @names = (
    ['absolute', '/etc/passwd', 'absolute', 'entry "/etc/passwd": a name must not be absolute'],
    ['traversal', 'a/../../b', 'traversal', 'entry "a/../../b": a name must not hold ".."'],
    ['traversal-first', '../b', 'traversal', 'entry "../b": a name must not hold ".."'],
    ['traversal-last', 'a/..', 'traversal', 'entry "a/..": a name must not hold ".."'],
    ['dot', 'a/./b', 'dot', 'entry "a/./b": a name must not hold "."'],
    ['double-slash', 'a//b', 'empty', 'entry "a//b": a name must not hold "//"'],
    ['backslash', 'a\\b', 'backslash', 'entry "a\\\\b": a name must not hold a backslash'],
    ['backslash-traversal', '..\\b', 'backslash', 'a name must not hold a backslash'],
    ['drive', 'C:/x', 'colon', 'entry "C:/x": a name must not hold a drive or \':\''],
    ['stream', 'file.txt:hidden', 'colon', 'a name must not hold a drive or \':\''],
    ['newline', "a\nb", 'control', 'entry "a\\x0ab": a name must not hold control characters'],
    ['delete', "a\x7fb", 'control', 'entry "a\\x7fb": a name must not hold control characters'],
    ['c1-control', "a\xc2\x85b", 'control', 'entry "a\\xc2\\x85b": a name must not hold control characters'],
    ['latin1', "caf\xe9", 'utf8', 'entry "caf\\xe9": a name must be UTF-8'],
    ['overlong', "a\xc0\xafb", 'utf8', 'entry "a\\xc0\\xafb": a name must be UTF-8'],
    ['surrogate', "a\xed\xa0\x80", 'utf8', 'a name must be UTF-8'],
    ['long-part', 'x' x 256, 'length', 'a part of a path must not be longer than 255 bytes'],
    ['long-path', join('/', ('y' x 200) x 21), 'length', 'a path must not be longer than 4096 bytes'],
    ['changes', 'changes.json', 'reserved', 'entry "changes.json": changes.json and .rbe at the root belong to the updater'],
    ['changes-folder', 'changes.json/x', 'reserved', 'entry "changes.json/x": changes.json and .rbe'],
    ['rbe', '.rbe', 'reserved', 'entry ".rbe": changes.json and .rbe'],
    ['rbe-below', '.rbe/state.json', 'reserved', 'entry ".rbe/state.json": changes.json and .rbe'],
    ['rbe-dot-slash', './.rbe/state.json', 'reserved', 'entry ".rbe/state.json": changes.json and .rbe'],
    ['rbe-upper', '.RBE/x', 'reserved', 'entry ".RBE/x": changes.json and .rbe', 'darwin'],
    ['changes-upper', 'Changes.JSON', 'reserved', 'changes.json and .rbe'],
    ['changes-long-s', "change\xc5\xbf.json", 'reserved', 'changes.json and .rbe', 'darwin'],
    ['rbe-joiner', ".r\xe2\x80\x8cbe/x", 'reserved', 'changes.json and .rbe', 'darwin'],
    ['rbe-short', 'RBE~1/x', 'reserved', 'changes.json and .rbe', 'windows'],
    ['trailing-dot', 'a/b.', 'trailing', 'entry "a/b.": for Windows a name must not end with a dot or a space'],
    ['trailing-space', 'a /b', 'trailing', 'entry "a /b": for Windows a name must not end', 'windows'],
    ['con', 'CON', 'device_name', 'entry "CON": CON, NUL, COM1 and the like', 'windows'],
    ['device-nul', 'a/nul.txt', 'device_name', 'entry "a/nul.txt": CON, NUL, COM1 and the like'],
    ['aux', 'aux.tar.gz', 'device_name', 'CON, NUL, COM1 and the like'],
    ['prn', 'Prn .txt', 'device_name', 'CON, NUL, COM1 and the like'],
    ['com1', 'COM1', 'device_name', 'CON, NUL, COM1 and the like'],
    ['lpt9', 'x/lpt9.log/y', 'device_name', 'CON, NUL, COM1 and the like'],
    ['com-superscript', "COM\xc2\xb9", 'device_name', 'CON, NUL, COM1 and the like'],
    ['conin', 'CONIN$', 'device_name', 'CON, NUL, COM1 and the like'],
    ['question', 'what?', 'characters', 'entry "what?": for Windows a name must not hold any of', 'windows'],
    ['pipe', 'a|b', 'characters', 'for Windows a name must not hold any of'],
);

# Pairs of names that do not go together. Each: label, [names], rule, text, system.
my @pairs = (
    ['twice', ['a', 'b', 'a'], 'duplicate', 'entry "a": the archive holds it twice'],
    ['twice-dot', ['d/a', './d/a'], 'duplicate', 'entry "d/a": the archive holds it twice'],
    ['case', ['Readme', 'README'], 'case', 'entry "README": "README" and "Readme" are equal but for letter case'],
    ['case-folders', ['Foo/a', 'foo/b'], 'case', 'entry "foo/b": "foo" and "Foo" are equal but for letter case', 'darwin'],
    ['case-sharp-s', ["stra\xc3\x9fe", 'STRASSE'], 'case', 'are equal but for letter case', 'windows'],
    ['normal-form', ["\xc3\xa9", "e\xcc\x81"], 'case', 'are equal but for letter case or Unicode form', 'darwin'],
    ['joiner', ["ab", "a\xe2\x80\x8db"], 'case', 'are equal but for letter case or Unicode form', 'darwin'],
    ['below-file', ['a', 'a/b'], 'below', 'entry "a/b": it lies below a path that is a file'],
    ['above-file', ['a/b', 'a'], 'below', 'entry "a": it is a file, and other entries lie below it'],
);

# Links. Each: label, [[name, target] or name], rule, text, system.
my @links = (
    ['escape', [['l', '../x']], 'link_escape', 'entry "l": a link to "../x" leads out of the tree'],
    ['escape-deep', [['a/b/l', '../../../x']], 'link_escape', 'entry "a/b/l": a link to "../../../x" leads out of the tree'],
    ['escape-over-missing', [['l', 'x/../../y']], 'link_escape', 'leads out of the tree'],
    ['escape-chain', [['a/up', '..'], ['l', 'a/up/..']], 'link_escape', 'entry "l": a link to "a/up/.." leads out of the tree'],
    ['escape-chain-later', [['l', 'a/up/../etc'], ['a/up', '../.']], 'link_escape', 'leads out of the tree'],
    ['escape-chain-case', [['Up', '.'], ['l', 'uP/../x']], 'link_escape', 'leads out of the tree', 'darwin'],
    ['absolute', [['l', '/etc/passwd']], 'link_absolute', 'entry "l": a link\'s target must not be absolute'],
    ['loop', [['l', 'l']], 'link_loop', 'entry "l": a link to "l" goes in a loop'],
    ['loop-two', [['a', 'b'], ['b', 'a']], 'link_loop', 'goes in a loop'],
    ['into-rbe', [['l', '.rbe/state.json']], 'link_reserved', 'entry "l": a link to ".rbe/state.json" leads to what belongs to the updater'],
    ['into-rbe-deep', [['a/l', '../.rbe']], 'link_reserved', 'leads to what belongs to the updater'],
    ['into-rbe-case', [['l', '.Rbe']], 'link_reserved', 'leads to what belongs to the updater', 'darwin'],
    ['to-changes', [['l', 'changes.json']], 'link_reserved', 'leads to what belongs to the updater'],
    ['is-changes', [['changes.json', 'a']], 'reserved', 'entry "changes.json": changes.json and .rbe'],
    ['is-rbe', [['.rbe', 'a']], 'reserved', 'entry ".rbe": changes.json and .rbe'],
    ['target-backslash', [['l', '..\\x']], 'backslash', 'entry "l": a name must not hold a backslash'],
    ['target-drive', [['l', 'C:x']], 'colon', 'entry "l": a name must not hold a drive'],
    ['target-control', [['l', "a\tb"]], 'control', 'entry "l": a name must not hold control characters'],
    ['target-utf8', [['l', "a\xff"]], 'utf8', 'entry "l": a name must be UTF-8'],
    ['target-device', [['l', 'a/NUL']], 'device_name', 'entry "l": CON, NUL, COM1', 'windows'],
    ['below', [['l', 'd'], 'd/x', 'l/y'], 'below', 'entry "l/y": it lies below a path that is a link'],
    ['above', ['l/y', ['l', 'd']], 'below', 'entry "l": it is a link, and other entries lie below it'],
    ['below-case', [['L', 'd'], 'l/y'], 'case', 'are equal but for letter case', 'darwin'],
    ['twice', ['a', ['a', 'b']], 'duplicate', 'entry "a": the archive holds it twice'],
    ['no-target', [['l', '']], 'empty', 'entry "l": a link must have a target'],
);

for my $case (@names) {
    my ($label, $name, $rule, $text, $system) = @$case;
    refuse_as($system // 'any', "name-$label.zip", zip([file('ok', 'x'), file($name, 'y')]), $rule, $text);
}
for my $case (@pairs) {
    my ($label, $names, $rule, $text, $system) = @$case;
    refuse_as($system // 'any', "pair-$label.zip", zip([map { file($_, "in $_") } @$names]), $rule, $text);
}
for my $case (@links) {
    my ($label, $entries, $rule, $text, $system) = @$case;
    my @entries = map { ref ? symlink_to(@$_) : file($_, 'x') } @$entries;
    refuse_as($system // 'any', "link-$label.zip", zip(\@entries), $rule, $text);
}
bad('name-nul.zip', zip([file("a\0b", 'x')]), 'control', 'entry "a\\x00b": a name must not be empty or hold control characters');
bad('name-empty.zip', zip([file('', 'x')]), 'control', 'a name must not be empty');
bad('link-long.zip', zip([symlink_to('l', 'x/' x 2100)]), 'length', 'target must not be longer than 4096 bytes');
bad('device.zip', zip([file('tty', '', mode => 020666)]), 'special', 'entry "tty": devices, pipes and sockets');
bad('fifo.zip', zip([file('pipe', '', mode => 010666)]), 'special', 'entry "pipe": devices, pipes and sockets');
bad('folder-twice.zip', zip([folder('d'), folder('d')]), 'duplicate', 'entry "d": the archive holds it twice');
bad('root-twice.zip', zip([folder('.'), file('a', 'x'), folder('.')]), 'duplicate', 'entry "./": the archive holds it twice');
bad('folder-data.zip', zip([folder('d', data => 'x')]), 'kind', 'entry "d": a directory must not hold data');
bad('folder-mode.zip', zip([file('d', '', mode => 040755)]), 'kind', 'entry "d": its name and its mode disagree');
bad('file-slash.zip', zip([file('f/', '', mode => 0100644)]), 'kind', 'entry "f/": its name and its mode disagree');
bad('entries.zip', zip([map { file("f$_", '', method => 0) } 1 .. 1001]), 'limit_entries', '1001 entries, more than the limit of 1000');
good('entries-at-limit.zip', zip([map { file("f$_", '', method => 0) } 1 .. 1000]));
bad('entries-implied.zip', zip([map { file("a$_/b/c/d", '', method => 0) } 1 .. 300]), 'limit_entries', 'more than the limit of 1000 entries');
{
    my $zeros = "\0" x (33 << 20);
    my $packed = deflate($zeros);
    bad('bomb.zip', zip([map { file("zeros$_", $zeros, packed => $packed) } 1 .. 2]), 'limit_bytes', 'unpacks to more than the limit of 67108864 bytes');
    bad('bomb-lying.zip', zip([map { file("zeros$_", $zeros, packed => $packed, size => 10) } 1 .. 2]), 'broken',
        'entry "zeros1": it unpacks to more than its declared size');
}

# --- tar ------------------------------------------------------------------------------------------------------------------

sub blocks { my $s = shift; return $s . "\0" x (-length($s) % 512) }

# header(name, type, size, more): one ustar header. more: mode, link, prefix, magic, sizefield, sum
sub header {
    my ($name, $type, $size, %o) = @_;
    my $h = pack('a100 a8 a8 a8 a12 a12 a8 a1 a100 a8 a32 a32 a8 a8 a155 a12', $name, sprintf('%07o', $o{mode} // 0644),
        "0000000", "0000000", $o{sizefield} // sprintf('%011o', $size), '14000000000', ' ' x 8, $type, $o{link} // '',
        $o{magic} // "ustar\00000", '', '', "0000001", "0000001", $o{prefix} // '', '');
    my $sum = unpack '%32C*', $h;
    substr($h, 148, 8) = sprintf("%06o\0 ", $sum + ($o{sum} // 0));
    return $h;
}

sub pax {
    my %records = @_;
    my $body = '';
    for my $key (sort keys %records) {
        my $rest = " $key=$records{$key}\n";
        my $len = length($rest) + 1;
        $len++ while length($len) + length($rest) != $len;
        $body .= $len . $rest;
    }
    return header('PaxHeader', 'x', length $body) . blocks($body);
}

sub gnu_long { my ($type, $text) = @_; return header('././@LongLink', $type, length($text) + 1, magic => "ustar  \0") . blocks("$text\0") }

# One entry of any name: ustar when it fits, else pax or GNU as asked.
sub entry {
    my ($name, $type, $data, %o) = @_;
    my $before = '';
    my $how = delete $o{long} // 'pax';
    if (length $name > 100) {
        $before .= $how eq 'pax' ? pax(path => $name) : gnu_long('L', $name);
    }
    if (length($o{link} // '') > 100) {
        $before .= $how eq 'pax' ? pax(linkpath => $o{link}) : gnu_long('K', $o{link});
    }
    return $before . header(substr($name, 0, 100), $type, length $data, %o) . blocks($data);
}
sub tfile { my ($name, $data, %o) = @_; return entry($name, '0', $data, %o) }
sub tfolder { my ($name, %o) = @_; return entry("$name/", '5', '', mode => 0755, %o) }
sub tlink { my ($name, $to, %o) = @_; return entry($name, '2', '', mode => 0777, link => $to, %o) }
sub thard { my ($name, $to, %o) = @_; return entry($name, '1', '', link => $to, %o) }
sub tar { return join('', @_) . "\0" x 1024 }
sub gz { return Compress::Zlib::memGzip(join '', @_) }
sub tgz { return gz(tar(@_)) }

sub through {
    my ($program, $bytes) = @_;
    my $tmp = "$dir/.through";
    open my $out, '>:raw', $tmp or die "$tmp: $!\n";
    print $out $bytes;
    close $out or die "$tmp: $!\n";
    open my $in, '-|:raw', $program, '-q', '-c', $tmp or die "$program: $!\n";
    my $packed = do { local $/; <$in> };
    close $in or die "$program failed\n";
    unlink $tmp;
    return $packed;
}

my $deep = join '/', ("f\xc3\xb6lder with a long name") x 9;
my $ascii_deep = join '/', ('folder with a long name') x 8;
my @ttree = (
    tfolder('.'), tfile('./read me.txt', $text), tfile('./empty', ''), tfolder('./nothing here'), tfile("d\xc3\xafr/n\xc3\xa4me.txt", 'x'),
    tfile('bin/run', "#!/bin/sh\n", mode => 0755), tlink('bin/go', 'run'), tlink('latest', 'bin/go'), tlink('lib/up', '../bin'),
    thard('bin/again', 'bin/run'), thard('hard', './bin/again'), tlink('not-there', 'missing/file'),
    thard('bin/go on', 'bin/go'),
);
my $ttree = tar(@ttree);
good('plain.tar.gz', gz($ttree));
good('plain.tar.xz', through('xz', $ttree));
good('plain.tar.zst', through('zstd', $ttree));
good('members.tar.gz', gz(substr $ttree, 0, 1000) . gz(substr $ttree, 1000));
good('padded.tar.gz', gz($ttree . "\0" x 9216) . "\0" x 700);
good('pax-names.tar.gz', tgz(tfile("$deep/a", 'x'), tlink('l', "$deep/a"), tfile("$deep/b", 'y'),
    pax(path => "e\xcc\x81") . tfile('other', 'z'), pax(linkpath => "e\xcc\x81") . tlink('m', 'other')));
good('gnu-names.tar.gz', tgz(tfile("$deep/a", 'x', long => 'gnu'), tlink('l', "$deep/a", long => 'gnu')));
good('prefix.tar.gz', tgz(header('file', '0', 1, prefix => $ascii_deep =~ s{/[^/]*$}{}r =~ s{^(.{0,150}).*}{$1}sr =~ s{[ /]+$}{}r) . blocks('x')));
good('old-style.tar.gz', tgz(header('old', "\0", 1, magic => '') . blocks('x'), header('dir/', "\0", 0, magic => '')));
good('pax-size.tar.gz', tgz(pax(size => 3) . header('s', '0', 3) . blocks('abc')));
good('sparse.tar.gz', tgz(pax('GNU.sparse.major' => 1, 'GNU.sparse.minor' => 0, 'GNU.sparse.name' => 'holes', 'GNU.sparse.realsize' => 100_000)
    . header('GNUSparseFile.0/holes', '0', 515) . blocks(blocks("2\n50000\n3\n100000\n0\n") . 'abc')));
accept_as('linux', 'case.tar.gz', tgz(tfile('Readme', 'x'), tfile('README', 'y')));

for my $case (@names) {
    my ($label, $name, $rule, $text, $system) = @$case;
    refuse_as($system // 'any', "name-$label.tar.gz", tgz(tfile('ok', 'x'), tfile($name, 'y')), $rule, $text);
}
for my $case (@pairs) {
    my ($label, $names, $rule, $text, $system) = @$case;
    refuse_as($system // 'any', "pair-$label.tar.gz", tgz(map { tfile($_, "in $_") } @$names), $rule, $text);
}
for my $case (@links) {
    my ($label, $entries, $rule, $text, $system) = @$case;
    next if $label eq 'no-target';
    refuse_as($system // 'any', "link-$label.tar.gz", tgz(map { ref ? tlink(@$_) : tfile($_, 'x') } @$entries), $rule, $text);
}
bad("hard-$_->[0].tar.gz", tgz(@{ $_->[1] }), $_->[2] // 'hardlink', $_->[3] // 'a hard link must name a file or link that stands before it') for (
    ['missing', [thard('h', 'nowhere')]],
    ['later', [thard('h', 'a'), tfile('a', 'x')]],
    ['to-link-escape', [tlink('d/l', '../a'), thard('h', 'd/l')], 'link_escape', 'entry "h": a link to "../a" leads out of the tree'],
    ['to-link-loop', [tlink('l', 'h'), thard('h', 'l')], 'link_loop', 'entry "l": a link to "h" goes in a loop'],
    ['to-folder', [tfolder('d'), thard('h', 'd')]],
    ['outside', [thard('h', '/etc/passwd')]],
    ['above', [thard('h', '../../etc/passwd')]],
    ['itself', [thard('h', 'h')]],
    ['case', [tfile('A', 'x'), thard('h', 'a')]],
    ['name', [tfile('a', 'x'), thard('../h', 'a')], 'traversal', 'entry "../h": a name must not hold ".."'],
    ['twice', [tfile('a', 'x'), thard('a', 'a')], 'duplicate', 'entry "a": the archive holds it twice'],
);
bad("special-$_->[0].tar.gz", tgz(header('dev', $_->[1], 0)), 'special', 'entry "dev": devices, pipes and sockets') for (
    ['char', '3'], ['block', '4'], ['fifo', '6']);
bad('folder-twice.tar.gz', tgz(tfolder('d'), tfolder('d')), 'duplicate', 'entry "d": the archive holds it twice');
bad('root-twice.tar.gz', tgz(tfolder('.'), tfile('a', 'x'), tfolder('.')), 'duplicate', 'entry "./": the archive holds it twice');
bad('root-link.tar.gz', tgz(tlink('./', '..')), 'empty', 'a name must not be empty');
bad('empty.tar.gz', tgz(), 'empty', 'no entries');
bad('no-tar.tar.gz', gz('just a text, but long enough to be one' x 40), 'broken', 'the archive is damaged');
bad('no-tar.tar.xz', through('xz', 'just a text' x 400), 'broken', 'the archive is damaged');
bad('no-end.tar.gz', gz(tfile('a', 'x')), 'truncated', 'its end mark is missing');
bad('half-end.tar.gz', gz(tfile('a', 'x') . "\0" x 512), 'truncated', 'its end mark is missing');
bad('cut-entry.tar.gz', gz(substr tfile('a', 'x' x 5000), 0, 3000), 'broken', 'the archive is damaged');
good('padding.tar.gz', gz($ttree . "\0" x (15 << 20)));
bad('padding-endless.tar.gz', gz($ttree . "\0" x (17 << 20)), 'trailing', 'other data follows the end of the tar');
bad('behind-end.tar.gz', tgz(tfile('a', 'x'), "\0" x 1024, tfile('hidden', 'y')), 'trailing', 'other data follows the end of the tar');
bad('checksum.tar.gz', tgz(header('a', '0', 1, sum => 1) . blocks('x')), 'broken', 'the archive is damaged');
bad('checksum-second.tar.gz', tgz(tfile('a', 'x'), header('b', '0', 1, sum => 1) . blocks('x')), 'broken', 'the archive is damaged');
bad('huge-size.tar.gz', tgz(header('a', '0', 0, sizefield => "\x80\0\0\0\0\0\x7f\xff\xff\xff\xff\xff") . blocks('x')), 'broken', 'the archive is damaged');
bad('negative-size.tar.gz', tgz(header('a', '0', 0, sizefield => "\xff" x 12)), 'broken', 'the archive');
my $gz = gz($ttree);
bad('cut.tar.gz', substr($gz, 0, -20), 'broken', 'the gzip stream ends early');
bad('cut-trailer.tar.gz', substr($gz, 0, -4), 'broken', 'the gzip stream ends early');
bad('gzip-crc.tar.gz', substr($gz, 0, -8) . 'CRC!' . substr($gz, -4), 'broken', 'the gzip stream is damaged');
bad('gzip-length.tar.gz', substr($gz, 0, -4) . 'LEN!', 'broken', 'the gzip stream is damaged');
bad('behind-gzip.tar.gz', $gz . 'junk', 'broken', 'the gzip stream is damaged');
bad('behind-padding.tar.gz', $gz . "\0\0\0junk", 'broken', 'other data follows the gzip stream');
my $xz = through('xz', $ttree);
bad('cut.tar.xz', substr($xz, 0, -20), 'broken', 'the archive is damaged');
bad('damaged.tar.xz', do { my $x = $xz; substr($x, length($x) / 2, 2) ^= "\xff\xff"; $x }, 'broken', 'the archive is damaged');
bad('behind.tar.xz', $xz . 'junkjunk', 'broken', 'the archive is damaged');
bad('twice.tar.xz', through('xz', $xz), 'broken', 'the archive is not a tar.xz');
my $zst = through('zstd', $ttree);
bad('cut.tar.zst', substr($zst, 0, -20), 'broken', 'the archive is damaged');
bad('checksum.tar.zst', substr($zst, 0, -4) . 'SUM!', 'broken', 'the archive is damaged');
bad('behind.tar.zst', $zst . 'junkjunk', 'broken', 'the archive is damaged');
bad('entries.tar.gz', tgz(map { tfile("f$_", '') } 1 .. 1001), 'limit_entries', 'more than the limit of 1000 entries');
bad('entries-implied.tar.gz', tgz(map { tfile("a$_/b/c/d", '') } 1 .. 300), 'limit_entries', 'more than the limit of 1000 entries');
bad('sparse-parts.tar.gz', tgz(pax('GNU.sparse.major' => 1, 'GNU.sparse.minor' => 0, 'GNU.sparse.name' => 'holes', 'GNU.sparse.realsize' => 9)
    . header('GNUSparseFile.0/holes', '0', 4_000_520) . blocks("1000001\n" . "0\n0\n" x 1_000_128)), 'limit_memory', 'a sparse file of more than 1000000 parts');
bad('names.tar.gz', tgz(map { my $n = $_; tfile(join('/', map { $_ x 200 } 'a' .. 'o') . "/$n", '') } 1 .. 320), 'limit_names',
    'names are too long altogether');
bad('names-implied.tar.gz', tgz(tfile(join('/', ('ab') x 990, 'f'), '')), 'limit_names', 'names are too long altogether');
bad('names-links.tar.gz', tgz(map { tlink("l$_", 'x/' x 1500) } 1 .. 400), 'limit_names', 'names are too long altogether');
bad('bomb.tar.gz', tgz(tfile('zeros', "\0" x (65 << 20))), 'limit_bytes', 'unpacks to more than the limit of 67108864 bytes');
bad('bomb-hard.tar.gz', tgz(tfile('zeros', "\0" x (10 << 20)), map { thard("h$_", 'zeros') } 1 .. 6), 'limit_bytes', 'unpacks to more than the limit');
bad('bomb-sparse.tar.gz', tgz(pax('GNU.sparse.major' => 1, 'GNU.sparse.minor' => 0, 'GNU.sparse.name' => 'holes', 'GNU.sparse.realsize' => 1 << 45)
    . header('GNUSparseFile.0/holes', '0', 512) . blocks("0\n")), 'limit_bytes', 'unpacks to more than the limit');

bad('file-slash-data.tar.gz', tgz(header('d/', '0', 512) . header('hidden', '0', 0)), 'kind', 'entry "d": a directory must not hold data');
bad('file-slash-data-v7.tar.gz', tgz(header('d/', "\0", 512, magic => '') . header('hidden', '0', 0)), 'kind',
    'entry "d": a directory must not hold data');
# header() with other bytes at a place, and the checksum of them.
sub patched {
    my ($at, $bytes, @header) = @_;
    my $h = header(@header);
    substr($h, $at, length $bytes) = $bytes;
    substr($h, 148, 8) = ' ' x 8;
    substr($h, 148, 8) = sprintf "%06o\0 ", unpack '%32C*', $h;
    return $h;
}
bad("number-$_->[0].tar.gz", tgz(tfile('a', 'x'), patched(@$_[1, 2], 'b', '0', 1) . blocks('y'), tfile('c', 'z')), 'broken',
    'a number in a tar header is none') for (['mode', 100, '000x644'], ['user', 108, '0000/00'], ['group', 116, "00 0000\0"],
    ['size', 124, '0000000001Z'], ['time', 136, "1400.0000000"], ['device', 329, '00008'],
    ['large-user', 108, "\x80\0\0\1\0\0\0\0"], ['negative-group', 116, "\xff" x 8], ['large-time', 136, "\x80\0\0\1" . "\0" x 8]);
good('numbers.tar.gz', tgz(patched(100, '   644 ', 'a', '0', 1) . blocks('x'), patched(108, "\0" x 16, 'b', '0', 1) . blocks('y'),
    patched(136, "\x80\0\0\0\0\0\0\0\x01\x02\x03\x04", 'c', '0', 1) . blocks('z'), patched(136, "\xff" x 12, 'd', '0', 0)));
# What readers take differently.
bad("ambiguous-$_->[0].tar.gz", tgz(@{ $_->[1] }), 'ambiguous', $_->[2]) for (
    ['global-path', [header('g', 'g', 16) . blocks("16 path=evil.sh\n"), tfile('a', 'x')], 'a global pax header says more'],
    ['global-size', [header('g', 'g', 9) . blocks("9 size=0\n"), tfile('a', 'x')], 'a global pax header says more'],
    ['pax-path-twice', [header('x', 'x', 20) . blocks("10 path=b\n10 path=c\n"), tfile('a', 'x')], 'says the same twice'],
    ['two-pax', [pax(path => 'b'), pax(path => 'c'), tfile('a', 'x')], 'two headers of one kind'],
    ['two-gnu-names', [gnu_long('L', 'b'), gnu_long('L', 'c'), tfile('a', 'x')], 'two headers of one kind'],
    ['pax-and-gnu', [gnu_long('L', 'b'), pax(path => 'c'), tfile('a', 'x')], 'named by two extended headers'],
    ['link-pax-and-gnu', [gnu_long('K', 'b'), pax(linkpath => 'c'), tlink('l', 'x')], 'named by two extended headers'],
    ['pax-nul', [pax(path => "a\0b"), tfile('a', 'x')], 'a name holds a NUL'],
    ['gnu-nul', [gnu_long('L', "a\0b"), tfile('a', 'x')], 'a name holds a NUL'],
    ['pax-size', [pax(size => '1x'), tfile('a', 'x')], 'size is no number'],
    ['pax-malformed', [header('x', 'x', 9) . blocks("99 path=b"), tfile('a', 'x')], 'malformed'],
    ['link-with-data', [header('l', '2', 512, link => 'a') . header('hidden', '0', 0)], 'has data'],
    ['folder-with-data', [header('d/', '5', 512) . header('hidden', '0', 0)], 'has data'],
    ['hard-with-data', [tfile('a', 'x'), header('h', '1', 512, link => 'a') . header('hidden', '0', 0)], 'has data'],
    ['unknown-type', [header('a', 'Q', 0)], 'of an unknown type'],
    ['volume-part', [header('a', 'M', 512) . blocks('x')], 'of an unknown type'],
    ['huge-pax', [header('x', 'x', (1 << 20) + 512) . ("\0" x ((1 << 20) + 512)), tfile('a', 'x')], 'larger than 1 MiB'],
);

close $index or die "$dir/index.tsv: $!\n";
