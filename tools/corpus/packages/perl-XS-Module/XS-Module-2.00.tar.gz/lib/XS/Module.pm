package XS::Module;
use strict;
use XSLoader;
our $VERSION = '2.00';
XSLoader::load('XS::Module', $VERSION);
1;
