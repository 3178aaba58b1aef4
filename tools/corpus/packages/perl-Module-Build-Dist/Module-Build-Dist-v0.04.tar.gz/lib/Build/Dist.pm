package Build::Dist;
use strict;
our $VERSION = '0.04';

sub fail { die "broken\n" }

1;

=head1 NAME

Build::Dist - fails
