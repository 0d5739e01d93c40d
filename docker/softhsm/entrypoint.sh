#!/bin/sh
# Entry point of the development image: sets up a SoftHSM token at the first start, then runs the command with the
# service's settings for it.
#
# DEMO_DIRECTORY holds the token and who may use it, and has to survive restarts, if the key is to. The root certificate is copied into
# DEMO_TRUST_DIRECTORY, if that is set, for those who are to trust it.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
settings=$("$here/set-up.sh" "${DEMO_DIRECTORY:?is the folder of the SoftHSM token}")
while IFS= read -r setting; do
  export "${setting?}"
done <<END
$settings
END

if [ -n "${DEMO_TRUST_DIRECTORY-}" ]; then
  cp "$(dirname -- "$SIGNER_CERTIFICATE_FILE")/root.pem" "$DEMO_TRUST_DIRECTORY/demo-root-not-for-production.pem"
  chmod 644 "$DEMO_TRUST_DIRECTORY/demo-root-not-for-production.pem"
fi

# Whoever asks for a signature has to have the token in this file, as signing_token.
export ACCESS=tokens ACCESS_FILE="$DEMO_DIRECTORY/access.json"
if [ ! -e "$ACCESS_FILE" ]; then
  signing_token=$(node "$here/../../dist/bundle/cli/main.js" user add document-engine)
  (umask 077 && printf '%s\n' "$signing_token" > "$DEMO_DIRECTORY/signing-token-not-for-production")
fi

exec "$@"
