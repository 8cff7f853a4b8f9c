#!/usr/bin/env bash
# The demo: a real eqp-brokerd against a real TLS upstream, eqp-simulator, whose tokens live for 5 minutes.
# It shows one thing after another and checks that each came true; anything that does not ends it with exit
# code 1.
#
# Nobody waits for a refresh point here: an operator asks for each refresh. That is four an hour: three are
# shown, and --keep takes the fourth.
#
#     demo.sh BUILD [--keep]      normally called by ./dev demo
set -euo pipefail

lifetime_sec=300 # some eighteen exchanges an hour, of the sixty that an environment may have

build=$(readlink -f "$1")
keep=no
case ${2:-} in
--keep) keep=yes ;;
'') ;;
*)
        echo "demo: '$2' is not an option; there is --keep only" >&2
        exit 2
        ;;
esac

# Everything here is on this machine, so a proxy has no part in it.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export PATH=$build/ctl:$PATH COLUMNS=96

simulator_pid='' broker_pid='' work='' left_running=no
token='' left=0 asked=0
tokens=() # all that were served, to be looked for in the log

# ---- telling ----

if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
        bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
        bold='' dim='' green='' red='' plain=''
fi

chapter=0
chapter() {
        chapter=$((chapter + 1))
        printf '\n%s%d. %s%s\n\n' "$bold" $chapter "$*" "$plain"
}

# A paragraph.
say() {
        fold -s -w 96 <<<"$*" | sed 's/ *$//; s/^/   /'
}

fulfilled() {
        printf '   %sok%s  %s\n' "$green" "$plain" "$*"
}

fail() {
        printf '\n%sThe demo failed: %s%s\n' "$red" "$*" "$plain" >&2
        if [ -s "$work/eqp-brokerd.log" ]; then
                printf '\nThe log of eqp-brokerd:\n' >&2
                cat "$work/eqp-brokerd.log" >&2
        fi
        exit 1
}

# show SHELL COMMAND [EXIT CODE]: prints it, runs it, and prints its output; output is left in $shown.
show() {
        local code=0
        printf '   %s$ %s%s\n' "$dim" "$1" "$plain"
        shown=$(bash -o pipefail -c "$1" 2>&1) || code=$?
        awk '{ print $0 == "" ? "" : "     " $0 }' <<<"$shown"
        echo
        [ $code = "${2:-0}" ] || fail "exit code $code from: $1"
}

# ---- reading ----

# json EXPRESSION: an expression over the JSON document `it` from standard input.
json() {
        /usr/bin/python3 -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# status EXPRESSION: the same over the sandbox's status, as `it`.
status() {
        eqpctl status sandbox --json | json "(lambda it: $1)(it['environments'][0])"
}

admin() {
        curl -fsS "$@" >/dev/null
}

# until_true WHAT SECONDS COMMAND...: polls.
until_true() {
        local what=$1 deadline=$((SECONDS + $2))
        shift 2
        until "$@"; do
                [ $SECONDS -lt $deadline ] || fail "this did not come in time: $what"
                sleep 0.1
        done
}

# ---- the stage ----

stop() {
        local pid
        for pid in $broker_pid $simulator_pid; do
                kill "$pid" 2>/dev/null || true
        done
        wait
        if [ -n "$work" ]; then
                rm -rf "$work"
        fi
}

on_exit() {
        [ $left_running = yes ] || stop
}
trap on_exit EXIT
trap 'exit 130' INT TERM HUP

is_simulator_ready() {
        kill -0 "$simulator_pid" 2>/dev/null || fail "eqp-simulator ended: $(cat "$work/eqp-simulator.log")"
        [ -s "$work/simulator.json" ]
}

start_simulator() {
        cat >"$work/upstream-keys.json" <<END
{"sandbox": [{"id": "MAIN1", "secret": "main-$nonce"}, {"id": "SPARE2", "secret": "spare-$nonce"}],
 "production": [{"id": "LIVE3", "secret": "live-$nonce"}]}
END
        setsid "$build/simulator/eqp-simulator" --environment sandbox=127.0.0.1:0 \
                --environment production=127.0.0.1:0 --admin 127.0.0.1:0 --tls-directory "$work/tls" \
                --keys "$work/upstream-keys.json" \
                >"$work/simulator.json" 2>"$work/eqp-simulator.log" </dev/null &
        simulator_pid=$!
        until_true "eqp-simulator is ready" 60 is_simulator_ready
        simulator=$(json 'it["admin"]' <"$work/simulator.json")
        sandbox=$(json 'it["environments"]["sandbox"]' <"$work/simulator.json")
        production=$(json 'it["environments"]["production"]' <"$work/simulator.json")
        admin -X PUT -d "{\"lifetime_fixed\": $lifetime_sec}" "$simulator/sandbox/settings"
}

write_keys() {
        mkdir "$work/keys"
        echo "MAIN1:main-$nonce" >"$work/keys/sandbox.1-main"
        echo "SPARE2:spare-$nonce" >"$work/keys/sandbox.2-spare"
        echo "LIVE3:live-$nonce" >"$work/keys/production"
}

is_broker_ready() {
        kill -0 "$broker_pid" 2>/dev/null || fail "eqp-brokerd ended"
        eqpctl ready >/dev/null 2>&1
}

start_broker() {
        cat >"$work/eqp-brokerd.conf" <<END
[broker]
listen = 127.0.0.1:0
listen = $work/broker.sock
keys_directory = $work/keys

[environment sandbox]
base_url = $sandbox
ca_file = $work/tls/ca.pem

[environment production]
base_url = $production
ca_file = $work/tls/ca.pem
END
        export EQP_BROKER_ADDRESS=unix:$work/broker.sock
        setsid "$build/daemon/eqp-brokerd" --config "$work/eqp-brokerd.conf" \
                >"$work/eqp-brokerd.log" 2>&1 </dev/null &
        broker_pid=$!
        until_true "eqp-brokerd has a token" 60 is_broker_ready
        broker=http://$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\)$/\1/p' "$work/eqp-brokerd.log")
}

set_the_stage() {
        umask 077
        work=$(mktemp -d "${TMPDIR:-/tmp}/eqp-broker-demo.XXXXXX")
        nonce=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')

        chapter "The stage"
        say "An upstream that issues tokens over TLS, eqp-simulator, with a certificate authority made just" \
                "now. Its tokens live for five minutes, where the real ones live for two hours."
        start_simulator
        fulfilled "eqp-simulator: $sandbox"
        echo
        say "Access keys are files that only their owner can read, named after the environment:"
        write_keys
        show "ls -l $work/keys | tail -n +2"
        start_broker
        fulfilled "eqp-brokerd: $broker, and $work/broker.sock"
}

# ---- what is shown ----

serve() {
        chapter "A token is served"
        say "Any program on this machine can ask, with nothing but HTTP. It never sees the access key."
        show "curl -s -H 'EQP-Client: demo' $broker/v1/sandbox/token"
        json 'it["ust"]' <<<"$shown" >/dev/null || fail "this is no token"
        say "Or with eqpctl. The token opens the API:"
        show "eqpctl token --format header sandbox |
       curl -fsS --cacert $work/tls/ca.pem -H @- $sandbox/rest/v1/users/MAG123456789"
        grep -q MAG123456789 <<<"$shown" || fail "the upstream did not take the token"
        fulfilled "exchanges with the upstream, however many ask: $(status 'it["exchanges"]["total"]')"
}

# Asks for a token; leaves it in $token and its life in $left. A caller who is turned away ends the demo.
ask() {
        local answer
        answer=$(curl -fsS -H 'EQP-Client: demo' "$broker/v1/sandbox/token?wait=0") ||
                fail "no token was served"
        previous=$token previous_left=$left
        token=$(json 'it["ust"]' <<<"$answer")
        left=$(json 'it["expires_in"]' <<<"$answer")
        [ "$left" -gt 0 ] || fail "an expired token was served"
        asked=$((asked + 1))
        [ "$token" = "$previous" ] || tokens+=("$token")
}

# keep_asking WHAT COMMAND: asks twice a second until the command is true.
keep_asking() {
        local deadline=$((SECONDS + 60)) # after an outage the next attempt may take as long as that lasted
        asked=0
        [ -n "$token" ] || ask
        until ask && "$2"; do
                [ $SECONDS -lt $deadline ] || fail "this did not come in time: $1"
                [ ! -t 1 ] || printf '\r   %s...  %2d s left ' "${token:0:6}" "$left"
                sleep 0.4
        done
        [ ! -t 1 ] || printf '\r\e[K'
}

is_replaced() {
        [ "$token" != "$previous" ]
}

has_asked_a_while() {
        [ "$asked" -ge 6 ]
}

replace() {
        local before
        chapter "It is replaced before it expires"
        say "The broker asks for the next one by itself when 60 to 70 % of the life is over. To see it now" \
                "and not in three minutes, an operator asks for it, while a caller asks twice a second."
        keep_asking "a few answers" has_asked_a_while
        before=$asked
        show "eqpctl refresh sandbox"
        keep_asking "a new token" is_replaced
        fulfilled "a new token, $((before + asked)) answers without a gap; the old one had" \
                "$previous_left s to live"
}

has_failed() {
        [ "$(status 'it["failures_in_row"] > 0')" = True ]
}

outage() {
        local during
        chapter "The upstream fails, and nobody notices"
        say "From now on the upstream refuses connections, and an operator asks for a new token once" \
                "more. The caller goes on asking."
        show "curl -s -d '{\"fault\": \"refuse_connect\"}' $simulator/sandbox/faults"
        show "eqpctl refresh sandbox" 1
        keep_asking "a few answers" has_asked_a_while
        has_failed || fail "the status does not tell of the failure"
        during=$asked
        show "eqpctl token sandbox"
        show "eqpctl status sandbox"
        fulfilled "$during answers so far; the token in hand is served on while the broker tries again"
        echo
        say "The upstream is back. Nobody asks for anything; the broker's next attempt comes by itself:"
        show "curl -s -X DELETE $simulator/sandbox/faults"
        keep_asking "a new token" is_replaced
        fulfilled "a new token; no caller was turned away"
}

uses_spare() {
        [ "$(status 'it["token"]["key"] if it["token"] else ""')" = 2-spare ]
}

failover() {
        chapter "A key is refused, and the spare takes over"
        say "Somebody deletes the main key in the portal. Nothing needs to be done; to see it now and" \
                "not at the next refresh, an operator asks for a new token."
        show "curl -s -X POST $simulator/sandbox/keys/MAIN1/refuse"
        show "eqpctl refresh sandbox"
        until_true "the spare key is in use" 30 uses_spare
        [ "$(status '[key["state"] for key in it["keys"] if key["label"] == "1-main"]')" = "['refused']" ] ||
                fail "the status does not tell of the refused key"
        fulfilled "the token comes from the key 2-spare; 1-main is tried again once a day, and when" \
                "its file is written"
}

overview() {
        chapter "What it all looks like"
        show "eqpctl status"
        show "cut -d'>' -f2- $work/eqp-brokerd.log"
        if grep -qF "$(printf '%s\n' "$nonce" "${tokens[@]}")" "$work/eqp-brokerd.log"; then
                fail "a secret is in the log"
        fi
        fulfilled "no access key and no token in the log"
}

stop_cleanly() {
        local code=0
        kill "$broker_pid"
        wait "$broker_pid" || code=$?
        broker_pid=''
        [ $code = 0 ] || fail "eqp-brokerd ended with exit code $code"
        printf '\n%sAll of it came true, in %d s.%s\n' "$bold" $SECONDS "$plain"
}

leave_running() {
        admin -X POST "$simulator/sandbox/keys/MAIN1/accept"
        sleep 1.1 # no two exchanges within a second
        eqpctl refresh sandbox >/dev/null || fail "no refresh with the main key"
        cat >"$work/stop" <<END
kill $broker_pid $simulator_pid && rm -r $work
END
        left_running=yes
        chapter "Yours to play with"
        say "Both keep running; sandbox tokens live for $lifetime_sec s, and all keys are good."
        cat <<END

     For your shell    export EQP_BROKER_ADDRESS=$EQP_BROKER_ADDRESS
                       export EQP_BROKER_CONFIG=$work/eqp-brokerd.conf
                       export EQP_BROKERD=$build/daemon/eqp-brokerd
     Talk to it        ${build#"$PWD/"}/ctl/eqpctl status --watch
                       curl -H 'EQP-Client: me' $broker/v1/sandbox/token
     Keys              ${build#"$PWD/"}/ctl/eqpctl key list
     Its log           tail -f $work/eqp-brokerd.log
     An outage         curl -d '{"fault": "refuse_connect"}' $simulator/sandbox/faults
     ... its end       curl -X DELETE $simulator/sandbox/faults
     More of that      curl $simulator/

     Stop both         sh $work/stop
END
}

main() {
        SECONDS=0
        set_the_stage
        serve
        replace
        outage
        failover
        overview
        if [ $keep = yes ]; then
                leave_running
        else
                stop_cleanly
        fi
}

main
