#!/usr/bin/env bash
# collect-images.sh BUILD CONTEXT: the content of the images, a root for each, from the programs that `meson setup` and
# `ninja` made in BUILD: for build-images.sh, which makes images of it. Programs of another architecture: run it
# where their libraries are, by config/release/builder.sh.
set -euo pipefail
umask 022

[ $# = 2 ] || { echo "usage: collect-images.sh BUILD CONTEXT" >&2; exit 1; }
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "$1")
context=$2
rm -rf "$context"
mkdir -p "$context/run"
context=$(readlink -f "$context")

# Installed, the programs are without what only debuggers and the build directory need.
installed=$context/installed
DESTDIR=$installed meson install -C "$build" --no-rebuild --quiet --tags runtime --strip >"$context/log" 2>&1 ||
        { cat "$context/log" >&2; exit 1; }
bin=$(dirname "$(find "$installed" -name eqp-brokerd)")
library=$(find "$installed" -name 'libeqp-broker.so.*' -print -quit)

collect() {
        LD_LIBRARY_PATH=$(dirname "$library") "$here/collect-root.sh" "$@"
}

collect "$context/broker" "$bin/eqp-brokerd" "$bin/eqpctl"
install -m 0644 -D -t "$context/broker/etc/eqp-broker" "$here/eqp-brokerd.conf" "$here/shared-socket.conf"
mkdir -p "$context/broker/run/secrets/eqp-broker"
collect "$context/simulator" "$bin/eqp-simulator"
rm -r "$installed" "$context/log"
