# Roots of Debian that mmdebstrap makes: where from, and with which libraries. Sourced by the scripts that make some.
# shellcheck shell=bash

# shellcheck source=tests/packages.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/packages.sh"

# A mirror that this machine knows, of the release alone: those of updates may lag behind for other architectures.
debian_mirror() {
        apt-get indextargets --format "\$(REPO_URI) \$(CODENAME) \$(COMPONENT)" 'Created-By: Packages' |
                awk -v suite="$1" '$2 == suite && $3 == "main" { print $1; exit }'
}

# debian_sources SUITE: the line for mmdebstrap; nothing if it is to take its own.
debian_sources() {
        local uri
        uri=${EQP_DEBIAN_MIRROR:-$(debian_mirror "$1")}
        [ -z "$uri" ] || echo "deb $uri $1 main"
}

# root_libraries SUFFIX: those that we are linked with, with commas between them; SUFFIX: ":arm64", or nothing.
root_libraries() {
        local word list=''
        for word in libc6-dev $packages_libraries; do
                list+=${list:+,}${word%%|*}$1
        done
        echo "$list"
}
