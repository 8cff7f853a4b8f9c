# The suites that need a build, and put what came of it into the results. Sourced by ./dev, after results.sh.
# shellcheck shell=bash disable=SC2154

suite_limit_sec=1800 # a suite that hangs is a failure, not a night's wait

# Most tests wait more than they work, so there are more of them at a time than processors; fewer where a
# sanitizer makes them work.
workers_on() {
        case $1 in
        *-sanitize | *-threads) echo "${WORKERS:-$((3 * jobs))}" ;;
        *) echo "${WORKERS:-$((4 * jobs))}" ;;
        esac
}

# kept SUITE COMMAND...: nothing that it starts is left behind; see keep.py.
kept() {
        local suite=$1
        shift
        "$python" tests/keep.py "$suite" "$suite_limit_sec" "$results" "$@" </dev/null
}

# suite_meson BUILD [OPTION OF MESON TEST...]: unit tests, scenarios, histories, the replay of the fuzz corpus.
suite_meson() {
        local directory=$1
        shift
        title "$directory: meson test"
        rm -f "$directory/meson-logs/testlog.json"
        kept "$directory: meson test" meson test -C "$directory" --no-rebuild --print-errorlogs --timeout-multiplier 5 \
                --num-processes "$jobs" "$@" || true
        "$python" tests/tally.py "$directory: meson test" "$directory/meson-logs/testlog.json" >>"$results"
}

staging='' # a directory that everybody gets to, and that goes at the end
bytecode='' # in it, compiled tests: each of a run's many processes reads all of them, and compiling is most of that
make_staging() {
        staging=$(mktemp -d)
        bytecode=$staging/bytecode
        trap 'end_beside; rm -rf "$staging"' EXIT
}

# As root the tests run programs as other users, too, who must get to them: not so if this tree is in root's
# home. Then the programs are copied. Prints where they are.
reachable() {
        local directory copy
        local nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)

        directory=$(readlink -f "$1")
        if [ "$(id -u)" != 0 ] || "${nobody[@]}" test -x "$directory/ctl/eqpctl"; then
                echo "$directory"
                return
        fi
        copy=$staging/${1##*/}
        mkdir -p "$copy"
        (cd "$directory" && find . -path './meson-private' -prune -o \
                \( -type f -perm /111 -o -type f -path './meson-info/*' -o -type l \) \
                -print0 | xargs -0 cp -d --parents -t "$copy")
        chmod -R go+rX "$staging"
        echo "$copy"
}

slow=() # --no-slow: tests that are marked so are left out; --only-slow: all others; see tests/conftest.py

# run_pytest SUITE BUILD LOG ARGUMENTS...
run_pytest() {
        local suite=$1 directory=$2 log=$3 code=0
        shift 3
        rm -f "$log.failed"
        EQP_FAILED=$log.failed of_suite "$suite" --durations=5 --junitxml="$log" "$@" || code=$?
        "$python" tests/tally.py "$suite" "$log" >"$log.tsv"
        if [ $code = 1 ] && is_by_chance "$log" && passes_thrice "$suite" "$log"; then
                sed -i 's/^failed\t/unsteady\t/' "$log.tsv"
        fi
        cat "$log.tsv" >>"$results"
}

of_suite() {
        local suite=$1
        shift
        EQP_BUILD_DIR=$directory EQP_LEFT_OUT=$left_out EQP_BYTECODE=$bytecode PYTHONDONTWRITEBYTECODE=1 kept "$suite" \
                "$python" -m pytest -q -p no:cacheprovider ${bold:+--color=yes} "$@"
}

# is_by_chance LOG: may it be? So it is if a test or two failed, and none in a way that no repetition excuses, of which
# tests/conftest.py takes note; and the tally knows of nothing else.
is_by_chance() {
        local n
        [ -s "$1.failed" ] && ! grep -q '^fault' "$1.failed" || return
        n=$(sort -u "$1.failed" | wc -l)
        [ "$n" -le 2 ] && [ "$n" = "$(grep -c '^failed' "$1.tsv")" ]
}

# passes_thrice SUITE LOG: those that failed, now one after another.
passes_thrice() {
        local i tests
        mapfile -t tests < <(cut -f 2 "$2.failed" | sort -u)
        for i in 1 2 3; do
                title "$1: what failed, once more by itself, $i of 3"
                of_suite "$1" -rs "${tests[@]}" | tee "$2.again" || return
                ! grep -q 'SKIPPED \[' "$2.again" || return
        done
}

# typed_pytest NAME BUILD ARGUMENTS...: as somebody typed it. It fails as well if a test leaves a process behind. A debugger
# wants the terminal, which kept takes away.
typed_pytest() {
        local name=$1 directory=$2 argument results=$staging/results.tsv suite_limit_sec=86400 keeper=(kept "$1")
        shift 2
        for argument; do
                case $argument in
                -s | --capture=no | --pdb* | --trace) keeper=(env) ;;
                esac
        done
        : >"$results"
        EQP_BUILD_DIR=$directory PYTHONDONTWRITEBYTECODE=1 "${keeper[@]}" \
                "$python" -m pytest -p no:cacheprovider ${bold:+--color=yes} "$@" || return
        [ ! -s "$results" ] || die "$name: a test did not clean up behind itself, see above"
}

# suite_pytest BUILD FOLDER [OPTION OF PYTEST...]: one test after another.
suite_pytest() {
        local name="$1: $2" directory folder=$2 log=build-results/$1-${2//\//-}.xml
        directory=$(reachable "$1")
        shift 2
        title "$name"
        run_pytest "$name" "$directory" "$log" "$folder" "$@"
}

# share_out NAME BUILD WHICH FOLDER...: files of tests are shared out among several processes; the tests of one file
# stay together and in order. Tests that measure what others beside them would change, and are marked so, follow
# one after another. WHICH is an expression as of pytest -k. There may be none of the latter.
share_out() {
        local name=$1 directory=$2 which=$3 workers log
        log=build-results/${name//[^a-z0-9]/-}
        workers=$(workers_on "$directory")
        shift 3
        title "$name, $workers at a time"
        run_pytest "$name" "$directory" "$log.xml" -n "$workers" --dist loadfile -m "not alone" -k "$which" "${slow[@]}" "$@"
        if is_any -m alone -k "$which" "${slow[@]}" "$@"; then
                title "$name, those that want to be alone"
                run_pytest "$name" "$directory" "$log-alone.xml" -m alone -k "$which" "${slow[@]}" "$@"
        fi
}

# Is any test chosen? Only pytest's own "none was" is a no.
is_any() {
        local code=0
        EQP_BUILD_DIR=$directory EQP_BYTECODE=$bytecode PYTHONDONTWRITEBYTECODE=1 \
                "$python" -m pytest -q -p no:cacheprovider --collect-only "$@" >/dev/null 2>&1 </dev/null || code=$?
        [ $code != 5 ]
}

# suite_shared BUILD FOLDER...: several tests at a time.
suite_shared() {
        share_out "$1: ${*:2}" "$(reachable "$1")" '' "${@:2}"
}

# without_slow COMMAND...: slow tests are run elsewhere.
without_slow() {
        local slow=(--no-slow) left_out=/dev/null
        "$@"
}

# only_slow COMMAND...: the others have been run.
only_slow() {
        local slow=(--only-slow)
        "$@"
}

# The daemon's tests once more, inside the system call filter that its unit puts on it.
suite_sandboxed() {
        local inside=$staging/sandboxed
        "$python" tests/sandbox/stage.py "$(reachable "$1")" "$inside" || true
        chmod go+rx "$staging"
        share_out "$1: inside the unit's filter" "$inside" 'filter or daemon or forwarder or share_store' \
                tests/sandbox tests/blackbox
}

# cross ARCH: a build for another architecture, its tests under an emulator, and some of the histories, of which each
# takes long there.
cross() {
        local architecture=$1 directory=build-cross/$1 suite="build-cross/$1: meson test" log
        log=$directory/build/meson-logs/testlog.json

        check build "$architecture, a cross build, warnings are errors" build_cross "$architecture"
        [ -e "$directory/whole" ] || return 0 # that it failed has been counted, and an older build proves nothing
        title "$suite, emulated"
        rm -f "$log"
        QEMU_LD_PREFIX=$PWD/$directory/root kept "$suite" meson test -C "$directory/build" --no-rebuild --no-suite histories --timeout-multiplier 10 \
                --num-processes "$jobs" >"$directory/test.log" || true # the judge tells which failures count
        "$python" tests/cross/judge.py "$suite" "$log" "$architecture" >>"$results"
        check scenario "$architecture: $cross_histories histories" kept "$architecture: histories" \
                tests/cross/cross.sh run "$architecture" "$directory" \
                "$directory/build/tests/scenario/histories" --seed 20261128 --count "$cross_histories"
}
cross_histories=2000

# The packages on a booted systemd. The figures are printed, and kept in build-system/figures.json.
suite_system() {
        title "tests/system"
        EQP_DEBS=$PWD/build-deb run_pytest tests/system "" build-results/system.xml "$@" tests/system
}
