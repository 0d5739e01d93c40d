#!/bin/sh
# Packages the Helm chart, whose values then name an image of this version. Prints the path of the package. Needs helm.
#
#   package-chart.sh VERSION IMAGE DIGEST DIRECTORY
#
#   package-chart.sh 1.0.0 registry.example.com/signing-service sha256:... .
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ $# -ne 4 ]; then
  echo 'usage: package-chart.sh VERSION IMAGE DIGEST DIRECTORY' >&2
  exit 64
fi
version=$1
image=$2
digest=$3
target=$4

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# With the files that links lead to, as others have the chart without the repository.
cp -RL "$here/helm/signing-service" "$directory/"
chart=$directory/signing-service
# The first of each name is that of the service's image.
awk -v image="$image" -v digest="$digest" '
  !named && $0 == "  repository: signing-service" { $0 = "  repository: " image; named = 1 }
  !pinned && $0 == "  digest: \"\"" { $0 = "  digest: " digest; pinned = 1 }
  { print }
  END { exit !(named && pinned) }
' "$here/helm/signing-service/values.yaml" >"$chart/values.yaml" || {
  echo 'package-chart.sh: values.yaml has no place for the image' >&2
  exit 1
}
helm package "$chart" --version "$version" --app-version "$version" --destination "$target" >/dev/null
echo "$target/signing-service-$version.tgz"
