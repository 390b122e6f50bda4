#!/usr/bin/env bash
# libFuzzer at the entrances of `fuzz/`, for so many seconds each. Fails on the first input that breaks something, and says where it is kept.
#
#   scripts/fuzz.sh SECONDS [ENTRANCE…]
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.."

seconds=${1:?for how many seconds each}
shift
entrances=("$@")
[ $# -gt 0 ] || mapfile -t entrances < <(ls fuzz/corpus)
command -v cargo-fuzz >/dev/null || cargo install --locked --quiet cargo-fuzz

found=$PWD/target/fuzz/found
# Coverage is counted by the compiler's own passes, which the pinned toolchain has; no sanitizer, so no nightly one is needed.
build() { cargo fuzz build --fuzz-dir fuzz --sanitizer none --release --features libfuzzer --target-dir target/fuzz anything; }
build
triple=$(rustc -vV | sed -n 's/^host: //p')
for entrance in "${entrances[@]}"; do
  mkdir -p "$found/$entrance" "target/fuzz/broken/$entrance"
  echo "== $entrance, $seconds s"
  ENTRANCE=$entrance "target/fuzz/$triple/release/anything" "$found/$entrance" "fuzz/corpus/$entrance" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="target/fuzz/broken/$entrance/" \
    2>&1 | grep -E "^(#[0-9]+.*(DONE|INITED)|stat::|==|SUMMARY|artifact_prefix|thread|.*panicked)" || true
  if [ -n "$(ls "target/fuzz/broken/$entrance")" ]; then
    echo "broken by target/fuzz/broken/$entrance" >&2
    exit 1
  fi
done
