# Finds the directory and the spec file of a package in a repository; prints `KEY: VALUE` lines.
# Arguments: TOP SUBDIRECTORY SPEC (relative to the subdirectory, or to the top with a leading slash; empty: the only one there)
top=$1
sub=$2
spec=$3

inside() {
  case $1 in "$top"|"$top"/*) return 0 ;; *) return 1 ;; esac
}

dir=$(cd "$top/$sub" 2>/dev/null && pwd -P) || { echo "no-directory: "; exit 0; }
inside "$dir" || { echo "outside: $sub"; exit 0; }
echo "directory: $dir"
if [ -n "$spec" ]; then
  case $spec in /*) path=$top$spec ;; *) path=$dir/$spec ;; esac
  path=$(readlink -f -- "$path") && [ -f "$path" ] || { echo "no-spec: "; exit 0; }
  inside "$path" || { echo "outside: $spec"; exit 0; }
  echo "spec: $path"
  exit 0
fi
for path in "$dir"/*.spec.rpkg "$dir"/*.spec; do
  [ -f "$path" ] || continue
  real=$(readlink -f -- "$path")
  inside "$real" || { echo "outside: ${path##*/}"; exit 0; }
  echo "spec: $path"
done
