# Polls EC2 for a notice that it will interrupt this machine; the agent reads the file with the notice and requeues its task.
# Arguments: STATE_DIR [METADATA_URL SECONDS]   (the rest for tests)
set -eu
state=$1
url=${2:-http://169.254.169.254}
seconds=${3:-5}
ask() { curl --silent --fail --max-time 2 "$@"; }
while :; do
  # EC2 responds with 404 as long as there is no notice.
  if token=$(ask -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$url/latest/api/token") &&
    notice=$(ask -H "X-aws-ec2-metadata-token: $token" "$url/latest/meta-data/spot/instance-action"); then
    printf '%s\n' "$notice" >"$state/interrupted.new"
    mv "$state/interrupted.new" "$state/interrupted"
    exit 0
  fi
  sleep "$seconds"
done
