#!/usr/bin/env bash
# The tree for another architecture: a cross build with Debian's compilers and the libraries of that
# architecture, and what emulates its programs, all kept in DIRECTORY for the next time. No root is needed.
#
#     cross.sh build ARCH DIRECTORY       arm64, armhf, s390x (big-endian) or ppc64el
#     cross.sh triplet ARCH               what its compiler is named after
#     cross.sh run ARCH DIRECTORY PROGRAM [ARGUMENT...]
set -euo pipefail

tree=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
# shellcheck source=tests/roots.sh
. "$tree/tests/roots.sh"
packages=$(root_libraries ""),libc-bin,libgcc-s1
verb=$1 architecture=$2
shift 2

# Debian's, GNU's, meson's and qemu's name for it.
case $architecture in
arm64) triplet=aarch64-linux-gnu family=aarch64 emulator=aarch64 endian=little ;;
armhf) triplet=arm-linux-gnueabihf family=arm emulator=arm endian=little ;;
s390x) triplet=s390x-linux-gnu family=s390x emulator=s390x endian=big ;;
ppc64el) triplet=powerpc64le-linux-gnu family=ppc64 emulator=ppc64le endian=little ;;
*)
        echo "cross: '$architecture' is none of arm64, armhf, s390x and ppc64el" >&2
        exit 1
        ;;
esac
emulator=qemu-$emulator-static
if [ "$verb" = triplet ]; then
        echo "$triplet"
        exit
fi
mkdir -p "$1"
directory=$(readlink -f "$1")
root=$directory/root
shift
# shellcheck source=/dev/null
. /etc/os-release

# Libraries and headers, unpacked and not installed: nothing of them has to run. Only /usr and /lib: files below the
# root hide those of the machine from an emulated program, and it is to see the machine's /etc, /tmp and /proc.
make_root() {
        local sources link
        sources=$(debian_sources "$VERSION_CODENAME")
        rm -rf "$root" "$root.new"
        mkdir "$root.new"
        "$tree/tests/make-root.sh" "$VERSION_CODENAME" "$root.tar" "$sources" \
                --architectures="$architecture" --variant=extract --include="$packages"
        tar -x -f "$root.tar" -C "$root.new" --no-same-owner --wildcards --exclude='./usr/share/doc' --exclude='./usr/share/man' \
                --exclude='./usr/bin' --exclude='./usr/sbin' './usr' './lib*'
        rm "$root.tar"
        # A linker that is told of another root takes what links name for files of this one.
        find "$root.new" -type l -lname '/*' | while read -r link; do
                ln -sfr "$root.new$(readlink "$link")" "$link"
        done
        printf '%s\n' "$packages" >"$root.new/packages"
        mv "$root.new" "$root"
}

write_cross_file() {
        cat <<END
[constants]
root = '$root'
[binaries]
c = ['$triplet-gcc', '--sysroot=' + root]
ar = '$triplet-ar'
strip = '$triplet-strip'
pkgconfig = 'pkg-config'
pkg-config = 'pkg-config'
exe_wrapper = ['$emulator', '-L', root]
[properties]
sys_root = root
pkg_config_libdir = root / 'usr/lib/$triplet/pkgconfig:' + root / 'usr/share/pkgconfig'
[host_machine]
system = 'linux'
cpu_family = '$family'
cpu = '$family'
endian = '$endian'
END
}

case $verb in
build)
        [ "$(cat "$root/packages" 2>/dev/null)" = "$packages" ] || make_root
        write_cross_file >"$directory/cross.ini.new"
        if ! cmp -s "$directory/cross.ini.new" "$directory/cross.ini" || [ ! -e "$directory/build/build.ninja" ]; then
                mv "$directory/cross.ini.new" "$directory/cross.ini"
                rm -rf "$directory/build"
                meson setup --cross-file "$directory/cross.ini" --werror -Dman=disabled -Dsystemd=disabled \
                        "$directory/build" "$tree" >"$directory/setup.log" || {
                        cat "$directory/setup.log"
                        exit 1
                }
        fi
        ninja -C "$directory/build" --quiet ${JOBS:+-j "$JOBS"}
        ;;
run) exec "$emulator" -L "$root" "$@" ;;
*)
        echo "cross: '$verb' is none of build, run and triplet" >&2
        exit 1
        ;;
esac
