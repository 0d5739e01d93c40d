#!/bin/sh
# Generates a signing key on a SoftHSM token that create-token.sh has made. The private half never leaves the token
# and can sign, nothing else.
#
#   generate-key.sh DIR --public-key FILE [--token-label LABEL] [--pin PIN | --pin-file FILE]
#                   [--key-label LABEL] [--key-id HEX] [--bits N | --curve NAME]
#
# Writes the public key (PEM, SubjectPublicKeyInfo) to --public-key. A key of that id which exists already is kept, and
# only its public key is written. RSA of 2048 bits unless --bits or --curve (secp256r1, ...) says otherwise.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
usage='usage: generate-key.sh DIR --public-key FILE [--token-label LABEL] [--pin PIN | --pin-file FILE] [--key-label LABEL] [--key-id HEX] [--bits N | --curve NAME]'
token_label='DEMO token NOT FOR PRODUCTION'
pin=demo-pin-not-for-production
key_label='DEMO key NOT FOR PRODUCTION'
key_id=de30
key_type=rsa:2048
public_key=

fail() {
  echo "generate-key.sh: $1" >&2
  exit "${2:-1}"
}

directory=
while [ $# -gt 0 ]; do
  case $1 in
    --public-key | --token-label | --pin | --pin-file | --key-label | --key-id | --bits | --curve)
      [ $# -ge 2 ] || fail "$1 needs a value; $usage" 64
      case $1 in
        --public-key) public_key=$2 ;;
        --token-label) token_label=$2 ;;
        --pin) pin=$2 ;;
        --pin-file) pin=$(cat "$2") ;;
        --key-label) key_label=$2 ;;
        --key-id) key_id=$2 ;;
        --bits) key_type=rsa:$2 ;;
        --curve) key_type=EC:$2 ;;
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
if [ -z "$directory" ] || [ -z "$public_key" ]; then fail "$usage" 64; fi

directory=$(CDPATH='' cd -- "$directory" && pwd)
export SOFTHSM2_CONF="$directory/softhsm2.conf"
[ -f "$SOFTHSM2_CONF" ] || fail "$SOFTHSM2_CONF does not exist; run create-token.sh $directory first"
module=$("$here/module-path.sh")
openssl=$("$here/../openssl-path.sh")
# Arguments can be read by every user of the machine, the environment cannot.
export TOKEN_PIN="$pin"

on_token() {
  pkcs11-tool --module "$module" --token-label "$token_label" --login --pin env:TOKEN_PIN "$@"
}

keys=$(on_token --list-objects --type privkey --id "$key_id" 2>&1) || fail "pkcs11-tool: $keys"
# pkcs11-tool lists the keys of other ids as well: OpenSC 0.23 heeds --id only when it reads or generates.
if ! printf '%s\n' "$keys" | grep -qi "^ *ID: *$key_id *\$"; then
  echo "Generating $key_type on the token '$token_label'" >&2
  printed=$(on_token --keypairgen --key-type "$key_type" --label "$key_label" --id "$key_id" \
    --sensitive --usage-sign 2>&1) || fail "pkcs11-tool: $printed"
fi
# Without what the caller may have loaded into its own Node, a debugger or a coverage reporter for example.
env -u NODE_OPTIONS node "$here/sign-only.mjs" "$module" "$token_label" "$key_id"

umask 077
temporary=$public_key.new
on_token --read-object --type pubkey --id "$key_id" --output-file "$temporary" >/dev/null 2>&1 ||
  fail "the token has no public key of id $key_id"
"$openssl" pkey -pubin -inform DER -in "$temporary" -out "$temporary.pem"
rm -f "$temporary"
mv "$temporary.pem" "$public_key"
