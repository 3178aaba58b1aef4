# Clones a git repository and checks out a commit. Exit codes: 80 clone, 81 reference, 82 submodule, 83 empty repository.
# Arguments: URL DIRECTORY REFERENCE (empty: the default branch)
url=$1
dir=$2
ref=$3
# Old commits are rarely built; servers without the smart protocol can send only the whole history.
depth=500

rm -rf "$dir"
git clone -q --depth "$depth" --no-single-branch -- "$url" "$dir" || {
  rm -rf "$dir"
  git clone -q -- "$url" "$dir" || exit 80
}
cd "$dir" || exit 80

check_out() {
  git checkout -q "$ref" -- 2>/dev/null
}
fetch() {
  git fetch -q "$@" && git checkout -q --detach FETCH_HEAD --
}

case $ref in
  '') git rev-parse -q --verify HEAD >/dev/null || exit 83 ;;
  refs/*) fetch origin "$ref" || exit 81 ;;
  *) check_out || fetch --depth "$depth" origin "$ref" 2>/dev/null || {
    if [ -f .git/shallow ]; then git fetch -q --unshallow --tags origin; fi
    check_out || exit 81
  } ;;
esac
git submodule -q update --init --recursive || exit 82
git log -1 --format='HEAD is now at %h %s'
