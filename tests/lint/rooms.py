"""Which room of the daemon may call which, and what none of the frontend's and the forwarder's may call: by the symbols of their objects.

Calls that includes do not show: a function that is declared by hand, a library that reaches for a file. The rooms are those of
doc/ARCHITECTURE.md.

    rooms.py BUILD
"""

import pathlib
import re
import subprocess
import sys

# Each room, and whose functions it may call beside its own and lib/'s.
ROOMS = {
    "base": [],
    "keeper": ["base"],
    "forwarder": ["base"],
    "frontend/known": ["base"],
    "frontend/callers": ["frontend/known", "base"],
    "frontend/http": ["frontend/callers", "frontend/known", "base"],
    "frontend/api": ["frontend/http", "frontend/callers", "frontend/known", "base"],
    "frontend/gateway": ["frontend/api", "frontend/http", "frontend/callers", "frontend/known", "base"],
    "frontend": ["frontend/credentials", "frontend/gateway", "frontend/api", "frontend/http", "frontend/callers", "frontend/known", "base"],
    "frontend/credentials": ["frontend/http", "frontend/callers", "frontend/known", "base"],
}
# Above all rooms: the sources directly in daemon/. No room calls it.
PROGRAM = "program"

# The frontend is to have no file, no name of anybody's, and no network of its own; the forwarder none but libcurl's.
FORBIDDEN = "|".join((
    # files
    r"f?open|freopen|openat2?|open_by_handle_at|creat|fdopen|mkd?temp|mko?stemps?|tmpfile|opendir|scandir(at)?|n?ftw|fts_open|glob",
    r"realpath|canonicalize_file_name|readlink(at)?|(un|sym)?link(at)?|mkdir(at)?|mknod(at)?|mkfifo(at)?|rename(at2?)?|l?stat",
    r"fstatat|statx|statv?fs|access|faccessat|truncate|[fl]?ch(mod|own)(at)?|umask|chdir|chroot|getcwd|inotify_\w+",
    r"shm_open|sem_open|mq_open|memfd_create|dlopen|syscall",
    # names
    r"getaddrinfo|gethostby\w+|getnameinfo|getservby\w+|(__)?res_\w+|get(pw|gr)\w+|getgrouplist|initgroups|sd_bus_\w+|sd_pid_\w+",
    # the network
    r"connect|bind|listen|socket|curl_\w+",
    # processes and threads
    r"exec\w+|posix_spawnp?|v?fork|clone|system|popen|wordexp|pthread_create|thrd_create|ptrace|process_vm_\w+|setns|unshare|umount2?|mount",
    r"kill(pg)?|tgkill|sigqueue|pidfd_\w+|dlmopen"))
# Calls that are needed all the same; an entry that is not needed is an error.
STILL = {
    "unix_sockets": {"syscall"},  # setsockopt alone, in whose place it is
}
# Of libc, in whose place a room has its own.
LIBC = {"setsockopt"}


def symbols(archive, option):
    """For each object of the archive, its undefined symbols (-u) or those that it defines."""
    out = subprocess.run(["nm", "-g", option, archive], check=True, capture_output=True, text=True).stdout
    found, name = {}, None
    for line in out.splitlines():
        if match := re.fullmatch(r"(?:.*/)?(\w+)\.c\.o:", line):
            name = match[1]
            found[name] = set()
        elif line:
            found[name].add(re.sub(r"@.*|64(?=_|@|$)", "", line.split()[-1]))
    if not any(found.values()):
        sys.exit(f"{archive} has no symbols")
    return found


def library(build, room):
    name = f"libdaemon-{pathlib.PurePath(room).name}.a"
    places = [place for place in (build / "daemon" / room / name, build / "daemon" / name) if place.exists()]
    if len(places) != 1:
        sys.exit(f"{name} is in {len(places)} of its 2 places")
    return places[0]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    troubles, unused = [], {(file, call) for file, calls in STILL.items() for call in calls}
    home = {symbol: room for room in (*ROOMS, PROGRAM)
            for names in symbols(library(build, room), "--defined-only").values() for symbol in names - LIBC}
    for room, below in ROOMS.items():
        for file, calls in symbols(library(build, room), "-u").items():
            troubles += [f"daemon/{room}/{file} calls {call}() of daemon/{home[call]}" for call in sorted(calls)
                         if home.get(call, room) not in (room, *below)]
            if room in ("base", "keeper"):
                continue
            for call in sorted(call for call in calls if re.fullmatch(FORBIDDEN, re.sub(r"^__(\w+)_(2|chk)$", r"\1", call))):
                if room == "forwarder" and call.startswith("curl_"):
                    continue
                if call in STILL.get(file, ()):
                    unused.discard((file, call))
                else:
                    troubles.append(f"daemon/{room}/{file} calls {call}(): the {room.split('/')[0]} has no file, no name, no network")
    troubles += [f"{file} does not call {call}() any more: take it off the list" for file, call in sorted(unused)]
    print(*troubles, sep="\n", end="\n" if troubles else "")
    sys.exit(bool(troubles))


main()
