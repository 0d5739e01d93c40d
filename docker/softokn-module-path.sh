#!/bin/sh
# Prints the path of softokn, the PKCS#11 library in which NSS keeps its keys. SOFTOKN_MODULE names one that is elsewhere.
set -eu

# Debian, and before Debian 12; Fedora and RHEL; Alpine; Homebrew on Apple silicon and on Intel.
for path in \
  "${SOFTOKN_MODULE-}" \
  /usr/lib/*/libsoftokn3.so \
  /usr/lib/*/nss/libsoftokn3.so \
  /usr/lib64/libsoftokn3.so \
  /usr/lib/libsoftokn3.so \
  /opt/homebrew/opt/nss/lib/libsoftokn3.dylib \
  /usr/local/opt/nss/lib/libsoftokn3.dylib; do
  if [ -f "$path" ]; then
    echo "$path"
    exit 0
  fi
done
echo "softokn-module-path.sh: libsoftokn3 not found; install NSS or set SOFTOKN_MODULE to its path" >&2
exit 1
