# A short form of `make check-hosts`: what a host can spoil - paths, tokens, bodies, ranges, errors - behind lighttpd.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Short;

Rbe::Short::run(qr/^lighttpd/);
