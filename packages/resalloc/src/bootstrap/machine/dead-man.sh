# Powers the machine off when it can be of no more use, which the cloud treats as termination. Depends on nothing in the agent
# except two files that it writes, so that it also works if the agent is dead, hangs, or never started.
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
# Seconds of uptime rather than of a clock, which may be set in the meantime.
contact=$(cut -d . -f 1 "$state/contact")
[ $((up - contact)) -lt "$SILENCE_SECONDS" ] || end "no contact for $SILENCE_SECONDS seconds" "$@"
