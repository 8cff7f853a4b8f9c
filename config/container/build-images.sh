#!/usr/bin/env bash
# build-images.sh BUILD [BUILDAH OPTION...]: the images eqp-broker and eqp-simulator, from the programs
# that `meson setup` and `ninja` made in BUILD, into the local storage. Prints name, size and digest of
# each.
#
# Two builds of the same sources with the same packages give the same layers: owners, modes and times are
# set, and nothing goes in that differs from one machine to the next. The time is that of the commit, or where
# git knows of none, of the newest entry in debian/changelog; SOURCE_DATE_EPOCH sets another. The options are
# buildah's own, such as --root.
set -euo pipefail
umask 022

[ $# -ge 1 ] || { echo "usage: build-images.sh BUILD [BUILDAH OPTION...]" >&2; exit 1; }
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "$1")
shift
buildah=(buildah "$@")
version=$("$build/daemon/eqp-brokerd" --version)
version=${version#eqp-brokerd }
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT

# Installed, the programs are without what only debuggers and the build directory need.
installed=$context/installed
DESTDIR=$installed meson install -C "$build" --no-rebuild --quiet --tags runtime --strip >"$context/log" 2>&1 ||
        { cat "$context/log" >&2; exit 1; }
bin=$(dirname "$(find "$installed" -name eqp-brokerd)")
library=$(find "$installed" -name 'libeqp-broker.so.*' -print -quit)

# In seconds since 1970. Only what is this tree's own: it may lie as a copy below another one.
source_time() {
        local tree=$here/../.. time=''
        tree=$(readlink -f "$tree")
        if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
                echo "$SOURCE_DATE_EPOCH"
                return
        fi
        if [ -e "$tree/.git" ] && command -v git >/dev/null; then
                time=$(git -c safe.directory="$tree" -C "$tree" log -1 --format=%ct 2>/dev/null) || time=''
        fi
        if [ -z "$time" ]; then
                time=$(date -d "$(sed -n 's/^ -- .*>  //p;T;q' "$tree/debian/changelog")" +%s)
        fi
        echo "$time"
}
time=$(source_time)

collect() {
        LD_LIBRARY_PATH=$(dirname "$library") "$here/collect-root.sh" "$@"
}

collect "$context/broker" "$bin/eqp-brokerd" "$bin/eqpctl"
install -m 0644 -D -t "$context/broker/etc/eqp-broker" "$here/eqp-brokerd.conf" "$here/shared-socket.conf"
mkdir -p "$context/broker/run/secrets/eqp-broker" "$context/run"
collect "$context/simulator" "$bin/eqp-simulator"

# build NAME TARGET: the format is Docker's, as the other one has no place for the health check; isolation
# does not matter, since nothing is run.
build() {
        local name=localhost/$1:$version
        "${buildah[@]}" build --quiet --isolation=chroot --format=docker --timestamp="$time" --pull-never \
                --build-arg "VERSION=$version" --target "$2" --tag "$name" --tag "localhost/$1:latest" \
                --file "$here/Containerfile" "$context" >"$context/id"
        "${buildah[@]}" inspect --type image --format \
                '{{range .OCIv1.RootFS.DiffIDs}}  layer {{.}}
{{end}}' "$name" >"$context/layers"
        echo "$name: $(du -s --bytes "$context/$2" | cut -f 1) bytes, image $(cat "$context/id")"
        grep . "$context/layers"
}

build eqp-broker broker
build eqp-simulator simulator
