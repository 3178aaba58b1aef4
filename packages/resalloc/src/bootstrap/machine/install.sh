# Turns this machine into a builder: installs packages, a Node that can run the agent, and the agent, verified by its digest.
# Idempotent: keeps what is already installed, for example by the image. The agent and its Node are verified in any case, because
# an image may be outdated or from somebody else.
set -eu
. "${COPR_BOOT_ENV:-/etc/copr-builder/boot.env}"
lib=${COPR_LIB:-/usr/local/lib/copr-builder}
tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/copr-install-XXXXXX")
trap 'rm -rf "$tmp"' EXIT

fetch() { # DIGEST FILE: downloads the file with that digest from the gateway
  curl --silent --show-error --fail --location --retry 20 --retry-delay 3 --retry-all-errors --retry-max-time 300 \
    ${GATEWAY_CA:+--cacert "$GATEWAY_CA"} --output "$2" "$GATEWAY_URL/builder/agent/$1"
  printf '%s  %s\n' "$1" "$2" | sha256sum --check --quiet
}

is() { # DIGEST FILE: whether the file has that digest
  [ -f "$2" ] && printf '%s  %s\n' "$1" "$2" | sha256sum --check --quiet 2>/dev/null
}

fits() { # PROGRAM: whether it is a Node that strips types and supports `await using`
  command -v "$1" >/dev/null 2>&1 && [ "$("$1" -p 'process.versions.node.split(".")[0]')" -ge 24 ]
}

find_node() {
  for node in "$lib/node-26" node node-26 node-24; do
    if fits "$node"; then command -v "$node"; return 0; fi
  done
  return 1
}

missing=
for pair in mock:mock rpmbuild:rpm-build git:git-core createrepo_c:createrepo_c tar:tar setpriv:util-linux ip:iproute mkfs.ext4:e2fsprogs python3:python3 \
  slirp4netns:slirp4netns; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
# The sandbox of builds: an OCI runtime, and the system calls that a container may make.
command -v runc >/dev/null 2>&1 || command -v crun >/dev/null 2>&1 || missing="$missing crun"
[ -e "${COPR_SECCOMP_PROFILE:-/usr/share/containers/seccomp.json}" ] || missing="$missing containers-common"
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086
  dnf -y --setopt=install_weak_deps=False install $missing
fi
# mock is not run as root: its builds run as the user who calls it.
getent passwd copr-mock >/dev/null || useradd --system --groups mock --home-dir /var/lib/copr-builder/mock-user --create-home copr-mock
mkdir -p "$lib"
digest=$(eval "printf %s \"\${NODE_SHA256_$(uname -m):-}\"")
if [ -e "$lib/node-26" ] && [ -n "$digest" ] && ! is "$digest" "$lib/node-26"; then rm "$lib/node-26"; fi
if ! find_node >/dev/null; then
  if [ -n "$digest" ] && fetch "$digest" "$tmp/node"; then
    install -m 755 "$tmp/node" "$lib/node-26"
  else
    dnf -y install nodejs24 || dnf -y install nodejs
  fi
fi
if ! is "$AGENT_SHA256" "$lib/agent.tar.gz"; then
  fetch "$AGENT_SHA256" "$tmp/agent.tar.gz"
  mv "$tmp/agent.tar.gz" "$lib/agent.tar.gz"
fi
# Extracted again from the archive that was just verified.
mkdir "$tmp/agent"
tar --extract --gzip --file "$lib/agent.tar.gz" --directory "$tmp/agent" --no-same-owner
rm -rf "${lib:?}/$AGENT_SHA256"
mv -T "$tmp/agent" "$lib/$AGENT_SHA256"
for old in "$lib"/????????????????????????????????????????????????????????????????; do
  [ "$old" = "$lib/$AGENT_SHA256" ] || rm -rf "$old"
done
ln -sfn "$AGENT_SHA256" "$lib/current"
ln -sfn "$(find_node)" "$lib/node"
