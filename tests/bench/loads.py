"""The load makers, each pinned to the load core: wrk for throughput, and the bench's own herd, pace and
identity."""

import json
import os
import re
import subprocess
import tempfile

from servers import LOAD_CORE, BenchError, fetch, on_core


def _run(command, timeout, **options):
    done = subprocess.run(command, preexec_fn=on_core(LOAD_CORE), stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **options)
    if done.returncode != 0:
        raise BenchError(f"{os.path.basename(command[0])} failed: {done.stderr}{done.stdout}")
    return done.stdout


def wrk(server, connections, seconds, fresh=False):
    """Returns (requests per second, server's processor seconds per 100,000 requests)."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", "EQP-Client: bench"]
    if fresh:
        command += ["-H", "Connection: close"]
    before = server.cpu_sec()
    text = _run(command + [server.url()], seconds + 30)
    cpu = server.cpu_sec() - before
    if "Non-2xx" in text or (not fresh and "Socket errors" in text):
        raise BenchError(f"not every request was answered with 200:\n{text}")
    total = int(re.search(r"(\d+) requests in", text)[1])
    rate = float(re.search(r"Requests/sec: +([\d.]+)", text)[1])
    return rate, cpu * 100_000 / total


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
    connections are open and have been served; go() lets it loose."""

    def __init__(self, build, server, connections, seconds, unix=False):
        where = server.socket_path if unix else str(server.port)
        with _RequestFile(server.request()) as name:
            self.process = subprocess.Popen([os.path.join(build, "tests", "bench", "bench-flood"), where, name,
                                             str(seconds), str(connections), "step"],
                                            preexec_fn=on_core(LOAD_CORE), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)
            ready = self.process.stdout.readline()
        if ready != "ready\n":
            self.__exit__()
            raise BenchError("the flood of requests failed")

    def go(self):
        """Returns {"answered", "failed", "seconds"}."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        result = json.loads(line) if line else {"failed": 1}
        if result["failed"]:
            raise BenchError(f"not every request was answered with 200: {line}")
        return result

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def flood(build, server, connections, seconds, unix=False):
    """Returns (requests per second, server's processor seconds per 100,000 requests)."""
    with Flood(build, server, connections, seconds, unix) as loose:
        before = server.cpu_sec()
        result = loose.go()
        cpu = server.cpu_sec() - before
    return result["answered"] / result["seconds"], cpu * 100_000 / result["answered"]


def pace(build, server, rate, seconds, connections, fresh=False):
    """Requests at a fixed rate; returns the answer of bench-pace."""
    with _RequestFile(server.request()) as request:
        text = _run([os.path.join(build, "tests", "bench", "bench-pace"), str(server.port), request, str(rate),
                     str(seconds), str(connections)] + (["fresh"] if fresh else []), seconds + 30)
    result = json.loads(text)
    if result["failed"]:
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
    return json.loads(_run([os.path.join(build, "tests", "bench", "bench-identity"), "1000"], 120))


__all__ = ["wrk", "flood", "Flood", "pace", "Herd", "identity", "fetch"]
