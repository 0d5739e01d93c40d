#!/bin/sh
# Prints the path of SoftHSM's PKCS#11 library. SOFTHSM2_MODULE names one that is elsewhere.
set -eu

# Debian and Alpine, Debian's real files, Fedora and RHEL, Homebrew on Apple silicon, Homebrew on Intel.
for path in \
  "${SOFTHSM2_MODULE-}" \
  /usr/lib/softhsm/libsofthsm2.so \
  /usr/lib/*/softhsm/libsofthsm2.so \
  /usr/lib64/pkcs11/libsofthsm2.so \
  /usr/lib64/softhsm/libsofthsm2.so \
  /usr/lib64/softhsm/libsofthsm.so \
  /opt/homebrew/lib/softhsm/libsofthsm2.so \
  /usr/local/lib/softhsm/libsofthsm2.so; do
  if [ -f "$path" ]; then
    echo "$path"
    exit 0
  fi
done
echo "module-path.sh: libsofthsm2.so not found; install SoftHSM 2 or set SOFTHSM2_MODULE to its path" >&2
exit 1
