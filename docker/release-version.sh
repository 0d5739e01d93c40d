#!/bin/sh
# Prints the version of a release, if its tag, package.json, the chart and CHANGELOG.md agree about it.
#
#   release-version.sh TAG
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/.."
tag=${1?the tag, such as v1.0.0}
version=${tag#v}

fail() {
  echo "release-version.sh: $1" >&2
  exit 1
}

[ "$tag" = "v$version" ] || fail "a tag is a v and the version: $tag is none"
node -e 'process.exit(require("./package.json").version === process.argv[1] ? 0 : 1)' "$version" ||
  fail "package.json has another version than $version"
for line in "version: $version" "appVersion: $version"; do
  grep -qxF "$line" docker/helm/signing-service/Chart.yaml || fail "docker/helm/signing-service/Chart.yaml has no $line"
done
grep -qF "## [$version] - " CHANGELOG.md || fail "CHANGELOG.md has no chapter [$version] with a date"
echo "$version"
