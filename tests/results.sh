# Results of a test run: a line for each test, "passed|failed|unsteady|skipped", suite, name, reason, between tabs.
# Sourced by ./dev, which has the colours.
# shellcheck shell=bash disable=SC2154,SC2034

results=build-results/results.tsv
left_out=$PWD/build-results/left-out # a line for each test that was left out as slow: name, why

begin_results() {
        rm -rf build-results
        mkdir -p build-results
        : >$results
        : >"$left_out"
}

# step COMMAND...: one more of those that carry_out runs, each of which says with its titles which one it is.
steps=() step_words=''
step() {
        steps+=("$(printf '%q ' "$@")")
}

carry_out() {
        local i
        for i in "${!steps[@]}"; do
                step_words="$((i + 1)) of ${#steps[@]}, "
                eval "${steps[i]}"
        done
        step_words=''
}

title() {
        printf '\n%s== %s%d:%02d  %s%s\n' "$bold" "$step_words" $((SECONDS / 60)) $((SECONDS % 60)) "$*" "$plain"
}

record() {
        printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}" >>$results
}

# check SUITE NAME COMMAND...: runs it, and records how it ended.
check() {
        local suite=$1 name=$2 start=$SECONDS
        shift 2

        title "$suite: $name"
        if "$@" </dev/null; then
                record passed "$suite" "$name"
                echo "passed in $((SECONDS - start)) s"
        else
                record failed "$suite" "$name"
                printf '%sFAILED%s: %s\n' "$red" "$plain" "$name"
        fi
}

# Without what it is built from, there is nothing to test.
check_or_end() {
        check "$@"
        [ "$(count failed)" = 0 ] || report || exit 1
}

# On processor time that nobody else wants: this, and all that follows in the same shell, which is one in the background.
humbly() {
        renice -n 19 -p "$BASHPID" >/dev/null
        suite_limit_sec=5400 # it is less than a tenth of a processor at times
        "$@"
}

# beside SUITE COMMAND...: runs it in the background, until join shows what it printed and counts what it recorded.
# One at a time.
beside_suite='' beside_pid=''
beside() {
        beside_suite=$1
        shift
        title "$beside_suite: beside what follows, to be shown later"
        set -m # in a process group of its own
        in_background "$@" </dev/null >build-results/beside.log 2>&1 &
        set +m
        beside_pid=$!
}

in_background() {
        local results=$results.beside step_words=''
        : >"$results"
        "$@"
}

join() {
        local code=0
        title "$beside_suite: what came of it"
        wait "$beside_pid" || code=$?
        beside_pid=''
        cat build-results/beside.log
        cat "$results.beside" >>"$results"
        [ $code = 0 ] || record failed "$beside_suite" "as a whole" "exit code $code"
}

# When it has ended, its number may soon be another process's.
beside_runs() {
        [ -n "$beside_pid" ] && grep -qx "$beside_pid" <<<"$(jobs -pr)"
}

# For an end before that.
end_beside() {
        ! beside_runs || kill -- "-$beside_pid" 2>/dev/null || true
}

count() {
        grep -c "^$1"$'\t' $results || true
}

list() {
        awk -F '\t' -v kind="$1" '
                $1 == kind { printf "  %s: %s%s\n", $2, $3, $4 == "" ? "" : " (" $4 ")" }' $results
}

unsteady_max=3 # of a run; more are no chance

# Ends with the count, alone on the last line; fails if anything failed.
report() {
        local passed failed unsteady skipped line
        unsteady=$(count unsteady)
        if [ "$unsteady" -gt $unsteady_max ]; then
                sed -i 's/^unsteady\t/failed\t/' $results
                unsteady=0
        fi
        passed=$(count passed) failed=$(count failed) skipped=$(count skipped)

        title "result"
        if [ "$skipped" != 0 ]; then
                echo "Skipped:"
                list skipped
        fi
        if [ "$failed" != 0 ]; then
                echo "Failed:"
                list failed
        fi
        if [ "$unsteady" != 0 ]; then
                echo "Unsteady, to be fixed, the test or what it tests (failed once, then passed three times by itself):"
                list unsteady
        fi
        if [ -s "$left_out" ]; then
                echo "$(wc -l <"$left_out") slow tests were left out, see ${left_out#"$PWD"/}; ./dev test --all has them."
        fi
        line="$passed passed, $failed failed"
        [ "$unsteady" = 0 ] || line+=", $unsteady unsteady"
        [ "$skipped" = 0 ] || line+=", $skipped skipped"
        echo "$line"
        [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
