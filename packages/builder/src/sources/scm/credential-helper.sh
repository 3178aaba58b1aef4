#!/bin/sh
# A credential helper of git: prints the user name and the password of the first prefix that the URL has. The file `credentials`, next to
# this one, has three lines for each: prefix, user name, password.
[ "$1" = get ] || exit 0
protocol= host= path=
while IFS= read -r line && [ -n "$line" ]; do
  case $line in
    protocol=*) protocol=${line#*=} ;;
    host=*) host=${line#*=} ;;
    path=*) path=${line#*=} ;;
  esac
done
# Servers resolve these, so that the path would not be below the prefix that it seems to have.
case /$path/ in */./* | */../*) exit 0 ;; esac
while IFS= read -r prefix && IFS= read -r username && IFS= read -r password; do
  case $protocol://$host/$path/ in
    "$prefix"/*) printf 'username=%s\npassword=%s\n' "$username" "$password"; exit 0 ;;
  esac
done <"${0%/*}/credentials"
