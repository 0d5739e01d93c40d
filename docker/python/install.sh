#!/bin/sh
# Has pip install what the file of a group pins into a virtual environment of its own; progress goes to stderr. Needs
# Python 3.10.
#
#   install.sh GROUP
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
directory=$("$here/directory.sh" "$1")
# Virtual environments cannot be moved: the file tells that this one is whole.
python3 -m venv --clear "$directory" >&2
"$directory/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: \
  -r "$here/$1.txt" >&2
: >"$directory/installed"
