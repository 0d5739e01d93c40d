#!/bin/sh
# Prints the folder with helm and the other tools that are built by Go, whether or not they are installed. Its name changes
# with what is pinned and with what is built.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
echo "${XDG_CACHE_HOME:-$HOME/.cache}/signing-service/go-tools-$(cat "$here/go.mod" "$here/go.sum" "$here"/*/*.go | cksum | cut -d' ' -f1)"
