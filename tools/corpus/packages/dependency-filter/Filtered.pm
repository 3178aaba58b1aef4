package Filtered;
use strict;
our $VERSION = '1.0';
require Private::Thing if 0;
use Private::Other () ;
use Carp;
package Private::Part;
1;
