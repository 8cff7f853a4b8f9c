# Needs of a verb on the machine: Debian packages, and a name for itself. Sourced by ./dev, which has title()
# and die().
# shellcheck shell=bash disable=SC2034

# One package a word; a|b is satisfied by either, and installs the first.

# Libraries that the programs and the unit tests are linked with, here and in the roots of other architectures
# (tests/roots.sh). debian/control and the README name them, too.
packages_libraries="libmicrohttpd-dev libcurl4-openssl-dev|libcurl4-gnutls-dev libjson-c-dev libsystemd-dev libinih-dev
        libgnutls28-dev nettle-dev libseccomp-dev libssl-dev libhiredis-dev libcmocka-dev"
packages_build="gcc libc6-dev meson ninja-build pkgconf|pkg-config python3 scdoc $packages_libraries"
packages_demo="curl"
packages_format="clang-format"
packages_lint_quick="binutils clang-format codespell shellcheck zsh fish"
packages_lint="$packages_lint_quick clang clang-tidy"
packages_test_runner="python3-pytest python3-pytest-xdist"
packages_test="$packages_test_runner curl openssl php-cli php-curl nodejs chromium prometheus
        systemd python3-cryptography python3-seccomp strace python3-yaml python3-jsonschema redis-server"
packages_clients="$packages_test_runner curl nodejs php-cli php-curl php-guzzlehttp-guzzle python3-requests"
command -v npm >/dev/null || packages_clients+=" npm" # some come with their Node
packages_fuzz="clang libclang-rt-dev llvm"
packages_image="buildah ca-certificates"
packages_container="podman crun catatonit curl wrk docker-compose python3-kubernetes python3-yaml nodejs"
command -v npm >/dev/null || packages_container+=" npm" # helm and kubectl are in a package of its registry
packages_bundle="binutils xz-utils"
packages_release="abigail-tools binutils xz-utils git"
packages_bench="nginx-light|nginx haproxy openssl wrk strace valgrind"
if grep -qs '^VERSION_ID="13"' /etc/os-release; then
        packages_test+=" valkey-server" # Debian 12 has none
fi
packages_deb="build-essential debhelper dpkg-dev lintian systemd-dev"
if grep -qs '^VERSION_ID="12"' /etc/os-release; then
        packages_deb=${packages_deb/systemd-dev/systemd} # systemd.pc was part of it until version 256
fi
packages_system="systemd-container mmdebstrap util-linux"
packages_memcheck="valgrind"
packages_threads="clang libclang-rt-dev curl"
packages_coverage="gcovr"
packages_i386="arch-test mmdebstrap util-linux"
packages_builder="mmdebstrap util-linux" # for packages, bundles and images of another architecture

architectures_cross="arm64 armhf s390x ppc64el"

# packages_cross ARCH...: a compiler and an emulator.
packages_cross() {
        local architecture triplet
        for architecture; do
                triplet=$(tests/cross/cross.sh triplet "$architecture") || return
                echo "gcc-$triplet"
        done
        echo "mmdebstrap qemu-user-static"
}

is_installed() {
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints the first choice of each word that no installed package satisfies.
missing_packages() {
        local word choice found

        for word in "$@"; do
                found=no
                for choice in ${word//|/ }; do
                        if is_installed "$choice"; then
                                found=yes
                        fi
                done
                if [ $found = no ]; then
                        echo "${word%%|*}"
                fi
        done
}

# cannot_install WHY PACKAGE...: ends, with what an administrator can be asked to do.
cannot_install() {
        local why=$1
        shift
        die "Debian packages are missing, and $why. Run as root, or ask an administrator to run:

    apt-get update && apt-get install --no-install-recommends $*
"
}

need() {
        local missing apt=()

        if ! command -v dpkg-query >/dev/null; then
                echo "dev: this is no Debian; make sure that you have the likes of:" "$@" >&2
                return
        fi
        mapfile -t missing < <(missing_packages "$@")
        if [ ${#missing[@]} = 0 ]; then
                return
        fi
        if [ "$(id -u)" != 0 ]; then
                command -v sudo >/dev/null || cannot_install "there is no sudo to install them with" "${missing[@]}"
                apt=(sudo)
                [ -t 0 ] || apt=(sudo -n)
        fi
        title "installing Debian packages, which may take minutes"
        fold -s -w 100 <<<"${missing[*]}"
        apt+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)
        # Does sudo let us? It asks for the password here, and not while nothing of it is to be seen.
        "${apt[@]}" --version >/dev/null || cannot_install "sudo does not let us install them" "${missing[@]}"
        quietly "${apt[@]}" update ||
                echo "dev: the package lists could not all be updated; going on with those there are" >&2
        quietly "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
                cannot_install "apt-get, above, could not install them all" "${missing[@]}"
}

# quietly COMMAND...: its output is of interest only if it fails. A dot every few seconds says that it is alive.
quietly() {
        local log dots code=0
        log=$(mktemp)
        while sleep 5; do printf .; done &
        dots=$!
        "$@" </dev/null >"$log" 2>&1 || code=$?
        kill "$dots"
        wait "$dots" 2>/dev/null || true
        echo
        [ $code = 0 ] || cat "$log" >&2
        rm -f "$log"
        return $code
}

# The tests speak TLS with "localhost", which the barest of roots do not know.
need_localhost() {
        if getent hosts localhost >/dev/null; then
                return
        fi
        if [ "$(id -u)" != 0 ] || [ -e /etc/hosts ]; then
                die "this machine does not know localhost: put '127.0.0.1 localhost' into /etc/hosts"
        fi
        echo "dev: there is no /etc/hosts; making one that knows localhost"
        printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' >/etc/hosts
}
