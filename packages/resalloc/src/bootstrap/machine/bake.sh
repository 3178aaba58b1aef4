# Makes this machine the model of an image: installs what builders need, removes what must not be on two machines, reports the
# result on the console, and powers the machine off. The reader of the console tells success from failure by these lines.
# Arguments: NONCE [CONSOLE ROOT INSTALL POWER_OFF]   (the rest for tests)
set -u
mark="copr-bake $1"
console=${2:-/dev/console}
root=${3:-}
install=${4:-/usr/local/libexec/copr-builder/install.sh}
power_off=${5:-systemctl poweroff}
log=$(mktemp)

say() { printf '\n%s %s\n' "$mark" "$*" >>"$console"; }

# Retries, because a mirror may fail or the gateway may be down for a moment. Completed steps are not repeated.
install_all() {
  for try in 1 2 3; do
    say "installing, try $try"
    /bin/sh "$install" >>"$log" 2>&1 && return 0
    [ "$try" = 3 ] || sleep "${COPR_BAKE_PAUSE:-15}"
  done
  return 1
}

# Removes what the next boot recreates and what is specific to this machine.
clean() {
  dnf -y clean all &&
    rm -rf "$root/etc/copr-builder" "$root/usr/local/libexec/copr-builder" "$root"/etc/ssh/ssh_host_* \
      "$root/root/.ssh/authorized_keys" "$root"/home/*/.ssh/authorized_keys "$root"/var/log/journal/* &&
    : >"$root/etc/machine-id" &&
    cloud-init clean --logs &&
    sync
}

if install_all && say cleaning && clean >>"$log" 2>&1; then
  say done
else
  tail -n 15 "$log" | while IFS= read -r line; do say "log $line"; done
  say failed
fi
# Powers off even after a failure, because the machine is no longer needed.
$power_off
