#!/bin/sh -e
# Verifies a detached signature with the keys of one file and no others: --keyring=FILE --signature=FILE --data=FILE

for word; do
  case $word in
    --keyring=*) keyring=${word#*=} ;;
    --signature=*) signature=${word#*=} ;;
    --data=*) data=${word#*=} ;;
    *)
      echo "gpgverify: expected --keyring=, --signature= and --data=, received $word" >&2
      exit 2
      ;;
  esac
done
if [ -z "$keyring" ] || [ -z "$signature" ] || [ -z "$data" ]; then
  echo 'gpgverify: --keyring=, --signature= and --data= are all needed' >&2
  exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# keys may be armored
gpg --homedir "$work" --batch --quiet --no-autostart --dearmor < "$keyring" > "$work/keys.gpg" 2> /dev/null || cat "$keyring" > "$work/keys.gpg"
gpgv --homedir "$work" --keyring "$work/keys.gpg" "$signature" "$data"
