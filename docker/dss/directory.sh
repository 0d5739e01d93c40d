#!/bin/sh
# Prints the folder with the libraries of EU DSS, whether or not they are installed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's|.*<version.dss>\(.*\)</version.dss>.*|\1|p' "$here/pom.xml")
echo "${XDG_CACHE_HOME:-$HOME/.cache}/signing-service/dss-$version"
