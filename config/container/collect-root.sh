#!/usr/bin/env bash
# collect-root.sh ROOT PROGRAM...: makes ROOT a directory that holds all that the programs need to run, and
# nothing else: each in usr/bin, every library that ldd names with the loader, the certificate authorities,
# and who and where everybody is. The same input gives the same tree: modes are set here, times when it is
# packed.
set -euo pipefail
umask 022

finder=$(dirname "$(readlink -f "$0")")/../bundle/libraries.py
bundle=/etc/ssl/certs/ca-certificates.crt # where libcurl and GnuTLS of Debian look

die() {
        echo "collect-root.sh: $*" >&2
        exit 1
}

# Prints the files that it needs. Those of another architecture ldd cannot look at. ldd says "name => /path (address)", or "/path (address)" for the loader.
libraries_of() {
        local listing
        if [ "$(EQP_TELL=architecture "$finder" - "$1")" != "$(dpkg --print-architecture)" ]; then
                EQP_TELL=files "$finder" "${LD_LIBRARY_PATH:-/}" "$1"
                return
        fi
        listing=$(ldd "$1") || die "ldd cannot read $1"
        if grep -q 'not found' <<<"$listing"; then
                die "$1 lacks libraries: $listing"
        fi
        sed -n 's/^.*[[:space:]]\(\/[^ ]*\) (0x[0-9a-f]*)$/\1/p' <<<"$listing"
}

[ $# -ge 2 ] || die "usage: collect-root.sh ROOT PROGRAM..."
root=$1
shift
[ -r $bundle ] || die "there is no $bundle; install ca-certificates"

rm -rf "$root"
mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/run/secrets"
for program in "$@"; do
        install -m 0755 "$program" "$root/usr/bin/"
        while read -r library; do
                # A library that is not the system's own is ours, and lies where the loader looks anyway.
                case $library in
                /lib/* | /lib64/* | /usr/lib/*) target=$library ;;
                *) target=/usr/lib/${library##*/} ;;
                esac
                install -D -m 0755 "$(readlink -f "$library")" "$root$target"
        done < <(libraries_of "$program")
done
install -m 0644 $bundle "$root$bundle"

# The broker's user, so that the names in messages and settings mean something.
cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/:/usr/sbin/nologin
eqp-broker:x:65532:65532:EQP broker:/:/usr/sbin/nologin
END
cat >"$root/etc/group" <<'END'
root:x:0:
eqp-broker:x:65532:
END
# Both sources are built into glibc; /etc/hosts and /etc/resolv.conf come from the runtime of the container.
cat >"$root/etc/nsswitch.conf" <<'END'
passwd: files
group: files
hosts: files dns
END
chmod 0644 "$root"/etc/{passwd,group,nsswitch.conf}
