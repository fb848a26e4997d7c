# Uploads while the machine or the inspector fails: the answer says whose fault it is, workers live on, nothing is left behind.
use strict;
use warnings;
use lib 'tests/lib';
use Cwd qw(abs_path);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Rbe::Test;
use Test::More;

# A file system of its own for the tests of a full disk, gone with this process.
if ($> == 0 && !$ENV{RBE_OWN_MOUNTS} && (run('unshare', '-m', 'true'))[0] == 0) {
    $ENV{RBE_OWN_MOUNTS} = 1;
    exec 'unshare', '-m', $^X, '-Itests/lib', $0;
}

my $real = build_dir();

# The programs, with a script in place of the inspector.
sub build_with {
    my ($dir) = @_;
    make_path("$dir/bin", "$dir/cgi-bin", "$dir/libexec/rbe");
    for my $file (glob "$real/bin/* $real/cgi-bin/*") {
        my $to = $dir . substr $file, length $real;
        link $file, $to or copy($file, $to) && chmod 0755, $to or die "$file: $!";
    }
    symlink "$real/share", "$dir/share" or die $!;
}

sub helper {
    my ($dir, $script) = @_;
    unlink "$dir/libexec/rbe/rbe-inspect";
    return if !defined $script;
    spew("$dir/libexec/rbe/rbe-inspect", "#!/bin/sh\n$script\n");
    chmod 0755, "$dir/libexec/rbe/rbe-inspect" or die;
}

sub left { my $rbe = shift; return [glob "$rbe->{data}/packages/p/* $rbe->{data}/tmp/*"] }

{
    my $dir = tempdir('rbe-build-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $dir;
    build_with($dir);
    helper($dir, 'exit 0');
    local $ENV{RBE_BUILD} = $dir;
    each_host {
        my $rbe = shift;
        $rbe->create('app');
        my $zip = $rbe->zip_of({a => 'b'});
        my @workers = sort $rbe->worker_pids('admin.fcgi');
        for my $case (
            ['kill -SEGV $$', 400, 1001, qr/killed by SIGSEGV/], ['kill -SYS $$', 400, 1001, qr/killed by SIGSYS/],
            ['kill -XCPU $$', 400, 1001, qr/takes too much time/], ['kill -BUS $$', 400, 1001, qr/killed by SIGBUS/],
            ['exit 127', 500, -1, qr/^internal error$/],
            ['kill -KILL $$', 503, -1, qr/^temporarily unavailable$/], ['kill -TERM $$', 503, -1, qr/^temporarily/],
            ['exit 4', 500, -1, qr/^internal error$/], ['echo nonsense', 500, -1, qr/^internal error$/],
            [undef, 503, -1, qr/^temporarily/, 'no inspector'],
        ) {
            my ($script, $status, $code, $text, $what) = @$case;
            helper($dir, $script);
            my $r = $rbe->publish('app', version_name => '1.0.0', file => $zip);
            $what //= $script;
            is_deeply [$r->{status}, $r->{json}{code}], [$status, $code], $what or diag $r->{content};
            like $r->{json}{msg}, $text, "$what: the reason";
            is_deeply left($rbe), [], "$what: nothing is left";
        }
        if ($rbe->{pid}) {
            is_deeply [sort $rbe->worker_pids('admin.fcgi')], \@workers, 'no worker died';
        }
        copy("$real/libexec/rbe/rbe-inspect", "$dir/libexec/rbe/rbe-inspect");
        chmod 0755, "$dir/libexec/rbe/rbe-inspect";
        is $rbe->publish('app', version_name => '1.0.0', file => $zip)->{status}, 201, 'and then it goes on';
    };
}

# No process can be forked: a limit on the processes of the user the server runs as, which root has not.
SKIP: {
    skip 'needs root, to be another user', 1 if $> != 0;
    each_host {
        my $rbe = shift;
        $rbe->create('app');
        my $zip = $rbe->zip_of({a => 'b'});
        my @workers = $rbe->worker_pids('admin.fcgi');
        skip 'no worker to be found without /proc', 1 if !@workers;
        my @as = qw(setpriv --reuid=45678 --regid=45678 --clear-groups prlimit);
        is((run(@as, "--pid=$_", '--nproc=1:'))[0], 0, 'limited') for @workers;
        my $r = $rbe->publish('app', version_name => '1.0.0', file => $zip);
        is_deeply [$r->{status}, $r->{json}{code}], [503, -1], 'a fork that fails' or diag $r->{content};
        is_deeply left($rbe), [], 'leaves nothing';
        is((run(@as, "--pid=$_", '--nproc=1000:'))[0], 0, 'unlimited') for @workers;
        is $rbe->publish('app', version_name => '1.0.0', file => $zip)->{status}, 201, 'and then it goes on';
    } only => ['lighttpd'], prepare => sub {
        my $rbe = shift;
        chmod 0755, $rbe->{dir};
        chown 45678, 45678, $rbe->{data} or die "chown: $!";
        Rbe::Host::reach($rbe, 45678);
    };
}

# A full disk. The web server keeps a body before the program gets it, elsewhere if it has to, so the program is the one to say so.
SKIP: {
    skip 'needs root and a file system of its own', 1 if !$ENV{RBE_OWN_MOUNTS};
    each_host {
        my $rbe = shift;
        $rbe->create('app');
        $rbe->create('blob', update_type => 'full');
        my $small = $rbe->zip_of({a => 'b'});
        srand 7;
        my $block = join '', map { chr int rand 256 } 1 .. 1 << 16;
        my $r = $rbe->publish('blob', version_name => '1.0.0', bytes => $block x (24 * 16));
        is $r->{status}, 507, 'more than the disk holds';
        is $r->{json}{code}, -1, 'as JSON' or diag $r->{content};
        is_deeply left($rbe), [], 'nothing is left';
        is $rbe->publish('app', version_name => '1.0.0', file => $small)->{status}, 201, 'and then it goes on';

        # Files that hold what was left: rows, too, need room.
        my $fill = "$rbe->{data}/fill";
        open my $fh, '>:raw', $fill or die $!;
        1 while syswrite $fh, $block;
        1 while syswrite $fh, 'x' x 512;
        close $fh;
        $r = $rbe->publish('app', version_name => '2.0.0', file => $small);
        ok $r->{status} >= 500 && $r->{json}{code} == -1, "nothing is free at all: $r->{status}" or diag $r->{content};
        unlink $fill;
        is $rbe->publish('app', version_name => '2.0.0', file => $small)->{status}, 201, 'and then it goes on';
        my ($ok, $out) = $rbe->admin('verify');
        is $ok, 0, 'database and disk agree' or diag $out;
        $rbe->stop;
        is((run('umount', '-l', $rbe->{data}))[0], 0);
    } prepare => sub {
        my $rbe = shift;
        is((run('mount', '-t', 'tmpfs', '-o', 'size=24m', 'rbe-test', $rbe->{data}))[0], 0, 'a disk of 24 MiB');
    };
}

# Packages on a disk of their own, where what is complete cannot be renamed to.
SKIP: {
    skip 'needs root and a file system of its own', 1 if !$ENV{RBE_OWN_MOUNTS};
    my $rbe = Rbe::Test->start(host => 'cgi');
    is((run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'rbe-test', "$rbe->{data}/packages/p"))[0], 0, 'a disk for packages');
    my ($status, $out) = $rbe->admin('config', 'check');
    is $status, 1, 'config check';
    like $out, qr/^bad\s+storage\s.*packages\/p and tmp are on two file systems/m, 'says so';
    $rbe->create('app', update_type => 'full');
    is $rbe->publish('app', version_name => '1.0.0', bytes => 'x')->{status}, 500, 'a publish fails';
    is_deeply left($rbe), [], 'and leaves nothing';
    is((run('umount', '-l', "$rbe->{data}/packages/p"))[0], 0);
}

done_testing;
