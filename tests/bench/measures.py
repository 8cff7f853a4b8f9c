"""The costs of a request: rates, processor time, latency."""

import contextlib

import loads
from rows import AT_LEAST, AT_MOST, Row, column, compared, ratios
from servers import Bare, Nginx, fetch

TURN_SEC = 0.25
RATE = 5000 # a second: a fifth to a tenth of what one core can


def _take_turns(context, connections, servers):
    """Kept connections to all servers, which are let loose in turn: {name: [Flow, ...]}. Short turns and many: other work
    of the machine then disturbs both sides of most pairs alike. servers: {name: (server, unix?)}."""
    with contextlib.ExitStack() as stack:
        floods = {name: stack.enter_context(loads.Flood(context.build, server, connections, unix))
                  for name, (server, unix) in servers.items()}
        return compared(floods, context.turns, lambda flood: flood.go(TURN_SEC))


def _kept(context, servers, connections):
    results = _take_turns(context, connections, {name: (server, False) for name, server in servers.items()})
    kept = f"{connections} kept connection{'s' if connections > 1 else ''}"
    return [
        Row(f"{kept}: requests per second", column(results, "broker", "rate"), "/s"),
        Row(f"{kept}: of which the server's core is busy", column(results, "broker", "busy")),
        Row(f"{kept}: rate / nginx's", ratios(results, "broker", "nginx", "rate"), "x", (AT_LEAST, 1)),
        Row(f"{kept}: rate / bare loop's", ratios(results, "broker", "bare", "rate"), "x"),
        Row(f"{kept}: CPU per 100,000 requests", column(results, "broker", "cpu"), "s"),
        Row(f"{kept}: CPU / nginx's", ratios(results, "broker", "nginx", "cpu"), "x", (AT_MOST, 1)),
        Row(f"{kept}: CPU / bare loop's", ratios(results, "broker", "bare", "cpu"), "x"),
        Row(f"{kept}: the bare loop's CPU / nginx's", ratios(results, "bare", "nginx", "cpu"), "x"),
    ]


def _fresh(context, servers):
    results = compared(servers, context.turns // 3, lambda server: loads.wrk(server, 32, 1, fresh=True))
    return [
        Row("new connection each: requests per second", column(results, "broker", "rate"), "/s"),
        Row("new connection each: the server's core is busy", column(results, "broker", "busy")),
        Row("new connection each: rate / nginx's", ratios(results, "broker", "nginx", "rate"), "x", (AT_LEAST, 1)),
        Row("new connection each: CPU / nginx's", ratios(results, "broker", "nginx", "cpu"), "x", (AT_MOST, 1.25)),
    ]


def throughput(context):
    answer = context.broker.fetch_token()
    with Nginx(answer) as nginx, Bare(context.build, answer) as bare:
        servers = {"broker": context.broker, "nginx": nginx, "bare": bare}
        sizes = [sum(map(len, one)) + 4 for one in (answer, fetch(nginx.port, nginx.request()))]
        rows = [Row("bytes per answer", sizes[0], "B"), Row("bytes per answer, nginx", sizes[1], "B")]
        for connections in (1, 32, 250):
            if context.wants(f"{connections} kept connection"):
                rows += _kept(context, servers, connections)
        if context.wants("new connection each"):
            servers.pop("bare") # it does not close connections
            rows += _fresh(context, servers)
    return rows


def unix(context):
    """Over the unix socket, beside nginx on one, and beside TCP."""
    with Nginx(context.broker.fetch_token()) as nginx:
        results = _take_turns(context, 32, {"unix": (context.broker, True), "tcp": (context.broker, False),
                                            "nginx": (nginx, True)})
    return [
        Row("unix socket, 32 kept: requests per second", column(results, "unix", "rate"), "/s"),
        Row("unix socket, 32 kept: rate / nginx's on one", ratios(results, "unix", "nginx", "rate"), "x", (AT_LEAST, 1)),
        Row("unix socket, 32 kept: CPU / nginx's on one", ratios(results, "unix", "nginx", "cpu"), "x", (AT_MOST, 1)),
        Row("unix socket, 32 kept: rate / TCP's", ratios(results, "unix", "tcp", "rate"), "x"),
    ]


def identity(context):
    results = {"all": [loads.identity(context.build) for _ in range(context.rounds)]}
    return [
        Row("who is calling, over TCP: CPU per connection", column(results, "all", "tcp_usec"), "us", (AT_MOST, 5)),
        Row("who is calling, over a unix socket: CPU", column(results, "all", "unix_usec"), "us"),
    ]


def latency(context):
    """At a fixed rate: a request that comes late to be sent counts from when it was due."""
    with Nginx(context.broker.fetch_token()) as nginx:
        results = compared({"broker": context.broker, "nginx": nginx}, context.turns // 2,
                           lambda server: loads.pace(context.build, server, RATE, 2, 32))
    rows = []
    for name, key, goal in (("p50", "p50_usec", None), ("p99", "p99_usec", (AT_MOST, 1.0)), ("p99.9", "p999_usec", None)):
        rows += [
            Row(f"{name} at {RATE} requests per second", column(results, "broker", key), "us"),
            Row(f"{name} at {RATE} requests per second / nginx's", ratios(results, "broker", "nginx", key), "x", goal),
        ]
    return rows
