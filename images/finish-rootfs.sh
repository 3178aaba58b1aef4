#!/bin/sh
# The launcher, and permissions for any user id in group 0.
# Usage: finish-rootfs.sh FOLDER
set -eu
root=$1
install -m 0755 /build/coprctl "$root/usr/local/bin/coprctl"
chown -R 0:0 "$root"
chmod -R u=rwX,g=rX,o=rX "$root/opt/copr"
# Debian lets the group staff write into some folders; group 0 is everybody's here.
find "$root" ! -type l -perm /022 -exec chmod go-w {} +
chmod 1777 "$root/tmp" "$root/var/tmp"
# Where a volume is mounted; without one it belongs to group 0.
chmod 0775 "$root/data"
