"""The upstream side: the broker's savings, and its requests to the upstream."""

import base64
import json
import os
import re
import socket
import ssl
import subprocess
import time
import urllib.parse

import loads
from delay import Delay
from rows import AT_LEAST, AT_MOST, EXACTLY, Row, median
from servers import BenchError, Broker, simulator


def upstream_port(context):
    return urllib.parse.urlsplit(context.upstream.urls["sandbox"]).port


def direct_exchange_sec(context, port):
    """A token from the upstream itself, with a new TLS connection."""
    host = urllib.parse.urlsplit(context.upstream.urls["sandbox"]).hostname
    key = base64.b64encode(simulator.EXAMPLE_KEY.encode()).decode()
    body = json.dumps({"grant_type": "session", "expires_in": 7200})
    request = (f"POST {simulator.TOKEN_PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {key}\r\n"
               f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
               f"{body}").encode()
    if not context.tls:
        context.tls = ssl.create_default_context(cafile=context.upstream.ca_file)
    return _token_sec(port, request, lambda plain: context.tls.wrap_socket(plain, server_hostname=host))


def _broker_token_sec(context):
    return _token_sec(context.broker.port, context.broker.request(), lambda plain: plain)


def _token_sec(port, request, wrap):
    """Connects, asks, and reads the answer, with as little of Python around it as can be."""
    started = time.monotonic()
    with socket.socket() as plain:
        plain.settimeout(20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.connect(("127.0.0.1", port))
        with wrap(plain) as connection:
            connection.sendall(request)
            answer = connection.recv(65536)
            taken = time.monotonic() - started
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise BenchError(f"no token: {answer!r}")
    return taken


def direct(context):
    """In turns; the far upstream is the near one behind a slow relay."""
    port = upstream_port(context)
    near, far, own = [], [], []
    with Delay(port, 0.08) as relay:
        for _ in range(context.rounds):
            own.append(median([_broker_token_sec(context) for _ in range(100)]))
            near.append(median([direct_exchange_sec(context, port) for _ in range(10)]) / own[-1])
            far.append(direct_exchange_sec(context, relay.port) / own[-1])
    return [
        Row("token from the broker, new connection", [sec * 1e6 for sec in own], "us"),
        Row("direct exchange / that, no added latency", near, "x", (AT_LEAST, 10)),
        Row("direct exchange / that, 80 ms round trip", far, "x", (AT_LEAST, 1000)),
    ]


def _count(upstream):
    requests = upstream.state("sandbox")["requests"]["token"]
    return sum(requests.values()) if isinstance(requests, dict) else requests


def cold(context):
    """10,000 callers while the first exchange is under way."""
    callers = 10_000
    upstream = context.upstream
    upstream.settings("sandbox", latency_ms=3000)
    before = _count(upstream)
    try:
        with Broker(context.build, upstream, wait=False) as broker, \
                loads.Herd(context.build, broker, callers, "/v1/sandbox/token?wait=30") as herd:
            result = herd.result
    finally:
        upstream.settings("sandbox", latency_ms=0)
    return [
        Row("10,000 callers at a cold start: upstream requests", _count(upstream) - before, "", (EXACTLY, 1)),
        Row("10,000 callers at a cold start: answered 200", result["statuses"].get("200", 0), "", (EXACTLY, callers)),
        Row("10,000 callers: all answered after the first one", result["last_msec"] - result["first_msec"], "ms"),
    ]


def _histories(context, *arguments):
    return subprocess.run([os.path.join(context.build, "tests", "scenario", "histories"), *arguments], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=3600)


OUTAGE = re.compile(r"^ +(\S.*?) +[13] +(?:warm|cold) +(\d+) +[\d.]+ +[\d.]+ s +[\d.]+ s +([\d.]+) s +(\d+) s +[\d.]+ %$",
                    re.MULTILINE)


def outages(text):
    """Of the table that `histories --outage-figures` prints: for each kind of answer the most exchanges in an hour, the
    longest time to a token after the end, and what that may be."""
    worst = {}
    for answer, per_hour, longest, goal in OUTAGE.findall(text):
        most, late, _ = worst.get(answer, (0, 0.0, 0))
        worst[answer] = max(most, int(per_hour)), max(late, float(longest)), int(goal)
    if set(worst) != {"503", "silence", "403, 400", "nonsense", "401"}:
        raise BenchError(f"no figures of an outage:\n{text}")
    return worst


def virtual(context):
    """Virtual time: the machine's speed is not in these. A history tells of each broken promise, of which a
    token served after its end is one."""
    done = _histories(context, "--seed", "7", "--outage-figures")
    rows = []
    for answer, (per_hour, longest, goal) in outages(done.stdout).items():
        rows += [Row(f"24 h outage, {answer}: upstream requests per hour, at most", per_hour, "", (AT_MOST, 60)),
                 Row(f"24 h outage, {answer}: token after its end, at most", longest, "s", (AT_MOST, goal))]
    count = 20_000 if context.quick else 1_000_000
    done = _histories(context, "--seed", "7", "--count", str(count))
    return [
        *rows,
        Row(f"{count:,} random histories: promises broken", 0 if done.returncode == 0 else 1, "", (EXACTLY, 0)),
    ]
