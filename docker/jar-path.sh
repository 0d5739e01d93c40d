#!/bin/sh
# Prints the class path of Java libraries:
#
#   jar-path.sh bouncycastle|pdfbox|dss...
#
# JAR_DIRECTORY names a folder that has Bouncy Castle and PDFBox, where they are not among the system's.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# Debian and Fedora; Fedora has PDFBox in a folder of its own.
find_jar() {
  for name in "$@"; do
    for path in "${JAR_DIRECTORY:-/usr/share/java}/$name.jar" "/usr/share/java/$name.jar" "/usr/share/java/pdfbox/$name.jar"; do
      if [ -f "$path" ]; then
        class_path="${class_path:+$class_path:}$path"
        return
      fi
    done
  done
  echo "jar-path.sh: $1.jar not found; install it, or set JAR_DIRECTORY to its folder" >&2
  exit 1
}

find_dss() {
  directory=$("$here/dss/directory.sh")
  if [ ! -d "$directory" ]; then
    echo "jar-path.sh: $directory not found; install-tools.sh dss makes it" >&2
    exit 1
  fi
  class_path="${class_path:+$class_path:}$directory/*"
}

class_path=
for library in "$@"; do
  case $library in
    bouncycastle)
      find_jar bcprov
      find_jar bcutil
      find_jar bcpkix
      ;;
    pdfbox)
      find_jar pdfbox2 pdfbox
      find_jar fontbox2 fontbox
      find_jar commons-logging
      ;;
    dss) find_dss ;;
    *)
      echo "jar-path.sh: unknown library $library; there are bouncycastle, pdfbox and dss" >&2
      exit 64
      ;;
  esac
done
echo "$class_path"
