#!/usr/bin/env bash
# Runs the broker conformance suite against another implementation of SQS and SNS (or the embedded broker), and writes
# what passed into docs/brokers.md. Fails on a difference that docs/brokers.md does not explain.
#
#   scripts/second-opinion.sh embedded|localstack|fauxqs|ministack|moto [TEST-FILTER]
#   scripts/second-opinion.sh localstack|fauxqs|ministack|moto --scenario NAME    the whole pipeline on it, judged; writes no table
#   scripts/second-opinion.sh localstack|fauxqs|ministack|moto --install    only installs it
#   scripts/second-opinion.sh localstack|fauxqs|ministack|moto --serve      prints its address and process id, serves until standard input ends
#
# Installs into target/second-opinion/<name>, listens on a free port of 127.0.0.1 only, and ends what it started.
# With a TEST-FILTER the table is left alone.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.."

name="${1:-}"
filter="${2:-}"
scenario=""
if [ "$filter" = --scenario ]; then
  scenario="${3:?name a scenario}"
  filter=""
fi
only="${filter#--}"
case "$filter" in
  --install | --serve) filter="" ;;
  *) only="" ;;
esac
home="$PWD/target/second-opinion/$name"
server_pid=""
suite_pid=""
# The suite mostly waits: more tests at a time than cores. Slow implementations get fewer (SECOND_OPINION_THREADS).
threads="${SECOND_OPINION_THREADS:-8}"

stop() {
  [ -z "$suite_pid" ] || kill "$suite_pid" 2>/dev/null || true
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null || true
  for _ in $(seq 50); do
    kill -0 "$server_pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$server_pid" 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT TERM

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# python_packages REQUIREMENT...: a virtual environment with exactly these.
python_packages() {
  if [ "$(cat "$home/installed" 2>/dev/null)" != "$*" ]; then
    "${PYTHON:-python3.11}" -m venv --clear "$home/venv"
    "$home/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$*" >"$home/installed"
  fi
}

# node_packages PACKAGE...: an npm prefix with exactly these.
node_packages() {
  if [ "$(cat "$home/installed" 2>/dev/null)" != "$*" ]; then
    npm install --silent --no-fund --no-audit --prefix "$home" "$@"
    echo "$*" >"$home/installed"
  fi
}

# served COMMAND...: starts the server, unless it is only to be installed.
served() {
  [ "$only" != install ] || exit 0
  cd "$home"
  "$@" </dev/null >"$home/server.log" 2>&1 &
  server_pid=$!
  cd "$OLDPWD"
}

mkdir -p "$home"
port="$(free_port)"
case "$name" in
  embedded)
    version="this commit"
    ;;
  localstack)
    version="4.12.0 (host mode)"
    python_packages 'localstack-core[runtime]==4.12.0' 'cbor2<5.8' pyopenssl==25.1.0 cryptography==45.0.7 service-identity==24.2.0
    # Its default server ignores the host of GATEWAY_LISTEN and binds every interface; hypercorn does not.
    served env SERVICES=sqs,sns,ses SQS_ENABLE_MESSAGE_RETENTION_PERIOD=1 GATEWAY_SERVER=hypercorn GATEWAY_LISTEN="127.0.0.1:$port" DNS_ADDRESS=0 \
      FILESYSTEM_ROOT="$home/fs" DISABLE_EVENTS=1 SKIP_SSL_CERT_DOWNLOAD=1 \
      venv/bin/python -m localstack.runtime.main
    ;;
  fauxqs)
    version="2.4.1"
    node_packages node@22.23.3 fauxqs@2.4.1
    # It binds every interface and has no option for that.
    served env FAUXQS_PORT="$port" FAUXQS_LOGGER=false \
      node_modules/.bin/node --require "$PWD/scripts/second-opinion/loopback-only.cjs" node_modules/fauxqs/dist/server.js
    ;;
  ministack)
    version="1.5.33"
    python_packages ministack==1.5.33
    served env BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" venv/bin/ministack
    ;;
  moto)
    version="5.2.5"
    python_packages 'moto[server,sqs,sns,ses]==5.2.5'
    served venv/bin/moto_server -H 127.0.0.1 -p "$port"
    ;;
  *)
    echo "usage: $0 embedded|localstack|fauxqs|ministack|moto [TEST-FILTER]" >&2
    exit 2
    ;;
esac

endpoint=()
if [ -n "$server_pid" ]; then
  python3 scripts/second-opinion/await_loopback.py "$port" "$server_pid" || { tail -20 "$home/server.log" >&2; exit 1; }
  endpoint=(AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_REGION=us-east-1)
fi

if [ "$only" = serve ]; then
  echo "http://127.0.0.1:$port $server_pid"
  cat >/dev/null
  exit 0
fi

if [ -n "$scenario" ]; then
  cargo build --package loadgen
  status=0
  target/debug/loadgen --scenario "$scenario" --seed "${SECOND_OPINION_SEED:-1}" --backend "http://127.0.0.1:$port" \
    --out "$home/runs" --quiet || status=$?
  exit "$status"
fi

cargo test --package reference --test it --no-run
# A copy, so that what is built meanwhile does not change the suite under way.
cargo test --quiet --package reference --test it --no-run --message-format json |
  python3 -c 'import json, sys; print(next(m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable") and m["target"]["kind"] == ["test"]))' >"$home/executable"
cp "$(cat "$home/executable")" "$home/suite"

# suite ARGUMENT...: failing tests are the result here, not a failure of this script.
suite() {
  env -u AWS_ENDPOINT_URL -u AWS_ENDPOINT_URL_SQS -u AWS_ENDPOINT_URL_SNS -u AWS_ENDPOINT_URL_SESV2 "${endpoint[@]}" RUST_BACKTRACE=0 \
    timeout 1200 "$home/suite" --format pretty --skip "$elsewhere" "$@" >>"$home/suite.log" 2>&1 &
  suite_pid=$!
  wait "$suite_pid" || true
  suite_pid=""
}
# Switches and restarts are asked of the embedded broker alone.
elsewhere="broker_conformance::embedded_only::"
[ "$name" != embedded ] || elsewhere="none::"
echo "running the suite against $name $version ..."
: >"$home/suite.log"
suite "broker_conformance::$filter" --test-threads "$threads" --skip broker_conformance::throughput::
# The load tests run for themselves, so that they are not what makes another one late.
case "$filter" in
  "" | throughput*) suite "broker_conformance::${filter:-throughput::}" --test-threads 1 ;;
esac
python3 scripts/second-opinion/table.py "$name" "$version" "$home/suite.log" "$filter"
