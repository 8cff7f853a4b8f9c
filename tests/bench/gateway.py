"""The costs of a request that is passed on, beside nginx and haproxy, which pass it on to the same TLS upstream."""

import collections
import contextlib
import re
import subprocess
import tempfile
import time

import loads
from proxies import LARGE, LARGE_PATH, UPLOAD_PATH, Gateway, Haproxy, NginxProxy, Upstream
from rows import AT_LEAST, AT_MOST, Row, column, compared, ratios
from servers import BenchError, LOAD_CORE, on_core

Transfer = collections.namedtuple("Transfer", "rate cpu")  # bytes a second; s of processor time for all of it
STREAMS = 12  # within the 16 of one user


def _p50_usec(server):
    """Of one request after the other on a kept connection."""
    text = subprocess.run(["wrk", "-t1", "-c1", "-d1s", "--latency", "-H", "EQP-Client: bench", server.url()], check=True,
                          preexec_fn=on_core(LOAD_CORE), stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    found = re.search(r"50% +([\d.]+)(us|ms)", text)
    if not found or "Non-2xx" in text:
        raise BenchError(f"not every request was answered with 200:\n{text}")
    return float(found[1]) * {"us": 1, "ms": 1000}[found[2]]


def transfer(server, environment, path, *more):
    """Of LARGE bytes."""
    before = server.cpu_sec()
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code} %{time_total}",
                           "-H", "EQP-Client: bench", *more, server.url(environment, path)],
                          preexec_fn=on_core(LOAD_CORE), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    status, _, seconds = done.stdout.partition(" ")
    if status != "200":
        raise BenchError(f"curl: {done.stdout} {done.stderr}")
    return Transfer(LARGE / float(seconds), server.cpu_sec() - before)


def _streaming_kib(gateway):
    """Memory of all processes for each of a few large answers that are read slowly, beside what they had before."""
    before = gateway.private_kib()
    readers = [subprocess.Popen(["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "--limit-rate", "2M", "-H",
                                 "EQP-Client: bench", gateway.url("production", LARGE_PATH)],
                                preexec_fn=on_core(LOAD_CORE), stdin=subprocess.DEVNULL) for _ in range(STREAMS)]
    most = 0
    for _ in range(15):
        time.sleep(0.2)
        most = max(most, gateway.private_kib())
    for reader in readers:
        if reader.poll() is not None:
            raise BenchError("a slow reader has come to its end")
        reader.kill()
        reader.wait()
    return (most - before) / STREAMS


def _tokens_beside(context, gateway):
    """How many of the tokens that are asked for at a fixed rate are answered in time, beside a gateway that is busy, and
    beside one that is not; (median of each second's)."""
    class Tokens:  # the same daemon, asked for tokens
        port, request, cpu_sec = gateway.port, None, gateway.cpu_sec
    Tokens.request = staticmethod(lambda: (f"GET /v1/production/token HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n"
                                           "EQP-Client: bench\r\n\r\n").encode())
    results = {"calm": [], "busy": []}
    for _ in range(context.rounds):
        results["calm"].append(loads.pace(context.build, Tokens, 5000, 1, 32))
        with subprocess.Popen(["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "--limit-rate", "20M", "-H",
                               "EQP-Client: bench", gateway.url("production", LARGE_PATH)],
                              preexec_fn=on_core(LOAD_CORE), stdin=subprocess.DEVNULL) as reader:
            time.sleep(0.1)
            results["busy"].append(loads.pace(context.build, Tokens, 5000, 1, 32))
            reader.kill()
    return [busy.answered / calm.answered for busy, calm in zip(results["busy"], results["calm"])]


def gateway(context):
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(Upstream())
        proxies = {"broker": stack.enter_context(Gateway(context.build, upstream)),
                   "nginx": stack.enter_context(NginxProxy(upstream)), "haproxy": stack.enter_context(Haproxy(upstream))}
        proxies["broker"].check()
        body = stack.enter_context(tempfile.NamedTemporaryFile())
        body.truncate(LARGE)
        small = compared(proxies, max(context.turns // 3, 1), lambda server: loads.wrk(server, 32, 1))
        p50 = compared(proxies, max(context.turns // 6, 1), _p50_usec)
        up = compared(proxies, context.rounds, lambda server: transfer(
            server, "sandbox", UPLOAD_PATH, "-H", "Expect:", "-X", "POST", "-T", body.name))
        down = compared(proxies, context.rounds, lambda server: transfer(server, "production", LARGE_PATH))
        kib = _streaming_kib(proxies["broker"])
        tokens = _tokens_beside(context, proxies["broker"])
    rows = [Row("gateway, 1 KB, 32 kept: requests per second", column(small, "broker", "rate"), "/s")]
    for other, goals in (("nginx", (2.0, 1.25, 0.9, 1.15, 0.8, 1.4)), ("haproxy", (None,) * 6)):
        def goal(number, comparison, goals=goals):
            return goals[number] and (comparison, goals[number])
        rows += [
            Row(f"gateway, 1 KB, 32 kept: CPU / {other}'s", ratios(small, "broker", other, "cpu"), "x", goal(0, AT_MOST)),
            Row(f"gateway, 1 KB, 1 kept: p50 / {other}'s", [a / b for a, b in zip(p50["broker"], p50[other])], "x",
                goal(1, AT_MOST)),
            Row(f"gateway, 100 MB up: rate / {other}'s", ratios(up, "broker", other, "rate"), "x", goal(2, AT_LEAST)),
            Row(f"gateway, 100 MB up: CPU / {other}'s", ratios(up, "broker", other, "cpu"), "x", goal(3, AT_MOST)),
            Row(f"gateway, 100 MB down: rate / {other}'s", ratios(down, "broker", other, "rate"), "x", goal(4, AT_LEAST)),
            Row(f"gateway, 100 MB down: CPU / {other}'s", ratios(down, "broker", other, "cpu"), "x", goal(5, AT_MOST)),
        ]
    return rows + [
        Row("gateway: memory per streaming request", kib, "KiB", (AT_MOST, 128)),
        Row("tokens beside a busy gateway / without", tokens, "x", (AT_LEAST, 0.98)),
    ]
