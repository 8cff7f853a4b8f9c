# The kinds of build, a directory for each. Sourced by ./dev.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# The output of ninja: a dot for some of its steps, and the rest as it is.
as_dots() {
        local line n=0 open=no
        while IFS= read -r line; do
                case $line in
                'ninja: '*) ;;
                \[*/*\]*)
                        n=$((n + 1))
                        if [ $((n % 10)) = 0 ]; then
                                printf .
                                open=yes
                        fi
                        continue
                        ;;
                *)
                        [ $open = no ] || echo
                        printf '%s\n' "$line"
                        open=no
                        ;;
                esac
        done
        [ $open = no ] || echo
}

# The log of packages that are built: a line for each step that takes long, and ninja's dots.
as_steps() {
        sed -u -nE 's/^ *(dh_auto_(configure|build|install)|dh_builddeb)\b.*/\1/p; s/^builder\.sh: //p; /^\[[0-9]+\/[0-9]+\]/p' |
                as_dots
}

# compile DIRECTORY [TARGET...]: without a target, all of it.
compile() {
        local directory=$1
        shift
        if [ -t 1 ]; then
                ninja -C "$directory" -j "$jobs" "$@" # it counts on one line
        else
                ninja -C "$directory" -j "$jobs" "$@" 2>&1 | as_dots
        fi
}

# set_up DIRECTORY [MESON OPTIONS...]: once, and again if it was set up with other options.
set_up() {
        local directory=$1 wanted
        shift
        wanted="CC=${CC:-} $*"
        if [ ! -f "$directory/build.ninja" ] || [ "$(cat "$directory/options" 2>/dev/null)" != "$wanted" ]; then
                rm -rf "$directory"
                mkdir -p "$directory"
                if ! meson setup "$@" "$directory" . >"$directory/setup.log" 2>&1; then
                        cat "$directory/setup.log"
                        return 1
                fi
                printf '%s\n' "$wanted" >"$directory/options"
        fi
}

# build_in DIRECTORY [MESON OPTIONS...]: sets up once, builds what changed.
build_in() {
        set_up "$@"
        compile "$1"
}

# A third of what there is to build. ninja counts aloud: this is the first thing that somebody waits for.
build_programs() {
        set_up build
        ninja -C build -j "$jobs" daemon/eqp-brokerd ctl/eqpctl simulator/eqp-simulator
}

build_gcc() {
        CC=gcc build_in build-gcc --werror
}

# As build_level makes it, which has warnings beyond those of the build that is shipped.
build_clang() {
        build_level clang 3
}

build_sanitize() {
        CC=gcc build_in build-sanitize --werror -Db_sanitize=address,undefined -Doptimization=1 \
                -Dc_args=-fno-sanitize-recover=undefined
}

# For the few threads that there are.
build_threads() {
        CC=clang build_in build-threads --werror -Dunit_tests=false -Dtest_programs=true -Db_sanitize=thread -Db_lundef=false -Doptimization=1
}

# For valgrind, which does not know the calls by which the daemon confines itself, and would be confined.
build_memcheck() {
        CC=gcc build_in build-memcheck --werror -Dunit_tests=false -Dtest_programs=true -Dconfinement=false
}

# build_level COMPILER LEVEL: code that is not optimised, or more than ours is, has warnings of its own.
build_level() {
        CC=$1 build_in "build-$1-O$2" --werror "-Doptimization=$2"
}

build_coverage() {
        CC=gcc build_in build-coverage --werror -Db_coverage=true -Doptimization=0
}

# Analysing is a compilation that is only looked at. Optimised code leads gcc 12's analyzer astray, it does
# not know that cmocka's asserts do not return, and it takes memory that is handed into a struct for lost:
# leaks are what AddressSanitizer finds.
build_analyzer() {
        CC=gcc build_in build-analyzer --werror -Doptimization=0 -Dunit_tests=false \
                '-Dc_args=-fanalyzer -Wno-analyzer-malloc-leak'
}

build_fuzz() {
        CC=clang set_up build-fuzz --werror -Dfuzzing=true -Dunit_tests=false -Dsimulator=false
        compile build-fuzz fuzzers
}

# build_cross ARCH: with its libraries, which are had first.
build_cross() {
        rm -f "build-cross/$1/whole"
        JOBS=$jobs tests/cross/cross.sh build "$1" "build-cross/$1" && : >"build-cross/$1/whole"
}

# build_image [ARCH]: the programs for the images. That the name of the tree's place goes nowhere makes the images the same anywhere.
# ARCH, here and below: for another architecture; within config/release/builder.sh, which has the cross file.
build_image() {
        CC=gcc build_in "build-image${1:+-$1}" ${1:+--cross-file "$1"} --buildtype=release --prefix=/usr --libdir=lib -Dunit_tests=false \
                -Dman=disabled "-Dc_args=-ffile-prefix-map=$PWD=."
}

# build_bundle [ARCH]: the programs of the bundle for any Linux; the same anywhere, too.
build_bundle() {
        local compiler=gcc
        [ $# = 0 ] || compiler=$(dpkg-architecture -a "$1" -q DEB_HOST_GNU_TYPE 2>/dev/null)-gcc
        CC=gcc build_in "build-bundle${1:+-$1}" ${1:+--cross-file "$1"} --buildtype=release --prefix=/usr/local --libdir=lib/eqp-broker -Dunit_tests=false \
                -Dman=enabled -Dsystemd=enabled -Dsystemdsystemunitdir=/usr/local/lib/systemd/system \
                "-Dc_args=-ffile-prefix-map=$PWD=." "-Dc_link_args=$(config/bundle/make-bundle.sh --link-args "$compiler")"
}

# another [ARCH]: fails if it is this machine's own, or none is named; ends if it is none that we build for.
another() {
        if [ $# = 0 ] || [ "$1" = "$(dpkg --print-architecture)" ]; then
                return 1
        fi
        [[ " $architectures_cross " = *" $1 "* ]] || die "'$1' is none of $architectures_cross"
}

# in_builder ARCH COMMAND...: in a Debian that builds for it, on this tree. EQP_BUILDERS: where each such Debian is kept.
in_builder() {
        SOURCE_DATE_EPOCH=$(config/bundle/make-bundle.sh --source-time) \
                config/release/builder.sh "$1" "${EQP_BUILDERS:-build-cross}/$1/builder" "${@:2}" </dev/null
}

# build_image_of ARCH: the programs of the images for another architecture, and in context/ below them what goes into
# the images: their libraries are there, and not here.
build_image_of() {
        in_builder "$1" bash -euc "jobs=$jobs; . tests/compile.sh; build_image $1
                config/container/collect-images.sh build-image-$1 build-image-$1/context"
}
