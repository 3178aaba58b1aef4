#!/bin/sh
# Unpacks Debian packages with all of their dependencies into a folder, without running maintainer scripts.
# Usage: unpack-debs.sh FOLDER 'WANTED...' 'UNUSED...'   (UNUSED: dependencies that are left out)
# Packages for which /build/servers has a file are already in the server image, and are skipped.
set -eu
root=$1 wanted=$2 unused=$3
mkdir -p /build/debs/partial
# With an empty status file, apt considers nothing installed and downloads all dependencies.
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
    --exclude='./usr/share/locale/*' --exclude='./usr/share/lintian/*' --exclude='./usr/share/bash-completion/*' \
    --exclude='./usr/lib/postgresql/15/lib/bitcode'
  # Image scanners find packages in status.d when there is no package manager.
  dpkg-deb --field "$deb" >"$root/var/lib/dpkg/status.d/$name"
done
