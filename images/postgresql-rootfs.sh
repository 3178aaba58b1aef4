#!/bin/sh
# Unpacks PostgreSQL and those of its dependencies that the server image lacks; /build/servers has a file for each package of that image.
# Usage: postgresql-rootfs.sh FOLDER
set -eu
root=$1
# dash: initdb starts the server through a shell. libnss-wrapper: initdb looks up the name of the user id that it runs as.
wanted='dash libnss-wrapper postgresql-15'
# Needed only by maintainer scripts, by clients, and by the JIT compiler, which is disabled.
unused='adduser bash bsdutils cdebconf coreutils debconf debianutils diffutils dpkg findutils grep gzip hostname
  init-system-helpers libllvm14 libpam-modules libpam-modules-bin libpam-runtime libperl5.36 locales locales-all login mawk mount
  openssl passwd perl perl-base perl-modules-5.36 postgresql-client-15 postgresql-client-common postgresql-common sed ssl-cert
  sysvinit-utils tar ucf util-linux util-linux-extra'

sh /build/unpack-debs.sh "$root" "$wanted" "$unused"
ln -sf dash "$root/usr/bin/sh"
rm -rf "$root/etc/cron.d" "$root/etc/init.d" "$root/etc/systemd" "$root/usr/lib/systemd" "$root/var/lib/postgresql" "$root/var/log"
chown -R 0:0 "$root"
ldconfig -r "$root"
rm -rf "$root/var/cache/ldconfig"
