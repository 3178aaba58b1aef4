use Test::More tests => 1;
use XS::Module;
is(XS::Module::answer(), 42);
