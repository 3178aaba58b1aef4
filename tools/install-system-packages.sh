#!/bin/sh
# Installs the packages that the system needs and the machine lacks; does nothing if it lacks none.
# Usage: install-system-packages.sh [test|clients|upstream|cluster|images|node|fresh]
#   test:    also the requirements of the test suites
#   clients: also the requirements of the tests with unmodified clients
#   upstream: also the requirements of the tests with a checkout of Copr
#   cluster: also the requirements of the tests with a Kubernetes cluster, except Go's version: see tools/build-cluster.ts
#   images:  also the requirements for building and testing the container images
#   node:    only the requirements of the pinned Node
#   fresh:   also the requirements for building the roots of make test-fresh
set -eu

say() { printf '%s\n' "$*" >&2; }

missing() { # prints the packages of missing programs
  while read -r program package; do
    [ -z "$program" ] || command -v "$program" >/dev/null 2>&1 || printf '%s\n' "$package"
  done
}

if command -v apt-get >/dev/null 2>&1; then
  needed='rpmbuild rpm
dnf dnf
createrepo_c createrepo-c
git git
unshare util-linux
setpriv util-linux
flock util-linux
mkfs.ext4 e2fsprogs
dpkg-deb dpkg
ip iproute2
python3 python3
slirp4netns slirp4netns
npm npm'
  softhsm=softhsm2 dnf_plugins=dnf-plugins-core python_venv=python3-venv go=golang-go libatomic=libatomic1
  iproute=iproute2 procps=procps busybox=busybox-static seccomp=golang-github-containers-common
  installer='apt-get install'
  install() {
    export DEBIAN_FRONTEND=noninteractive
    # A machine that has just booted may be updating itself: wait for the lock.
    set -- -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
    apt-get update -qq && apt-get install "$@"
  }
elif command -v dnf >/dev/null 2>&1; then
  needed='rpmbuild rpm-build
dnf dnf
createrepo_c createrepo_c
git git-core
unshare util-linux
setpriv util-linux
flock util-linux
mkfs.ext4 e2fsprogs
ip iproute
python3 python3
slirp4netns slirp4netns
npm nodejs-npm'
  softhsm=softhsm dnf_plugins=python3-dnf-plugins-core python_venv=python3 go=golang libatomic=libatomic
  iproute=iproute procps=procps-ng busybox=busybox seccomp=containers-common
  installer='dnf install'
  install() { dnf -y -q install "$@"; }
else
  # A Node that does not start reports this itself.
  [ "${1:-}" != node ] || exit 0
  say 'This machine has neither apt-get nor dnf: install rpm-build, dnf, createrepo_c, git, util-linux, python3, runc, containers-common and npm yourself.'
  exit 1
fi

mode=${1:-}
if [ "$mode" = test ] || [ "$mode" = clients ]; then
  needed="$needed
gpg gnupg
curl curl
wget wget
xz xz-utils
bzip2 bzip2
gpgv gpgv
ruby ruby
svnserve subversion
/usr/sbin/sshd openssh-server
ssh openssh-client
openssl openssl
pkcs11-tool opensc
softhsm2-util $softhsm
systemd-analyze systemd
strace strace"
fi

if [ "$mode" = clients ]; then
  # The message broker of the tests with listeners of events.
  needed="$needed
/usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server"
fi

if [ "$mode" = upstream ]; then
  needed="$needed
curl curl
wget wget
jq jq
lftp lftp
bzip2 bzip2
openssl openssl"
fi

if [ "$mode" = cluster ]; then
  needed="$needed
openssl openssl
go $go
containerd containerd
iptables iptables
ip $iproute
sysctl $procps
busybox $busybox"
fi

if [ "$mode" = images ]; then
  needed="$needed
buildah buildah
podman podman
conmon conmon
iptables iptables
debootstrap debootstrap"
fi

if [ "$mode" = fresh ]; then
  needed="$needed
debootstrap debootstrap
gpg gnupg
nsenter util-linux
pivot_root util-linux"
fi

[ "$mode" != node ] || needed=

extra() { # prints the missing packages that are not recognized by a program
  # Needed by the pinned Node.
  PATH=$PATH:/sbin ldconfig -p | grep -q 'libatomic\.so\.1 ' || printf '%s\n' "$libatomic"
  [ "$mode" != node ] || return 0
  # Sandboxes of builds: either runtime will do.
  command -v runc >/dev/null 2>&1 || command -v crun >/dev/null 2>&1 || printf '%s\n' runc
  [ -e /usr/share/containers/seccomp.json ] || [ -e /etc/containers/seccomp.json ] || printf '%s\n' "$seccomp"
  if [ "$mode" = cluster ]; then
    [ -e /usr/lib/cni/ptp ] || [ -e /usr/libexec/cni/ptp ] || printf '%s\n' containernetworking-plugins
  fi
  if [ "$mode" = images ]; then
    # catatonit is the pause process of a pod; CNI plugins or netavark set up the pod's network.
    command -v catatonit >/dev/null 2>&1 || [ -e /usr/libexec/catatonit/catatonit ] || printf '%s\n' catatonit
    [ -e /usr/lib/cni/bridge ] || [ -e /usr/libexec/cni/bridge ] || [ -e /usr/lib/podman/netavark ] ||
      [ -e /usr/libexec/podman/netavark ] || printf '%s\n' containernetworking-plugins
  fi
  if [ "$mode" = test ]; then
    /usr/bin/python3 -c 'import packaging, pip' 2>/dev/null || printf '%s\n' python3-packaging python3-pip
  fi
  [ "$mode" = clients ] || [ "$mode" = upstream ] || return 0
  ls /usr/lib/python3*/*-packages/dnf-plugins/copr.py >/dev/null 2>&1 || printf '%s\n' "$dnf_plugins"
  python3 -c 'import ensurepip, venv' 2>/dev/null || printf '%s\n' "$python_venv"
}

wanted=$({ printf '%s\n' "$needed" | missing; extra; } | sort -u)
[ -n "$wanted" ] || exit 0
wanted=$(echo $wanted)
if [ "$(id -u)" != 0 ]; then
  say "Packages are missing, and installing them needs root. Run once: sudo $installer $wanted"
  exit 1
fi
say "Installing system packages: $wanted"
output=$(mktemp)
trap 'rm -f "$output"' EXIT
# shellcheck disable=SC2086
install $wanted >"$output" 2>&1 || {
  cat "$output" >&2
  say "Cannot install $wanted: the reason is above. Check the network, the disk and the package sources of this machine, make sure that '$installer $wanted' works, and run make again."
  exit 1
}
# README.md describes how to remove them.
printf '%s\n' $wanted >>"$(dirname "$0")/../.installed-packages"
