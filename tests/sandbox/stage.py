#!/usr/bin/python3
"""A build whose eqp-brokerd runs inside the system call filter of its unit, for tests to run on.

    stage.py BUILD DESTINATION

Everything in DESTINATION leads to BUILD, but the daemon: that is a script which takes on the filter and then
becomes the daemon. The filter is read from the unit, so what the tests run in is what is shipped. Things that the
unit has done for it and the tests have not (listening sockets, their folder and mode) is allowed on top.
"""

import errno
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
UNIT = ROOT / "systemd" / "eqp-brokerd.service.in"
# Done by systemd where there is a socket unit; and the sockets of the diagnosis, too.
ON_TOP = {"bind", "listen", "unlink", "unlinkat", "mkdir", "mkdirat", "chmod", "fchmodat", "fchmodat2", "chown", "fchownat",
          "lchown", "symlink", "lstat", "stat"}

SCRIPT = """#!/usr/bin/python3
import os, seccomp
outside = seccomp.SyscallFilter(seccomp.ERRNO({error}))
for call in {calls}:
    outside.add_rule(seccomp.ALLOW, call)
outside.load()
os.execv({daemon!r}, ["eqp-brokerd"] + os.sys.argv[1:])
"""


def members(group):
    """The calls of a group such as @io-event, groups within it resolved."""
    text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", group], check=True,
                          capture_output=True, text=True).stdout
    found = set()
    for word in re.findall(r"^ +([@a-z0-9_-]+)$", text, re.M):
        found |= members(word) if word.startswith("@") else {word}
    return found


def read_filter(unit):
    """(names, errno) as the unit says."""
    text = unit.read_text(encoding="utf-8").replace("\\\n", " ")
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", text, re.M):
        words = line.removeprefix("~").split()
        calls = set().union(*(members(word) if word.startswith("@") else {word} for word in words))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed, getattr(errno, re.search(r"^SystemCallErrorNumber=(\w+)$", text, re.M)[1])


def known(calls):
    """Those that there are on this machine; a group has some of other architectures."""
    import seccomp
    return sorted(call for call in calls if seccomp.resolve_syscall(seccomp.Arch(), call) >= 0)


def main():
    build, destination = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    destination.mkdir(parents=True)
    for entry in build.iterdir():
        if entry.name != "daemon":
            (destination / entry.name).symlink_to(entry)
    (destination / "daemon").mkdir()
    allowed, error = read_filter(UNIT)
    script = destination / "daemon" / "eqp-brokerd"
    script.write_text(SCRIPT.format(error=error, calls=json.dumps(known(allowed | ON_TOP)),
                                    daemon=str(build / "daemon" / "eqp-brokerd")), encoding="utf-8")
    script.chmod(0o755)
    print(f"{len(known(allowed))} calls allowed by the unit, {len(known(ON_TOP - allowed))} on top; "
          f"else {errno.errorcode[error]}")


if __name__ == "__main__":
    main()
