#!/usr/bin/env bash
# Makes pairs of runs of two builds or two versions of a system, in turn, and says whether the second is slower (docs/gate.md).
#
#   scripts/gate.sh --base COMMAND --head COMMAND [--pairs N] [--on-disk] [--out FOLDER] [-- OPTIONS OF loadgen compare]
#   scripts/gate.sh --self-test --base COMMAND [--pairs N] [--on-disk] [--out FOLDER]
#
# COMMAND starts one run ("target/release/loadgen --scenario scenarios/gate/pace.toml"); seed and folder are added to it.
# Databases of the runs lie in memory (/dev/shm, if it has a GiB to spare), because a shared disk is now fast and now slow; --on-disk leaves them
# where TMPDIR says.
# --self-test checks the gate itself: the base against itself must pass, 20 times of 20 with A and B named by chance, and a base slowed down by
# 30 % must fail.
# Ends as `loadgen compare --gate` does: 0 pass, 1 a property is violated, 3 slower, 4 neither slower nor certainly not.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac

base="" head="" self_test="" on_disk="" pairs=15 out=target/gate
while [ $# -gt 0 ]; do
  case "$1" in
    --base) base="${2:?}" && shift 2 ;;
    --head) head="${2:?}" && shift 2 ;;
    --pairs) pairs="${2:?}" && shift 2 ;;
    --out) out="${2:?}" && shift 2 ;;
    --self-test) self_test=yes && shift ;;
    --on-disk) on_disk=yes && shift ;;
    --) shift && break ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
  esac
done
[ -n "$base" ] || { echo "--base is missing" >&2; exit 2; }
[ -n "$head$self_test" ] || { echo "--head is missing" >&2; exit 2; }

# A container often has but 64 MB of it, which is no place for databases.
if [ -z "$on_disk" ] && [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -1)" -gt 1048576 ]; then
  export TMPDIR=/dev/shm
fi

# The program that compares: the first word of a command that is loadgen.
read -r loadgen _ <<<"${head:-$base}"

# run COMMAND SEED FOLDER: one run. Its verdict is read from its folder; only a run that could not be made ends this.
run() {
  local status=0
  # shellcheck disable=SC2086 # A command line is made of words.
  $1 --seed "$2" --out "$3" --quiet >/dev/null 2>>"$out/runs.log" || status=$?
  case "$status" in
    0 | 1 | 4) ;;
    *) tail -20 "$out/runs.log" >&2 && echo "a run ended with $status: $1 --seed $2" >&2 && exit 5 ;;
  esac
}

# pairs_of BASE HEAD FOLDER: runs of both in turn, the one that begins changing each time.
pairs_of() {
  rm -rf "$3" && mkdir -p "$3/a" "$3/b"
  for seed in $(seq "$pairs"); do
    if [ $((seed % 2)) = 1 ]; then
      run "$1" "$seed" "$3/a" && run "$2" "$seed" "$3/b"
    else
      run "$2" "$seed" "$3/b" && run "$1" "$seed" "$3/a"
    fi
    echo "pair $seed of $pairs" >&2
  done
}

mkdir -p "$out" && : >"$out/runs.log"

if [ -z "$self_test" ]; then
  pairs_of "$base" "$head" "$out/pairs"
  status=0
  "$loadgen" compare "$out/pairs/a" "$out/pairs/b" --gate "$@" | tee "$out/gate.txt" || status="${PIPESTATUS[0]}"
  "$loadgen" compare "$out/pairs/a" "$out/pairs/b" --format json "$@" >"$out/gate.json"
  exit "$status"
fi

echo "the base against itself, which must pass" >&2
pairs_of "$base" "$base" "$out/equals"
"$loadgen" compare "$out/equals/a" "$out/equals/b" --gate || { echo "equals did not pass" >&2; exit 1; }

# Which of two equals is called A is chance, so every other choice compares equals as well.
for draw in $(seq 20); do
  RANDOM=$draw
  rm -rf "$out/drawn" && mkdir -p "$out/drawn/a" "$out/drawn/b"
  for seed in $(seq "$pairs"); do
    coin=$((RANDOM % 2))
    for side in a b; do
      other=$side && { [ "$coin" = 0 ] || other=$(tr ab ba <<<"$side"); }
      for made in "$out/equals/$side"/*-"$seed"; do cp -r "$made" "$out/drawn/$other/"; done
    done
  done
  "$loadgen" compare "$out/drawn/a" "$out/drawn/b" --gate >"$out/drawn/gate.txt" || { cat "$out/drawn/gate.txt" && echo "equals did not pass when drawn for the ${draw}th time" >&2 && exit 1; }
done
echo "equals pass 20 times of 20" >&2

# Three tenths of the median purchase, added to every answer of the sales role. Timers are good for a millisecond, which is no small part of that; so both
# sides hold answers back for as long as makes the difference some of them.
held_us=8000
median_us="$("$loadgen" compare "$out/equals/a" "$out/equals/b" --format json |
  python3 -c 'import json, sys; print(round(next(m["a_us"] for m in json.load(sys.stdin)["measures"] if m["measure"] == "purchase_p50")))')"
more_us=$(((held_us + median_us) * 3 / 10))
scenario="$(sed -n 's/.*--scenario[= ]\([^ ]*\).*/\1/p' <<<"$base")"
# holding MICROSECONDS FILE: the scenario, with every answer held back.
holding() {
  cat "$scenario" >"$2"
  printf '[[fault]]\nname = "held"\nfault = "delay-answer"\nhop = "sales"\ndelay = "%sus"\nfrom = "0s"\n' "$1" >>"$2"
}
holding "$held_us" "$out/held.toml"
holding "$((held_us + more_us))" "$out/slow.toml"
echo "a base slowed down by 30 % of $((held_us + median_us)) µs, which must fail" >&2
pairs_of "${base/$scenario/$out/held.toml}" "${base/$scenario/$out/slow.toml}" "$out/slowed"
status=0
"$loadgen" compare "$out/slowed/a" "$out/slowed/b" --gate || status=$?
[ "$status" = 3 ] || { echo "a slowdown of 30 % was not found (the comparison ended with $status, not 3)" >&2; exit 1; }
echo "the gate finds a slowdown of 30 % and passes equals" >&2
