#!/bin/sh
# Builds and packs the last commit twice, in clones at different places, and compares the packages octet by octet. Prints
# their SHA-256. Takes the installed packages of this folder, which npm ci has checked by the lockfile.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# Not below node_modules, where tsc would take our files for those of a package
mkdir -p "$root/dist"
work=$(mktemp -d "$root/dist/.reproducible-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Prints the SHA-256 of the package that is built in a folder.
pack() {
  mkdir -p "$(dirname -- "$1")"
  git clone -q "$root" "$1"
  # Hard links: it has some 500 MB
  cp -al "$root/node_modules" "$1/node_modules"
  (cd "$1" && npm pack --silent >/dev/null)
  openssl dgst -sha256 -r "$1"/*.tgz | cut -d' ' -f1
}

first=$(pack "$work/one")
second=$(pack "$work/another/place")
if [ "$first" != "$second" ]; then
  echo "two builds of one commit differ: $first and $second" >&2
  exit 1
fi
echo "$first"
