#!/bin/sh
# Installs the production dependencies of the workspace, exactly those of the lock file, and removes files that no program reads.
# Usage: npm-packages.sh FOLDER-OF-PACKAGE.JSON
set -eu
cd "$1"
node=$1/../../usr/local/bin/node
[ ! -s /run/secrets/ca-bundle ] || export NODE_EXTRA_CA_CERTS=/run/secrets/ca-bundle
# The optional packages are Node, which is already installed, and the embedded PostgreSQL of `make up`.
"$node" /build/package/bin/npm-cli.js ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --no-progress \
  --cache /build/npm-cache --loglevel=error
rm -rf /build/npm-cache node_modules/.package-lock.json
find packages -name '*.test.ts' -delete
find packages -type d -name testing -prune -exec rm -rf {} +
rm -rf packages/testkit node_modules/@copr/testkit
find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \
  -o -name '*.markdown' -o -name '*.flow' \) ! -iname 'license*' -delete
# The pages use only the compiled style sheets and the fonts of PatternFly.
find node_modules/@patternfly/patternfly -type f ! -name '*.css' ! -name package.json ! -name 'LICENSE*' \
  ! -path '*/assets/fonts/*' -delete
find node_modules -type d -empty -delete
