# A short form of `make check-hosts`: what a host can spoil - paths, tokens, bodies, ranges, errors - behind nginx.
use strict;
use warnings;
use lib 'tests/lib';
use Rbe::Short;

Rbe::Short::run(qr/^nginx/);
