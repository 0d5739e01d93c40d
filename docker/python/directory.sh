#!/bin/sh
# Prints the folder with the virtual environment of a group, whether or not it is installed. Its name changes with what the
# group's file pins.
#
#   directory.sh GROUP
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
pins=$here/$1.txt
[ -f "$pins" ] || {
  echo "directory.sh: $pins not found" >&2
  exit 64
}
echo "${XDG_CACHE_HOME:-$HOME/.cache}/signing-service/$1-$(cksum <"$pins" | cut -d' ' -f1)"
