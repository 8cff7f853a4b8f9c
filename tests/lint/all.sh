# All of lint. Sourced by ./dev, after results.sh.
# shellcheck shell=bash disable=SC2154

c_files() {
        tree_find -name '*.[ch]'
}

# The tree's own files, also where there is no git or git does not trust the place.
tree_find() {
        find . \( -name .git -o -name 'build*' -o -name .cache -o -name __pycache__ \) -prune -o \
                -type f \( "$@" \) -print | sort
}

lint_format() {
        c_files | xargs clang-format --dry-run --Werror
}

# compiled_once FOLDER: each file with each set of definitions once, as it stands in a build's list of compilations; makes
# that list for clang-tidy, which reads a file as often as it is there. Prints the files.
compiled_once() {
        mkdir -p "$1"
        "$python" -c 'import json, shlex, sys
once = {}
for entry in json.load(sys.stdin):
    once.setdefault((entry["file"], *sorted(w for w in shlex.split(entry["command"]) if w.startswith("-D"))), entry)
with open(sys.argv[1], "w") as file:
    json.dump(list(once.values()), file)
print("\n".join(sorted({entry["file"] for entry in once.values()})))' "$1/compile_commands.json" <compile_commands.json
}

lint_tidy() {
        (
                cd build-clang-O3 || exit
                # It also counts what it keeps to itself; that is of no interest.
                compiled_once tidy | xargs -n 4 -P "$jobs" clang-tidy --quiet -p tidy \
                        2> >(grep -v ' warnings\? generated' >&2)
        )
}

lint_spelling() {
        tree_find -not -name '*.svg' -not -name package-lock.json -not -path '*/corpus/*' |
                xargs codespell --ignore-words=tests/lint/spelling.ignore
}

lint_shell() {
        {
                echo ./dev
                tree_find -name '*.sh'
                tree_find -path './.ci/*'
        } | xargs shellcheck --shell=bash --external-sources
}

# As installed: in a build the programs look for the library in it.
lint_hardening() {
        local installed code=0

        installed=$(mktemp -d)
        meson install --quiet --no-rebuild -C "$1" --destdir "$installed" >/dev/null 2>&1 &&
                "$python" tests/lint/hardening.py "$1" "$installed" || code=1
        rm -rf "$installed"
        return $code
}

# A function verb_VERB for each verb of the table, and no other.
lint_verbs() {
        diff <(synopses | sed 's/ .*//' | sort) <(declare -F | sed -n 's/^declare -f verb_//p' | sort)
}

# Checks that take seconds. build-gcc is there.
lint_quick() {
        check lint "clang-format" lint_format
        check lint "codespell" lint_spelling
        check lint "shellcheck" lint_shell
        check lint "arrows: which folder includes which" tests/lint/arrows.sh build-gcc
        check lint "floors: no file uses itself on a way round" "$python" tests/lint/floors.py build-gcc lib client daemon ctl simulator
        check lint "rooms: which object calls what" "$python" tests/lint/rooms.py build-gcc
        check lint "words that do not belong here" tests/lint/words.sh
        check lint "names in the documentation exist" "$python" tests/lint/doc_names.py
        check lint "every event has a level" "$python" tests/lint/events.py
        check lint "--help and the man pages agree" "$python" tests/lint/help_vs_man.py build-gcc
        check lint "no word of a man page is broken" "$python" tests/lint/man_words.py build-gcc
        check lint "completions and --help agree" "$python" tests/lint/completions.py build-gcc
        check lint "events and the message catalog" "$python" tests/lint/catalog.py
        check lint "what is built is hardened" lint_hardening build-gcc
        check lint "the lines that are argued are there" "$python" tests/lint/coverage.py
        check lint "every promise names its tests" "$python" tests/lint/promises.py
        check lint "every verb of ./dev is in its table" lint_verbs
}

# build-clang-O3 is there as well.
lint_all() {
        lint_quick
        check lint "clang-tidy" lint_tidy
        check lint "gcc -fanalyzer" build_analyzer
}
