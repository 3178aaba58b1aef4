#!/usr/bin/perl
use v5.10;
use warnings;
use Getopt::Long qw(GetOptions);
use JSON::PP ();

GetOptions('name=s' => \my $name);
say JSON::PP->new->canonical->encode({ name => $name // 'none' });

=head1 NAME

perl-script - prints JSON

=cut
