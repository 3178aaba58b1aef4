# Starts the agent on somebody else's host, from the files next to this script; reads no input and returns at once.
# Arguments: NAME GATEWAY_URL [ARCHITECTURE NODE_SHA256]...
set -eu
dir=$(cd "$(dirname "$0")" && pwd)
name=$1
gateway=$2
shift 2

fits() { command -v "$1" >/dev/null 2>&1 && [ "$("$1" -p 'process.versions.node.split(".")[0]')" -ge 24 ]; }

node=
for each in "$dir/../node-26" node node-26 node-24; do
  if fits "$each"; then node=$(command -v "$each"); break; fi
done
if [ -z "$node" ]; then
  digest=
  while [ $# -ge 2 ]; do
    if [ "$1" = "$(uname -m)" ]; then digest=$2; fi
    shift 2
  done
  [ -n "$digest" ] || { echo "This host has no Node of version 24 or later, and the gateway has none for $(uname -m)" >&2; exit 3; }
  curl --silent --show-error --fail --location --retry 5 --output "$dir/node" "$gateway/builder/agent/$digest"
  printf '%s  %s\n' "$digest" "$dir/node" | sha256sum --check --quiet
  chmod 755 "$dir/node"
  mv "$dir/node" "$dir/../node-26"
  node=$dir/../node-26
fi
mkdir -p "$dir/agent"
tar --extract --gzip --no-same-owner --file "$dir/agent.tar.gz" --directory "$dir/agent"
rm "$dir/agent.tar.gz"
set -- "$node" "$dir/agent/packages/builder/src/main.ts" "$dir/agent.json"
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
  systemd-run --quiet --collect --unit="copr-builder-$name" --property=OOMPolicy=continue --property=Delegate=yes --property=PrivateMounts=yes \
    --property="IPAddressDeny=169.254.169.254/32 fd00:ec2::254/128" "$@"
else
  # The disks of builds are mounted only in the agent's mount namespace, and are unmounted when the agent exits.
  setsid nohup unshare --mount --propagation slave "$@" >"$dir/agent.log" 2>&1 </dev/null &
fi
