# Other releases than this machine's: in an empty root of each, bootstrap installs what it says is needed, all is built, every test
# of `make check` passes, and what is installed answers.
use strict;
use warnings;
use lib 'tests/lib';
use File::Temp qw(tempdir);
use Rbe::Root qw(copy_source make_root needs);
use Rbe::Shell;
use Test::More;

needs('unshare');
my $dir = tempdir(CLEANUP => 1);

for my $suite (grep { $_ ne Rbe::Root::own_suite() } qw(bookworm trixie noble)) {
    subtest $suite => sub {
        if (my $missing = Rbe::Root::missing($suite)) { plan skip_all => $missing }
        make_root("$dir/$suite", $suite);
        copy_source("$dir/$suite/root/rbe");
        # Its processes are seen in it, and only while one of these commands runs.
        my $shell = Rbe::Shell->new(home => '/root/rbe', root => "$dir/$suite",
            before => ['unshare', '-m', 'sh', '-c', 'mount -t proc proc "$0/proc" && exec "$@"', "$dir/$suite"]);
        $shell->does('bootstrap check', './bootstrap check');
        $shell->does('make install', 'make -s install && rbe-admin init && rbe-admin config check');
        like $shell->does('an answer', 'REQUEST_METHOD=GET PATH_INFO=/health SCRIPT_NAME= REMOTE_ADDR=127.0.0.1 GATEWAY_INTERFACE=CGI/1.1 '
            . '/usr/local/cgi-bin/admin.fcgi </dev/null'), qr/"status":"ok"/, 'it answers';
    };
}
done_testing;
