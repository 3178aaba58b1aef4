#!/bin/sh
# Unpacks PostgreSQL and what it needs beyond the image of the servers, whose list of packages lies at /build/servers.
# Usage: postgresql-rootfs.sh FOLDER
set -eu
root=$1
# dash: initdb starts the server through a shell. libnss-wrapper: it asks for the name of the user id that runs it.
wanted='dash libnss-wrapper postgresql-15'
# Needed by maintainer scripts, by clients, and by a compiler that is off.
unused='adduser bash bsdutils cdebconf coreutils debconf debianutils diffutils dpkg findutils grep gzip hostname
  init-system-helpers libllvm14 libpam-modules libpam-modules-bin libpam-runtime libperl5.36 locales locales-all login mawk mount
  openssl passwd perl perl-base perl-modules-5.36 postgresql-client-15 postgresql-client-common postgresql-common sed ssl-cert
  sysvinit-utils tar ucf util-linux util-linux-extra'

mkdir -p /build/debs/partial
# As if nothing was installed: the whole closure is fetched.
apt-get -qq -y --no-install-recommends -o Dir::State::status=/dev/null -o Dir::Cache::archives=/build/debs \
  -o APT::Sandbox::User=root --download-only install $wanted
mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/var/lib/dpkg/status.d"
for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$root/$dir"; done

for deb in /build/debs/*.deb; do
  name=$(dpkg-deb --field "$deb" Package)
  [ ! -e "/build/servers/$name" ] || continue
  case " $(echo $unused) " in *" $name "*) continue ;; esac
  dpkg-deb --fsys-tarfile "$deb" | tar --extract --keep-directory-symlink --directory "$root" \
    --exclude='./usr/share/doc/*/*[!t]' --exclude='./usr/share/man/*' --exclude='./usr/share/info/*' \
    --exclude='./usr/share/locale/*' --exclude='./usr/share/lintian/*' --exclude='./usr/lib/postgresql/15/lib/bitcode'
  dpkg-deb --field "$deb" >"$root/var/lib/dpkg/status.d/$name"
done
ln -sf dash "$root/usr/bin/sh"
rm -rf "$root/etc/cron.d" "$root/etc/init.d" "$root/etc/systemd" "$root/usr/lib/systemd" "$root/var/lib/postgresql" "$root/var/log"
chown -R 0:0 "$root"
ldconfig -r "$root"
rm -rf "$root/var/cache/ldconfig"
