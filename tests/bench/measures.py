"""What a request costs: rates, processor time, latency."""

import loads
from rows import AT_LEAST, AT_MOST, Row, column, compared, ratios
from servers import Bare, Nginx, fetch

RATE = 5000 # a second: a fifth to a tenth of what one core can
GOALS = {32: (1.0, 1.0), 250: (1.15, 0.85)} # of rate and processor time, against nginx


def _kept(context, servers, connections):
    results = compared(servers, context.rounds, lambda server: loads.wrk(server, connections, context.seconds))
    kept = f"{connections} kept connection{'s' if connections > 1 else ''}"
    rate_goal, cpu_goal = GOALS.get(connections, (None, None))
    return [
        Row(f"{kept}: requests per second", column(results, "broker", 0), "/s"),
        Row(f"{kept}: rate / nginx's", ratios(results, "broker", "nginx", 0), "x",
            rate_goal and (AT_LEAST, rate_goal)),
        Row(f"{kept}: rate / bare loop's", ratios(results, "broker", "bare", 0), "x",
            (AT_LEAST, 0.88) if connections == 32 else None),
        Row(f"{kept}: CPU per 100,000 requests", column(results, "broker", 1), "s"),
        Row(f"{kept}: CPU / nginx's", ratios(results, "broker", "nginx", 1), "x", cpu_goal and (AT_MOST, cpu_goal)),
        Row(f"{kept}: CPU / bare loop's", ratios(results, "broker", "bare", 1), "x"),
        Row(f"{kept}: the bare loop's CPU / nginx's", ratios(results, "bare", "nginx", 1), "x"),
    ]


def _fresh(context, servers):
    results = compared(servers, context.rounds, lambda server: loads.wrk(server, 32, context.seconds, fresh=True))
    return [
        Row("new connection each: requests per second", column(results, "broker", 0), "/s"),
        Row("new connection each: rate / nginx's", ratios(results, "broker", "nginx", 0), "x", (AT_LEAST, 0.95)),
        Row("new connection each: CPU / nginx's", ratios(results, "broker", "nginx", 1), "x"),
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
    """Over the unix socket, beside nginx on one, and beside TCP with the same load maker."""
    def measure(server_and_unix):
        server, through_unix = server_and_unix
        return loads.flood(context.build, server, 32, context.seconds, through_unix)

    with Nginx(context.broker.fetch_token()) as nginx:
        results = compared({"unix": (context.broker, True), "tcp": (context.broker, False),
                            "nginx": (nginx, True)}, context.rounds, measure)
    return [
        Row("unix socket, 32 kept: requests per second", column(results, "unix", 0), "/s"),
        Row("unix socket, 32 kept: rate / nginx's on one", ratios(results, "unix", "nginx", 0), "x"),
        Row("unix socket, 32 kept: CPU / nginx's on one", ratios(results, "unix", "nginx", 1), "x"),
        Row("unix socket, 32 kept: rate / TCP's", ratios(results, "unix", "tcp", 0), "x"),
    ]


def identity(context):
    results = {"all": [loads.identity(context.build) for _ in range(context.rounds)]}
    return [
        Row("who is calling, over TCP: CPU per connection", column(results, "all", "tcp_usec"), "us", (AT_MOST, 5)),
        Row("who is calling, over a unix socket: CPU", column(results, "all", "unix_usec"), "us"),
    ]


def latency(context):
    """At a fixed rate: a request that comes late to be sent counts from when it was due."""
    seconds = context.seconds * 2
    with Nginx(context.broker.fetch_token()) as nginx:
        results = compared({"broker": context.broker, "nginx": nginx}, max(context.rounds, 5),
                           lambda server: loads.pace(context.build, server, RATE, seconds, 32))
    rows = []
    for name, key, goal in (("p50", "p50_usec", None), ("p99", "p99_usec", (AT_MOST, 1.0)), ("p99.9", "p999_usec", None)):
        rows += [
            Row(f"{name} at {RATE} requests per second", column(results, "broker", key), "us"),
            Row(f"{name} at {RATE} requests per second / nginx's", ratios(results, "broker", "nginx", key), "x", goal),
        ]
    return rows
