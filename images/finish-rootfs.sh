#!/bin/sh
# Installs the launcher, and sets permissions that suit any user id in group 0.
# Usage: finish-rootfs.sh FOLDER
set -eu
root=$1
install -m 0755 /build/coprctl "$root/usr/local/bin/coprctl"
chown -R 0:0 "$root"
chmod -R u=rwX,g=rX,o=rX "$root/opt/copr"
# Some folders of Debian are writable for their group, staff. Their group is now 0, which every process has.
find "$root" ! -type l -perm /022 -exec chmod go-w {} +
chmod 1777 "$root/tmp" "$root/var/tmp"
# The mount point of a volume; without a volume, group 0 may write to the folder itself.
chmod 0775 "$root/data"
