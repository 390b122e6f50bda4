#!/usr/bin/env bash
# Asks a running pipeline everything that its own OpenAPI documents allow, and much that they do not (schemathesis), in both editions, and holds
# it to what they say. Bounded: about a minute.
#
#   scripts/schemathesis.sh [--max-examples N]     N per call, 300; more looks longer
#
# Installs schemathesis into target/schemathesis, listens on loopback only, and ends what it started.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.."

examples=300
[ "${1:-}" = --max-examples ] && examples=${2:?how many}
version=4.32.5
home=$PWD/target/schemathesis
key="schemathesis-$$-$RANDOM$RANDOM"
pipeline=""
data=""

stop() {
  [ -z "$pipeline" ] || kill "$pipeline" 2>/dev/null || true
  [ -z "$pipeline" ] || wait "$pipeline" 2>/dev/null || true
  [ -z "$data" ] || rm -rf "$data"
  pipeline="" data=""
}
trap stop EXIT
trap 'exit 130' INT TERM

if ! "$home/bin/schemathesis" --version 2>/dev/null | grep -qF "$version"; then
  echo "installing schemathesis $version into target/schemathesis"
  python3 -m venv --clear "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
fi
cargo build -p reference --locked --quiet

for edition in donut shop; do
  data=$(mktemp -d)
  REFERENCE_ADMIN_KEY=$key target/debug/reference serve --edition "$edition" --data "$data" --ready json --log-level error \
    --factory-time 100ms >"$data/ready" &
  pipeline=$!
  for _ in $(seq 300); do
    [ -s "$data/ready" ] && break
    kill -0 "$pipeline" || { echo "the pipeline ended before it was ready" >&2; exit 1; }
    sleep 0.1
  done
  sales=$(python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).readline())["addresses"]["sales"])' "$data/ready")
  echo "== $edition: $sales/openapi.json"
  # Not asked: whether all that the document allows is sold (it cannot say which products there are), and what is answered to methods that no
  # route has (404, by the contract).
  (cd "$home" && bin/schemathesis run "$sales/openapi.json" --phases examples,coverage,fuzzing --max-examples "$examples" --seed 1 --no-color \
    --header "X-Admin-Key:$key" --generation-database none --exclude-checks positive_data_acceptance,unsupported_method --warnings off --suppress-health-check all --request-timeout 30)
  stop
done
