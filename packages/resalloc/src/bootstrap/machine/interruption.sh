# Asks EC2 every few seconds whether it takes this machine back; the agent reads the note and gives its task back at once.
# Arguments: STATE_DIR [METADATA_URL SECONDS]   (the rest for tests)
set -eu
state=$1
url=${2:-http://169.254.169.254}
seconds=${3:-5}
ask() { curl --silent --fail --max-time 2 "$@"; }
while :; do
  # Answers 404 as long as all is well.
  if token=$(ask -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$url/latest/api/token") &&
    notice=$(ask -H "X-aws-ec2-metadata-token: $token" "$url/latest/meta-data/spot/instance-action"); then
    printf '%s\n' "$notice" >"$state/interrupted.new"
    mv "$state/interrupted.new" "$state/interrupted"
    exit 0
  fi
  sleep "$seconds"
done
