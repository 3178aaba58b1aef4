# The functions of beakerlib that upstream's tests use. Each assertion appends a line to $UPSTREAM_RESULTS: PASS or FAIL, the script and
# the line of the assertion, its text. Sourced by the tests, so nothing else may be defined.

BEAKERLIB=stand-in
__INTERNAL_PHASES_WORST_RESULT=PASS
rlRun_LOG=

# Prints the script and line of the assertion: the innermost frame that is neither here nor in upstream's helpers.
__location() {
  local frame
  for ((frame = 1; frame < ${#BASH_SOURCE[@]}; frame++)); do
    case ${BASH_SOURCE[frame]} in
    */beakerlib.sh | */helpers | */config) ;;
    *)
      printf '%s:%s' "${BASH_SOURCE[frame]#"$UPSTREAM_TESTS/"}" "${BASH_LINENO[frame - 1]}"
      return
      ;;
    esac
  done
}

# __report STATUS TEXT: records an assertion; STATUS 0 means that it holds.
__report() {
  local status=$1 text=$2 outcome=PASS
  if [ "$status" -ne 0 ]; then
    outcome=FAIL
    __INTERNAL_PHASES_WORST_RESULT=FAIL
  fi
  printf '%s\t%s\t%s\n' "$outcome" "$(__location)" "${text//[$'\t\n']/ }" >>"$UPSTREAM_RESULTS"
  printf ':: [%s] %s\n' "$outcome" "$text"
  return "$status"
}

# __expects STATUS LIST: whether LIST, such as 0, 0,1 or 1-3, has STATUS.
__expects() {
  local status=$1 part
  for part in ${2//,/ }; do
    if [ "$status" -ge "${part%-*}" ] && [ "$status" -le "${part#*-}" ]; then return 0; fi
  done
  return 1
}

rlRun() {
  local __keep=false __status __output
  while [[ ${1-} == -[a-z] ]]; do
    [ "$1" != -s ] || __keep=true
    shift
  done
  local __command=$1 __expected=${2-0} __comment=${3-}
  printf ':: [ RUN ] %s\n' "$__command"
  if $__keep; then
    __output=$(mktemp)
    eval "$__command" >"$__output" 2>&1
    __status=$?
    cat "$__output"
    rlRun_LOG=$__output
  else
    eval "$__command"
    __status=$?
  fi
  __expects "$__status" "$__expected"
  __report $? "${__comment:+$__comment: }$__command (expected $__expected, got $__status)"
  return "$__status"
}

rlAssertEquals() {
  [ $# -eq 3 ] && [ "$2" = "$3" ]
  __report $? "${1-}: expected '${2-}' and '${3-}' to be equal"
}

rlAssertGreater() {
  [ $# -eq 3 ] && [ "$2" -gt "$3" ]
  __report $? "${1-}: expected '${2-}' to be greater than '${3-}'"
}

rlAssertGrep() {
  grep -q ${3-} -- "$1" "$2"
  __report $? "$2 contains '$1'"
}

rlAssertNotGrep() {
  ! grep -q ${3-} -- "$1" "$2"
  __report $? "$2 does not contain '$1'"
}

rlAssertExists() {
  [ -e "$1" ]
  __report $? "$1 exists"
}

# The programs of the client itself are no RPMs here.
rlAssertRpm() {
  rpm -q "$1" >/dev/null 2>&1 || { [[ $1 == @(copr-cli|jq) ]] && command -v "$1" >/dev/null; }
  __report $? "$1 is installed"
}

rlDie() {
  __report 1 "$1"
  exit 1
}

rlLog() { printf ':: [ LOG ] %s\n' "$*"; }
rlLogInfo() { rlLog "$@"; }
rlJournalStart() { :; }
rlJournalEnd() { :; }
rlJournalPrintText() { :; }
rlPhaseStartSetup() { rlLog Setup; }
rlPhaseStartTest() { rlLog Test; }
rlPhaseStartCleanup() { rlLog Cleanup; }
rlPhaseEnd() { :; }
