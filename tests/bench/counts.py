"""A request's work for the machine, in numbers that a busy machine does not change much: system calls
(strace) and instructions (valgrind)."""

import collections
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

import loads
from rows import Row
from servers import BenchError, Broker

CODE = {"eqp-brokerd": "of the daemon", "libmicrohttpd": "of libmicrohttpd", "libc": "of the C library",
        "libsystemd": "of libsystemd"}
PROGRAM = "tests/memcheck/eqp-brokerd-memcheck"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Strace:
    """Counts the calls of these processes: {name: how often}, in `calls` at the end."""

    def __init__(self, pids):
        self.pids, self.calls = pids, collections.Counter()

    def __enter__(self):
        self.file = tempfile.NamedTemporaryFile("r")
        self.strace = subprocess.Popen(["strace", "-c", "-f", "-o", self.file.name, "-p", ",".join(map(str, self.pids))],
                                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in self.pids:
            if "attached" not in self.strace.stderr.readline():
                raise BenchError("strace cannot attach to the daemon")
        return self

    def __exit__(self, *_):
        self.strace.send_signal(signal.SIGINT)
        self.strace.communicate()
        with self.file:
            for line in self.file.read().splitlines():
                found = re.match(r" *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", line)
                if found and found[2] != "total":
                    self.calls[found[2]] += int(found[1])


def rows_of(what, calls, requests, least=0.005):
    """The sum, and each call that one request in 200 or more makes (least: the share of requests)."""
    rows = [Row(f"{what}: system calls", sum(calls.values()) / requests)]
    return rows + [Row(f"    {name}", n / requests) for name, n in calls.most_common() if n / requests >= least]


def calls(context):
    if not shutil.which("strace"):
        return []
    rows = []
    for connections in (32, 250):
        with loads.Flood(context.build, context.broker, connections) as flood, \
                Strace(context.broker.pids()) as strace:
            answered = flood.go(1).answered
        rows += rows_of(f"a request, {connections} kept connections", strace.calls, answered)
    with Strace(context.broker.pids()) as strace:
        answered = loads.pace(context.build, context.broker, 500, 2, 32, fresh=True).answered
    return rows + rows_of("a request with a new connection", strace.calls, answered)


def instructions_of(profile):
    """{file of the code: how many}, of a callgrind profile. A line after "calls=" counts what is counted where
    it is called as well."""
    names, totals = {}, collections.Counter()
    current, inclusive = None, False
    with open(profile, encoding="utf-8") as file:
        for line in file:
            found = re.match(r"ob=(\(\d+\))(?: (.*))?", line)
            if found:
                current = names.setdefault(found[1], os.path.basename((found[2] or "").strip()))
            elif re.match(r"cob=(\(\d+\)) .", line):
                number, name = re.match(r"cob=(\(\d+\)) (.*)", line).groups()
                names.setdefault(number, os.path.basename(name.strip()))
            elif line.startswith("calls="):
                inclusive = True
            elif re.match(r"[+*-]?\d*[ ]\d+$|\* \d+$", line):
                if not inclusive:
                    totals[current] += int(line.split()[1])
                inclusive = False
    return totals


def instructions(context):
    """Outside of the kernel, per request, in the frontend: the keeper has nothing to do with it. The daemon is the one of
    memcheck, whose frontend can be run by valgrind. Clearing memory counts by the piece here, and is cheap in truth."""
    if not shutil.which("valgrind"):
        return []
    with tempfile.TemporaryDirectory() as folder:
        program, script = os.path.join(context.build, PROGRAM), os.path.join(folder, "frontend")
        with open(script, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o755)) as file:
            valgrind = [shutil.which("valgrind"), "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/profile"]
            file.write(f'#!/bin/sh\nexec {shlex.join([*valgrind, program])} "$@"\n')
        with Broker(context.build, context.upstream, program=PROGRAM, env={"EQP_FRONTEND_PROGRAM": script}) as broker:
            broker.fetch_token()
            pid = str(broker.frontend())
            with loads.Flood(context.build, broker, 32) as flood:
                subprocess.run(["callgrind_control", "--zero", pid], check=True, **QUIET)
                answered = flood.go(3).answered
                time.sleep(0.2)
                subprocess.run(["callgrind_control", "--dump", pid], check=True, **QUIET)
            totals = instructions_of(max((entry.path for entry in os.scandir(folder)
                                       if entry.name != "frontend"), key=len))
    rows = [Row("a request: instructions outside of the kernel", round(sum(totals.values()) / answered))]
    for prefix, where in CODE.items():
        found = sum(n for name, n in totals.items() if name.startswith(prefix))
        rows.append(Row(f"    {where}", round(found / answered)))
    return rows
