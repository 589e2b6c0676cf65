#!/usr/bin/env bash
# Installs Python's library `websockets`, with which crates/causeway/tests/clients/websockets.rs talks through Causeway, into
# target/websockets, and prints the path of its Python. A second run finds it there.
set -euo pipefail

version=17.4
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${CARGO_TARGET_DIR:-$root/target}/websockets

if ! "$folder/bin/python" -c "from websockets.version import version; assert version == '$version'" 2> /dev/null; then
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "websockets==$version" >&2
fi
echo "$folder/bin/python"
