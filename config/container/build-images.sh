#!/usr/bin/env bash
# build-images.sh [--with ARCH=CONTEXT]... BUILD [BUILDAH OPTION...]: the images eqp-broker and eqp-simulator, from the
# programs that `meson setup` and `ninja` made in BUILD, into the local storage. Prints name, size and digest of
# each.
#
# --with: for this architecture as well, from what collect-images.sh put into CONTEXT. Then the names are those of
# manifest lists, and the images have the architecture behind their version: eqp-broker:0.1.0-arm64.
#
# Two builds of the same sources with the same packages give the same layers: owners, modes and times are
# set, and nothing goes in that differs from one machine to the next. The time is that of the commit, or where
# git knows of none, of the newest entry in debian/changelog; SOURCE_DATE_EPOCH sets another. The options are
# buildah's own, such as --root.
set -euo pipefail
umask 022

here=$(dirname "$(readlink -f "$0")")
declare -A contexts=()
while [ "${1:-}" = --with ]; do
        contexts[${2%%=*}]=${2#*=}
        shift 2
done
[ $# -ge 1 ] || { echo "usage: build-images.sh [--with ARCH=CONTEXT]... BUILD [BUILDAH OPTION...]" >&2; exit 1; }
build=$(readlink -f "$1")
shift
buildah=(buildah "$@")
version=$("$build/daemon/eqp-brokerd" --version)
version=${version#eqp-brokerd }
own=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

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

"$here/collect-images.sh" "$build" "$work/context"
contexts[$own]=$work/context
mapfile -t architectures < <(printf '%s\n' "${!contexts[@]}" | sort)

# Docker's name for Debian's architecture, and its variant.
platform_of() {
        case $1 in
        armhf) echo linux/arm/v7 ;;
        ppc64el) echo linux/ppc64le ;;
        *) echo "linux/$1" ;;
        esac
}

# build TARGET ARCH NAME TAG...: the format is Docker's, as the other one has no place for the health check; isolation
# does not matter, since nothing is run.
build() {
        local target=$1 architecture=$2 name=localhost/$3 tag tags=()
        for tag in "${@:3}"; do
                tags+=(--tag "localhost/$tag")
        done
        "${buildah[@]}" build --quiet --isolation=chroot --format=docker --timestamp="$time" --pull-never \
                --platform "$(platform_of "$architecture")" --build-arg "VERSION=$version" --target "$target" "${tags[@]}" \
                --file "$here/Containerfile" "${contexts[$architecture]}" >"$work/id"
        "${buildah[@]}" inspect --type image --format \
                '{{range .OCIv1.RootFS.DiffIDs}}  layer {{.}}
{{end}}' "$name" >"$work/layers"
        echo "$name: $(du -s --bytes "${contexts[$architecture]}/$target" | cut -f 1) bytes, image $(cat "$work/id")"
        grep . "$work/layers"
}

# list NAME TARGET: an image for each architecture, and a list of them under the names.
list() {
        local architecture tag
        for architecture in "${architectures[@]}"; do
                build "$2" "$architecture" "$1:$version-$architecture"
        done
        for tag in "$version" latest; do
                "${buildah[@]}" manifest rm "localhost/$1:$tag" >/dev/null 2>&1 ||
                        "${buildah[@]}" rmi "localhost/$1:$tag" >/dev/null 2>&1 || true
                "${buildah[@]}" manifest create "localhost/$1:$tag" >/dev/null
                for architecture in "${architectures[@]}"; do
                        "${buildah[@]}" manifest add "localhost/$1:$tag" "containers-storage:localhost/$1:$version-$architecture" >/dev/null
                done
        done
        echo "localhost/$1:$version: a list of ${architectures[*]}"
}

if [ ${#architectures[@]} = 1 ]; then
        build broker "$own" "eqp-broker:$version" eqp-broker:latest
        build simulator "$own" "eqp-simulator:$version" eqp-simulator:latest
else
        list eqp-broker broker
        list eqp-simulator simulator
fi
