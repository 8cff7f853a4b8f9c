# The test runs, and the builds that they run on. CONTRIBUTING.md says which faults each run finds. Sourced by ./dev.
# shellcheck shell=bash disable=SC2154,SC2034

demo_on() {
        check demo "./dev demo" kept demo tests/demo/demo.sh "$1"
}

demo_lint_and_long_histories() {
        demo_on build-gcc
        lint_quick
        humbly suite_meson build-gcc --suite long
}

# A few minutes.
plan_quick() {
        slow=(--no-slow)
        step check_or_end build "gcc, warnings are errors" build_gcc
        step suite_meson build-gcc --no-suite long
        step beside "demo, quick lint, long histories" demo_lint_and_long_histories
        # In one run: none waits for the end of another.
        step suite_shared build-gcc tests/blackbox tests/security tests/docs tests/dev tests/contract
        step join
}

# level COMPILER LEVEL
level() {
        check build "$1 -O$2, warnings are errors" build_level "$1" "$2"
        suite_meson "build-$1-O$2" --no-suite long
}

# Where threads of ours or of libcurl are at work; ./dev threads runs all of it.
suite_races() {
        share_out "build-threads: tests/blackbox" "$(reachable build-threads)" 'callers or resolver or reload or upstream' \
                tests/blackbox
}

# what_goes_beside [ARCHITECTURE]: busy work in no hurry; after the demo, all of it humbly.
what_goes_beside() {
        demo_on build-gcc
        humbly level clang 3 # clang-tidy goes by it
        lint_all             # has what gcc -O0 warns of
        [ -z "$1" ] || make_for "$1"
        level gcc 3
        level clang 0
        cross s390x # big-endian, and char is unsigned, as on the next ones
        cross armhf # 32 bits, with time in 64
        cross arm64
        cross ppc64el
        check fuzz "each target for a quarter of a minute" kept fuzz ./dev fuzz 15
        suite_pytest build-bundle tests/release # everything that is published, made once more
}

# make_for ARCHITECTURE: its packages and its bundle, of which await_made says that they are there.
make_for() {
        check build "packages and the bundle, for $1" kept "artifacts for $1" bash -ec "./dev deb $1; ./dev bundle $1"
        touch "build-results/made-for-$1"
}

await_made() {
        while [ ! -e "build-results/made-for-$1" ] && beside_runs; do
                sleep 2
        done
}

# Everything; HOW: only_slow, after the quick run, which has run the others.
plan_all() {
        local how=${1:-} foreign=arm64
        [ "$(id -u)" = 0 ] || foreign='' # the Debian that builds for it takes root

        step check_or_end build "gcc, warnings are errors" build_gcc
        step check build "gcc with address and undefined behaviour sanitizers" build_sanitize
        step check build "clang with the thread sanitizer" build_threads
        [ -n "$how" ] || step suite_meson build-gcc
        step suite_meson build-sanitize --no-suite long
        step check release "all of it is made, and lintian is content" kept release ./dev release
        step beside "demo, lint, levels, fuzzing, release" what_goes_beside "$foreign" # the rest mostly waits
        # shellcheck disable=SC2086 # may be nothing
        step $how suite_shared build-gcc tests/blackbox tests/security tests/docs tests/dev tests/contract
        step suite_shared build-gcc tests/clients
        step without_slow suite_sandboxed build-gcc
        step without_slow suite_shared build-sanitize tests/blackbox tests/security
        step suite_pytest build-sanitize tests/faults -n $((2 * jobs)) # they wait more than half of the time
        step suite_pytest build-gcc tests/faults -n "$jobs" -k memory # where the libraries' own realloc() is ours, and fails too
        step suite_pytest build-sanitize tests/chaos
        step suite_pytest build-gcc tests/chaos # a heap that can be short, which that of the sanitizer is not
        step check build "gcc, without confinement" build_memcheck
        step suite_pytest build-memcheck tests/memcheck -n "$jobs"
        step suite_pytest build-threads tests/threads
        step without_slow suite_races
        step check build "the programs of the images" build_image
        step suite_pytest build-image tests/container
        [ -z "$foreign" ] || step await_made "$foreign"
        [ -z "$foreign" ] || step check build "the programs of the images, for $foreign" build_image_of "$foreign"
        step suite_pytest build-image tests/foreign -n "$jobs" --dist loadfile
        step suite_pytest build-bundle tests/bundle -n "$jobs" --dist loadfile
        step suite_pytest build-bundle tests/blackbox/test_ci_recipes.py -k real_bundle
        step suite_system -n $((2 * jobs)) --dist loadfile # ./dev system has the figures of one machine at a time
        step join
}

verb_test() {
        case ${1:-} in
        '')
                # shellcheck disable=SC2086 # lists of words, here and below
                need $packages_build $packages_demo $packages_lint_quick $packages_test
                plan_quick
                ;;
        --all | --rest)
                # shellcheck disable=SC2046,SC2086
                need $packages_build $packages_demo $packages_lint $packages_fuzz $packages_test $packages_clients $packages_image \
                        $packages_container $packages_builder $packages_deb $packages_release $packages_system $packages_memcheck \
                        $(packages_cross $architectures_cross)
                plan_all "$([ "$1" = --all ] || echo only_slow)"
                ;;
        *) die "'$1' is no argument of test; there are --all and --rest" ;;
        esac
        need_localhost
        make_staging
        begin_results
        carry_out
        report
}
