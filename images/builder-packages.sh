#!/bin/sh
# Installs what the native engine needs, and removes files that would differ between two builds of the image.
set -eu
apt-get update -qq
apt-get install -y -qq --no-install-recommends \
  ca-certificates createrepo-c dnf git golang-github-containers-common iproute2 libatomic1 libstdc++6 mount procps python3 rpm runc \
  slirp4netns tar tini util-linux xz-utils zstd >/dev/null
apt-get clean
find /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale -mindepth 1 ! -name copyright ! -type d -delete
find / -xdev -type d -name __pycache__ -prune -exec rm -rf {} +
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /root/.gnupg /etc/machine-id /build
mkdir -p /var/lib/copr-builder
