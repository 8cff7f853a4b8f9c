#!/usr/bin/python3
"""kills.py COUNT [frontend]: kills the daemon, or its frontend, with SIGKILL so often, each time after it has been
ready again for a moment.

Prints for each time, as JSON, when: [before, process gone, ready again] by CLOCK_MONOTONIC. The kernel needs
some milliseconds to take a process apart, and its connections stand until then. The daemon is gone when its
children are: they end with it, a moment later.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time

SERVICE = "eqp-brokerd.service"


def show():
    out = subprocess.run(["systemctl", "show", "-p", "MainPID,ActiveState", SERVICE], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    values = dict(line.split("=", 1) for line in out.splitlines())
    return int(values["MainPID"]), values["ActiveState"]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def kill(pid):
    """Returns when it and its children are gone."""
    processes = []
    for process in (pid, *children(pid)):
        with contextlib.suppress(ProcessLookupError):
            processes.append(os.pidfd_open(process))
    signal.pidfd_send_signal(processes[0], signal.SIGKILL)
    for process in processes:
        select.select([process], [], [])
        os.close(process)


def show_frontend():
    """The same of the frontend: it serves, as far as can be seen from outside, when it has confined itself."""
    main_pid, state = show()
    for child in children(main_pid):
        try:
            with open(f"/proc/{child}/status", encoding="ascii") as status:
                text = status.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if text.startswith("Name:\teqp-frontend\n") and "\nState:\tZ" not in text:
            return child, state
    return 0, state


def main():
    look = show_frontend if sys.argv[2:] == ["frontend"] else show
    times = []
    last = 0
    for _ in range(int(sys.argv[1]) + 1):
        limit = time.monotonic() + 60
        while True:
            late = time.monotonic() > limit
            pid, state = look()
            if pid > 0 and pid != last and state == "active":
                break
            assert not late, f"{SERVICE} is {state}, process {pid}"
        if times:
            times[-1].append(time.monotonic())
        if len(times) == int(sys.argv[1]):
            break
        time.sleep(0.1)
        before = time.monotonic()
        kill(pid)
        times.append([before, time.monotonic()])
        last = pid
    print(json.dumps(times))


main()
