#!/usr/bin/env bash
# Allowed includes: the arrows of doc/ARCHITECTURE.md. A rule that concerns no file is an error too: then
# the rule, or the map, is out of date.
#
#     arrows.sh [BUILD]      with a build, also looks at what lib/ calls
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

failures=0
includes=$(grep -rEoH '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+' --include='*.[ch]' lib client daemon ctl simulator |
        sed -E 's/:[[:space:]]*#[[:space:]]*include[[:space:]]*/ /; s/ "/ /')

complain() {
        echo "$*" >&2
        failures=$((failures + 1))
}

# rule only|never FILES INCLUDES WHY: extended regular expressions over whole paths; <name> is a system
# header.
rule() {
        local kind=$1 files=$2 wanted=$3 why=$4 concerned bad

        concerned=$(grep -E "^($files) " <<<"$includes" || true)
        if [ -z "$concerned" ]; then
                complain "no file matches '$files': $why"
                return
        fi
        if [ "$kind" = only ]; then
                bad=$(grep -vE "^[^ ]+ ($wanted)\$" <<<"$concerned" || true)
        else
                bad=$(grep -E "^[^ ]+ ($wanted)\$" <<<"$concerned" || true)
        fi
        while read -r file header; do
                [ -z "$file" ] || complain "$file includes $header: $why"
        done <<<"$bad"
}

# ---- the layers ----

libc='<(arpa/inet|assert|ctype|errno|inttypes|limits|std[a-z]+|string|strings|sys/mman|sys/types|unistd)\.h'

# The form of the kernel's answers, as bytes.
forms='<(linux/(inet_diag|netlink|sock_diag)|netinet/(in|tcp)|sys/socket)\.h'
lib_but_diag=$(cut -d' ' -f1 <<<"$includes" | grep -E '^lib/[^/]+$' | grep -vE '^lib/(diag_answer|own_places|share_|store_)' | sort -u | paste -sd'|')

rule only "$lib_but_diag" "lib/[^/]+|$libc|<json-c/.*|<ini\.h" "lib/ is pure: itself, libc, json-c and inih only"
rule only 'lib/diag_answer\.[ch]' "lib/[^/]+|$libc|$forms" "lib/ is pure: it reads what the kernel answers, and asks nobody"
rule only 'lib/share_.*' "lib/[^/]+|$libc|<endian\.h|<gnutls/(crypto|gnutls)\.h" "shared values are bytes, and GnuTLS makes them"
rule only 'lib/store_.*' "lib/[^/]+|$libc|<hiredis/hiredis\.h" "hiredis reads and writes RESP here, and opens no connection"
rule only 'lib/own_places\.[ch]' "lib/[^/]+|$libc|<sys/stat\.h" "it looks at variables and at one directory"
rule never 'lib/.*|client/.*|daemon/.*|simulator/.*|ctl/.*' 'tests/.*' "nothing that is shipped uses tests/"
rule only 'client/.*' 'client/.*|lib/[^/]+|<.*' "the client library stands on lib/ alone"
rule never 'client/.*' '<(microhttpd|systemd/).*' "the client library has no server and no loop"
rule only 'client/(eqp-broker\.h|example\.c)' '<(std[a-z]+|string)\.h|<eqp-broker\.h' \
        "what is installed, and its example, need the installed header only"
rule only 'ctl/.*' 'ctl/.*|lib/[^/]+|client/eqp-broker\.h|<.*' \
        "eqpctl uses the client library as everybody does"
rule never 'ctl/.*' '<(curl|microhttpd|systemd/).*' "eqpctl speaks to the daemon through the client library"
rule only 'simulator/.*' 'simulator/.*|lib/[^/]+|<.*' "the simulator is not made of the daemon it is to test"
rule only 'daemon/.*' 'daemon/.*|lib/[^/]+|<.*' "the daemon uses lib/ and itself"

# ---- inside the daemon ----

room() { # PATTERN OF FILES, PATTERN OF ROOMS, WHY
        rule only "daemon/$1/.*" "daemon/($2)/[^/]+|lib/[^/]+|<.*" "$3"
}

room base 'base' "base is what the others stand on"
room keeper 'keeper|base' "the keeper knows the frontend by daemon/base/sides.h alone"
room forwarder 'forwarder|base' "the forwarder knows the others by what comes as messages and by lanes"
room frontend/known 'frontend/known|base' "what the frontend knows comes by daemon/base/sides.h alone"
room frontend/callers 'frontend/(callers|known)|base' "who is calling is found out below HTTP"
room frontend/http 'frontend/(http|callers|known)|base' "HTTP does not know what is asked"
room frontend/api 'frontend/(api|http|callers|known)|base' "what is asked over HTTP knows nothing of credentials"
room frontend/gateway 'frontend/(gateway|api|http|callers|known)|base' "what is passed on is asked over HTTP first"
room frontend/credentials 'frontend/(credentials|http|callers|known)|base' "credentials know nothing of what is asked over HTTP"
rule never 'daemon/frontend/.*' '<(curl|pwd|grp|netdb|dirent).*|lib/(access_key|key_file_rule)\.h' \
        "the frontend has no upstream, no user database, no file and no key"
rule never 'daemon/forwarder/.*' '<(microhttpd|pwd|grp|netdb|dirent).*|lib/(access_key|key_file_rule)\.h' \
        "the forwarder has no caller, no user database, no file and no key"
rule never 'daemon/(base|keeper)/.*' '<microhttpd.*' "only the frontend serves anybody"
rule only 'daemon/frontend/frontend\.[ch]' 'daemon/frontend/.*|daemon/base/[^/]+|lib/[^/]+|<.*' \
        "the frontend knows the keeper by daemon/base/sides.h alone"
rule never "$(cut -d' ' -f1 <<<"$includes" | grep '^daemon/' | grep -vE '^daemon/(main|keeper/keeper)\.c$' | sort -u | paste -sd'|')" \
        'daemon/keeper/keeper\.h' "daemon/keeper/keeper is the top: only daemon/main.c knows it"

# ---- what lib/ calls ----

if [ $# = 1 ]; then
        impure='socket|connect|open|openat|fopen|stat|time|clock_gettime|gettimeofday'
        impure+='|getenv|rand|random|getrandom|fork|signal'
        called=$(nm -u "$1/lib/libeqp-broker-core.a" | awk '$1 == "U" { print $2 }' | sort -u)
        grep -qx json_object_put <<<"$called" || complain "$1 has no libeqp-broker-core.a to look at"
        while read -r symbol; do
                complain "lib/ calls $symbol(): it has no socket, no file and no clock"
        done < <(grep -xE "($impure)(64)?" <<<"$called" || true)
fi

[ $failures = 0 ]
