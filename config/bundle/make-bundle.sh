#!/usr/bin/env bash
# make-bundle.sh BUILD DIRECTORY: the bundle for any Linux, from the programs that `meson setup` and `ninja` made in
# BUILD, with the linker options that --link-args prints; into DIRECTORY, with a list of what is in it
# (eqp-broker-VERSION-linux-ARCH.contents, for the bill of materials). Prints name, size and digest.
#
# Two builds of the same sources with the same packages are the same file: owners, modes, times and order are set. The
# time is that of the commit, or where git knows of none, of the newest entry in debian/changelog;
# SOURCE_DATE_EPOCH sets another.
set -euo pipefail
umask 022
export LC_ALL=C

here=$(dirname "$(readlink -f "$0")")
tree=$(readlink -f "$here/../..")

# Room for a loader and a library path of up to 200 characters each: slashes, which say nothing, so that the programs
# run in their build. See places.py.
link_args() {
        local compiler=${1:-gcc} loader room
        loader=$(readelf -lW "$("$compiler" -print-file-name=libc.so.6)" |
                sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
        room=$(printf '/%.0s' {1..220})
        echo "-Wl,--dynamic-linker=$room${loader#/},--disable-new-dtags,-rpath,/eqp-bundle$room"
}

source_time() {
        local time=''
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

case ${1:-} in
--link-args)
        link_args "${2:-gcc}"
        exit
        ;;
--source-time)
        source_time
        exit
        ;;
esac
[ $# = 2 ] || { echo "usage: make-bundle.sh BUILD DIRECTORY | --link-args [COMPILER] | --source-time" >&2; exit 1; }
build=$(readlink -f "$1")
target=$(readlink -f "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

DESTDIR=$work/installed meson install -C "$build" --no-rebuild --quiet --strip >"$work/log" 2>&1 ||
        { cat "$work/log" >&2; exit 1; }
own=$work/installed/usr/local # the prefix of the build
version=$(sed -n "s/^ *version: '\(.*\)',\$/\1/p;T;q" "$tree/meson.build")
architecture=$(EQP_TELL=architecture "$here/libraries.py" - "$own/bin/eqp-brokerd")
name=eqp-broker-$version-linux-$architecture
root=$work/$name/root

# Files for compiling against the library: that would have to fit the C library here.
rm -rf "$own/include" "$own"/lib/eqp-broker/{pkgconfig,libeqp-broker.so} "$own/share/man/man3"
mv "$own/lib/eqp-broker" "$work/libraries"
mkdir -p "$work/$name"
mv "$own" "$root"
for folder in "$work/installed/usr/lib"/{systemd,sysusers.d,tmpfiles.d}; do # where systemd itself says
        if [ -d "$folder" ]; then
                mkdir -p "$root/lib"
                cp -R "$folder" "$root/lib/"
        fi
done

# One file for each library, by the name that the loader looks for.
find "$work/libraries" -type l -exec sh -c 'for link; do cp --remove-destination "$(readlink -f "$link")" "$link"; done' sh {} +
rm -f "$work"/libraries/libeqp-broker.so.*.*
"$here/libraries.py" "$work/libraries" "$root"/bin/* >"$work/contents"

# The folder is named after what is in it: another version never replaces a library under a program that runs.
set_name=$(cd "$work/libraries" && sha256sum -- * | sha256sum | cut -c 1-12)
mkdir -p "$root/lib/eqp-broker"
mv "$work/libraries" "$root/lib/eqp-broker/$set_name"
set=$root/lib/eqp-broker/$set_name
chmod 0755 "$set"/*
loader=$(basename "$(readelf -lW "$set/libc.so.6" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')")

# Documents as in the Debian package, and the terms of whatever comes along.
doc=$root/share/doc/eqp-broker
while read -r file; do
        cp "$tree/$file" "$doc/"
done <"$tree/debian/eqp-broker.docs"
while read -r folder; do
        cp -R "$tree/$folder" "$doc/examples/"
done <"$tree/debian/eqp-broker.examples"
cp "$tree/CHANGELOG.md" "$doc/"
cp "$tree/debian/copyright" "$doc/copyright"
/usr/bin/python3 "$tree/debian/relink.py" "$doc"
mkdir "$doc/licences"
cut -f 2,4 "$work/contents" | sort -u | while IFS=$'\t' read -r package _; do
        cp -L "/usr/share/doc/$package/copyright" "$doc/licences/$package" || exit
done
{
        echo "The libraries here are Debian's, unchanged; their sources are in Debian's archive under these versions."
        echo "Their terms are in the files beside this one."
        echo
        cut -f 2-4 "$work/contents" | sort -u | sed 's/\t/ /g'
} >"$doc/licences/README"

"$here/places.py" "$root" >"$work/$name/places"
[ "$(wc -l <"$work/$name/places")" = 7 ] || # three programs with both, and our library
        { echo "make-bundle.sh: $build was not set up with what --link-args prints" >&2; exit 1; }
sed -e "s/@version@/$version/; s/@architecture@/$architecture/; s/@set@/$set_name/; s/@loader@/$loader/" \
        "$here/install.sh" >"$work/$name/install"
cp "$here/uninstall.sh" "$work/$name/uninstall"
cp "$here/about.md" "$work/$name/README.md"
cp "$tree/LICENSE" "$work/$name/LICENSE"

time=$(source_time)
find "$work/$name" -type d -exec chmod 0755 {} +
find "$work/$name" -type f -exec chmod 0644 {} +
chmod 0755 "$work/$name/install" "$work/$name/uninstall" "$root"/bin/* "$set"/*
mkdir -p "$target"
tar -C "$work" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$time" -c "$name" |
        xz -9e -T1 >"$target/$name.tar.xz"

# Name, digest, package, version, architecture, needs; ours have no package.
(
        cd "$set"
        for library in *; do
                line=$(awk -F '\t' -v OFS='\t' -v name="$library" '$1 == name { print $2, $3, $4, $5 }' "$work/contents")
                [ -n "$line" ] || line=$(printf '\t\t\t%s' "$(readelf -dW "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | paste -sd ,)")
                printf '%s\t%s\t%s\n' "$library" "$(sha256sum "$library" | cut -d ' ' -f 1)" "$line"
        done
        cd "$root/bin"
        for program in *; do
                printf '%s\t%s\t\t\t\t%s\n' "$program" "$(sha256sum "$program" | cut -d ' ' -f 1)" \
                        "$(readelf -dW "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | paste -sd ,)"
        done
) >"$target/$name.contents"
echo "$target/$name.tar.xz: $(stat -c %s "$target/$name.tar.xz") bytes, sha256 $(sha256sum "$target/$name.tar.xz" | cut -d ' ' -f 1)"
