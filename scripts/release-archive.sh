#!/usr/bin/env bash
# Packs programs into an archive of a release, with licences, completions and manual pages, and a checksum beside it:
#
#   scripts/release-archive.sh VERSION TARGET FOLDER PROGRAM...
#
# leaves FOLDER/rushproof-VERSION-TARGET.tar.gz, the same with .sha256 behind it, and FOLDER/try, where it was unpacked again and asked for its version.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac

if [ $# -lt 4 ]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
version=$1 target=$2 folder=$3
shift 3
here=$(cd "$(dirname "$0")/.." && pwd)

name=rushproof-$version-$target
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
mkdir -p "$staged/$name/completions" "$staged/$name/man"

for program in "$@"; do
  install -m 755 "$program" "$staged/$name/$(basename "$program")"
  # Names of functions stay, for backtraces; what only a debugger reads goes.
  if command -v strip >/dev/null; then strip --strip-debug "$staged/$name/$(basename "$program")"; fi
done
cp "$here"/LICENSE-APACHE "$here"/LICENSE-MIT "$here"/README.md "$here"/CHANGELOG.md "$staged/$name/"
if [ -x "$staged/$name/loadgen" ]; then
  for shell in bash zsh fish; do
    "$staged/$name/loadgen" completions "$shell" >"$staged/$name/completions/loadgen.$shell"
  done
  "$staged/$name/loadgen" man --out "$staged/$name/man"
fi

# The same programs make the same archive, byte by byte.
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$staged" -cf - "$name" | gzip -n >"$folder/$name.tar.gz"
(cd "$folder" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")

rm -rf "$folder/try"
mkdir "$folder/try"
(cd "$folder" && sha256sum --check --quiet "$name.tar.gz.sha256")
tar -xzf "$folder/$name.tar.gz" -C "$folder/try" --strip-components=1
for program in "$@"; do
  "$folder/try/$(basename "$program")" --version
done
echo "$folder/$name.tar.gz"
