#!/bin/sh
# Prints the folder with the virtual environment of the AWS CLI, whether or not it is installed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's|^awscli==\([0-9.]*\).*|\1|p' "$here/requirements.txt")
echo "${XDG_CACHE_HOME:-$HOME/.cache}/signing-service/aws-cli-$version"
