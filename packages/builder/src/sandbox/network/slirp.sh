# Starts slirp4netns as an unprivileged user in a mount namespace that has nothing of the machine except a list of name servers.
# Runs as root in new mount, PID and IPC namespaces; the network namespace is still the machine's.
# Arguments: UID GID DIRECTORY_FOR_ETC ARGUMENTS OF slirp4netns
set -eu
uid=$1
gid=$2
etc=$3
shift 3
# The device's mode differs between machines. In a container without CAP_MKNOD, the mode must already be right.
if ! setpriv --reuid "$uid" --regid "$gid" --clear-groups test -w /dev/net/tun; then
  mount -t tmpfs -o nosuid,noexec,mode=755,size=64k net /dev/net
  mknod -m 666 /dev/net/tun c 10 200
fi
echo 500 >/proc/self/oom_score_adj 2>/dev/null || true
mount --bind "$etc" /etc
# slirp4netns keeps /etc and /run in its own sandbox, and /run would contain the sockets of the machine's services.
mount -t tmpfs -o ro,nosuid,nodev,noexec,mode=755,size=4k run /run
# In a container, root may be unable to raise the limit of open files.
files=$(ulimit -H -n)
[ "$files" != unlimited ] && [ "$files" -lt 4096 ] || files=4096
# The limits of memory and open files suffice for about 4000 connections. The kernel counts neither against the build's limits.
exec prlimit --nofile="$files" --as=1073741824 --core=0 \
  setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all --pdeathsig KILL \
  slirp4netns "$@"
