# Writes a spec file in which the macros %autorelease and %autochangelog are defined by the history of the repository.
# Arguments: TOP SPEC OUTPUT_DIRECTORY. Prints `expanded: PATH`, or nothing if the spec uses neither macro.
top=$1
spec=$2
out=$3/${spec##*/}

grep -Eq '%[{?]*auto(release|changelog)' "$spec" || exit 0
work=$(mktemp -d) || exit
cd "$top" || exit
path=${spec#"$top"/}

version_of() {
  rpmspec -q --srpm --qf '%{epochnum}:%{version}\n' --define "_sourcedir ${spec%/*}" \
    --define 'autorelease(e:s:pb:n) 1' --define 'autochangelog %{nil}' "$1" 2>/dev/null
}

# The number of commits since the version changed, each of which may count more.
release=0
current=$(version_of "$spec")
for commit in $(git rev-list --first-parent HEAD); do
  git show "$commit:$path" >"$work/old.spec" 2>/dev/null || break
  [ "$(version_of "$work/old.spec")" = "$current" ] || break
  bump=$(git log -1 --format=%B "$commit" | sed -n 's/.*\[bump release: *\([0-9]\{1,4\}\)\].*/\1/p' | head -n 1)
  release=$((release + ${bump:-1}))
done
[ "$release" -gt 0 ] || release=1

last=$(git log -1 --format=%ct)
git log --first-parent -n 500 --format='%H %ct' | while read -r commit time; do
  git log -1 --format=%B "$commit" | grep -qF '[skip changelog]' && continue
  # rpm refuses entries that are not in descending order.
  [ "$time" -le "$last" ] || time=$last
  last=$time
  echo "* $(LC_ALL=C date -u -d "@$time" '+%a %b %d %Y') $(git log -1 --format='%an <%ae>' "$commit")"
  echo "- $(git log -1 --format=%s "$commit")"
  echo
done | sed 's/%/%%/g' >"$work/changelog"
if [ -f changelog ] && [ ! -L changelog ]; then cat changelog >>"$work/changelog"; fi

{
  echo "%define autorelease(e:s:pb:n) %{?-p:0.}%{lua:print(math.floor($release - 1 + tonumber(rpm.expand('%{?-b*}%{!?-b:1}'))))}%{?-e:.%{-e*}}%{?-s:.%{-s*}}%{!?-n:%{?dist}}"
  sed -e "/^%{\{0,1\}?\{0,1\}autochangelog}\{0,1\}[[:space:]]*\$/{r $work/changelog" -e 'd}' "$spec"
} >"$out" || exit
rm -rf "$work"
echo "The release number is $release"
echo "expanded: $out"
