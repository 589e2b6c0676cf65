#!/usr/bin/env bash
# Builds h2spec, which crates/causeway/tests/clients/h2spec.rs runs, into target/h2spec, and prints the path of its program. A
# second run finds it there. The argument is a clone of https://github.com/summerwind/h2spec; without one, one is made. What it
# needs besides are packages of Debian:
#
#   apt-get install golang-go golang-github-spf13-cobra-dev golang-github-fatih-color-dev golang-golang-x-net-dev
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
folder=${CARGO_TARGET_DIR:-$root/target}/h2spec
source=$folder/src/github.com/summerwind/h2spec

if [ ! -x "$folder/h2spec" ]; then
    clone=${1:-$folder/clone}
    if [ ! -e "$clone" ]; then
        GIT_TERMINAL_PROMPT=0 timeout 120 git clone --quiet --depth 1 --branch v2.6.0 https://github.com/summerwind/h2spec "$clone" >&2
    fi
    mkdir -p "$source"
    git -C "$clone" archive HEAD | tar -x -C "$source"
    # Debian's libraries are a workspace as it was before there were modules.
    (cd "$source" && GO111MODULE=off GOPATH=$folder:/usr/share/gocode go build -o "$folder/h2spec" ./cmd/h2spec)
fi
echo "$folder/h2spec"
