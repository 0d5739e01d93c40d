#!/bin/sh
# Issues a certificate for a public key whose private half stays on a token, from a demonstration CA of its own.
#
#   certificates.sh DIR --public-key FILE [--leaf FILE] [--signer-name NAME] [--days N]
#
# Writes into DIR root.pem, intermediate.pem, ca-bundle.pem (intermediate, then root), leaf.pem (or --leaf) and the CA's
# keys root.key and intermediate.key. What is there is kept: the CA until 30 days before its end, the leaf until 30 days
# before its end or until the public key is another. Several keys can share the CA of one DIR.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
usage='usage: certificates.sh DIR --public-key FILE [--leaf FILE] [--signer-name NAME] [--days N]'
signer_name='Demo signer - NOT FOR PRODUCTION'
days=365
public_key=
leaf=

fail() {
  echo "certificates.sh: $1" >&2
  exit "${2:-1}"
}

directory=
while [ $# -gt 0 ]; do
  case $1 in
    --public-key | --leaf | --signer-name | --days)
      [ $# -ge 2 ] || fail "$1 needs a value; $usage" 64
      case $1 in
        --public-key) public_key=$2 ;;
        --leaf) leaf=$2 ;;
        --signer-name) signer_name=$2 ;;
        --days) days=$2 ;;
      esac
      shift 2
      ;;
    --help)
      echo "$usage"
      exit 0
      ;;
    -*) fail "unknown option $1; $usage" 64 ;;
    *)
      [ -z "$directory" ] || fail "two directories: $directory and $1; $usage" 64
      directory=$1
      shift
      ;;
  esac
done
if [ -z "$directory" ] || [ -z "$public_key" ]; then fail "$usage" 64; fi
[ -f "$public_key" ] || fail "$public_key does not exist; make it with generate-key.sh"
leaf=${leaf:-$directory/leaf.pem}

openssl=$("$here/../openssl-path.sh")
umask 077
mkdir -p "$directory"
work=$(mktemp -d "$directory/.certificates.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# No OCSP, CRL or AIA address: validators would try to fetch from them.
cat >"$work/openssl.cnf" <<'END'
[req]
distinguished_name = subject
prompt = no
[subject]
CN = given by -subj
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation
# id-kp-documentSigning, RFC 9336
extendedKeyUsage = 1.3.6.1.5.5.7.3.36, emailProtection
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
END

quietly() {
  printed=$("$@" 2>&1) || fail "$printed"
}

# RFC 5280 4.1.2.2: positive and at most 20 octets.
serial() {
  echo "0x01$("$openssl" rand -hex 15)"
}

lasts() {
  [ -f "$1" ] && "$openssl" x509 -in "$1" -noout -checkend 2592000 >/dev/null 2>&1
}

new_key() {
  quietly "$openssl" genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1"
}

ca_is_usable() {
  lasts "$directory/root.pem" && lasts "$directory/intermediate.pem" && [ -f "$directory/intermediate.key" ] &&
    "$openssl" verify -CAfile "$directory/root.pem" "$directory/intermediate.pem" >/dev/null 2>&1 &&
    cat "$directory/intermediate.pem" "$directory/root.pem" | cmp -s - "$directory/ca-bundle.pem"
}

if ! ca_is_usable; then
  new_key "$work/root.key"
  new_key "$work/intermediate.key"
  quietly "$openssl" req -x509 -new -sha256 -days 3650 -set_serial "$(serial)" -key "$work/root.key" \
    -subj '/O=Demo/CN=Demo root CA - NOT FOR PRODUCTION' \
    -config "$work/openssl.cnf" -extensions root -out "$work/root.pem"
  quietly "$openssl" req -new -key "$work/intermediate.key" \
    -subj '/O=Demo/CN=Demo intermediate CA - NOT FOR PRODUCTION' \
    -config "$work/openssl.cnf" -out "$work/intermediate.csr"
  quietly "$openssl" x509 -req -sha256 -days 3649 -set_serial "$(serial)" -in "$work/intermediate.csr" \
    -CA "$work/root.pem" -CAkey "$work/root.key" \
    -extfile "$work/openssl.cnf" -extensions intermediate -out "$work/intermediate.pem"
  cat "$work/intermediate.pem" "$work/root.pem" >"$work/ca-bundle.pem"
  for file in root.key intermediate.key root.pem ca-bundle.pem intermediate.pem; do
    mv "$work/$file" "$directory/$file"
  done
fi

is_for_key() {
  "$openssl" x509 -in "$leaf" -noout -pubkey >"$work/certified.pem" &&
    "$openssl" pkey -pubin -in "$public_key" -pubout >"$work/given.pem" &&
    cmp -s "$work/certified.pem" "$work/given.pem"
}

is_of_ca() {
  "$openssl" verify -CAfile "$directory/root.pem" -untrusted "$directory/intermediate.pem" "$leaf" >/dev/null 2>&1
}

if ! { lasts "$leaf" && is_for_key && is_of_ca; }; then
  # -subj takes / as the separator of names.
  name=$(printf %s "$signer_name" | sed 's/[\\/]/\\&/g')
  quietly "$openssl" x509 -new -force_pubkey "$public_key" -sha256 -days "$days" -set_serial "$(serial)" \
    -subj "/O=Demo/CN=$name" -CA "$directory/intermediate.pem" -CAkey "$directory/intermediate.key" \
    -extfile "$work/openssl.cnf" -extensions leaf -out "$work/leaf.pem"
  mv "$work/leaf.pem" "$leaf"
fi
