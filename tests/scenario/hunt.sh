#!/usr/bin/env bash
# Histories that nobody has seen: seeds from the clock, without and with a store in turn, until the time is over or one
# breaks a promise.
#
#     hunt.sh BUILD SECONDS PROCESSES
set -euo pipefail

histories=$1/tests/scenario/histories
end=$((SECONDS + $2))
logs=$(mktemp -d)
clear_up() {
        local pid
        for pid in $(jobs -pr); do # the number of one that has ended may be another's by now
                kill -- "-$pid" 2>/dev/null || true
        done
        rm -rf "$logs"
}
trap clear_up EXIT
trap 'exit 1' INT TERM

# play SEED OPTION...: some of them. If one breaks a promise, or they die of it, the log says how to play them again.
play() {
        local log=$logs/$1 number again=(--seed "$@")
        "$histories" "${again[@]}" >"$log" && return
        number=$(sed -n 's/^history \([0-9]*\) of seed .* broke a promise: .*/\1/p' "$log")
        [ -z "$number" ] || again+=(--first "$number" --count 1 --trace) # the last one of an option counts
        printf '\nAgain, and the same each time:\n\n    %s\n' "$histories ${again[*]}" >>"$log"
        mv -n "$log" "$logs/broken" # of several the first
        return 1
}

# hunt SEED: says how many there were.
hunt() {
        local alone=0 shared=0
        while :; do
                play "$1" --first $alone --count 2000 || return
                alone=$((alone + 2000))
                play "$1" --store --first $shared --count 500 || return
                shared=$((shared + 500))
                [ $SECONDS -lt $end ] || break
        done
        echo "seed $1: $alone histories, and $shared with a store"
}

seed=$(date +%s)
set -m # a process group for each, with all that it runs
for ((i = 0; i < $3; i++)); do
        hunt $((seed + i)) &
done
for ((i = 0; i < $3; i++)); do
        wait -n && continue
        cat "$logs/broken"
        exit 1
done
echo "all promises held"
