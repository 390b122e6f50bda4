#!/usr/bin/env bash
# The whole suite several times, each time in another order, in parallel: a test that needs another one before it, or disturbs one beside it, is
# found by that.
#
#   scripts/shuffle.sh [--times N] [--order SEED] [CARGO-TEST-ARGUMENTS…]
#
# Says the order of each run; the same order again is `--times 1 --order SEED`. Without arguments it is the whole workspace, but for the examples in
# its documentation: each of those is a program of its own.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.."

times=3
order=""
while [ $# -gt 0 ]; do
  case $1 in
    --times) times=${2:?how often} && shift 2 ;;
    --order) order=${2:?which order} && shift 2 ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || set -- --workspace --lib --bins --tests

# Shuffling is an option of the test harness that only a nightly toolchain offers unasked. Asked through the program that runs the tests, and not
# through cargo's own environment, it changes nothing about how anything is compiled.
triple=$(rustc -vV | sed -n 's/^host: //p')
runner="CARGO_TARGET_$(echo "$triple" | tr 'a-z-' 'A-Z_')_RUNNER"
export "$runner=env RUSTC_BOOTSTRAP=1"
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-6}"

for run in $(seq "$times"); do
  seed=${order:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
  echo "== run $run of $times, in order $seed"
  cargo test --locked "$@" -- -Z unstable-options --shuffle-seed "$seed" || {
    echo "failed in order $seed: scripts/shuffle.sh --times 1 --order $seed $*" >&2
    exit 1
  }
done
echo "== $times times in another order, without a failure"
