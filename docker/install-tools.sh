#!/bin/sh
# Installs the command line tools that the demo, the tests and the development image need, where they are missing.
#
#   install-tools.sh GROUP...
#
# Groups: softhsm (softhsm2-util and libsofthsm2.so), opensc (pkcs11-tool), openssl (OpenSSL 3), poppler (pdfsig),
# nss (certutil), softokn (NSS's PKCS#11 library), opencryptoki (with its software token; apk and Homebrew have none),
# tpm (tpm2-pkcs11, swtpm and tpm2-abrmd; for apt-get and dnf), p11-kit (its server, and the PKCS#11 library that is
# its client), compiler (c++, make and python3, with which node-gyp compiles pkcs11js), prometheus-client (that of the
# system's Python; Homebrew has none), java (a JDK), bouncycastle and pdfbox (libraries for Java; apk and Homebrew
# have none), gpgsm, nist-vectors (signatures, certificates and CRLs that NIST made for testing verifiers, as packages for the
# system's Python have them; apk and Homebrew have none), haproxy (a load balancer), tinyproxy (an HTTP proxy), prometheus
# (promtool, which judges alerts), maven, dss (EU DSS for Java, which Maven downloads), python-venv, pyhanko,
# schemathesis, opentelemetry-proto and aws-cli (of Python's packages, each in a virtual environment), chromium (the browser;
# Homebrew has none), monitoring-plugin (the Perl module by which monitoring systems read plugins; for apt-get and dnf),
# bubblewrap (which runs the pods of the chart; Homebrew has none), go-tools (helm, actionlint and a check of custom resources,
# built from Go modules), python-tools (kubernetes-validate, yamllint, hadolint and zizmor, in a virtual environment). dss needs
# java and maven, pyhanko, schemathesis, opentelemetry-proto, aws-cli, go-tools and python-tools need python-venv.
# Silent when everything is there. Uses apt-get, dnf, apk or brew, through sudo when it is not root. Progress goes to stderr.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

fail() {
  echo "install-tools.sh: $1" >&2
  exit "${2:-1}"
}

has() {
  command -v "$1" >/dev/null 2>&1
}

present() {
  case $1 in
    softhsm) has softhsm2-util && "$here/softhsm/module-path.sh" >/dev/null 2>&1 ;;
    opensc) has pkcs11-tool ;;
    openssl) "$here/openssl-path.sh" >/dev/null 2>&1 ;;
    poppler) has pdfsig ;;
    nss) has certutil ;;
    softokn) "$here/softokn-module-path.sh" >/dev/null 2>&1 ;;
    opencryptoki) "$here/opencryptoki-module-path.sh" >/dev/null 2>&1 ;;
    tpm)
      (PATH=$PATH:/usr/sbin && has swtpm && has tpm2-abrmd && has tpm2_ptool && has dbus-daemon && has dbus-send) &&
        "$here/tpm2-pkcs11-module-path.sh" >/dev/null 2>&1
      ;;
    p11-kit) has p11-kit && "$here/p11-kit-client-path.sh" >/dev/null 2>&1 ;;
    compiler) has c++ && has make && has python3 ;;
    prometheus-client) /usr/bin/python3 -c 'import prometheus_client' >/dev/null 2>&1 ;;
    # macOS has a javac that only says where to get one.
    java) javac -version >/dev/null 2>&1 ;;
    bouncycastle | pdfbox | dss) "$here/jar-path.sh" "$1" >/dev/null 2>&1 ;;
    gpgsm) has gpgsm && has gpgconf ;;
    # Debian has it where only root looks.
    haproxy) (PATH=$PATH:/usr/sbin && has haproxy) ;;
    tinyproxy) has tinyproxy ;;
    bubblewrap) has bwrap ;;
    prometheus) has promtool ;;
    maven) has mvn ;;
    python-venv) python3 -c 'import ensurepip' >/dev/null 2>&1 ;;
    pyhanko | schemathesis | opentelemetry-proto | aws-cli | python-tools) [ -f "$("$here/python/directory.sh" "$1")/installed" ] ;;
    go-tools) [ -d "$("$here/go-tools/directory.sh")" ] ;;
    chromium) has chromium || has chromium-browser ;;
    monitoring-plugin) perl -MMonitoring::Plugin -MJSON::PP -e 1 >/dev/null 2>&1 ;;
    nist-vectors) /usr/bin/python3 -c 'import cryptography_vectors' >/dev/null 2>&1 ;;
    *)
      fail "unknown tool group $1; the groups are softhsm, opensc, openssl, poppler, nss, softokn, opencryptoki, tpm, \
p11-kit, compiler, prometheus-client, java, bouncycastle, pdfbox, gpgsm, nist-vectors, haproxy, tinyproxy, prometheus, \
maven, dss, python-venv, pyhanko, schemathesis, opentelemetry-proto, aws-cli, chromium, monitoring-plugin, bubblewrap, go-tools and \
python-tools" 64
      ;;
  esac
}

# What a package manager calls the package of a group.
package() {
  case $1/$2 in
    */opensc) echo opensc ;;
    apt-get/softhsm) echo softhsm2 ;;
    */softhsm) echo softhsm ;;
    brew/openssl) echo openssl@3 ;;
    */openssl) echo openssl ;;
    brew/poppler) echo poppler ;;
    */poppler) echo poppler-utils ;;
    apt-get/nss) echo libnss3-tools ;;
    brew/nss) echo nss ;;
    */nss) echo nss-tools ;;
    apt-get/softokn) echo libnss3 ;;
    dnf/softokn) echo nss-softokn ;;
    */softokn) echo nss ;;
    apt-get/opencryptoki) echo opencryptoki ;;
    dnf/opencryptoki) echo opencryptoki opencryptoki-swtok ;;
    apt-get/tpm)
      echo libtpm2-pkcs11-1 libtpm2-pkcs11-tools swtpm tpm2-abrmd libtss2-tcti-swtpm0 libtss2-tcti-tabrmd0 dbus
      ;;
    dnf/tpm) echo tpm2-pkcs11 tpm2-pkcs11-tools swtpm tpm2-abrmd dbus-daemon dbus-tools ;;
    apt-get/p11-kit) echo p11-kit p11-kit-modules ;;
    brew/p11-kit) echo p11-kit ;;
    */p11-kit) echo p11-kit p11-kit-server ;;
    dnf/compiler) echo gcc-c++ make python3 ;;
    brew/compiler) echo make python3 ;;
    */compiler) echo g++ make python3 ;;
    apt-get/prometheus-client) echo python3-prometheus-client ;;
    dnf/prometheus-client) echo python3-prometheus_client ;;
    apk/prometheus-client) echo py3-prometheus-client ;;
    apt-get/java) echo default-jdk-headless ;;
    dnf/java) echo java-latest-openjdk-devel ;;
    apk/java) echo openjdk21-jdk ;;
    brew/java) echo openjdk ;;
    apt-get/bouncycastle) echo libbcpkix-java ;;
    dnf/bouncycastle) echo bouncycastle-pkix ;;
    apt-get/pdfbox) echo libpdfbox2-java ;;
    dnf/pdfbox) echo pdfbox ;;
    apt-get/gpgsm) echo gpgsm gpg-agent ;;
    dnf/gpgsm) echo gnupg2 gnupg2-smime ;;
    apk/gpgsm) echo gpgsm gpg-agent gnupg-gpgconf ;;
    brew/gpgsm) echo gnupg ;;
    */haproxy | */tinyproxy | */maven) echo "$2" ;;
    apt-get/prometheus | apk/prometheus | brew/prometheus) echo prometheus ;;
    apt-get/python-venv) echo python3-venv ;;
    */python-venv) echo python3 ;;
    apt-get/monitoring-plugin) echo libmonitoring-plugin-perl ;;
    dnf/monitoring-plugin) echo perl-Monitoring-Plugin ;;
    apt-get/chromium | dnf/chromium | apk/chromium) echo chromium ;;
    apt-get/bubblewrap | dnf/bubblewrap | apk/bubblewrap) echo bubblewrap ;;
    apt-get/nist-vectors | dnf/nist-vectors) echo python3-cryptography-vectors ;;
  esac
}

install_packages() {
  manager=
  for candidate in apt-get dnf apk brew; do
    if has "$candidate"; then
      manager=$candidate
      break
    fi
  done
  [ -n "$manager" ] ||
    fail "install$missing by hand: this machine has none of apt-get, dnf, apk and brew"

  # Unquoted on purpose from here on: neither groups nor packages contain spaces.
  packages=
  for group in $missing; do
    found=$(package "$manager" "$group")
    [ -n "$found" ] || fail "install $group by hand: $manager has no package of it"
    packages="$packages $found"
  done

  as_root=
  # Homebrew refuses to run as root.
  if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then
    has sudo || fail "run this as root: $manager install$packages"
    as_root=sudo
  fi

  echo "Installing$packages with $manager" >&2
  status=0
  case $manager in
    apt-get)
      # A mirror that is out of date or out of reach need not matter: the installation tells.
      $as_root apt-get update -qq >&2 || true
      # shellcheck disable=SC2086
      $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 \
        --no-install-recommends $packages >&2 || status=$?
      ;;
    dnf)
      # shellcheck disable=SC2086
      $as_root dnf install -y -q --setopt=install_weak_deps=False $packages >&2 || status=$?
      ;;
    apk)
      # shellcheck disable=SC2086
      $as_root apk add --no-cache $packages >&2 || status=$?
      ;;
    brew)
      # shellcheck disable=SC2086
      brew install --quiet $packages >&2 || status=$?
      ;;
  esac
  [ "$status" -eq 0 ] || fail "$manager could not install$packages (it answered $status); install them by hand"

  for group in $missing; do
    present "$group" || fail "$manager installed$packages, but the tools of $group are not on the PATH"
  done
}

missing=
downloads=
for group in "$@"; do
  if ! present "$group"; then
    case $group in
      dss | pyhanko | schemathesis | opentelemetry-proto | aws-cli | go-tools | python-tools) downloads="$downloads $group" ;;
      *) missing="$missing $group" ;;
    esac
  fi
done
[ -z "$missing" ] || install_packages
for group in $downloads; do
  echo "Downloading $group" >&2
  case $group in
    dss | go-tools) "$here/$group/install.sh" ;;
    *) "$here/python/install.sh" "$group" ;;
  esac || fail "$group could not be downloaded: dss needs java and maven, the others need python-venv"
done
