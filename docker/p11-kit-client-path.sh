#!/bin/sh
# Prints the path of p11-kit-client.so, the PKCS#11 library that speaks to a p11-kit server. P11_KIT_CLIENT names one
# that is elsewhere.
set -eu

# Debian; Fedora and RHEL; Alpine; Homebrew on Apple silicon and on Intel.
for path in \
  "${P11_KIT_CLIENT-}" \
  /usr/lib/*/pkcs11/p11-kit-client.so \
  /usr/lib64/pkcs11/p11-kit-client.so \
  /usr/lib/pkcs11/p11-kit-client.so \
  /opt/homebrew/lib/pkcs11/p11-kit-client.so \
  /usr/local/lib/pkcs11/p11-kit-client.so; do
  if [ -f "$path" ]; then
    echo "$path"
    exit 0
  fi
done
echo "p11-kit-client-path.sh: p11-kit-client.so not found; install p11-kit's server or set P11_KIT_CLIENT to its path" >&2
exit 1
