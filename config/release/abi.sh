#!/usr/bin/env bash
# abi.sh TREE: changes in the interface of the C library since the last tag, as a report on standard output.
# Fails if a program that was linked against the library of that tag would not run with this one, and the library's
# name is still the same. The last tag is the newest v* that the commit descends from, but is not.
set -euo pipefail
export LC_ALL=C

tree=$(readlink -f "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git=(git -c safe.directory="$tree" -C "$tree")

# library TREE NAME: builds it with what describes its types; its path is then $work/NAME.so.
library() {
        local target
        CC=gcc meson setup -Dunit_tests=false -Dman=disabled -Dsystemd=disabled -Doptimization=0 -Ddebug=true "$work/$2" "$1" \
                >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
        target=$(ninja -C "$work/$2" -t targets all | sed -n 's/^\(client\/libeqp-broker\.so\.[0-9.]*\): c_LINKER.*/\1/p')
        ninja -C "$work/$2" "$target" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
        ln -s "$work/$2/$target" "$work/$2.so"
}

soname() {
        readelf -dW "$1" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p'
}

library "$tree" now
tag=''
if [ -e "$tree/.git" ]; then
        tag=$("${git[@]}" describe --tags --abbrev=0 --match 'v[0-9]*' --exclude "$("${git[@]}" describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null)" \
                2>/dev/null) || tag=''
fi
if [ -z "$tag" ]; then
        echo "There is no earlier tag v*, so there is nothing to compare the C library with. It is $(soname "$work/now.so"), with:"
        echo
        nm -D --defined-only --with-symbol-versions "$work/now.so" | awk '$2 == "T" { print "    " $3 }' | sort
        exit
fi
mkdir "$work/source"
"${git[@]}" archive "$tag" | tar -x -C "$work/source"
library "$work/source" before
echo "The C library $(soname "$work/now.so"), compared with $(soname "$work/before.so") of $tag:"
echo
code=0
abidiff --header-file1 "$work/source/client/eqp-broker.h" --header-file2 "$tree/client/eqp-broker.h" --no-show-locs \
        "$work/before.so" "$work/now.so" || code=$?
[ $code = 0 ] && echo "Nothing has changed."
if [ $((code & 3)) != 0 ]; then
        echo "abi.sh: abidiff could not compare them" >&2
        exit 1
fi
if [ $((code & 8)) != 0 ] && [ "$(soname "$work/before.so")" = "$(soname "$work/now.so")" ]; then
        echo "abi.sh: programs that were linked against the library of $tag would not run with this one: it needs another soversion (client/meson.build)" >&2
        exit 1
fi
