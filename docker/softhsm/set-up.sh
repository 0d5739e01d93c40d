#!/bin/sh
# Makes everything that a demonstration of the service needs, in one folder: a SoftHSM token, a signing key generated on
# it, and certificates for that key.
#
#   set-up.sh DIR
#
# Prints the settings, one NAME=value a line, for the service's environment. What is there already is kept.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ $# -ne 1 ]; then
  echo 'usage: set-up.sh DIR' >&2
  exit 64
fi
umask 077
mkdir -p "$1"
directory=$(CDPATH='' cd -- "$1" && pwd)
token=$directory/token-not-for-production
certificates=$directory/certificates-not-for-production
pin_file=$directory/pin-not-for-production

settings=$("$here/create-token.sh" "$token" --pin-file "$pin_file")
"$here/generate-key.sh" "$token" --pin-file "$pin_file" --public-key "$token/public-key.pem"
"$here/certificates.sh" "$certificates" --public-key "$token/public-key.pem"

echo "$settings"
echo "SIGNER_CERTIFICATE_FILE=$certificates/leaf.pem"
echo "CA_CERTIFICATES_FILE=$certificates/ca-bundle.pem"
