# tests/http/0090-fresh.t with ten thousand publishes.
use strict;
use warnings;

$ENV{RBE_ROUNDS} = 10000;
do './tests/http/0090-fresh.t' or die $@ || $!;
