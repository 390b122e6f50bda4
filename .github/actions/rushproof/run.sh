#!/usr/bin/env bash
# The logic of the action: builds loadgen when none is given, runs one scenario, and says how it ended in $GITHUB_OUTPUT (verdict, report-path,
# run-path). Inputs come as INPUT_* variables, so that nothing of them is ever read as shell.
set -euo pipefail

output=${GITHUB_OUTPUT:-/dev/stdout}
say() { printf '%s=%s\n' "$1" "$2" >>"$output"; }
give_up() {
  echo "::error title=rushproof::$1"
  say verdict error
  say report-path ""
  say run-path ""
  exit 2
}

[ -n "${INPUT_SCENARIO:-}" ] || give_up "the input scenario is missing; name one of 'loadgen scenarios', or the path of a file"

loadgen=${INPUT_LOADGEN:-}
if [ -z "$loadgen" ]; then
  sources=$(cd "$(dirname "$0")/../../.." && pwd)
  tools=${RUNNER_TEMP:-/tmp}/rushproof-tools
  echo "::group::building loadgen from $sources"
  # Optimised: what a debug build loses in speed, a machine of two cores lacks.
  cargo install --locked --path "$sources/loadgen" --root "$tools" || give_up "loadgen cannot be built from $sources; the lines above say why"
  echo "::endgroup::"
  loadgen=$tools/bin/loadgen
fi
command -v "$loadgen" >/dev/null || give_up "there is no program $loadgen; give the input loadgen the path of one, or leave it out"

# A folder of this step's own, so that the run in it is this one's.
mkdir -p "${INPUT_OUT:-rushproof-runs}"
out=$(mktemp -d "${INPUT_OUT:-rushproof-runs}/step-XXXXXX")
chmod 755 "$out"

arguments=(--scenario "$INPUT_SCENARIO" --seed "${INPUT_SEED:-1}" --out "$out")
[ -z "${INPUT_TARGET:-}" ] || arguments+=(--target "$INPUT_TARGET")
[ -z "${INPUT_BASELINE:-}" ] || arguments+=(--gate "$INPUT_BASELINE")
while IFS= read -r argument; do
  [ -z "$argument" ] || arguments+=("$argument")
done <<<"${INPUT_ARGUMENTS:-}"

code=0
"$loadgen" "${arguments[@]}" || code=$?

run=$(find "$out" -mindepth 2 -maxdepth 2 -name plan.json -printf '%h\n' | head -n 1)
report=""
[ -z "$run" ] || [ ! -f "$run/report.html" ] || report=$run/report.html
say run-path "$run"
say report-path "$report"
case $code in
0) verdict=pass ;;
1) verdict=fail ;;
3) verdict=slower ;;
4) verdict=unknown ;;
*) verdict=error ;;
esac
say verdict "$verdict"

if [ "$verdict" = unknown ] && [ "${INPUT_ACCEPT_UNKNOWN:-false}" = true ]; then
  echo "::warning title=rushproof::UNKNOWN: something that a pass needs is missing; the report says what"
  exit 0
fi
[ "$verdict" = pass ] || echo "::error title=rushproof::$verdict (exit code $code)${report:+; see $report}"
exit "$code"
