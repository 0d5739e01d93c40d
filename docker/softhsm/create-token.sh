#!/bin/sh
# Makes a SoftHSM token, for demonstrations and tests.
#
#   create-token.sh DIR [--label LABEL] [--pin PIN | --pin-file FILE] [--so-pin PIN]
#
# Writes DIR/softhsm2.conf and DIR/tokens/. A token of that label which exists already is kept as it is, so that several
# calls put several tokens into one DIR. --pin-file is read, or made with the default PIN if it does not exist. Prints
# SOFTHSM2_CONF, HSM_MODULE, HSM_TOKEN_LABEL and, with --pin-file, HSM_PIN_FILE as NAME=value lines.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
usage='usage: create-token.sh DIR [--label LABEL] [--pin PIN | --pin-file FILE] [--so-pin PIN]'
label='DEMO token NOT FOR PRODUCTION'
pin=demo-pin-not-for-production
so_pin=demo-so-pin-not-for-production
pin_file=

fail() {
  echo "create-token.sh: $1" >&2
  exit "${2:-1}"
}

directory=
while [ $# -gt 0 ]; do
  case $1 in
    --label | --pin | --pin-file | --so-pin)
      [ $# -ge 2 ] || fail "$1 needs a value; $usage" 64
      case $1 in
        --label) label=$2 ;;
        --pin) pin=$2 ;;
        --pin-file) pin_file=$2 ;;
        --so-pin) so_pin=$2 ;;
      esac
      shift 2
      ;;
    --help)
      echo "$usage"
      exit 0
      ;;
    -*) fail "unknown option $1; $usage" 64 ;;
    *)
      [ -z "$directory" ] || fail "two directories: $directory and $1; $usage" 64
      directory=$1
      shift
      ;;
  esac
done
[ -n "$directory" ] || fail "$usage" 64
# CK_TOKEN_INFO.label has 32 bytes.
[ "$(printf %s "$label" | wc -c)" -le 32 ] || fail "the label '$label' is longer than 32 bytes" 64

umask 077
mkdir -p "$directory/tokens"
directory=$(CDPATH='' cd -- "$directory" && pwd)

if [ -n "$pin_file" ]; then
  [ -f "$pin_file" ] || printf '%s\n' "$pin" >"$pin_file"
  pin=$(cat "$pin_file")
fi

module=$("$here/module-path.sh")
export SOFTHSM2_CONF="$directory/softhsm2.conf"
if [ ! -f "$SOFTHSM2_CONF" ]; then
  cat >"$SOFTHSM2_CONF.new" <<END
directories.tokendir = $directory/tokens
objectstore.backend = file
log.level = ERROR
END
  mv "$SOFTHSM2_CONF.new" "$SOFTHSM2_CONF"
fi

has_token() {
  softhsm2-util --module "$module" --show-slots | sed -n 's/^ *Label: *//p' | sed 's/ *$//' | grep -Fqx -e "$label"
}

if ! has_token; then
  printed=$(softhsm2-util --module "$module" --init-token --free --label "$label" --pin "$pin" --so-pin "$so_pin" 2>&1) ||
    fail "softhsm2-util: $printed"
fi

echo "SOFTHSM2_CONF=$SOFTHSM2_CONF"
echo "HSM_MODULE=$module"
echo "HSM_TOKEN_LABEL=$label"
[ -z "$pin_file" ] || echo "HSM_PIN_FILE=$(CDPATH='' cd -- "$(dirname -- "$pin_file")" && pwd)/$(basename -- "$pin_file")"
