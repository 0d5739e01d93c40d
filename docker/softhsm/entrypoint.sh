#!/bin/sh
# Entry point of the development image: sets up a SoftHSM token at the first start, then runs the command with the
# service's settings for it.
#
# DEMO_DIRECTORY holds the token and has to survive restarts, if the key is to. The root certificate is copied into
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

exec "$@"
