#!/usr/bin/perl
use Not::There;
