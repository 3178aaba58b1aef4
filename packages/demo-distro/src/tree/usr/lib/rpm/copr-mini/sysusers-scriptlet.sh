# Prints the commands of a scriptlet that creates the users and groups of sysusers.d files.
#
# usage: sysusers-scriptlet.sh FILE...

quoted() {
  printf "'%s'" "${1//\'/\'\\\'\'}"
}

# group NAME [ID]
group() {
  local id=
  [[ $2 =~ ^[0-9]+$ ]] && id=" -f -g $2"
  echo "getent group $(quoted "$1") >/dev/null || groupadd$id -r $(quoted "$1") || :"
}

# user NAME ID[:GROUP] COMMENT HOME SHELL
user() {
  local id=${2%%:*} primary=$1 number=
  if [[ $2 == *:* ]]; then primary=${2#*:}; else group "$1" "$id"; fi
  # with another number, if an account of the machine has this one already
  [[ $id =~ ^[0-9]+$ ]] && number="\$(getent passwd $id >/dev/null || echo -u $id) "
  echo "getent passwd $(quoted "$1") >/dev/null || useradd $number-r -g $(quoted "$primary") -d $(quoted "$4") -s $(quoted "$5") -c $(quoted "$3") $(quoted "$1") || :"
}

# member USER GROUP
member() {
  group "$2"
  echo "getent passwd $(quoted "$1") >/dev/null || useradd -r $(quoted "$1") || :"
  echo "usermod -a -G $(quoted "$2") $(quoted "$1") || :"
}

# field VALUE DEFAULT
field() {
  if [[ -z $1 || $1 == - ]]; then echo "$2"; else echo "$1"; fi
}

cat -- "$@" | while read -r line || [[ -n $line ]]; do
  [[ -z $line || $line == \#* ]] && continue
  # xargs removes quotes as sysusers.d defines them
  mapfile -t words < <(xargs printf '%s\n' <<<"$line")
  case ${words[0]%%[!a-z]*} in
  u) user "${words[1]}" "${words[2]}" "$(field "${words[3]}" '')" "$(field "${words[4]}" /)" "$(field "${words[5]}" /usr/sbin/nologin)" ;;
  g) group "${words[1]}" "${words[2]}" ;;
  m) member "${words[1]}" "${words[2]}" ;;
  esac
done
