#!/usr/bin/python3
"""Runs a part of a test run: not for longer than it may take, never silent for long, and nothing of it is left.

    keep.py SUITE SECONDS RESULTS COMMAND [ARGUMENT...]

Whatever the command starts, with whatever environment and in whatever session, becomes a child of this process
when its own parents are gone. A process that still runs when the command has ended, and a moment later, was left behind: it
is ended. That, or that it could not be ended, and that the time was up, are failures of SUITE, a line each in the
file RESULTS. The exit code is the command's. A signal that asks this process to end is passed on as SIGINT, as if
somebody had typed Ctrl-C; so it is if dev is gone.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
ASKS_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AS_AT_FIRST = (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ)  # some of them a shell or Python ignores
SILENCE_SEC = 30
GRACE_SEC = 20  # to end when asked to, before it is made to
MOMENT_SEC = float(os.environ.get("EQP_KEEP_MOMENT_SEC", "20"))


def process(pid):
    """(parent, is it a zombie) of a process; None if there is none."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            state, parent = file.read().rpartition(")")[2].split()[:2]
        return int(parent), state == "Z"
    return None


def words_of(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return " ".join(file.read().replace("\0", " ").split())[:160]
    return ""


def descendants():
    """{pid: words} of all that runs and descends from this process."""
    table = {int(name): process(name) for name in os.listdir("/proc") if name.isdigit()}
    found = {}
    for pid, entry in table.items():
        above = entry
        while above and above[0] not in (0, os.getpid()):
            above = table.get(above[0])
        if above and above[0] and not entry[1]:
            found[pid] = words_of(pid)
    return found


def send(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Kept:
    def __init__(self, suite, limit, results):
        self.suite, self.limit, self.results = suite, limit, results
        self.asked = None  # the signal that asked for the end
        self.code = None
        self.pid = self.output = None
        self.is_line_open = False

    def fail(self, what):
        self.say(what)
        # Whatever becomes of the file, the suite is ended.
        with contextlib.suppress(OSError), open(self.results, "a", encoding="utf-8") as file:
            print("failed", self.suite, what, "", sep="\t", file=file)

    def say(self, what):
        print("\n" if self.is_line_open else "", f"{self.suite}: {what}", sep="", flush=True)
        self.is_line_open = False

    def start(self, command):
        for number in ASKS_TO_END:
            signal.signal(number, lambda number, _: setattr(self, "asked", number))
        self.output, output = os.pipe()
        self.pid = os.posix_spawnp(
            command[0], command, os.environ, setpgroup=0, setsigdef=AS_AT_FIRST,
            file_actions=[(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)])
        os.close(output)
        os.set_blocking(self.output, False)

    def pass_on(self, wait):
        """The output of the command, within so many seconds; False: none."""
        if not select.select([self.output], [], [], wait)[0]:
            return False
        with contextlib.suppress(BlockingIOError):
            if data := os.read(self.output, 65536):
                sys.stdout.buffer.write(data)
                sys.stdout.flush()
                self.is_line_open = not data.endswith(b"\n")
                return True
        time.sleep(wait)  # nobody writes any more
        return False

    def reap(self):
        """Takes note of processes that ended; adopted ones, too."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == self.pid:
                    self.code = os.waitstatus_to_exitcode(status)

    def supervise(self):
        started = heard = time.monotonic()
        must_end = None
        while self.code is None:
            if self.pass_on(0.1):
                heard = time.monotonic()
            self.reap()
            now = time.monotonic()
            if now - heard > SILENCE_SEC:
                self.say(f"still at it, after {int(now - started) // 60} min {int(now - started) % 60} s")
                heard = now
            if must_end is None and (self.asked or now - started > self.limit):
                if not self.asked:
                    self.fail(f"not done within {self.limit} s, and ended")
                send([-self.pid], signal.SIGINT)
                must_end = now + GRACE_SEC
            if must_end is not None and now > must_end:
                send(descendants(), signal.SIGKILL)
        while self.pass_on(0):
            pass

    def until_gone(self, seconds):
        """The descendants that are still there after so long; {} as soon as there is none."""
        deadline = time.monotonic() + seconds
        while True:
            self.reap()
            left = descendants()
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.05)

    def clean_up(self):
        told = set()
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
            left = self.until_gone(MOMENT_SEC)
            for pid in left.keys() - told:
                if not self.asked:
                    self.fail(f"left behind: {left[pid]} (process {pid})")
                told.add(pid)
            send(left, number)
            send(left, signal.SIGCONT)
        for pid, words in self.until_gone(MOMENT_SEC).items():
            self.fail(f"left behind, and cannot be ended: {words} (process {pid})")


def main():
    suite, limit, results, *command = sys.argv[1:]
    libc = ctypes.CDLL(None)
    libc.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    kept = Kept(suite, int(limit), results)
    kept.start(command)
    kept.supervise()
    kept.clean_up()
    if kept.asked:
        signal.signal(kept.asked, signal.SIG_DFL)
        os.kill(os.getpid(), kept.asked)
    sys.exit(kept.code if kept.code >= 0 else 128 - kept.code)


main()
