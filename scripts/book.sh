#!/usr/bin/env bash
# Makes the pages of docs/ into one site in target/book. Installs mdBook into target/tools when it is not there.
#
#   scripts/book.sh
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.."

version=0.5.4
tools=$PWD/target/tools
export PATH="$tools/bin:$PATH"
if ! command -v mdbook >/dev/null; then
  echo "installing mdbook $version into target/tools"
  # Neither its server nor its watcher.
  cargo install mdbook --version "$version" --no-default-features --features search --locked --root "$tools" --quiet
fi
mdbook build docs
echo "target/book/index.html"
