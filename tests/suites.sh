# The suites that need a build, and put what came of it into the results. Sourced by ./dev, after results.sh.
# shellcheck shell=bash disable=SC2154

suite_limit_sec=1200 # a suite that hangs is a failure, not a night's wait

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
        trap 'rm -rf "$staging"' EXIT
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

# suite_pytest BUILD FOLDER
suite_pytest() {
        local directory=$1 folder=$2 log
        log=build-results/$directory-${folder//\//-}.xml
        [ -n "$(find "$folder" -name 'test_*.py' -print -quit 2>/dev/null)" ] || return 0
        title "$directory: $folder"
        EQP_BUILD_DIR=$(reachable "$directory") PYTHONDONTWRITEBYTECODE=1 run_suite \
                "$python" -m pytest -q -p no:cacheprovider --durations=5 --junitxml="$log" "$folder"
        "$python" tests/tally.py "$directory: $folder" "$log" >>"$results"
}

# The daemon's tests once more, inside the system call filter that its unit puts on it.
suite_sandboxed() {
        local directory=$1 log=build-results/$1-sandboxed.xml inside=$staging/sandboxed
        title "$directory: the daemon's tests inside its unit's filter"
        "$python" tests/sandbox/stage.py "$(reachable "$directory")" "$inside" || true
        chmod go+rx "$staging"
        EQP_BUILD_DIR=$inside PYTHONDONTWRITEBYTECODE=1 run_suite "$python" -m pytest -q -p no:cacheprovider \
                --junitxml="$log" tests/sandbox tests/blackbox -k "filter or daemon"
        "$python" tests/tally.py "$directory: inside the unit's filter" "$log" >>"$results"
}

suites_of() {
        local folder
        suite_meson "$1"
        for folder in blackbox security docs; do
                suite_pytest "$1" tests/$folder
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
