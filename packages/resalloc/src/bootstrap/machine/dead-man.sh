# Powers the machine off when it is no longer useful; the cloud then terminates it. Depends on nothing in the agent except two files
# that the agent writes, so that it also works if the agent has crashed, hangs, or never started.
# Arguments: STATE_DIR [UPTIME_SECONDS COMMAND...]   (the rest for tests)
set -eu
. "${COPR_BOOT_ENV:-/etc/copr-builder/boot.env}"
state=$1
up=${2:-$(cut -d . -f 1 /proc/uptime)}
if [ $# -gt 2 ]; then shift 2; else set -- systemctl poweroff; fi

end() {
  echo "copr: powering off: $1" | tee /dev/kmsg 2>/dev/null || true
  shift
  "$@" && exit 0
  systemctl poweroff --force --force
}

[ "$up" -lt "$LIFETIME_SECONDS" ] || end "older than $LIFETIME_SECONDS seconds" "$@"
if [ ! -s "$state/contact" ]; then
  [ "$up" -lt "$ENROLL_SECONDS" ] || end "not enrolled within $ENROLL_SECONDS seconds" "$@"
  exit 0
fi
# Compares seconds of uptime, because the wall clock may be set in the meantime.
contact=$(cut -d . -f 1 "$state/contact")
[ $((up - contact)) -lt "$SILENCE_SECONDS" ] || end "no contact for $SILENCE_SECONDS seconds" "$@"
