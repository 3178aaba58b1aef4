#!/bin/sh
# Installs the npm packages of a folder; if npm fails, prints the cause.
# Usage: install-npm-packages.sh DIR COMMAND...   (COMMAND: ci, or install with its options)
set -eu

dir=$1
shift
# `npm ci` replaces the folder that contains the pinned Node, so it runs on the machine's own Node. Other commands run on
# the pinned Node: npm skips bindings that do not support the Node on which it runs, and those of the linters do not
# support Debian 12's.
[ "$1" != ci ] || PATH=$(printf '%s' "$PATH" | tr : '\n' | grep -v /node_modules/ | paste -sd :)
say() { printf '%s\n' "$*" >&2; }

command -v npm >/dev/null 2>&1 || {
  say 'Cannot install npm packages: npm is missing. Install it (Debian, Ubuntu: apt-get install npm; Fedora, RHEL: dnf install nodejs-npm) and run make again.'
  exit 1
}
# Node 18, the version of Debian 12, is the oldest whose npm was tested. Only npm runs on it: the system installs its
# own Node.
major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p')
[ "${major:-0}" -ge 18 ] || {
  say "Cannot install npm packages: npm runs on Node $(node --version 2>/dev/null || echo '(none)'), and 18 is the oldest that works. Install a newer nodejs and run make again."
  exit 1
}

output=$(mktemp)
trap 'rm -f "$output"' EXIT
cd "$dir"
# An unreachable registry is reported within seconds: npm's own delays add up to more than a minute.
code=0
npm "$@" --no-progress --loglevel=warn --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=4000 >"$output" 2>&1 || code=$?
# If npm cannot write a file, it only warns, and succeeds.
if [ "$code" = 0 ]; then
  grep -q TAR_ENTRY_ERROR "$output" || exit 0
fi

grep -vi 'npm warn EBADENGINE' "$output" >&2
registry=$(npm config get registry)
has() { grep -qE "$1" "$output"; }
if has 'SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF|CERT_[A-Z_]+|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED|self[- ]signed certificate|unable to (get|verify)'; then
  say "npm does not trust the certificate of $registry: behind a proxy that opens TLS, add its CA to the system (Debian: copy it to /usr/local/share/ca-certificates/NAME.crt and run update-ca-certificates; Fedora: /etc/pki/ca-trust/source/anchors/ and update-ca-trust), run 'npm config set cafile FILE' if npm still refuses, and run make again."
elif has 'ENOSPC|no space left'; then
  say "The disk is full: npm needs about 700 MB in $(pwd) and 300 MB in its cache $(npm config get cache); free: $(df -hP . | awk 'NR == 2 { print $4 }') and $(df -hP "$(npm config get cache)" 2>/dev/null | awk 'NR == 2 { print $4 }'). Free some and run make again."
elif has 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR|network'; then
  say "npm cannot reach $registry: check this machine's network; behind a proxy, export HTTPS_PROXY=http://PROXY:PORT; with a mirror of your own, 'npm config set registry URL'. Then run make again."
elif has 'EACCES|EPERM|EROFS'; then
  say "npm may not write to $(pwd) or to its cache $(npm config get cache): see the path above, give it to $(id -un), and run make again."
else
  say "npm $(npm --version) failed with exit code $code; its error is above. Fix its cause and run make again."
fi
exit 1
