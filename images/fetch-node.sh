#!/bin/sh
# Fetches the Node that package-lock.json pins, and checks it against the lock file's digest.
# Usage: fetch-node.sh PACKAGE-LOCK FOLDER
set -eu
lock=$1 into=$2
case $(uname -m) in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) echo "No Node is pinned for $(uname -m)" >&2; exit 1 ;; esac
name=node-linux-$arch
entry=$(sed -n "/\"node_modules\/$name\": {/,/}/p" "$lock")
version=$(printf '%s\n' "$entry" | sed -n 's/.*"version": "\(.*\)".*/\1/p')
integrity=$(printf '%s\n' "$entry" | sed -n 's/.*"integrity": "sha512-\(.*\)".*/\1/p')
registry=${NPM_CONFIG_REGISTRY:-https://registry.npmjs.org}
[ ! -s /run/secrets/ca-bundle ] || export CURL_CA_BUNDLE=/run/secrets/ca-bundle

fetch() { # name, version, sha512 in base64, file
  curl --fail --silent --show-error --location --retry 3 --output "$4" "${registry%/}/$1/-/$1-$2.tgz"
  printf '%s  %s\n' "$(printf '%s' "$3" | base64 -d | od -An -vtx1 | tr -d ' \n')" "$4" | sha512sum --check --quiet
}

mkdir -p "$into"
fetch "$name" "$version" "$integrity" /build/node.tgz
tar -xzf /build/node.tgz --directory "$into" --strip-components=2 package/bin/node
chmod 0755 "$into/node"
# npm does not become part of the image: only its build needs npm, to install packages.
fetch npm 11.6.2 7iKzNfy8lWYs3zq4oFPa8EXZz5xt9gQNKJZau3B1ErLBb6bF7sBJ00x09485DOvRT2l5Gerbl3VlZNT57MxJVA== /build/npm.tgz
tar -xzf /build/npm.tgz --directory /build
rm /build/node.tgz /build/npm.tgz
