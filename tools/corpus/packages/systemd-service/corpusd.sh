#!/usr/bin/sh
exec sleep infinity
