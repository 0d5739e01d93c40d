#!/bin/sh
# Builds the image of the service for amd64 and arm64, with what its labels say taken from git, and a bill of materials and the
# provenance beside it. Needs Docker's buildx and, for the other architecture than this machine's, QEMU.
#
#   image.sh NAME VERSION [OPTION...]     options of `docker buildx build`, of which --output says where it goes:
#
#   image.sh signing-service 1.0.0 --output type=oci,dest=image.tar
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ $# -lt 2 ]; then
  echo 'usage: image.sh NAME VERSION [OPTION...]' >&2
  exit 64
fi
name=$1
version=$2
shift 2

cd "$here/.."
revision=$(git rev-parse HEAD)
# The same commit makes the same times in the image.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
created=$(git log -1 --format=%cI)
# A clone knows the address of the sources, which is told without a password.
source=$(git config --get remote.origin.url | sed -n 's|^\(https://\)[^@/]*@|\1|; s|^git@\([^:]*\):|https://\1/|; s|\.git$||; /^https:/p' || true)
export SOURCE_DATE_EPOCH
exec docker buildx build --file docker/Dockerfile --target service --platform linux/amd64,linux/arm64 \
  --tag "$name:$version" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
  --build-arg "CREATED=$created" --build-arg "SOURCE=$source" \
  --provenance mode=max --sbom true "$@" .
