#!/bin/sh
# Takes away what the script install has installed. Keys and settings stay, unless --purge is given.
set -eu
export LC_ALL=C

usage() {
        cat <<'USAGE'
usage: uninstall [--prefix DIRECTORY] [--purge]

  --prefix  what was installed below that directory. By default, what this script lies in; run from the bundle, below
            /usr/local for root, and below ~/.local for everybody else.
  --purge   keys and settings as well, and the user eqp-broker if the installation made it.
USAGE
}

die() {
        echo "uninstall: $*" >&2
        exit 1
}

prefix='' purge=no
while [ $# -gt 0 ]; do
        case $1 in
        --prefix)
                [ $# -ge 2 ] || die "--prefix takes a directory"
                prefix=$2
                shift
                ;;
        --prefix=*) prefix=${1#--prefix=} ;;
        --purge) purge=yes ;;
        -h | --help)
                usage
                exit
                ;;
        *)
                usage >&2
                die "'$1' is no option"
                ;;
        esac
        shift
done

own=$(cd "$(dirname "$0")" && pwd)
if [ -n "$prefix" ]; then
        own=$(cd "$prefix" && pwd)/lib/eqp-broker
elif [ ! -f "$own/installed" ]; then
        own=/usr/local/lib/eqp-broker
        [ "$(id -u)" = 0 ] || own=${HOME:?is not set}/.local/lib/eqp-broker
fi
prefix=${own%/lib/eqp-broker}
[ -f "$own/installed" ] || die "there is nothing of the bundle below '$prefix': no '$own/installed'"
[ -w "$own" ] || die "'$own' is not yours to remove"
# The files that it names are removed, and another user may have written it.
if ! [ -O "$own" ] || ! [ -O "$own/installed" ]; then
        die "'$own/installed' is another user's: run this as that user"
fi
list=$(cat "$own/installed")

# lines WORD: the rest of its line in the list.
lines() {
        echo "$list" | sed -n "s/^$1 //p"
}

mode=$(lines mode)
running=no
[ "$mode" != system ] || [ ! -d /run/systemd/system ] || running=yes
cd /

if [ $running = yes ]; then
        systemctl --quiet disable --now eqp-brokerd.socket eqp-broker-credential.socket eqp-brokerd.service || true
elif [ "$mode" = user ] && command -v systemctl >/dev/null; then
        systemctl --user --quiet disable --now eqp-brokerd.socket eqp-brokerd.service >/dev/null 2>&1 || true
fi
if grep -qsF "$own/" /proc/[0-9]*/maps; then
        echo "uninstall: some of its programs still run, and should be ended: what they start anew would not start"
fi

lines file | while read -r path; do
        rm -f "$path"
done
lines tree | while read -r path; do
        rm -rf "$path"
done
rm -rf "$own"
# Those that the installation made, the deepest first, as far as they are empty.
lines folder | sort -ru | while read -r path; do
        rmdir "$path" 2>/dev/null || true
done

if [ "$mode" = system ]; then
        rmdir /run/eqp-broker 2>/dev/null || true
        if [ $running = yes ]; then
                systemctl daemon-reload
                systemctl reset-failed eqp-brokerd.service eqp-brokerd.socket eqp-broker-credential.socket 2>/dev/null || true
                journalctl --update-catalog >/dev/null 2>&1 || true
        fi
        settings=/etc/eqp-broker
else
        settings=${XDG_CONFIG_HOME:-${HOME:-/nowhere}/.config}/eqp-broker
fi
if [ "$mode" = place ]; then
        :
elif [ $purge = no ]; then
        [ ! -d "$settings" ] || echo "Keys and settings are still in $settings; --purge would have taken them, too."
else
        rm -rf "$settings"
        if [ -n "$(lines user)" ]; then
                if command -v userdel >/dev/null; then
                        userdel eqp-broker || true
                elif command -v deluser >/dev/null; then # busybox
                        deluser eqp-broker || true
                        delgroup eqp-broker 2>/dev/null || true
                fi
        fi
fi
echo "eqp-broker is no more below $prefix."
