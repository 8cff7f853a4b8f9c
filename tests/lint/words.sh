#!/usr/bin/env bash
# Words that do not belong into the tree: places on somebody's machine, papers that the reader does not have,
# and work that was put off, each pattern spelt so that it does not find itself; and words that are not plain.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

failures=0

# forbid PATTERN WHY [BUT]: a line in which BUT is found as well, in its text or its file's name, may be.
forbid() {
        local found but=${3:-^$}
        found=$(grep -rnIE --exclude-dir={.git,.cache,__pycache__} --exclude-dir='build*' --exclude=LICENSE --exclude=.git \
                -e "$1" . | grep -vE -e "$but" || true)
        if [ -n "$found" ]; then
                printf '%s\n  -- %s\n' "$found" "$2" >&2
                failures=$((failures + 1))
        fi
}

forbid '(^|[^A-Za-z0-9_.-])/(wor[k]/|hom[e]/[a-z]|roo[t]/)' "a place on one machine" '^./tests/(bundle|system)/|/home/somebody'
forbid '/tm[p]/build' "a place on one machine"
forbid 'DESIG[N]\.md|EQP-AP[I]\.md|EXAMPLE[S]\.md|RECIPE[S]\.md|BASELINE[S]\.md|shared do[c]s' \
        "a paper that is not in the tree"
forbid '(^|[^A-Za-z_])(TOD[O]|FIXM[E]|XX[X])([^A-Za-z_]|$)' "work that was put off: do it, or open an issue"
forbid 'deb\.debian\.or[g]|pypi\.or[g]|registry\.npmj[s]|docker\.i[o]/' \
        "a registry's name: the reader has set up another"

# Clauses without a noun, and pronouns for persons: a script of its own, which knows texts from code.
python3 tests/lint/plain_words.py >&2 || failures=$((failures + 1))

[ $failures = 0 ]
