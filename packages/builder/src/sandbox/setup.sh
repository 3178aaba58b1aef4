# First half of the sandbox setup: makes a small root of host tools and moves into it, so that nothing else on the host
# can be reached afterwards. Runs as PID 1 of new mount, PID, IPC and UTS namespaces, with private propagation.
# Arguments: MOUNT_POINT ENTER_SCRIPT NETWORK [layer DIR]... [state DIR | root DIR] [bind | bind-ro | bind-scratch DIR NAME]... -- ARGUMENTS OF enter.sh
set -eu
# The exit code distinguishes a failed setup from a failed command.
trap 'exit 199' EXIT
# One stream, so that lines keep their order.
exec 2>&1
tools=$1
enter=$2
network=$3
shift 3
mount -t tmpfs -o mode=755,size=64m copr-tools "$tools"
cd "$tools"
mkdir usr etc proc dev tmp run var var/tmp root build state layers mnt old
chmod 1777 tmp var/tmp
mount -o bind,ro /usr usr
for name in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$name" ]; then cp -P "/$name" .
  elif [ -d "/$name" ]; then mkdir "$name" && mount -o bind,ro "/$name" "$name"
  fi
done
for name in alternatives ca-certificates crypto-policies pki ssl/certs; do
  if [ -d "/etc/$name" ]; then mkdir -p "etc/$name" && mount -o bind,ro "/etc/$name" "etc/$name"; fi
done
for name in ld.so.cache localtime ssl/openssl.cnf; do
  if [ -f "/etc/$name" ]; then cp -L "/etc/$name" "etc/$name"; fi
done
echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd
echo 'root:x:0:' >etc/group
printf '127.0.0.1 localhost localhost.localdomain builder\n::1 localhost localhost.localdomain\n' >etc/hosts
if [ "$network" = host ]; then
  if [ -f /etc/resolv.conf ]; then cp -L /etc/resolv.conf etc/resolv.conf; fi
  if [ -f /etc/nsswitch.conf ]; then cp -L /etc/nsswitch.conf etc/nsswitch.conf; fi
  if [ -f /etc/hosts ]; then cat /etc/hosts >>etc/hosts; fi
else
  ip link set lo up
fi
for name in null zero full random urandom tty; do
  : >"dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
layers=
count=0
while [ "$1" != -- ]; do
  case $1 in
    layer)
      mkdir "layers/$count"
      mount -o bind,ro "$2" "layers/$count"
      layers=/layers/$count${layers:+:$layers}
      count=$((count + 1))
      shift 2 ;;
    state) mount --bind "$2" state; shift 2 ;;
    root) mount --bind "$2" build; shift 2 ;;
    bind) mkdir -p "./$3"; mount --bind "$2" "./$3"; shift 3 ;;
    bind-ro) mkdir -p "./$3"; mount -o bind,ro "$2" "./$3"; shift 3 ;;
    # Changes stay in memory, so that the next run finds the directory unchanged.
    bind-scratch)
      mkdir -p "./$3" "scratch$count/from" "scratch$count/upper" "scratch$count/work"
      mount -o bind,ro "$2" "scratch$count/from"
      mount -t overlay -o "lowerdir=scratch$count/from,upperdir=scratch$count/upper,workdir=scratch$count/work" scratch "./$3"
      count=$((count + 1))
      shift 3 ;;
    *) echo "sandbox: unknown instruction: $1" >&2; exit 125 ;;
  esac
done
shift
cp "$enter" enter.sh
hostname builder
mount -t proc -o nosuid,nodev,noexec proc proc
pivot_root . old
cd /
umount -l /old
rmdir /old
# Replaces the command line of PID 1, which shows paths of the host.
exec /bin/sh /enter.sh "$layers" "$@"
