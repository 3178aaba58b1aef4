#!/usr/bin/sh
echo application
