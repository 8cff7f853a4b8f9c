#!/usr/bin/env bash
# Who may include whom: the arrows of doc/ARCHITECTURE.md. A rule that concerns no file is an error too: then
# the rule, or the map, is out of date.
#
#     arrows.sh [BUILD]      with a build, also looks at what lib/ calls
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

failures=0
includes=$(grep -rEoH '^ *# *include +[<"][^>"]+' --include='*.[ch]' lib client daemon ctl simulator |
        sed -E 's/: *# *include +/ /; s/ "/ /')

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

# What the kernel's answers look like, as bytes.
forms='<(linux/(inet_diag|netlink|sock_diag)|netinet/(in|tcp)|sys/socket)\.h'
lib_but_diag=$(cut -d' ' -f1 <<<"$includes" | grep -E '^lib/[^/]+$' | grep -v '^lib/diag_answer\.' | sort -u | paste -sd'|')

rule only "$lib_but_diag" "lib/[^/]+|$libc|<json-c/.*|<ini\.h" "lib/ is pure: itself, libc, json-c and inih only"
rule only 'lib/diag_answer\.[ch]' "lib/[^/]+|$libc|$forms" "lib/ is pure: it reads what the kernel answers, and asks nobody"
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

exchange_side='daemon/keeper/(upstream|exchange|curl_loop|trust|key_[a-z_]+|held_keys)\.[ch]'
behind_the_door='daemon/keeper/(exchange|curl_loop|trust|key_[a-z_]+|held_keys)\.h'
upstream_side='daemon/keeper/environment(_log)?\.[ch]'

# The daemon's files, but for those that match.
daemon_but() {
        cut -d' ' -f1 <<<"$includes" | grep '^daemon/' | grep -vE "^($1)\$" | sort -u | paste -sd'|'
}

rule only 'daemon/base/.*' 'daemon/base/.*|lib/[^/]+|<.*' "base is what the others stand on"
rule only 'daemon/frontend/callers/.*' 'daemon/(frontend/callers|base)/.*|lib/[^/]+|<.*' \
        "who is calling is found out below HTTP"
rule never 'daemon/frontend/http/.*' 'daemon/frontend/(api|credentials)/.*' "HTTP does not know what is asked"
rule never "$(daemon_but "$exchange_side")" "$behind_the_door|lib/access_key\.h" \
        "the exchange side has one door, daemon/keeper/upstream.h"
rule never "$(daemon_but "$exchange_side|daemon/main\.c")" '<curl/.*' "libcurl lives behind daemon/keeper/upstream.h"
rule only "$exchange_side" "$behind_the_door|daemon/keeper/upstream\.h|daemon/base/.*|lib/[^/]+|<.*" \
        "the exchange side can become a process of its own: it knows nothing of the rest"
rule only "$upstream_side" \
        'daemon/keeper/(environment|environment_log|upstream)\.h|daemon/base/.*|lib/[^/]+|<.*' \
        "the upstream side does not know who asks"
rule never "$upstream_side|$exchange_side" '<microhttpd.*' "the upstream side serves nobody"
rule never "$(daemon_but 'daemon/(main|keeper/keeper)\.c')" 'daemon/keeper/keeper\.h' \
        "daemon/keeper/keeper is the top: only daemon/main.c knows it"

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
