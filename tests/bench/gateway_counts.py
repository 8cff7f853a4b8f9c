"""The work of a request that is passed on, of frontend and forwarder each, in numbers that a busy machine does not change much:
system calls (strace) and instructions (valgrind)."""

import os
import shlex
import shutil
import subprocess
import tempfile
import time

import loads
from broker import forwarder_of
from counts import PROGRAM, QUIET, Strace, instructions_of, rows_of
from gateway import transfer
from proxies import LARGE, LARGE_PATH, UPLOAD_PATH, Gateway, Upstream
from rows import Row

CODE = {"eqp-brokerd": "of the daemon", "libc.so": "of the C library", "libcurl": "of libcurl", "libssl": "of OpenSSL",
        "libcrypto": "of OpenSSL's cryptography", "libmicrohttpd": "of libmicrohttpd", "libsystemd": "of libsystemd"}
MB = 1e6


def _processes(gateway):
    gateway.check()
    return {"frontend": gateway.frontend(), "forwarder": forwarder_of(gateway.process.pid)}


def calls(context):
    if not shutil.which("strace"):
        return []
    rows = []
    with Upstream() as upstream, Gateway(context.build, upstream) as gateway, tempfile.NamedTemporaryFile() as body:
        body.truncate(LARGE)
        large = {"up": ("sandbox", UPLOAD_PATH, "-H", "Expect:", "-X", "POST", "-T", body.name),
                 "down": ("production", LARGE_PATH)}
        processes = _processes(gateway)
        for connections in (1, 32):
            for name, pid in processes.items():
                with loads.Flood(context.build, gateway, connections) as flood:
                    flood.go(0.3)  # all connections to the upstream are there
                    with Strace([pid]) as strace:
                        answered = flood.go(1).answered
                rows += rows_of(f"passing on, 1 KB, {connections} kept, {name}", strace.calls, answered)
        for way, how in large.items():
            transfer(gateway, *how)
            for name, pid in processes.items():
                with Strace([pid]) as strace:
                    transfer(gateway, *how)
                rows += rows_of(f"passing on, a MB {way}, {name}", strace.calls, LARGE / MB, least=0.5)
    return rows


def instructions(context):
    """Of a small request, outside of the kernel; see counts.instructions. A byte that is wiped or cleared counts as one."""
    if not shutil.which("valgrind"):
        return []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        program, script = os.path.join(context.build, PROGRAM), os.path.join(folder, "program")
        with open(script, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o755)) as file:
            valgrind = [shutil.which("valgrind"), "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/%p"]
            file.write(f'#!/bin/sh\nexec {shlex.join([*valgrind, program])} "$@"\n')
        with Upstream() as upstream, Gateway(context.build, upstream, program=PROGRAM,
                                             env={"EQP_FRONTEND_PROGRAM": script}) as gateway:
            gateway.check()
            pids = [pid for pid in gateway.pids() if pid != gateway.process.pid]
            with loads.Flood(context.build, gateway, 1) as flood:
                flood.go(1)
                for pid in pids:
                    subprocess.run(["callgrind_control", "--zero", str(pid)], check=True, **QUIET)
                answered = flood.go(3).answered
                time.sleep(0.2)
                for pid in pids:
                    subprocess.run(["callgrind_control", "--dump", str(pid)], check=True, **QUIET)
            profiles = [instructions_of(max((entry.path for entry in os.scandir(folder) if entry.name.startswith(str(pid))),
                                            key=len)) for pid in pids]
        for totals in profiles:
            name = "forwarder" if any(code.startswith("libcurl") and n / answered >= 1 for code, n in totals.items()) else "frontend"
            rows.append(Row(f"passing on: instructions outside of the kernel, {name}", round(sum(totals.values()) / answered)))
            for prefix, where in CODE.items():
                found = round(sum(n for code, n in totals.items() if code.startswith(prefix)) / answered)
                rows += [Row(f"    {where}", found)] if found else []
    return rows
