# Renders a spec file: replaces `{{{ code }}}` by what bash prints for it, and offers the functions that packagers know from rpkg.
# Arguments: SPEC (path in the repository) OUTPUT_SPEC OUTPUT_DIRECTORY (for the archives that functions pack)

INPUT_PATH=$1
INPUT_DIR_PATH=$(dirname -- "$INPUT_PATH")
output_spec=$2
OUTDIR=$3

output() { printf '%s' "$*"; }
log_info() { printf '%s\n' "$*" >&2; }
log_debug() { :; }
log_error() { printf 'error: %s\n' "$*" >&2; }

GIT_ROOT=$(git -C "$INPUT_DIR_PATH" rev-parse --show-toplevel 2>/dev/null)
GIT_HEAD=$(git -C "$INPUT_DIR_PATH" rev-parse HEAD 2>/dev/null)
GIT_HEAD_SHORT=$(git -C "$INPUT_DIR_PATH" rev-parse --short=8 HEAD 2>/dev/null)
GIT_BRANCH=$(git -C "$INPUT_DIR_PATH" rev-parse --abbrev-ref HEAD 2>/dev/null)

# Reads arguments of the form name=value into the caller's local variables of these names.
read_options() {
  local option
  for option in "$@"; do
    case $option in
      path=* | name=* | dir_name=* | source_name=* | lead=* | follow=* | prepend=* | append=*)
        printf -v "${option%%=*}" '%s' "${option#*=}" ;;
      *) log_error "unknown option $option"; return 1 ;;
    esac
  done
}

require_git() { [ -n "$GIT_ROOT" ] || { log_error 'the functions git_... need a git repository'; exit 1; }; }

git_check_path() { [ -e "$1" ] || { log_error "there is no file $1"; return 1; }; }

# Path of a directory relative to the top of the repository; empty for the top.
relative_path() {
  local full
  full=$(cd "$1" && pwd -P) || return 1
  full=${full#"$GIT_ROOT"}
  output "${full#/}"
}

remote_url() { git -C "$GIT_ROOT" remote get-url origin 2>/dev/null; }

git_status() { git -C "$1" status --porcelain -- . 2>/dev/null; }

# Name of a directory: the name of the repository, followed by the path in it.
git_url_path_name() {
  local url name path
  url=$(remote_url)
  url=${url%/}
  name=${url##*/}
  name=${name%.git}
  path=$(relative_path "$1") || return 1
  output "${name:-$(basename "$GIT_ROOT")}${path:+-${path//\//-}}"
}

git_name_of() {
  local path=$1 name= dir_name= source_name= lead= follow= prepend= append=
  shift
  read_options "$@" || return 1
  output "$prepend${name:-$(git_url_path_name "$path")}$append"
}

# Newest tag of the package that is part of the history: NAME-VERSION or NAME-VERSION-RELEASE.
last_tag() { git -C "$GIT_ROOT" tag --merged HEAD --sort=-creatordate --list "$1-[0-9]*" | head -n 1; }

commits_since() {
  local range=HEAD
  [ -z "$1" ] || range="$1..HEAD"
  git -C "$GIT_ROOT" rev-list --count "$range"
}

# Adds a suffix that distinguishes an untagged commit from the last tag.
with_commit() {
  local value=$1 tag=$2
  if [ -z "$tag" ] || [ "$(git -C "$GIT_ROOT" rev-parse "$tag^{commit}")" != "$GIT_HEAD" ]; then
    value="$value.git.$(commits_since "$tag").$GIT_HEAD_SHORT"
  fi
  output "$value"
}

git_version_of() {
  local path=$1 name= dir_name= source_name= lead= follow= prepend= append= tag version
  shift
  read_options "$@" || return 1
  name=${name:-$(git_url_path_name "$path")}
  tag=$(last_tag "$name")
  version=${tag#"$name-"}
  version=${version%%-*}
  if [ -n "$lead" ]; then
    case $version in
      "$lead".*) version=$lead.${follow:-${version#"$lead".}} ;;
      *) tag= version=$lead.${follow:-0} ;;
    esac
  fi
  with_commit "${version:-0.${follow:-0}}" "$tag"
}

git_release_of() {
  local path=$1 name= dir_name= source_name= lead= follow= prepend= append= tag release
  shift
  read_options "$@" || return 1
  name=${name:-$(git_url_path_name "$path")}
  tag=$(last_tag "$name")
  release=${tag#"$name-"}
  case $release in *-*) release=${release#*-} ;; *) release= ;; esac
  with_commit "${lead:-${release:-1}}" "$tag"
}

git_vcs_of() {
  local relative
  relative=$(relative_path "$1") || return 1
  output "git+$(remote_url)#$GIT_HEAD:$relative"
}

git_pack_of() {
  local path=$1 name= dir_name= source_name= lead= follow= prepend= append= dirty=
  shift
  read_options "$@" || return 1
  git_check_path "$path" || return 1
  dir_name=${dir_name:-$(git_url_path_name "$path")}
  [ -z "$(git_status "$path")" ] || dirty=-dirty
  source_name=${source_name:-$dir_name-$GIT_HEAD_SHORT$dirty.tar.gz}
  # The working tree, as it is: with new and changed files, without ignored and deleted ones.
  (
    cd "$path" || exit 1
    git ls-files -z --cached --others --exclude-standard |
      while IFS= read -r -d '' file; do
        if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
      done |
      tar --create --auto-compress --file "$OUTDIR/$source_name" --null --verbatim-files-from --no-recursion \
        --transform "s,^,$dir_name/,S" --owner=0 --group=0 --numeric-owner --sort=none --files-from -
  ) || { log_error "cannot pack $path"; return 1; }
  log_info "Wrote: $OUTDIR/$source_name"
  output "$source_name"
}

git_setup_of() {
  local path=$1 name= dir_name= source_name= lead= follow= prepend= append=
  shift
  read_options "$@" || return 1
  output "%setup -T -b 0 -q -n ${dir_name:-$(git_url_path_name "$path")}"
}

# One entry for each annotated tag of the package, the newest first.
git_changelog_of() {
  local path=$1 name= dir_name= source_name= lead= follow= prepend= append= tag
  shift
  read_options "$@" || return 1
  name=${name:-$(git_url_path_name "$path")}
  for tag in $(git -C "$GIT_ROOT" tag --merged HEAD --sort=-creatordate --list "$name-[0-9]*"); do
    [ "$(git -C "$GIT_ROOT" cat-file -t "$tag")" = tag ] || continue
    LC_ALL=C git -C "$GIT_ROOT" for-each-ref "refs/tags/$tag" \
      --format="* %(taggerdate:format:%a %b %d %Y) %(taggername) %(taggeremail) ${tag#"$name-"}"
    git -C "$GIT_ROOT" for-each-ref "refs/tags/$tag" --format='%(contents:body)' | sed -n '/./p' | sed 's/^\([^-]\)/- \1/; s/%/%%/g'
    echo
  done
}

# Defines each function for the directory of the spec, for the whole repository, and for the current directory.
for kind in name version release vcs pack changelog setup; do
  suffix=$kind
  [ "$kind" != setup ] || suffix=setup_macro
  eval "git_dir_$suffix() { require_git; git_${kind}_of \"\$INPUT_DIR_PATH\" \"\$@\"; }"
  eval "git_repo_$suffix() { require_git; git_${kind}_of \"\$GIT_ROOT\" \"\$@\"; }"
  eval "git_cwd_$suffix() { require_git; git_${kind}_of \"\$PWD\" \"\$@\"; }"
done

# Functions of the package itself, in the file that rpkg.conf at the top of the repository names.
if [ -f "$GIT_ROOT/rpkg.conf" ]; then
  macros=$(sed -n 's/^[[:space:]]*user_macros[[:space:]]*=[[:space:]]*//p' "$GIT_ROOT/rpkg.conf" | tail -n 1)
  macros=${macros//\"/}
  macros=${macros//'${git_props:root}'/$GIT_ROOT}
  if [ -n "$macros" ]; then
    cd "$GIT_ROOT" && . "$macros" || { log_error "cannot read $macros, which rpkg.conf names"; exit 1; }
  fi
fi

cd "$INPUT_DIR_PATH" || exit 1
text=$(cat -- "$INPUT_PATH"; printf x)
text=${text%x}
rendered=
value=$(mktemp)
while [[ $text == *'{{{'* ]]; do
  rendered+=${text%%'{{{'*}
  text=${text#*'{{{'}
  if [[ $text != *'}}}'* ]]; then
    log_error 'the spec contains {{{ without }}}'
    exit 1
  fi
  code=${text%%'}}}'*}
  text=${text#*'}}}'}
  eval "$code" >"$value" || { log_error "{{{$code}}} failed"; exit 1; }
  rendered+=$(cat "$value")
done
printf '%s' "$rendered$text" >"$output_spec"
