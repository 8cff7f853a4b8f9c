#!/usr/bin/env bash
# boot.sh NAME ROOT [NSPAWN OPTION...]: boots a machine, says "running PID" when it is up, and takes everything
# away again when its standard input ends; so no machine outlives who asked for it. PID is the machine's init
# as seen from here. All happens in a mount namespace of its own, in which the only cgroups are of version 2:
# on a hybrid tree systemd would silently leave out what needs them.
set -euo pipefail

[ "${1:-}" = --inside ] || exec unshare -m --propagation private "$0" --inside "$@"
name=$2 root=$3
shift 3

top=/sys/fs/cgroup
home=$top/eqp-test-$name
start=$top$(sed -n 's/^0:://p' /proc/self/cgroup)
console=$(mktemp)
nspawn=''

# Prints the machine's init, if there is one: nspawn's last child.
init_of() {
        local children
        read -ra children <"/proc/$nspawn/task/$nspawn/children" || [ ${#children[@]} != 0 ] || return 1
        echo "${children[-1]}"
}

clean() {
        local init
        trap '' TERM INT HUP
        if [ -n "$nspawn" ]; then
                # The end of init is the end of all its processes, and nspawn follows by itself.
                init=$(init_of 2>/dev/null) || init=$nspawn
                kill -KILL "$init" 2>/dev/null || true
                wait "$nspawn" 2>/dev/null || true
        fi
        rm -f "$console"
        echo $$ >"$start/cgroup.procs"
        for _ in $(seq 300); do
                find "$home" -depth -type d -exec rmdir {} + 2>/dev/null || true
                [ -d "$home" ] || return 0
                sleep 0.1
        done
        echo "boot.sh: $home could not be removed" >&2
}

umount -R $top
mount -t cgroup2 none $top
mkdir "$home"
trap clean EXIT
trap 'exit 1' TERM INT HUP
# In one cgroup, two machines would take each other's units for their own.
echo $$ >"$home/cgroup.procs"

# Without bpf, IPAddressDeny= is silently not enforced; the daemon locks its memory, and confines itself.
calls='bpf memfd_secret @memlock landlock_create_ruleset landlock_add_rule landlock_restrict_self'
systemd-nspawn --boot -D "$root" -M "$name" --register=no --keep-unit --private-network --quiet \
        --volatile=overlay --system-call-filter="$calls" --console=pipe "$@" \
        </dev/null >"$console" 2>&1 &
nspawn=$!

# Prints the machine's state when it has booted; a unit that hangs must not hang this.
wait_booted() {
        local init
        for _ in $(seq 900); do
                kill -0 $nspawn 2>/dev/null || return 0
                if init=$(init_of 2>/dev/null) && nsenter -t "$init" -a test -e /run/systemd/private; then
                        timeout 60 nsenter -t "$init" -a systemctl is-system-running --wait </dev/null || true
                        return 0
                fi
                sleep 0.1
        done
}

state=$(wait_booted 2>/dev/null)
if [ "$state" != running ]; then
        {
                echo "boot.sh: the machine is '$state' where it should be running; console, jobs and failures:"
                cat "$console"
                nsenter -t "$(init_of)" -a systemctl list-jobs || true
                nsenter -t "$(init_of)" -a systemctl --failed || true
        } >&2
        exit 1
fi
init=$(init_of)
echo "running $init"

cat >/dev/null
