#!/bin/sh
# Installs the EQP broker from this folder. It can be run again, also by another version: running programs go on meanwhile,
# on its own libraries.
set -eu
umask 022
export LC_ALL=C

version=@version@
architecture=@architecture@
set=@set@       # the folder of libraries
loader=@loader@ # among them

usage() {
        cat <<'USAGE'
usage: ./install [--system | --user] [--prefix DIRECTORY] [--no-start]

  --system    for this machine: below /usr/local, with a user eqp-broker, /etc/eqp-broker, and where systemd is, units
              that are enabled and started. The default for root.
  --user      for you alone: below ~/.local, with user units. The default for everybody else.
  --prefix    below another directory. Without --system or --user that is all: programs, libraries, manuals.
  --no-start  with --system: units are installed, but neither enabled nor started.

What it has installed, DIRECTORY/lib/eqp-broker/uninstall takes away.
USAGE
}

die() {
        echo "install: $*" >&2
        exit 1
}

mode='' prefix='' start=yes
while [ $# -gt 0 ]; do
        case $1 in
        --system) mode=system ;;
        --user) mode=user ;;
        --prefix)
                [ $# -ge 2 ] || die "--prefix takes a directory"
                prefix=$2
                shift
                ;;
        --prefix=*) prefix=${1#--prefix=} ;;
        --no-start) start=no ;;
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
for tool in cat chmod cp dd dirname find grep id mkdir mv rm sed uname; do
        command -v $tool >/dev/null || die "this machine has no '$tool', which this script needs"
done

case $architecture:$(uname -m) in
amd64:x86_64 | arm64:aarch64 | armhf:arm* | armhf:aarch64 | s390x:s390x | ppc64el:ppc64le) ;;
*) die "this bundle is for $architecture, and this machine is '$(uname -m)': take the bundle for that" ;;
esac

if [ -z "$mode" ]; then
        if [ -n "$prefix" ]; then
                mode=place
        elif [ "$(id -u)" = 0 ]; then
                mode=system
        else
                mode=user
        fi
fi
[ $mode != system ] || [ "$(id -u)" = 0 ] || die "--system takes root; for you alone: --user"
if [ -z "$prefix" ]; then
        prefix=/usr/local
        [ $mode != user ] || prefix=${HOME:?is not set; name a directory with --prefix}/.local
fi
case $prefix in
/*) ;;
*) prefix=$PWD/$prefix ;;
esac
case $prefix in
*[!A-Za-z0-9_./+@-]*) die "'$prefix' has characters other than letters, digits and _ . / + @ -; name another directory with --prefix" ;;
*/ | *//* | */./* | */../* | */. | */..) die "write '$prefix' without '//', '.', '..' and a '/' at its end" ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
own=$prefix/lib/eqp-broker # all of it is ours
libraries=$own/$set
list=$own/installed
systemd=no
if [ $mode = system ] && { [ -d /run/systemd/system ] || command -v systemctl >/dev/null; }; then
        systemd=yes
fi
running=no # is there a systemd that can be told?
[ $systemd = no ] || [ ! -d /run/systemd/system ] || running=yes

[ -f "$here/places" ] || die "run it from the unpacked bundle: there is no '$here/places'"
while read -r _ _ size _; do
        path=$libraries/$loader
        [ ${#path} -lt "$size" ] || die "'$prefix' is too long: there is room for $size characters in the programs, and $path has ${#path}"
done <"$here/places"

# ---- what goes where ----

# target_of FILE: prints where a file of root/ goes; nothing if it is not for this way of installing.
target_of() {
        case $1 in
        lib/systemd/user/*)
                case $mode in
                user) echo "$prefix/share/systemd/user/${1##*/}" ;;
                system) [ $systemd = no ] || echo "$prefix/lib/systemd/user/${1##*/}" ;;
                esac
                ;;
        lib/systemd/* | lib/sysusers.d/* | lib/tmpfiles.d/*)
                [ $systemd = no ] || case $prefix in
                /usr | /usr/local) echo "$prefix/$1" ;;
                *) # systemd looks nowhere else
                        case $1 in
                        lib/systemd/catalog/*) echo "/usr/local/$1" ;;
                        *) echo "/etc/${1#lib/}" ;;
                        esac
                        ;;
                esac
                ;;
        *) echo "$prefix/$1" ;;
        esac
}

made='' files=''

# Makes a folder with those above it, and remembers which were not there.
folder() {
        [ ! -d "$1" ] || return 0
        folder "$(dirname "$1")"
        mkdir "$1"
        made="$made
folder $1"
}

folder "$own"
cd "$here/root"
names=$(find . -type f | sed 's|^\./||' | sort)
for name in $names; do
        target=$(target_of "$name")
        [ -n "$target" ] || continue
        folder "$(dirname "$target")"
        case $target in
        "$own"/*) ;;
        *)
                files="$files
file $target"
                ;;
        esac
done

# Before anything is copied, so that what breaks off can be taken away, too.
before=''
if [ -f "$list" ]; then
        # The files that it names may be removed, and another user may have written it.
        if ! [ -O "$own" ] || ! [ -O "$list" ]; then
                die "'$list' is another user's: run this as that user"
        fi
        before=$(cat "$list")
fi
remember() {
        {
                echo "mode $mode"
                echo "$before" | grep -E '^(folder|user|tree) ' || true
                echo "$made$files" | grep . || true
        } >"$list.new"
        mv -f "$list.new" "$list"
}
remember
cp "$here/uninstall" "$own/uninstall.new"
chmod 0755 "$own/uninstall.new"
mv -f "$own/uninstall.new" "$own/uninstall"

# ---- files ----

# write FILE OFFSET SIZE TEXT: the text, and zeros up to the size.
write() {
        {
                printf '%s' "$4"
                dd if=/dev/zero bs=1 count=$(($3 - ${#4})) 2>/dev/null
        } | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# put NAME TARGET: at one stroke, as what it replaces may be running.
put() {
        rm -f "$2.new"
        case $1 in
        lib/systemd/*.service | lib/systemd/*.socket)
                sed "s|/usr/local/bin/|$prefix/bin/|g; s|/usr/local/share/|$prefix/share/|g" "$1" >"$2.new"
                ;;
        *)
                cp "$1" "$2.new"
                while read -r file offset size what; do
                        [ "$file" = "$1" ] || continue
                        case $what in
                        loader) write "$2.new" "$offset" "$size" "$libraries/$loader" ;;
                        libraries) write "$2.new" "$offset" "$size" "$libraries" ;;
                        esac
                done <"$here/places"
                ;;
        esac
        if [ -x "$1" ]; then
                chmod 0755 "$2.new"
        else
                chmod 0644 "$2.new"
        fi
        mv -f "$2.new" "$2"
}

# Libraries before programs.
for name in $(echo "$names" | grep '^lib/eqp-broker/') $(echo "$names" | grep -v '^lib/eqp-broker/'); do
        target=$(target_of "$name")
        [ -z "$target" ] || put "$name" "$target"
done

# Files that were installed before and are no more.
echo "$before" | sed -n 's/^file //p' | while read -r old; do
        grep -qxF "file $old" "$list" || rm -f "$old"
done

if command -v restorecon >/dev/null; then
        restorecon -R "$own" "$prefix"/bin/eqp* >/dev/null 2>&1 || true
fi
said=$("$prefix/bin/eqpctl" --version 2>&1) || die "the programs do not run here: $said"

# ---- the machine ----

is_user() {
        id eqp-broker >/dev/null 2>&1
}

make_user() {
        ! is_user || return 0
        if [ $systemd = yes ] && command -v systemd-sysusers >/dev/null; then
                systemd-sysusers "$(target_of lib/sysusers.d/eqp-broker.conf)"
        elif command -v useradd >/dev/null; then
                useradd --system --user-group --home-dir / --no-create-home --shell /usr/sbin/nologin --comment 'EQP broker' eqp-broker
        elif command -v adduser >/dev/null; then # busybox
                addgroup -S eqp-broker
                adduser -S -D -H -h / -s /sbin/nologin -G eqp-broker -g 'EQP broker' eqp-broker
        else
                die "there is neither useradd nor adduser to make the user eqp-broker with: make it and a group of that name, then run this again"
        fi
        is_user || die "the user eqp-broker could not be made: make it and a group of that name, then run this again"
        made="$made
user eqp-broker"
}

# Outside /usr, the service sees of the programs' place only what its unit names.
place_unit() {
        place=/etc/systemd/system/eqp-brokerd.service.d/bundle.conf
        rm -f "$place"
        authorities=''
        [ ! -d /var/lib/ca-certificates ] || authorities=/var/lib/ca-certificates # of openSUSE; /etc leads there
        case $prefix/ in
        /usr/*)
                inside=$authorities runs=''
                [ -n "$authorities" ] || return 0
                ;;
        *) inside="$prefix/bin $own $authorities" runs="+$prefix/bin/eqp-brokerd +$prefix/bin/eqpctl +$own" ;;
        esac
        folder "${place%/*}"
        files="$files
file $place"
        {
                echo "# Made by the script install of the bundle, which makes it anew each time."
                echo "[Service]"
                echo "BindReadOnlyPaths=$inside"
                [ -z "$authorities" ] || echo "NoExecPaths=+$authorities"
                if [ -n "$runs" ]; then
                        echo "NoExecPaths=+$prefix/bin"
                        echo "ExecPaths=$runs"
                        echo "ReadOnlyPaths=$runs"
                fi
        } >"$place"
}

if [ $mode = system ]; then
        make_user
        if [ $systemd = yes ]; then
                # Names to mount on, for the unit.
                find share/eqp-broker -type d | while read -r name; do
                        [ -d "$prefix/$name" ] || mkdir "$prefix/$name"
                done
                find share/eqp-broker -type l | while read -r name; do
                        [ -h "$prefix/$name" ] || cp -P "$name" "$prefix/$name"
                done
                made="$made
tree $prefix/share/eqp-broker"
                place_unit
        fi
        remember
        for name in '' /ca /keys; do
                [ -d "/etc/eqp-broker$name" ] || mkdir "/etc/eqp-broker$name"
        done
        chmod 0700 /etc/eqp-broker/keys
        chown eqp-broker:eqp-broker /etc/eqp-broker/keys
        if [ $running = yes ]; then
                systemd-tmpfiles --create "$(target_of lib/tmpfiles.d/eqp-broker.conf)"
                journalctl --update-catalog >/dev/null 2>&1 || true
                systemctl daemon-reload
                if systemctl --quiet is-active eqp-brokerd.service; then
                        systemctl restart eqp-brokerd.service # sessions and waiting callers are kept
                elif [ $start = yes ]; then
                        systemctl --quiet enable eqp-brokerd.socket eqp-broker-credential.socket eqp-brokerd.service
                        systemctl start eqp-brokerd.socket eqp-broker-credential.socket eqp-brokerd.service
                fi
        fi
elif [ $mode = user ] && command -v systemctl >/dev/null; then
        systemctl --user daemon-reload >/dev/null 2>&1 || true
        systemctl --user try-restart eqp-brokerd.service >/dev/null 2>&1 || true
fi

# Libraries of other versions go, unless something still runs on them.
for old in "$own"/*/; do
        old=${old%/}
        [ "$old" != "$libraries" ] || continue
        if grep -qsF "$old/" /proc/[0-9]*/maps; then
                echo "install: programs that run still use $old; the next installation takes it away"
        else
                rm -rf "$old"
        fi
done

# ---- what is to be said ----

echo "eqp-broker $version is installed below $prefix. To take it away: $own/uninstall"
case :$PATH: in
*:"$prefix/bin":*) ;;
*) echo "Its programs are in $prefix/bin, which is not in your PATH." ;;
esac
case $mode in
system)
        if [ $running = no ]; then
                echo "No systemd runs here. To start the broker, at each boot, as root:"
                echo
                echo "    mkdir -p /run/eqp-broker && chown eqp-broker /run/eqp-broker"
                echo "    su -s /bin/sh eqp-broker -c $prefix/bin/eqp-brokerd"
        elif [ $start = no ]; then
                echo "To start the broker: systemctl enable --now eqp-brokerd.socket eqp-broker-credential.socket eqp-brokerd.service"
        fi
        ;;
user)
        if [ -f "$prefix/share/systemd/user/eqp-brokerd.socket" ]; then
                echo "To start the broker: systemctl --user enable --now eqp-brokerd.socket"
        fi
        ;;
esac
