#!/bin/bash
# Runs a command on the machine of a client: this machine with another /etc, home and install root, whose changes are dropped afterwards.
# Usage: unshare --mount enter.sh COMMAND [ARGUMENT...], with UPSTREAM_CLIENT set to the folder that client-machine.ts has filled.
set -eu

rw=$UPSTREAM_CLIENT/rw
mount -t tmpfs tmpfs "$rw"
changes() { # prints the options for changes of an overlay
  mkdir "$rw/$1" "$rw/$1-work"
  printf 'upperdir=%s,workdir=%s' "$rw/$1" "$rw/$1-work"
}
mount -t overlay overlay -o "lowerdir=$UPSTREAM_CLIENT/root,$(changes root)" "$UPSTREAM_CLIENT/root"
mount -t overlay overlay -o "lowerdir=$UPSTREAM_CLIENT/home:/root,$(changes home)" /root
mount -t overlay overlay -o "lowerdir=$UPSTREAM_CLIENT/share:/usr/share" /usr/share
mount -t overlay overlay -o "lowerdir=$UPSTREAM_CLIENT/programs:/usr/bin" /usr/bin
mount -t overlay overlay -o "lowerdir=$UPSTREAM_CLIENT/etc:/etc,$(changes etc)" /etc
exec "$@"
