#!/bin/sh
# Prints the path of an OpenSSL 3 or later. LibreSSL, which macOS has under the same name, and OpenSSL 1.1 lack
# `x509 -force_pubkey`; Homebrew keeps its openssl@3 off the PATH.
set -eu

for candidate in openssl /opt/homebrew/opt/openssl@3/bin/openssl /usr/local/opt/openssl@3/bin/openssl; do
  path=$(command -v "$candidate" 2>/dev/null) || continue
  case $("$path" version 2>/dev/null) in
    'OpenSSL '[3-9].* | 'OpenSSL '[1-9][0-9].*)
      echo "$path"
      exit 0
      ;;
  esac
done
echo "openssl-path.sh: no OpenSSL 3 or later found; install openssl (Homebrew: openssl@3)" >&2
exit 1
