"""The measurements. Each returns rows: (name, measured value, unit, goal as (comparison, value) or None)."""

import base64
import json
import socket
import ssl
import statistics
import time
import urllib.parse

import loads
from delay import Delay
from servers import Bare, BenchError, Broker, Nginx, fetch, simulator

AT_LEAST, AT_MOST, EXACTLY = ">=", "<=", "="


def median(values):
    return statistics.median(values)


def _compared(servers, rounds, measure):
    """Measures the servers in turn, round after round: {name: [result, ...]}."""
    results = {name: [] for name in servers}
    for number in range(rounds):
        order = list(servers) if number % 2 == 0 else list(servers)[::-1]
        for name in order:
            results[name].append(measure(servers[name]))
    return results


def _ratio(results, name, other, which):
    """The median of the rounds' ratios: what disturbs one round disturbs both of its halves."""
    return median(mine[which] / its[which] for mine, its in zip(results[name], results[other]))


def throughput(context):
    rows = []
    answer = context.broker.fetch_token()
    with Nginx(answer) as nginx, Bare(context.build, answer) as bare:
        servers = {"broker": context.broker, "nginx": nginx, "bare": bare}
        nginx_answer = fetch(nginx.port, nginx.request())
        rows.append(("bytes per answer", sum(map(len, answer)) + 4, "B", None))
        rows.append(("bytes per answer, nginx", sum(map(len, nginx_answer)) + 4, "B", None))
        for connections, rate_goal, cpu_goal in ((32, 1.0, 1.0), (250, 1.15, 0.85)):
            results = _compared(servers, context.rounds,
                                lambda s, n=connections: loads.wrk(s, n, context.seconds))
            kept = f"{connections} kept connections"
            rows += [
                (f"{kept}: requests per second", median(r[0] for r in results["broker"]), "/s", None),
                (f"{kept}: rate / nginx's", _ratio(results, "broker", "nginx", 0), "x", (AT_LEAST, rate_goal)),
                (f"{kept}: rate / bare loop's", _ratio(results, "broker", "bare", 0), "x",
                 (AT_LEAST, 0.88) if connections == 32 else None),
                (f"{kept}: CPU per 100,000 requests", median(r[1] for r in results["broker"]), "s", None),
                (f"{kept}: CPU / nginx's", _ratio(results, "broker", "nginx", 1), "x", (AT_MOST, cpu_goal)),
                (f"{kept}: CPU / bare loop's", _ratio(results, "broker", "bare", 1), "x", None),
            ]
        servers.pop("bare")  # it does not close connections
        results = _compared(servers, context.rounds,
                            lambda s: loads.wrk(s, 32, context.seconds, fresh=True))
        rows += [
            ("new connection each: requests per second", median(r[0] for r in results["broker"]), "/s", None),
            ("new connection each: rate / nginx's", _ratio(results, "broker", "nginx", 0), "x",
             (AT_LEAST, 0.95)),
            ("new connection each: CPU / nginx's", _ratio(results, "broker", "nginx", 1), "x", None),
        ]
    return rows


def identity(context):
    results = [loads.identity(context.build) for _ in range(context.rounds)]
    return [
        ("who is calling, over TCP: CPU per connection", min(r["tcp_usec"] for r in results), "us",
         (AT_MOST, 5)),
        ("who is calling, over a unix socket: CPU", min(r["unix_usec"] for r in results), "us", None),
    ]


def latency(context):
    rate = 5000
    with Nginx(context.broker.fetch_token()) as nginx:
        results = _compared({"broker": context.broker, "nginx": nginx}, max(context.rounds, 3),
                            lambda s: loads.pace(context.build, s, rate, context.seconds, 32))
    rows = []
    for percentile, goal in (("p50", None), ("p99", (AT_MOST, 1.0))):
        key = f"{percentile}_usec"
        rows += [
            (f"{percentile} at {rate} requests per second", median(r[key] for r in results["broker"]), "us",
             None),
            (f"{percentile} / nginx's", _ratio(results, "broker", "nginx", key), "x", goal),
        ]
    return rows


def _direct_exchange_sec(context, port):
    """A token from the upstream itself, with a new TLS connection."""
    host = urllib.parse.urlsplit(context.upstream.urls["sandbox"]).hostname
    key = base64.b64encode(simulator.EXAMPLE_KEY.encode()).decode()
    body = json.dumps({"grant_type": "session", "expires_in": 7200})
    request = (f"POST {simulator.TOKEN_PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {key}\r\n"
               f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
               f"{body}").encode()
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


def against_direct(context):
    port = urllib.parse.urlsplit(context.upstream.urls["sandbox"]).port
    context.tls = ssl.create_default_context(cafile=context.upstream.ca_file)
    broker = median(_broker_token_sec(context) for _ in range(300))
    near = median(_direct_exchange_sec(context, port) for _ in range(50))
    with Delay(port, 0.08) as relay:
        far = median(_direct_exchange_sec(context, relay.port) for _ in range(5))
    return [
        ("token from the broker, new connection", broker * 1e6, "us", None),
        ("direct exchange / that, no added latency", near / broker, "x", (AT_LEAST, 10)),
        ("direct exchange / that, 80 ms round trip", far / broker, "x", (AT_LEAST, 1000)),
    ]


def cold_start(context):
    """10,000 callers while the first exchange is under way."""
    callers = 10_000
    upstream = context.upstream
    upstream.settings("sandbox", latency_ms=3000)
    before = upstream.state("sandbox")["requests"]["token"]
    try:
        with Broker(context.build, upstream, wait=False) as broker, \
                loads.Herd(context.build, broker, callers, "/v1/sandbox/token?wait=30") as herd:
            result = herd.result
    finally:
        upstream.settings("sandbox", latency_ms=0)
    after = upstream.state("sandbox")["requests"]["token"]
    return [
        ("10,000 callers at a cold start: answered 200", result["statuses"].get("200", 0), "",
         (EXACTLY, callers)),
        ("10,000 callers at a cold start: upstream requests", _count(after) - _count(before), "", (EXACTLY, 1)),
        ("10,000 callers: all answered after the first one", result["last_msec"] - result["first_msec"], "ms",
         None),
    ]


def _count(requests):
    return sum(requests.values()) if isinstance(requests, dict) else requests


def idle(context):
    """Memory and wake-ups, in a daemon of its own that has served some requests."""
    idlers = 5000
    with Broker(context.build, context.upstream) as broker:
        broker.fetch_token()
        time.sleep(0.2)
        fresh, dirty = broker.private_kib(), broker.private_kib("Dirty")
        before = broker.wake_ups()
        time.sleep(context.idle_sec)
        wake_ups = (broker.wake_ups() - before) * 60 / context.idle_sec
        with loads.Herd(context.build, broker, idlers) as herd:
            if herd.result["statuses"] != {"200": idlers}:
                raise BenchError(f"idle connections: {herd.result}")
            held = broker.private_kib()
        time.sleep(0.5)
        after = broker.private_kib()
    return [
        ("private memory, two environments, idle", fresh / 1024, "MiB", (AT_MOST, 4)),
        ("of that, written to", dirty / 1024, "MiB", None),
        ("memory per idle connection", (held - fresh) / idlers, "KiB", (AT_MOST, 12)),
        (f"private memory after {idlers} connections", after / 1024, "MiB", None),
        ("wake-ups per minute while idle", wake_ups, "", (EXACTLY, 0)),
    ]


def start(context):
    """Until READY, in excess of the two first exchanges, which run side by side."""
    port = urllib.parse.urlsplit(context.upstream.urls["sandbox"]).port
    context.tls = ssl.create_default_context(cafile=context.upstream.ca_file)
    ready, exchange = [], []
    for _ in range(max(context.rounds, 5)):
        with Broker(context.build, context.upstream) as broker:
            ready.append(broker.ready_sec)
        exchange.append(_direct_exchange_sec(context, port))
    return [
        ("start to READY", median(ready) * 1e3, "ms", None),
        ("start to READY, more than a direct exchange", (median(ready) - median(exchange)) * 1e3, "ms",
         (AT_MOST, 50)),
    ]


ALL = {"throughput": throughput, "identity": identity, "latency": latency, "direct": against_direct,
       "cold": cold_start, "idle": idle, "start": start}
