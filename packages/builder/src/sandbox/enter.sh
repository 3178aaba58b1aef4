# Second half of the sandbox setup: assembles the layers at /build and runs a command, which is never PID 1:
# PID 1 keeps the parent-death signal that kills everything when the agent is killed.
# Arguments: LAYERS (tools | root | build) WORKING_DIRECTORY UID COMMAND...
set -eu
trap 'exit 199' EXIT
layers=$1
as=$2
directory=$3
uid=$4
shift 4
for name in sys sysrq-trigger irq bus fs; do
  if [ -e "/proc/$name" ]; then mount -o bind,ro "/proc/$name" "/proc/$name"; fi
done
if [ -n "$layers" ]; then
  mount -t overlay -o "lowerdir=$layers,upperdir=/state/upper,workdir=/state/work,volatile" build /build
  # The overlay keeps its own references. Left mounted, a scriptlet could place files next to its layer that the agent would trust.
  umount /state /layers/*
fi
cd /build
mkdir -p proc sys dev tmp var/tmp
mount --rbind /proc proc
mount -t tmpfs -o nosuid,mode=755,size=1m dev dev
for name in null zero full random urandom tty; do
  : >"dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,nosuid,noexec,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
ulimit -c 0
ulimit -n 10240 2>/dev/null || true
echo 500 >/proc/self/oom_score_adj 2>/dev/null || true
code=0
if [ "$as" = tools ]; then
  cd "$directory"
  trap - EXIT
  setpriv --no-new-privs --inh-caps=-all \
    --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+setuid,+setgid,+setfcap,+sys_chroot "$@" || code=$?
  exit "$code"
fi
if [ "$as" = root ]; then
  trap - EXIT
  setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+sys_chroot \
    unshare --root=/build --wd="$directory" "$@" || code=$?
  exit "$code"
fi
mkdir -p builddir
mount --bind /mnt/builddir builddir
if [ -d /mnt/tmp ]; then
  mount --bind /mnt/tmp tmp
  mount --bind /mnt/var-tmp var/tmp
fi
rm -f etc/hosts
cp /etc/hosts etc/hosts
# Exists only with the host's network.
if [ -f /etc/resolv.conf ]; then
  rm -f etc/resolv.conf
  cp /etc/resolv.conf etc/resolv.conf
fi
trap - EXIT
# prlimit rather than ulimit, whose option letter differs between shells. The limit does not apply to root.
setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+setuid,+setgid,+sys_chroot \
  prlimit --nproc=16384 unshare --root=/build --wd="$directory" --setgid "$uid" --setuid "$uid" "$@" || code=$?
exit "$code"
