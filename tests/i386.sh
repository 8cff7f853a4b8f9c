#!/usr/bin/env bash
# The tree on 32 bits: a small Debian for i386, which a 64-bit processor runs as it is. In it everything is
# built with warnings as errors, and the unit tests, the scenarios, the replay of the fuzz corpus and some of
# the black-box tests are run. Needs root, mmdebstrap and a processor of Intel's kind.
#
#     i386.sh DIRECTORY       where the root is kept for the next time, and the build
set -euo pipefail

# libc asks for sockets by socketcall there, whose arguments no filter sees (doc/internals/confinement.md): some of the
# attempts in these programs are refused elsewhere, and not there.
unseen="forwarder_confined|frontend_confined|frontend_refused|keeper_confined"
echo "skipped: unit tests ${unseen//|/, }: the filter does not see the arguments of socketcall"
selection="tokens or keys or reload or survival or simulator or libeqp or eqpctl_status"
mkdir -p "$1"
directory=$(readlink -f "$1")
tree=$(dirname "$(readlink -f "$0")")/..
root=$directory/root
# shellcheck source=tests/roots.sh
. "$tree/tests/roots.sh"
packages=gcc,meson,ninja-build,pkgconf,python3,python3-pytest,ca-certificates,curl,openssl,procps,$(root_libraries "")

if [ "$(cat "$root/packages" 2>/dev/null)" != "$packages" ]; then
        sources=$(debian_sources bookworm)
        rm -rf "$root"
        "$tree/tests/make-root.sh" bookworm "$root.new" "$sources" --architectures=i386 --variant=minbase --include="$packages" \
                --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*'
        printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$root.new/etc/hosts"
        printf '%s\n' "$packages" >"$root.new/packages"
        mv "$root.new" "$root"
fi

# The copy is of the tree's own files, and the mounts are gone with the shell that makes them.
rm -rf "$root/source"
mkdir -p "$root/source"
(cd "$tree" && find . \( -name .git -o -name 'build*' -o -name .cache -o -name __pycache__ \) -prune -o \
        -type f -print0 | tar -c --null -T -) | tar -x -C "$root/source"
export root selection unseen
# shellcheck disable=SC2016 # the inner shell is to expand them
unshare --mount bash -euc '
        mount --rbind /proc "$root/proc"
        mount --rbind /dev "$root/dev"
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 SELECTION="$selection" UNSEEN="$unseen" \
                linux32 chroot "$root" sh -euc "
                        cd /source
                        [ -e /build/build.ninja ] || meson setup /build . --werror
                        ninja -C /build --quiet
                        seen=\$(meson test -C /build --no-rebuild --list --suite unit | sed -n \"s:.* / ::p\" | grep -vxE \"\$UNSEEN\")
                        meson test -C /build --no-rebuild --print-errorlogs \$seen
                        meson test -C /build --no-rebuild --print-errorlogs --no-suite unit
                        EQP_BUILD_DIR=/build PYTHONDONTWRITEBYTECODE=1 python3 -m pytest -q \
                                -p no:cacheprovider tests/blackbox -k \"\$SELECTION\""
'
