#!/bin/sh
# Prints the path of tpm2-pkcs11's library, which keeps keys in a TPM. TPM2_PKCS11_MODULE names one that is elsewhere.
set -eu

# Debian; Fedora and RHEL.
for path in \
  "${TPM2_PKCS11_MODULE-}" \
  /usr/lib/*/pkcs11/libtpm2_pkcs11.so \
  /usr/lib64/pkcs11/libtpm2_pkcs11.so; do
  if [ -f "$path" ]; then
    echo "$path"
    exit 0
  fi
done
echo "tpm2-pkcs11-module-path.sh: libtpm2_pkcs11.so not found; install tpm2-pkcs11 or set TPM2_PKCS11_MODULE to its path" >&2
exit 1
