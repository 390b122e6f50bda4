#!/usr/bin/env bash
# Changes the program in many small ways, one at a time, and says which changes no test notices (cargo-mutants). docs/mutants.md keeps what
# came of it.
#
#   scripts/mutants.sh verify|faults|store [CARGO-MUTANTS-OPTION...]
#
# Each subject is first cut out into a small package of its own under target/mutants, with the tests that are about it: what compiles and runs in
# seconds can be tried hundreds of times. Results stand in target/mutants/<subject>/mutants.out.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.."

subject="${1:-}"
shift || true
root=$PWD
home=$root/target/mutants/$subject

if ! cargo mutants --version >/dev/null 2>&1; then
  echo "cargo-mutants is missing: cargo install cargo-mutants --locked" >&2
  exit 2
fi

# dependencies NAME...: these, as the workspace declares them.
dependencies() {
  for name in "$@"; do
    grep -E "^$name = " "$root/Cargo.toml"
  done
}

# package NAME DEPENDENCY... -- DEV-DEPENDENCY...: the manifest of the cut-out.
package() {
  local name=$1
  shift
  local needed=()
  while [ "$1" != "--" ]; do
    needed+=("$1")
    shift
  done
  shift
  {
    printf '[package]\nname = "%s"\nversion = "0.0.0"\nedition = "2024"\npublish = false\n\n[workspace]\n\n' "$name"
    # Random cases are many, and the compiler's work on so little code is small.
    printf '[profile.dev]\ndebug = false\nopt-level = 1\n\n[dependencies]\n'
    dependencies "${needed[@]}"
    printf '\n[dev-dependencies]\ntokio = { version = "1", features = ["test-util"] }\n'
    dependencies "$@"
  } >Cargo.toml
  cp "$root/Cargo.lock" .
}

rm -rf "$home/cut"
mkdir -p "$home/cut/src" "$home/cut/tests/it"
cd "$home/cut"

case "$subject" in
  verify)
    package loadgen memchr serde serde_json siphasher thiserror tokio tracing zstd -- insta proptest tempfile
    printf '#![allow(missing_docs)]\npub mod history;\npub mod verify;\n' >src/lib.rs
    cp -r "$root"/loadgen/src/{history,history.rs,verify,verify.rs} src/
    printf '#![allow(clippy::unwrap_used)]\nmod verify;\n' >tests/it/main.rs
    cp -r "$root"/loadgen/tests/it/{verify,verify.rs} tests/it/
    # How long judging takes is no matter of right and wrong.
    rm tests/it/verify/scale.rs
    sed -i '/^mod scale;$/d' tests/it/verify.rs
    files='src/verify/**'
    ;;
  faults)
    package chaos siphasher thiserror serde -- proptest
    printf '#![allow(missing_docs)]\npub mod decision;\n' >src/lib.rs
    cp -r "$root"/chaos/src/{decision,decision.rs} src/
    rm -r tests
    files='src/decision/**'
    ;;
  store)
    package reference serde thiserror uuid --
    mkdir -p src/store
    printf '#![allow(missing_docs)]\npub mod domain;\npub mod store {\n    pub mod restock;\n}\n' >src/lib.rs
    cp "$root"/reference/src/domain.rs src/
    cp "$root"/reference/src/store/restock.rs src/store/
    rm -r tests
    files='src/store/**'
    ;;
  *)
    sed -n '2,10p' "$root/scripts/mutants.sh" >&2
    exit 2
    ;;
esac

cargo generate-lockfile --offline >/dev/null 2>&1 || cargo update --workspace --quiet
export PROPTEST_CASES="${PROPTEST_CASES:-60}"
cargo mutants --config "$root/.cargo/mutants.toml" --output "$home" --file "$files" "$@"
