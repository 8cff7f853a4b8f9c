#!/usr/bin/env bash
# make-root.sh SUITE TARGET SOURCE [OPTION OF MMDEBSTRAP...]: mmdebstrap, and again, three times in all, if it fails: a
# mirror may be out of reach for a moment, or just be renewed. TARGET is a directory, or a file NAME.tar; an older one
# goes. SOURCE is a line of sources.list or a mirror; nothing: mmdebstrap's own.
set -euo pipefail

[ $# -ge 3 ] || {
        echo "usage: make-root.sh SUITE TARGET SOURCE [OPTION OF MMDEBSTRAP...]" >&2
        exit 1
}
suite=$1 target=$2 source=$3
shift 3
pause_sec=${PAUSE_SEC:-10}

job=''
trap '[ -z "$job" ] || kill -- "-$job" 2>/dev/null || true; exit 130' INT TERM HUP

# In a process group of its own: if it cannot write a tarball, mmdebstrap sends SIGHUP to all of its group, which would be
# ours, and with it that of whatever asked for the root.
make_root() {
        local code=0
        rm -rf --one-file-system "$target"
        set -m
        mmdebstrap --quiet --aptopt='Acquire::Retries "3"' "$@" "$suite" "$target" ${source:+"$source"} </dev/null &
        job=$!
        set +m
        wait "$job" || code=$?
        job=''
        return $code
}

for try in 1 2 3; do
        code=0
        make_root "$@" || code=$?
        [ $code != 0 ] || exit 0
        echo "make-root.sh: $suite: mmdebstrap failed (exit code $code), $try of 3 times" >&2
        [ $try = 3 ] || sleep "$pause_sec"
done
rm -rf --one-file-system "$target"
exit 1
