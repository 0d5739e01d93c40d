#!/bin/sh
# Prints the folder with the virtual environment of Python's tools, whether or not they are installed. Its name changes with
# what is pinned.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
echo "${XDG_CACHE_HOME:-$HOME/.cache}/signing-service/python-tools-$(cksum <"$here/requirements.txt" | cut -d' ' -f1)"
