"""The load makers, each pinned to the load core: wrk for throughput, and the bench's own herd, pace and
identity."""

import collections
import json
import os
import re
import subprocess
import tempfile
import types

from servers import LOAD_CORE, BenchError, fetch, on_core


def _run(command, timeout, **options):
    done = subprocess.run(command, preexec_fn=on_core(LOAD_CORE), stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **options)
    if done.returncode != 0:
        raise BenchError(f"{os.path.basename(command[0])} failed: {done.stderr}{done.stdout}")
    return done.stdout


# A second's requests, the server's processor seconds per 100,000 of them, and the share of the time in which
# the server's core was at work: well below 1, the rate is that of the load maker.
Flow = collections.namedtuple("Flow", "answered rate cpu busy")


def _flow(cpu_sec, answered, seconds):
    return Flow(answered, answered / seconds, cpu_sec * 100_000 / answered, cpu_sec / seconds)


def _record(text):
    """The JSON of a load maker, as an object."""
    return types.SimpleNamespace(**json.loads(text))


def wrk(server, connections, seconds, fresh=False):
    """Returns a Flow."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", "EQP-Client: bench"]
    if fresh:
        command += ["-H", "Connection: close"]
    before = server.cpu_sec()
    text = _run(command + [server.url()], seconds + 30)
    cpu = server.cpu_sec() - before
    if "Non-2xx" in text or (not fresh and "Socket errors" in text):
        raise BenchError(f"not every request was answered with 200:\n{text}")
    total = int(re.search(r"(\d+) requests in", text)[1])
    return _flow(cpu, total, total / float(re.search(r"Requests/sec: +([\d.]+)", text)[1]))


class _RequestFile:
    def __init__(self, request):
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(request)
        self.file.flush()
        self.name = self.file.name

    def __enter__(self):
        return self.name

    def __exit__(self, *_):
        self.file.close()


class Flood:
    """As many requests as there can be over kept connections, of TCP or of the unix socket. Once entered, all
    connections are open and have been served; go() lets it loose for a while, as often as wanted."""

    def __init__(self, build, server, connections, unix=False):
        self.server = server
        where = server.socket_path if unix else str(server.port)
        with _RequestFile(server.request()) as name:
            self.process = subprocess.Popen([os.path.join(build, "tests", "bench", "bench-flood"), where, name,
                                             str(connections)],
                                            preexec_fn=on_core(LOAD_CORE), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)
            ready = self.process.stdout.readline()
        if ready != "ready\n":
            self.__exit__()
            raise BenchError("the flood of requests failed")

    def go(self, seconds):
        """Returns a Flow."""
        before = self.server.cpu_sec()
        self.process.stdin.write(f"{round(seconds * 1000)}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        result = json.loads(line) if line else {"failed": 1}
        if result["failed"]:
            raise BenchError(f"not every request was answered with 200: {line}")
        return _flow(self.server.cpu_sec() - before, result["answered"], result["seconds"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def pace(build, server, rate, seconds, connections, fresh=False, may_fail=False):
    """Requests at a fixed rate; returns the answer of bench-pace. may_fail: some may be lost."""
    with _RequestFile(server.request()) as request:
        text = _run([os.path.join(build, "tests", "bench", "bench-pace"), str(server.port), request, str(rate),
                     str(seconds), str(connections)] + (["fresh"] if fresh else []), seconds + 30)
    result = _record(text)
    if result.failed and not may_fail:
        raise BenchError(f"not every request was answered with 200: {text}")
    return result


class Herd:
    """Many callers at once. After start(), `result` is what bench-herd tells; its connections stay open until
    stop()."""

    def __init__(self, build, server, callers, target=None):
        request = server.request()
        if target:
            request = request.replace(b"/v1/sandbox/token", target.encode(), 1)
        with _RequestFile(request) as name:
            self.process = subprocess.Popen([os.path.join(build, "tests", "bench", "bench-herd"),
                                             str(server.port), name, str(callers), "hold"],
                                            preexec_fn=on_core(LOAD_CORE), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)
            line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise BenchError("the herd of callers failed")
        self.result = json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def identity(build):
    return _record(_run([os.path.join(build, "tests", "bench", "bench-identity"), "1000"], 120))


__all__ = ["wrk", "Flood", "pace", "Herd", "identity", "fetch"]
