#!/bin/bash
# Builds the base image with debootstrap where no registry can be reached, and tags it with the name that the registry has for it.
# Usage: debian-base.sh NAME
set -euo pipefail
name=$1
case $name in *debian:bookworm-slim) suite=bookworm ;; *) echo "No recipe for $name" >&2; exit 1 ;; esac
command -v debootstrap >/dev/null || { echo "Install debootstrap, or make $name reachable" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
debootstrap --variant=minbase "$suite" "$work/root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$work/log" 2>&1 ||
  { tail -5 "$work/log" >&2; exit 1; }
cat >"$work/root/etc/apt/sources.list" <<SOURCES
deb http://deb.debian.org/debian $suite main
deb http://deb.debian.org/debian $suite-updates main
deb http://deb.debian.org/debian-security $suite-security main
SOURCES
rm -rf "$work"/root/var/cache/{apt/archives/*.deb,apt/*.bin,ldconfig,debconf/*-old} "$work"/root/var/lib/apt/lists/* "$work"/root/var/log/* \
  "$work"/root/etc/{machine-id,hostname,resolv.conf} "$work"/root/{dev,proc,sys,run,tmp}/* "$work"/root/var/lib/dpkg/*-old
find "$work/root/usr/share/doc" -mindepth 1 ! -name copyright ! -type d -delete
rm -rf "$work"/root/usr/share/{man,info,locale}/*
tar --create --sort=name --mtime="@${SOURCE_DATE_EPOCH:-0}" --clamp-mtime --numeric-owner --directory "$work/root" --file "$work/root.tar" .
container=$(buildah from scratch)
trap 'rm -rf "$work"; buildah rm "$container" >/dev/null 2>&1' EXIT
buildah add --quiet "$container" "$work/root.tar" / >/dev/null
buildah config --cmd /bin/bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah commit --quiet --timestamp "${SOURCE_DATE_EPOCH:-0}" "$container" "$name"
