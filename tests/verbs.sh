# The verbs of ./dev, all in this table, from which `./dev help`, `./dev VERB --help` and main() take them; the
# code of a verb is the function verb_VERB. Sourced by ./dev.
# shellcheck shell=bash disable=SC2154

# A verb with its arguments; then, indented, its purpose in a line, and more about it.
verb_table='
demo [--keep]
  build, then watch a token being obtained, served and renewed, in under a minute
  --keep leaves the broker and the simulator running for you to play with.
test [--all | --rest]
  build and run the tests, in a few minutes; ends with a count. --all: everything there is
  Without --all: one build with gcc, unit tests, scenarios, histories, the fuzz corpus, the black-box tests, attacks,
  the examples of the README, quick lint and the demo. What waits long by nature is left out, and counted.
  With --all, in more than half an hour: clang and sanitizers as well, slow tests, the filter of the unit, calls that fail,
  chaos, valgrind, threads, optimisation levels, containers, packages on a booted systemd, the release and its bundle, arm64,
  other architectures under qemu-user, fuzzing, all of lint.
  --rest is --all without what ./dev test alone has just run. CONTRIBUTING.md says which run finds what.
  As root it tests more: what cannot be tested is listed as skipped.
pytest [ARGUMENT...]
  build into build/, then run pytest on it: ./dev pytest tests/blackbox -k rejected
  The arguments are those of pytest; without a file or folder: tests/blackbox. EQP_BUILD_DIR=DIRECTORY names another
  build, such as EQP_BUILD_DIR=build-sanitize after ./dev test --all.
build
  build into build/
format
  lay out the C sources with clang-format
lint
  clang-format, clang-tidy, gcc -fanalyzer, codespell, shellcheck, and the rules of the house
deb [ARCH]
  build Debian packages into build-deb/; for arm64, for example, into build-deb-arm64/
  For another architecture (likewise bundle, release and image), as root: in a Debian that has the compiler for it, below
  build-cross/; a first time takes a minute or two more.
bundle [ARCH]
  build a bundle for any Linux, with libraries of its own: build-bundle/eqp-broker-*.tar.xz
  ./dev bundle arm64, as root: into build-bundle-arm64/. What compiles is a Debian below build-cross/; see ./dev deb --help.
release [ARCH...]
  all that somebody downloads, into build-artifacts/: packages, bundle, source, digests, bill of materials, notes
  ./dev release arm64 makes packages and bundle for that, too.
  Made anew from this tree: build-deb/ and build-bundle/ as well. Two runs on one commit make the same files, bit by bit.
  With them come a report of what has changed in the C library since the last tag v*, and the changelog of this version.
image [ARCH...]
  build the container images eqp-broker and eqp-simulator into the local storage
  ./dev image arm64, as root: for this machine and for that, and the names are those of lists of both. What compiles is a
  Debian below build-cross/; see ./dev deb --help.
clean
  remove what was built
help [VERB]
  this, or more about one verb; the same as ./dev VERB --help
memcheck
  a short life of the programs under valgrind
threads
  what runs in threads, and the black-box tests, under the thread sanitizer
levels
  build with gcc and clang at -O0 and -O3, warnings as errors, and run the unit tests
  ./dev test --all has all of these but gcc at -O0.
coverage
  which lines the tests reach, a table for each file, as root
  Each line of lib/ that no test reaches must be argued in doc/internals/coverage.md.
i386
  build and test on 32 bits, in a Debian of its own below build-i386/, as root
cross [ARCH...]
  cross build for arm64, armhf, s390x (big-endian), ppc64el, and test under qemu-user, below build-cross/
  Unit tests, scenarios, some histories, the fuzz corpus. tests/cross/foreign.list names what qemu cannot do, test by
  test; those are skipped. Without an argument: all four.
container
  test the images and manifests with podman, as root
system [ARGUMENT...]
  a sysadmin and the Debian packages on a booted systemd, as root: ./dev system -k upgrade
  The arguments are those of pytest. EQP_SUITE=trixie: the same on Debian 13.
fuzz [SECONDS]
  look for input that breaks a parser, a minute or so long for each
  What is found stays in build-fuzz/: new inputs below found/, and whatever breaks a target as a file NAME-crash-...
histories [MINUTES]
  random histories of the refresh machine, with seeds from the clock, for ten minutes or so
  Part of each change of lib/refresh*: the tests play the same ones each time, so that they tell of a change, and a rare
  fault needs others. One that breaks a promise is shown, event by event, with the command that plays it again.
clients [ARGUMENT...]
  real programs that use the EQP API, in our own words, each from its first token to its last report
  On fetch, axios, newman, Guzzle, curl of PHP, requests, bash, https; and the examples of doc/clients.md. axios and newman come
  from the registry that npm knows here; where there is none, they are skipped. The arguments are those of pytest.
chaos [SECONDS] [SEED]
  the daemon in bad weather, for ten minutes or so; every answer is judged
  The seed brings a run back. Without one, each run is another.
bench [ARGUMENT...]
  measure speed and memory; ./dev bench --quick takes a minute or two
  The arguments are those of tests/bench/run, which lists them: tests/bench/run --help.
'

# The lines of the table that begin a verb: "test [--all]".
synopses() {
        grep '^[a-z]' <<<"$verb_table"
}

# synopsis VERB: fails if there is none.
synopsis() {
        synopses | grep -E "^$1( |\$)"
}

# about VERB: the lines that are indented below it.
about() {
        awk -v verb="$1" '/^[a-z]/ { found = $1 == verb; next } found { print }' <<<"$verb_table"
}

help_of() {
        printf 'usage: ./dev %s\n\n' "$(synopsis "$1")"
        about "$1" | sed 's/^  //'
}

# shellcheck disable=SC2120 # it is main that passes some
verb_help() {
        local line

        if [ $# != 0 ]; then
                synopsis "$1" >/dev/null || die "there is no verb '$1'"
                help_of "$1"
                return
        fi
        printf './dev VERB [ARGUMENT...]\n\n'
        while read -r line; do
                printf '  %-24s %s\n' "$line" "$(about "${line%% *}" | head -n 1 | sed 's/^  //')"
        done < <(synopses)
        cat <<'END'

./dev VERB --help says more. Missing Debian packages are installed first, which needs root or sudo. JOBS=N sets how
many processors to use, WORKERS=N how many files of tests to run at a time (four for each processor).
END
}

main() {
        local verb=${1:-help} usage
        [ $# = 0 ] || shift

        case $verb in -h | --help) verb=help ;; esac
        if ! [[ $verb =~ ^[a-z0-9]+$ ]] || ! usage=$(synopsis "$verb"); then
                # shellcheck disable=SC2119
                verb_help >&2
                die "there is no verb '$verb'"
        fi
        case ${1:-} in
        -h | --help)
                help_of "$verb"
                return
                ;;
        esac
        if [ $# != 0 ] && [ "$usage" = "$verb" ]; then
                die "$verb takes no arguments, and '$1' is one; see ./dev $verb --help"
        fi
        if [ $# -gt 1 ] && [ "$usage" = "$verb [ARCH]" ]; then
                die "$verb takes one architecture, and '$2' is one more; see ./dev $verb --help"
        fi
        "verb_$verb" "$@"
}
