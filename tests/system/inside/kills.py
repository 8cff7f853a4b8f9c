#!/usr/bin/python3
"""kills.py COUNT [frontend]: kills the daemon, or its frontend, with SIGKILL so often, each time after it has been
ready again for a moment.

Prints for each time, as JSON, when: [before, process gone, ready again] by CLOCK_MONOTONIC. The kernel needs
some milliseconds to take a process apart, and its connections stand until then.
"""

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


def show_frontend():
    """The same of the frontend: it serves, as far as can be seen from outside, when it has confined itself."""
    main_pid, state = show()
    with open(f"/proc/{main_pid}/task/{main_pid}/children", encoding="ascii") as file:
        for child in file.read().split():
            try:
                with open(f"/proc/{child}/status", encoding="ascii") as status:
                    text = status.read()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if text.startswith("Name:\teqp-frontend\n") and "\nState:\tZ" not in text:
                return int(child), state
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
        process = os.pidfd_open(pid)
        before = time.monotonic()
        signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [])
        times.append([before, time.monotonic()])
        os.close(process)
        last = pid
    print(json.dumps(times))


main()
