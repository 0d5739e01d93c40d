#!/bin/sh
# Has pip install what requirements.txt pins into a virtual environment of its own; progress goes to stderr. Needs Python
# 3.10. Other folders have links to this file.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
directory=$("$here/directory.sh")
# Virtual environments cannot be moved: the file tells that this one is whole.
python3 -m venv --clear "$directory" >&2
"$directory/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: \
  -r "$here/requirements.txt" >&2
: >"$directory/installed"
