#!/bin/sh
# Prints the path of openCryptoki's PKCS#11 library. OPENCRYPTOKI_MODULE names one that is elsewhere.
set -eu

# Debian; Fedora and RHEL.
for path in \
  "${OPENCRYPTOKI_MODULE-}" \
  /usr/lib/*/pkcs11/libopencryptoki.so \
  /usr/lib64/pkcs11/libopencryptoki.so \
  /usr/lib64/opencryptoki/libopencryptoki.so; do
  if [ -f "$path" ]; then
    echo "$path"
    exit 0
  fi
done
echo "opencryptoki-module-path.sh: libopencryptoki.so not found; install openCryptoki or set OPENCRYPTOKI_MODULE to its path" >&2
exit 1
