#!/usr/bin/env bash
# Installs the test suite of RFC 9113 that crates/causeway/tests/httpwg.rs runs, into target/httpwg, and prints the path
# of its program. A second run finds it there.
set -euo pipefail

version=0.2.5
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${CARGO_TARGET_DIR:-$root/target}/httpwg

if [ ! -x "$folder/bin/httpwg" ]; then
    # It does not build with later versions of what it depends on, so these are those that it was released with.
    cargo install --quiet --locked --debug --version "$version" --root "$folder" httpwg-cli >&2
fi
echo "$folder/bin/httpwg"
