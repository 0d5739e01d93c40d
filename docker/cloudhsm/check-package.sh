#!/bin/sh
# Prints the path of AWS's package beside this script, if it is the only one and has this checksum.
#
#   check-package.sh SHA256
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
fail() {
  echo "check-package.sh: $1" >&2
  exit 1
}

sha256=${1-}
[ -n "$sha256" ] || fail 'name the SHA-256 of the package, in hex: --build-arg CLOUDHSM_SHA256=...'
set -- "$here"/cloudhsm-pkcs11_*.deb
if [ ! -f "$1" ] || [ $# -ne 1 ]; then
  fail "put one package of AWS's into docker/cloudhsm: cloudhsm-pkcs11_*.deb"
fi
found=$(sha256sum <"$1" | cut -d' ' -f1)
[ "$found" = "$sha256" ] || fail "$(basename -- "$1") has another SHA-256: $found"
echo "$1"
