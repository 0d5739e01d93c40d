#!/bin/sh
# Prints the folder with the virtual environment of the package that this folder is called after, whether or not it is
# installed. The folders of other packages have links to this file.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
package=$(basename "$here")
version=$(sed -n "s|^$package==\([0-9.]*\).*|\1|p" "$here/requirements.txt")
echo "${XDG_CACHE_HOME:-$HOME/.cache}/signing-service/$package-$version"
