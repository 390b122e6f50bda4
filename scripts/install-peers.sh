#!/usr/bin/env bash
# Installs what the benchmarks measure beside us into target/tools and target/second-opinion: oha, fauxqs, MiniStack, LocalStack.
# What cannot be installed here is said, and `cargo bench` then says that it is absent.
#
#   scripts/install-peers.sh
set -uo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.." || exit

tools=$PWD/target/tools
missing=0
say() { printf '\n== %s\n' "$*"; }

say "oha (crates.io)"
[ -x "$tools/bin/oha" ] || cargo install oha@1.16.0 --locked --root "$tools" || missing=$((missing + 1))

for peer in fauxqs ministack localstack; do
  say "$peer"
  scripts/second-opinion.sh "$peer" --install || missing=$((missing + 1))
done

say "done; $missing could not be installed"
[ "$missing" = 0 ]
