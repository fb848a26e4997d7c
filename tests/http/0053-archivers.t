# What other programs pack is taken: each archiver that is installed here packs the same tree, which is published, downloaded
# and unpacked again. RBE_LONG also asks Go, which compiles first.
use strict;
use warnings;
use lib 'tests/lib';
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Rbe::Test;
use Test::More;

my $work = tempdir('rbe-archivers-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $tree = "$work/tree";
Rbe::Test::make_tree($tree, {
    'bin/run' => "#!/bin/sh\necho run\n", 'read me.txt' => join('', map { "line $_\n" } 1 .. 3000), 'empty' => '',
    "d\xc3\xafr/n\xc3\xa4me \xe6\xbc\xa2.txt" => 'x', 'data.bin' => join('', map { chr($_ * 7919 % 251) } 1 .. 200_000),
    join('/', ('a folder with a rather long name') x 5) . '/file' => 'deep',
});
# Links where the archiver keeps them.
my $linked = "$work/linked";
run('cp', '-a', $tree, $linked);
symlink 'run', "$linked/bin/go" or die;
symlink '../bin', "$linked/d\xc3\xafr/up" or die;
link "$linked/bin/run", "$linked/bin/same" or die;
make_path("$linked/nothing here");

sub has { return (run('sh', '-c', "command -v $_[0]"))[0] == 0 && ($_[0] ne 'python3' || (run('python3', '-c', 'import zipfile'))[0] == 0) }

spew("$work/pack.py", <<'PY');
import os, sys, zipfile
how, out = sys.argv[1:]
class Pipe:                                 # cannot seek: sizes go behind the data
    def __init__(self, f): self.f = f
    def write(self, b): return self.f.write(b)
    def flush(self): self.f.flush()
with open(out, 'wb') as f:
    kind = zipfile.ZIP_STORED if how == 'stored' else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(Pipe(f) if 'pipe' in how else f, 'w', kind) as z:
        z.comment = b'a comment'
        for top, dirs, files in os.walk('.'):
            for name in sorted(files):
                path = os.path.join(top, name)
                info = zipfile.ZipInfo.from_file(path, os.path.relpath(path))
                info.compress_type = kind
                with open(path, 'rb') as src, z.open(info, 'w', force_zip64='64' in how) as to:
                    to.write(src.read())
PY
spew("$work/pack.go", <<'GO');
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	out, err := os.Create(os.Args[2])
	must(err)
	z, g := zip.NewWriter(out), gzip.NewWriter(out)
	t := tar.NewWriter(g)
	must(filepath.Walk(".", func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		in, err := os.Open(path)
		must(err)
		var to io.Writer = t
		if os.Args[1] == "zip" {
			h, err := zip.FileInfoHeader(info)
			must(err)
			h.Name, h.Method = path, zip.Deflate
			to, err = z.CreateHeader(h)
			must(err)
		} else {
			h, err := tar.FileInfoHeader(info, "")
			must(err)
			h.Name = path
			must(t.WriteHeader(h))
		}
		_, err = io.Copy(to, in)
		return err
	}))
	if os.Args[1] == "zip" {
		must(z.Close())
	} else {
		must(t.Close())
		must(g.Close())
	}
	must(out.Close())
}
GO

# [label, program, tree, type, shell commands in the tree with the archive as $1, as $2 the directory of helpers]
my @makers = (
    ['Info-ZIP', 'zip', $linked, 'zip', 'zip -qyr "$1" .'],
    ['Info-ZIP without attributes', 'zip', $linked, 'zip', 'zip -qXyr "$1" *'],
    ['Info-ZIP streaming', 'zip', $tree, 'zip', 'zip -qr - . >"$1"'],
    ['Info-ZIP with descriptors', 'zip', $tree, 'zip', 'zip -qrfd "$1" .'],
    ['Info-ZIP with zip64', 'zip', $tree, 'zip', 'zip -qrfz "$1" .'],
    ['Info-ZIP, updated', 'zip', $tree, 'zip', 'zip -qr "$1" bin; zip -qr "$1" . -z </dev/null'],
    ['Python', 'python3', $tree, 'zip', 'python3 "$2/pack.py" deflated "$1"'],
    ['Python, stored', 'python3', $tree, 'zip', 'python3 "$2/pack.py" stored "$1"'],
    ['Python, zip64', 'python3', $tree, 'zip', 'python3 "$2/pack.py" 64 "$1"'],
    ['Python into a pipe', 'python3', $tree, 'zip', 'python3 "$2/pack.py" pipe "$1"'],
    ['Python into a pipe, zip64', 'python3', $tree, 'zip', 'python3 "$2/pack.py" pipe64 "$1"'],
    ['7z', '7z', $tree, 'zip', '7z a -bd -y "$1" . >/dev/null'],
    ['7z, strongest', '7z', $tree, 'zip', '7z a -bd -y -mx=9 -mcu=on "$1" . >/dev/null'],
    ['jar', 'jar', $tree, 'zip', 'LC_ALL=C.UTF-8 jar -c -M -f "$1" .'],
    ['jar with a manifest, stored', 'jar', $tree, 'zip', 'LC_ALL=C.UTF-8 jar -c -0 -f "$1" .', 1],
    ['bsdtar', 'bsdtar', $linked, 'zip', 'bsdtar -c --format zip -f "$1" *'],
    ['bsdtar', 'bsdtar', $linked, 'tar.gz', 'bsdtar -czf "$1" .'],
    ['bsdtar, pax', 'bsdtar', $linked, 'tar.gz', 'bsdtar -cz --format pax -f "$1" .'],
    ['bsdtar, gnutar', 'bsdtar', $linked, 'tar.gz', 'bsdtar -cz --format gnutar -f "$1" .'],
    ['bsdtar', 'bsdtar', $linked, 'tar.xz', 'bsdtar -cJf "$1" .'],
    (map { my $f = $_; ["GNU tar, $f", 'tar', $linked, 'tar.gz', "tar --format=$f -czf \"\$1\" ."] } qw(gnu posix ustar oldgnu)),
    ['GNU tar, sparse', 'tar', $linked, 'tar.gz', 'tar --sparse -czf "$1" .'],
    ['GNU tar, pax sparse', 'tar', $linked, 'tar.gz', 'tar --format=posix --sparse -czf "$1" .'],
    ['GNU tar', 'tar', $linked, 'tar.xz', 'tar -cJf "$1" .'],
    ['GNU tar', 'tar', $linked, 'tar.zst', 'tar --zstd -cf "$1" .'],
    ['GNU tar, in two gzip members', 'tar', $linked, 'tar.gz', 'tar -cf - . | { head -c 100000 | gzip; cat | gzip; } >"$1"'],
    ['git', 'git', $tree, 'tar.gz', 'cp -a . "$2/repo" && cd "$2/repo" && git init -q . && git add -A && git -c user.name=a '
        . '-c user.email=a@b commit -qm x && git archive --format=tar.gz -o "$1" HEAD'],
    ['git', 'git', $tree, 'zip', 'cd "$2/repo" && git archive --format=zip -o "$1" HEAD'],
    ($ENV{RBE_LONG} ? (['Go', 'go', $tree, 'zip', 'GO111MODULE=off go run "$2/pack.go" zip "$1"'],
        ['Go', 'go', $tree, 'tar.gz', 'GO111MODULE=off go run "$2/pack.go" tar "$1"']) : ()),
);

# unzip takes the UTF-8 names of a jar for those of a code page.
my %unpack = (zip => has('bsdtar') ? ['bsdtar', '-xf'] : ['unzip', '-q'], map({ ("tar.$_" => ['tar', '-xf']) } qw(gz xz zst)));

each_host {
    my $rbe = shift;
    my $n = 0;
    $rbe->create('app');
    for my $maker (@makers) {
        my ($label, $program, $dir, $type, $script, $more) = @$maker;
        my $what = "$label, $type";
        SKIP: {
            skip "$program is not installed", 3 if !has($program);
            my $file = "$work/" . ++$n . ".$type";
            my ($status, $out, $err) = run({dir => $dir}, 'sh', '-ec', $script, 'sh', $file, $work);
            is $status, 0, "$what: made" or diag $out . $err;
            my $r = $rbe->publish('app', version_name => "1.$n.0", system => 'linux', file => $file);
            is $r->{status}, 201, "$what: taken" or diag $r->{content};
            my $got = "$work/got$n";
            make_path($got);
            my $url = $rbe->get('/resources/app/latest?system=linux')->{json}{data}{download_url};
            spew("$file.got", $rbe->get($url)->{content});
            run({dir => $got, env => {LC_ALL => 'C.UTF-8'}}, @{$unpack{$type}}, "$file.got");
            my ($tree, $back) = (tree_of($dir), tree_of($got));
            delete @$back{grep { $more && /^META-INF/ } keys %$back};
            # Some keep no directories or modes.
            is_deeply {map { $_ => $back->{$_}[2] } grep { $back->{$_}[0] ne 'd' } keys %$back},
                {map { $_ => $tree->{$_}[2] } grep { $tree->{$_}[0] ne 'd' } keys %$tree}, "$what: the same tree";
        }
    }
} only => ['lighttpd'];

done_testing;
