#!/usr/bin/env bash
# Counts the instructions of hot paths in this checkout and in another, with one valgrind, and fails when a count here is more than 3 % above that there.
#
#   scripts/instructions.sh OTHER-CHECKOUT
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.."
other=$(cd "${1:?the other checkout}" && pwd)
command -v valgrind >/dev/null || { echo "valgrind is missing (Debian: apt-get install valgrind)" >&2; exit 2; }

# built CHECKOUT: builds the benchmark there and says where it is.
built() {
  (cd "$1" && cargo bench --locked --quiet -p benches --bench instructions --no-run --message-format json) | python3 -c '
import json, sys
for line in sys.stdin:
    made = json.loads(line)
    if made.get("executable") and made["target"]["name"] == "instructions":
        print(made["executable"])'
}

theirs=$(built "$other")
ours=$(built .)
"$ours" --beside "$theirs"
