#!/bin/sh
# Builds helm, actionlint and custom-resources from Go modules, whose checksums go.sum has; progress goes to stderr. Takes three
# minutes on two cores. Where this machine has no Go, or an older one than go.mod asks for, pip installs one for the build.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
directory=$("$here/directory.sh")
# The folder is there once it is whole.
unfinished=$directory.$$
trap 'rm -rf "$unfinished"' EXIT
mkdir -p "$unfinished"
cd "$here"

# Else go would fetch the version that go.mod names by itself.
export GOTOOLCHAIN=local
if ! go list -m >/dev/null 2>&1; then
  echo 'Installing Go' >&2
  python3 -m venv "$unfinished/go" >&2
  "$unfinished/go/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: \
    -r requirements.txt >&2
  PATH=$unfinished/go/bin:$PATH
fi
go build -trimpath -ldflags '-s -w' -o "$unfinished/bin/" tool ./custom-resources >&2
rm -rf "$unfinished/go"
mv "$unfinished" "$directory"
