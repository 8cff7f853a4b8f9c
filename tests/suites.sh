# The suites that need a build, and put what came of it into the results. Sourced by ./dev, after results.sh.
# shellcheck shell=bash disable=SC2154

suite_limit_sec=1200 # a suite that hangs is a failure, not a night's wait
# Most tests wait more than they work, so there are more of them at a time than processors.
workers=${WORKERS:-$((2 * jobs))}

# Whoever was started in the background ignores SIGINT and SIGQUIT, and so would all that it starts.
run_suite() {
        timeout "$suite_limit_sec" env --default-signal=INT,QUIT "$@" </dev/null || true
}

# What `meson test` knows: unit tests, scenarios, histories, the replay of the fuzz corpus.
suite_meson() {
        local directory=$1
        title "$directory: meson test"
        rm -f "$directory/meson-logs/testlog.json"
        run_suite meson test -C "$directory" --no-rebuild --print-errorlogs --num-processes "$jobs"
        "$python" tests/tally.py "$directory: meson test" "$directory/meson-logs/testlog.json" >>"$results"
}

staging='' # a directory that everybody gets to, and that goes at the end
make_staging() {
        staging=$(mktemp -d)
        trap 'end_beside; rm -rf "$staging"' EXIT
}

# As root the tests run programs as other users, too, who must get to them: not so if this tree is in root's
# home. Then the programs are copied. Prints where they are.
reachable() {
        local directory=$PWD/$1 copy
        local nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)

        if [ "$(id -u)" != 0 ] || "${nobody[@]}" test -x "$directory/ctl/eqpctl"; then
                echo "$directory"
                return
        fi
        copy=$staging/$1
        mkdir -p "$copy"
        (cd "$directory" && find . -path './meson-private' -prune -o \
                \( -type f -perm /111 -o -type f -path './meson-info/*' -o -type l \) \
                -print0 | xargs -0 cp -d --parents -t "$copy")
        chmod -R go+rX "$staging"
        echo "$copy"
}

# run_pytest BUILD LOG ARGUMENTS...
run_pytest() {
        local directory=$1 log=$2
        shift 2
        EQP_BUILD_DIR=$directory PYTHONDONTWRITEBYTECODE=1 run_suite \
                "$python" -m pytest -q -p no:cacheprovider --durations=5 --junitxml="$log" "$@"
}

# suite_pytest BUILD FOLDER [OPTION OF PYTEST...]: one test after another.
suite_pytest() {
        local directory=$1 folder=$2 log
        log=build-results/$directory-${folder//\//-}.xml
        shift 2
        title "$directory: $folder"
        run_pytest "$(reachable "$directory")" "$log" "$folder" "$@"
        "$python" tests/tally.py "$directory: $folder" "$log" >>"$results"
}

# share_out NAME BUILD WHICH FOLDER...: files of tests are shared out among several processes; what is in one file
# stays together and in order. Tests that measure what others beside them would change, and are marked so, follow
# one after another. WHICH is an expression as of pytest -k.
share_out() {
        local name=$1 directory=$2 which=$3 log
        log=build-results/${name//[^a-z0-9]/-}
        shift 3
        title "$name, $workers at a time"
        run_pytest "$directory" "$log.xml" -n "$workers" --dist loadfile -m "not alone" -k "$which" "$@"
        "$python" tests/tally.py "$name" "$log.xml" >>"$results"
        grep -rqw 'mark\.alone' --include='test_*.py' "$@" || return 0
        title "$name, those that want to be alone"
        run_pytest "$directory" "$log-alone.xml" -m alone -k "$which" "$@"
        "$python" tests/tally.py "$name" "$log-alone.xml" >>"$results"
}

# suite_shared BUILD FOLDER: several tests at a time.
suite_shared() {
        share_out "$1: $2" "$(reachable "$1")" '' "$2"
}

# The daemon's tests and the attacks once more, inside the system call filter that its unit puts on it.
suite_sandboxed() {
        local inside=$staging/sandboxed
        "$python" tests/sandbox/stage.py "$(reachable "$1")" "$inside" || true
        chmod go+rx "$staging"
        share_out "$1: inside the unit's filter" "$inside" 'filter or security or daemon' \
                tests/sandbox tests/security tests/blackbox
}

suites_of() {
        local folder
        suite_meson "$1"
        for folder in blackbox security docs; do
                suite_shared "$1" tests/$folder
        done
}

# The packages on a booted systemd. The figures are printed, and kept in build-system/figures.json.
suite_system() {
        local log=build-results/system.xml
        title "tests/system"
        EQP_DEBS=$PWD/build-deb PYTHONDONTWRITEBYTECODE=1 run_suite "$python" -m pytest -q -p no:cacheprovider \
                --durations=5 --junitxml="$log" "$@" tests/system
        "$python" tests/tally.py tests/system "$log" >>"$results"
}
