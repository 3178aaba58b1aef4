use strict;
use warnings;
use Test::More tests => 1;
use MakeMaker::Module;
is(MakeMaker::Module::total(1, 2), 3);
