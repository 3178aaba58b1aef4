#!/bin/sh
# Unpacks the Debian packages that the server programs need, except those that only an interactive system needs.
# Usage: server-rootfs.sh FOLDER
set -eu
root=$1
# git: dist-git. createrepo-c: repository metadata. opensc: key-encryption keys in a PKCS #11 token.
wanted='base-files ca-certificates createrepo-c git libatomic1 libstdc++6 netbase opensc tini tzdata'
# Needed only by maintainer scripts, manuals and helper scripts, none of which are used in the image.
unused='adduser bash bsdutils cdebconf coreutils dash debconf debianutils diffutils dpkg findutils gcc-12-base git-man
  grep gzip hostname init-system-helpers liberror-perl libpam-modules libpam-modules-bin libpam-runtime libpam0g libperl5.36
  login mawk mount openssl passwd perl perl-base perl-modules-5.36 sed sysvinit-utils tar util-linux util-linux-extra'

sh /build/unpack-debs.sh "$root" "$wanted" "$unused"

# Removes git's helpers that are shell or Perl scripts, and its templates, which would only be copied into each new repository.
grep -rlIE '^#!' "$root/usr/lib/git-core" "$root/usr/bin" "$root/usr/sbin" | xargs -r rm -f
rm -rf "$root/usr/share/git-core/templates" "$root/usr/share/perl5" "$root/usr/share/gitweb" "$root/usr/lib/apt" \
  "$root/etc/cron.d" "$root/etc/systemd" "$root/usr/lib/systemd"
# All builtin commands of git are links to the same program; some image formats would store them as separate copies, 300 MB in all.
find "$root/usr/lib/git-core" -links +1 -type f -name 'git-*' ! -name git-remote-http -delete
find "$root/usr/lib/git-core" -type l -lname 'git' -delete

cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
find "$root/usr/share/ca-certificates" -mindepth 1 -delete
cat >"$root/etc/passwd" <<PASSWD
root:x:0:0:root:/tmp:/sbin/nologin
copr:x:10001:0:Copr:/tmp:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
PASSWD
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
printf 'hosts: files dns\npasswd: files\ngroup: files\n' >"$root/etc/nsswitch.conf"
mkdir -p "$root/tmp" "$root/run" "$root/var/tmp" "$root/data"
ldconfig -r "$root"
rm -rf "$root/var/cache/ldconfig"
