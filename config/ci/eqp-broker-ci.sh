#!/bin/sh
# eqp-broker-ci.sh start|stop: a broker of one CI job, in user mode, with a key from the CI's secrets. GitHub's actions and
# GitLab's component beside this file run it; doc/ci.md tells what for, and which variables it goes by (EQP_CI_*).
#
# All it makes lies in one directory, which "stop" removes with the key and the programs. Later steps get the address
# of the broker's socket and an eqpctl in their PATH. On GitHub each token is masked in the log before that eqpctl gives it
# out, except to a file.
set -eu
umask 077

say() {
        echo "eqp-broker: $*" >&2
}

die() {
        say "$*"
        exit 1
}

find_directory() {
        dir=${EQP_CI_DIRECTORY:-}
        if [ -z "$dir" ] && [ -n "${RUNNER_TEMP:-}" ]; then
                dir=$RUNNER_TEMP/eqp-broker
        elif [ -z "$dir" ] && [ -n "${CI_JOB_ID:-}" ]; then
                dir=${TMPDIR:-/tmp}/eqp-broker-$CI_JOB_ID
        fi
        case $dir in
        *[!A-Za-z0-9/._-]*) die "$dir has characters that are not understood here: set EQP_CI_DIRECTORY to another path" ;;
        /*) ;;
        *) die "this is neither a job of GitHub nor of GitLab: set EQP_CI_DIRECTORY to an absolute path that does not exist" ;;
        esac
}

# ---- the end ----

# Is it the process that was started here, and not another with its number?
is_daemon() {
        [ -r "/proc/$1/cmdline" ] && tr '\0' ' ' <"/proc/$1/cmdline" | grep -q 'eqp-brokerd --user'
}

stop() {
        [ -d "$dir" ] || return 0
        # In a directory for everybody, somebody else may have made it.
        if [ ! -O "$dir" ] || [ -L "$dir" ]; then
                die "$dir is not this user's: nothing is removed"
        fi
        pid=$(cat "$dir/pid" 2>/dev/null || true)
        if [ -n "$pid" ] && is_daemon "$pid"; then
                kill -TERM "$pid" 2>/dev/null || true
                rm -rf "$dir/config" # whatever becomes of it, the key is gone
                tries=0
                while is_daemon "$pid"; do
                        tries=$((tries + 1))
                        [ $tries -lt 20 ] || kill -KILL "$pid" 2>/dev/null || true
                        [ $tries -lt 30 ] || die "the broker (process $pid) does not end"
                        sleep 1
                done
        fi
        rm -rf "$dir"
        say "stopped; key and programs are removed"
}

# Jobs that were killed before their stop have left a key in their directory; GitLab does that to those that run into their
# time-out. A younger directory may be that of a start that goes on, without a broker yet; a broker in a container that
# shares /tmp has no process here, but answers.
remove_leftovers() {
        [ "$dir" = "${TMPDIR:-/tmp}/eqp-broker-${CI_JOB_ID:-}" ] || return 0
        for old in "${TMPDIR:-/tmp}"/eqp-broker-[0-9]*; do
                case ${old##*/eqp-broker-} in *[!0-9]*) continue ;; esac
                if [ -L "$old" ] || [ ! -O "$old" ] || [ ! -d "$old/run" ] || [ -z "$(find "$old" -prune -mmin +60)" ]; then
                        continue
                fi
                pid=$(cat "$old/pid" 2>/dev/null || true)
                if [ -n "$pid" ] && is_daemon "$pid"; then
                        continue
                fi
                if ! "$bin/eqpctl" --address "unix:$old/run/eqp-broker/eqp-broker.sock" live >/dev/null 2>&1; then
                        rm -rf "$old" "$old.sh" || continue
                        say "$old is removed: a job that was killed has left it"
                fi
        done
}

# ---- programs ----

fetch() {
        if command -v curl >/dev/null; then
                curl -fsSL --retry 3 -o "$2" "$1"
        elif command -v wget >/dev/null; then
                wget -q -O "$2" "$1"
        else
                die "there is neither curl nor wget to fetch the bundle with"
        fi || die "the bundle cannot be fetched from $1"
}

check_sum() {
        command -v sha256sum >/dev/null || die "there is no sha256sum to check the bundle with"
        found=$(sha256sum "$1" | cut -d ' ' -f 1)
        [ "$found" = "$EQP_CI_SHA256" ] || die "the bundle's SHA-256 is $found, and not $EQP_CI_SHA256: it is not used"
}

# Sets bin.
get_programs() {
        : "${EQP_CI_BUNDLE:?is not set: a path or a URL of the bundle, or a directory with bin/eqp-brokerd}"
        bundle=$EQP_CI_BUNDLE
        case $bundle in
        https://* | http://*)
                [ -n "${EQP_CI_SHA256:-}" ] || die "a bundle from a URL needs its SHA-256"
                fetch "$bundle" "$dir/bundle.tar.xz"
                bundle=$dir/bundle.tar.xz
                ;;
        esac
        tree=$bundle
        if [ -f "$bundle" ]; then
                [ -z "${EQP_CI_SHA256:-}" ] || check_sum "$bundle"
                mkdir "$dir/unpacked"
                tar -x -J -f "$bundle" -C "$dir/unpacked" || die "the bundle cannot be unpacked: are tar and xz there?"
                tree=$(echo "$dir"/unpacked/*)
        fi
        tree=$(cd "$tree" && pwd) || die "there is no bundle at $EQP_CI_BUNDLE"
        if [ -f "$tree/install" ]; then
                (cd "$tree" && sh ./install --prefix "$dir/programs" >"$dir/install.log" 2>&1) ||
                        { cat "$dir/install.log" >&2; die "the bundle cannot be installed"; }
                tree=$dir/programs
        fi
        bin=$tree/bin
        if [ ! -x "$bin/eqp-brokerd" ] || [ ! -x "$bin/eqpctl" ]; then
                die "there are no bin/eqp-brokerd and bin/eqpctl in $tree"
        fi
}

# ---- key and settings ----

is_github() {
        [ "${GITHUB_ACTIONS:-}" = true ]
}

# The names of the variables that hold the key, or its secret alone: EQP_CI_KEY is a copy of them.
key_variables() {
        awk 'BEGIN {
                key = ENVIRON["EQP_CI_KEY"] ""
                secret = substr(key, index(key, ":") + 1)
                for (name in ENVIRON) {
                        value = ENVIRON[name] ""
                        if (value != "" && (value == key || value == secret) && name ~ /^[A-Za-z_][A-Za-z0-9_]*$/) {
                                print name
                        }
                }
        }'
}

# Takes the key out of the environment as well: no program that is started here has it there.
write_key() {
        names=$(key_variables) || die "there is no awk to find the key's variables with"
        set -- "${EQP_CI_KEY:-}" # one of the names may be a variable of this script
        # shellcheck disable=SC2086
        unset EQP_CI_KEY EQP_BROKER_KEY $names
        key=$1
        [ -n "$key" ] || die "there is no key: set the secret that it is to come from (ID:SECRET, in one line)"
        # GitLab's variables of the type File are a path.
        if [ -f "$key" ]; then
                key=$(cat "$key")
        fi
        case $key in
        *:*) ;;
        *) die "the key is not of the form ID:SECRET" ;;
        esac
        if is_github; then
                echo "::add-mask::${key#*:}"
        fi
        mkdir -p "$config/keys"
        printf '%s\n' "$key" >"$config/keys/$environment"
        unset key
}

write_settings() {
        printf '%s\n' "${EQP_CI_SETTINGS:-}" >"$config/eqp-brokerd.conf"
        if [ -n "${EQP_CI_ALLOW:-}" ]; then
                mkdir "$config/eqp-brokerd.conf.d"
                printf '[environment %s]\ngateway = yes\n' "$environment" >"$config/eqp-brokerd.conf.d/gateway.conf"
        fi
}

# ---- the daemon ----

fail_with_log() {
        sed 's/^/    /' "$dir/log" >&2
        die "$*"
}

# Signals that end the step are not for the daemon.
start_daemon() {
        (
                trap '' HUP INT
                exec "$bin/eqp-brokerd" --user --log-format=text
        ) </dev/null >"$dir/log" 2>&1 &
        pid=$!
        echo "$pid" >"$dir/pid"
        tries=0
        until "$bin/eqpctl" live >/dev/null 2>&1; do
                kill -0 "$pid" 2>/dev/null || fail_with_log "the broker did not start"
                tries=$((tries + 1))
                [ $tries -lt 60 ] || fail_with_log "the broker does not answer"
                sleep 1
        done
        mask_token || fail_with_log "there is no token for $environment"
}

# Obtains the token, and on GitHub has it masked from now on.
mask_token() {
        token=$("$bin/eqpctl" token --wait 30 "$environment") || return 1
        if is_github; then
                echo "::add-mask::$token"
                printf '%s' "$token" | sha256sum | cut -d ' ' -f 1 >"$dir/masked"
        fi
        unset token
}

# An eqpctl for later steps. On GitHub it says a token that is new to the runner before it is printed, or a command has it. The runner reads
# standard output and standard error one beside the other, hence the second between the two; of the token that the start has
# seen, nothing has to be said. It says it on the standard error of the step's first process, which the runner has started:
# its own may be a file of the job's, or a pipe to one. Where the first one's is no pipe either, it says nothing.
write_eqpctl() {
        masks=no
        if is_github; then
                masks=yes
        fi
        mkdir "$dir/bin"
        cat >"$dir/bin/eqpctl" <<END
#!/bin/sh
real='$bin/eqpctl' environment='$environment' masks=$masks masked='$dir/masked'
END
        cat >>"$dir/bin/eqpctl" <<'END'
# Sets runner, if there is a way to it. The runner's own processes are no part of the step, and have no such variable.
find_runner() {
        runner='' pid=$$
        while tr '\0' '\n' <"/proc/$pid/environ" | grep -qx GITHUB_ACTIONS=true; do
                runner=/proc/$pid/fd/2
                pid=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$pid/status")
        done 2>/dev/null
        [ -p "$runner" ]
}
# Echoes in shells of their own: where the pipe has no reader any more, as after a step that left a watch behind, SIGPIPE ends
# just these.
tell_runner() {
        if [ "$runner" -ef "/proc/$$/fd/2" ]; then
                (echo "$1" >&2) # also where the pipe is another user's, and cannot be opened once more
        else
                (echo "$1" >"$runner") 2>/dev/null
        fi
}
announce() {
        digest=$(printf '%s' "$1" | sha256sum | cut -d ' ' -f 1)
        if [ -n "$1" ] && ! grep -qx "$digest" "$masked" && find_runner && tell_runner "::add-mask::$1"; then
                echo "$digest" >>"$masked"
                sleep 1
        fi
}
announce_current() {
        announce "$("$real" token "$environment" 2>/dev/null)"
}
if [ "${1:-}" = --announced ]; then # by exec and watch below
        shift
        announce "$EQP_TOKEN"
        exec "$@"
fi
[ $masks = yes ] || exec "$real" "$@"

# The words that are no options: the verb, the environment, and from the third on the command of exec and watch. Before it,
# options may stand anywhere; long ones may be cut short, and their value may be the next word.
verb='' words=0 at=0 command='' file='' options=yes value=no
for word; do
        at=$((at + 1))
        if [ $value = yes ]; then
                value=no
                continue
        fi
        case $options$word in
        yes--) options=no ;;
        yes--[afmtw]*) # --address, --file, --format, --min-ttl, --mode, --timeout, --wait
                case $word in --fi*) file=yes ;; esac
                case $word in *=*) ;; *) value=yes ;; esac
                ;;
        yes-?*) ;;
        *)
                words=$((words + 1))
                case $words in
                1) verb=$word options=yes ;;
                3)
                        command=$at
                        break
                        ;;
                esac
                ;;
        esac
done
case $verb in
token)
        announce_current
        answer=$("$real" "$@") || exit
        announce_current # another one may have come with the answer
        printf '%s\n' "$answer"
        exit
        ;;
exec | watch) ;;
*) exec "$real" "$@" ;;
esac
if [ "$verb$file$words$value" = watchyes2no ]; then # there is a file only: the runner hears of its token right after
        set -- "$@" true
        command=$#
fi
n=$# at=0
for word; do
        at=$((at + 1))
        [ "$at" != "$command" ] || set -- "$@" "$0" --announced
        set -- "$@" "$word"
done
shift "$n"
exec "$real" "$@"
END
        chmod 0755 "$dir/bin/eqpctl"
}

# ---- what later steps get ----

# NAME VALUE: as a step's output, or for GitLab's job to read.
hand_over() {
        if [ -n "${GITHUB_OUTPUT:-}" ]; then
                printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
        fi
        name=EQP_BROKER_$(printf '%s' "$1" | tr 'a-z-' 'A-Z_')
        printf "export %s='%s'\n" "$name" "$2" >>"$dir/environment"
}

# A local key for programs that speak the EQP API: they get no token of the account.
make_local_key() {
        [ -n "${EQP_CI_ALLOW:-}" ] || return 0
        set -- local add ci --environment "$environment"
        while IFS= read -r rule; do
                [ -z "$rule" ] || set -- "$@" --allow "$rule"
        done <<END
$EQP_CI_ALLOW
END
        answer=$("$bin/eqpctl" "$@" 2>"$dir/local") || { cat "$dir/local" >&2; die "the local key could not be made"; }
        url=$(grep -o 'http://127\.0\.0\.1:[0-9]*/[a-z0-9-]*' "$dir/local" | head -n 1)
        id=$(printf '%s\n' "$answer" | sed -n '1s/.* //p')
        secret=$(printf '%s\n' "$answer" | sed -n '2s/.* //p')
        if [ -z "$url" ] || [ -z "$id" ] || [ -z "$secret" ]; then
                die "the local key is not understood"
        fi
        if is_github; then
                echo "::add-mask::$secret"
        fi
        hand_over base-url "$url"
        hand_over application-id "$id"
        hand_over application-secret "$secret"
}

tell_later_steps() {
        socket=$XDG_RUNTIME_DIR/eqp-broker/eqp-broker.sock
        hand_over address "unix:$socket"
        hand_over socket "$socket"
        # shellcheck disable=SC2016
        printf 'export PATH="%s:$PATH"\n' "$dir/bin" >>"$dir/environment"
        if [ -n "${GITHUB_ENV:-}" ]; then
                echo "EQP_BROKER_ADDRESS=unix:$socket" >>"$GITHUB_ENV"
        fi
        if [ -n "${GITHUB_PATH:-}" ]; then
                echo "$dir/bin" >>"$GITHUB_PATH"
        fi
}

# A start that failed leaves nothing.
clean() {
        [ "$1" = 0 ] || stop || true
        exit "$1"
}

start() {
        environment=${EQP_CI_ENVIRONMENT:-sandbox}
        case $environment in
        '' | *[!a-z0-9-]*) die "'$environment' is no name of an environment" ;;
        esac
        mkdir "$dir" || die "$dir is there already: is a broker of this job running? Stop it first"
        trap 'clean $?' EXIT
        trap 'exit 1' INT TERM HUP
        # Where the daemon, and eqpctl here, look; later steps get the address only.
        export XDG_RUNTIME_DIR="$dir/run" XDG_CONFIG_HOME="$dir/config"
        unset EQP_BROKER_ADDRESS EQP_BROKER_CONFIG EQP_BROKERD
        config=$XDG_CONFIG_HOME/eqp-broker
        mkdir -p "$XDG_RUNTIME_DIR" "$config"
        write_key
        write_settings
        get_programs
        remove_leftovers
        export EQP_BROKERD="$bin/eqp-brokerd"
        start_daemon
        make_local_key
        write_eqpctl
        tell_later_steps
        say "$("$bin/eqp-brokerd" --version) serves $environment at unix:$socket"
}

find_directory
case ${1:-} in
start | stop) "$1" ;;
key-variables) key_variables ;; # for GitLab's job, whose own shell has them as well
*) die "usage: eqp-broker-ci.sh start|stop" ;;
esac
