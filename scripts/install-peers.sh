#!/usr/bin/env bash
# Installs what the benchmarks measure beside us into target/tools and target/second-opinion: oha, fauxqs, MiniStack, LocalStack.
# What cannot be installed here is said, and `cargo bench` then says that it is absent.
set -uo pipefail
cd "$(dirname "$0")/.."

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
