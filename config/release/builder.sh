#!/usr/bin/env bash
# builder.sh ARCH DIRECTORY COMMAND...: runs the command in this tree, seen as /tree, in a Debian of this machine's
# release that has a compiler for ARCH and the libraries of ARCH beside its own. meson finds what it needs there by
# --cross-file ARCH, and dpkg-buildpackage by -aARCH. The Debian is kept in DIRECTORY for the next time. Needs root
# and mmdebstrap; nothing of ARCH is run.
set -euo pipefail
umask 022

[ $# -ge 3 ] || { echo "usage: builder.sh ARCH DIRECTORY COMMAND..." >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "builder.sh: only root can make a Debian that builds for $1" >&2; exit 1; }
architecture=$1
mkdir -p "$2"
root=$(readlink -f "$2")/root
tree=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
shift 2
# shellcheck source=tests/roots.sh
. "$tree/tests/roots.sh"
# shellcheck source=/dev/null
. /etc/os-release

packages=build-essential,debhelper,meson,ninja-build,python3,scdoc,systemd,ca-certificates,crossbuild-essential-$architecture
packages+=,pkgconf:$architecture,$(root_libraries ":$architecture")
if [ "$VERSION_CODENAME" != bookworm ]; then
        packages+=,systemd-dev # systemd.pc was part of systemd until version 256
fi

make_root() {
        local sources
        echo "builder.sh: making a Debian that builds for $architecture, which takes minutes" >&2
        sources=$(debian_sources "$VERSION_CODENAME")
        rm -rf "$root"
        "$tree/tests/make-root.sh" "$VERSION_CODENAME" "$root.new" "$sources" \
                --architectures="$(dpkg --print-architecture),$architecture" --variant=apt --include="$packages" \
                --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
                --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright'
        mkdir -p "$root.new/usr/share/meson/cross" "$root.new/tree"
        chroot "$root.new" /usr/share/meson/debcrossgen --arch "$architecture" -o "/usr/share/meson/cross/$architecture" >/dev/null
        printf '%s\n' "$packages" >"$root.new/packages"
        mv "$root.new" "$root"
}

(
        flock 9
        [ "$(cat "$root/packages" 2>/dev/null)" = "$packages" ] || make_root
) 9>"$root.lock"

# The mounts are gone with the shell that makes them.
export root tree
# shellcheck disable=SC2016 # the inner shell is to expand them
exec unshare --mount --propagation private bash -euc '
        mount --rbind /proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --bind "$tree" "$root/tree"
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
                ${SOURCE_DATE_EPOCH:+SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH"} \
                ${DEB_BUILD_OPTIONS:+DEB_BUILD_OPTIONS="$DEB_BUILD_OPTIONS"} \
                chroot "$root" sh -c "cd /tree && exec \"\$@\"" sh "$@"
' builder "$@"
