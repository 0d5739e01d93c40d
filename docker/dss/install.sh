#!/bin/sh
# Has Maven download the libraries of EU DSS; progress goes to stderr. A checksum that is not the registry's ends it.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
directory=$("$here/directory.sh")
# The folder is there once it is whole.
unfinished=$directory.$$
trap 'rm -rf "$unfinished"' EXIT
mvn -q -B --strict-checksums -f "$here/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$unfinished" >&2
mv "$unfinished" "$directory"
