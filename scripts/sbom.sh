#!/usr/bin/env bash
# Bills of materials (CycloneDX, JSON) of the programs that a release ships: what each is made of, from Cargo.lock, for this machine's target.
#
#   scripts/sbom.sh [FOLDER]        default: target/sbom
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
cd "$(dirname "$0")/.."

folder=${1:-target/sbom}
version=0.5.9
if ! cargo cyclonedx --version 2>/dev/null | grep -qF "$version"; then
  echo "installing cargo-cyclonedx $version"
  cargo install --locked --quiet "cargo-cyclonedx@$version"
fi
mkdir -p "$folder"
triple=$(rustc -vV | sed -n 's/^host: //p')
# It writes one file beside each package's manifest; only those of what is shipped are kept, and nothing stays among the sources.
cargo cyclonedx --format json --spec-version 1.5 --target "$triple" --override-filename rushproof-sbom --quiet
for package in reference chaos loadgen functions; do
  # Where it was built is nobody's business.
  sed "s|file://$PWD|file:///rushproof|g" "$package/rushproof-sbom.json" >"$folder/$package.cdx.json"
done
find . -name rushproof-sbom.json -not -path './target/*' -delete
ls -l "$folder"
