# Checks out a revision of a Subversion repository. Exit codes: 80 the repository itself, 82 its externals.
# Arguments: URL DIRECTORY REVISION CONFIGURATION
url=$1
dir=$2
revision=$3
config=$4

run() {
  command=$1
  shift
  svn "$command" --non-interactive --no-auth-cache --config-dir "$config" "$@"
}

rm -rf "$dir"
# The peg revision finds the path as it was named then; it also hides an `@` of the URL.
run checkout --quiet --ignore-externals -- "$url@$revision" "$dir" || exit 80
cd "$dir" || exit 80
number=$(svn info --show-item revision) || exit 80
run update --revision "$number" >"$dir.log" 2>&1 || {
  cat "$dir.log"
  # Its warning names only the URL; this command prints the cause.
  failed=$(sed -n "s/.* at URL '\(.*\)'\$/\1/p" "$dir.log" | head -n 1)
  [ -z "$failed" ] || run info -- "$failed@"
  exit 82
}
echo "Checked out revision $number"
