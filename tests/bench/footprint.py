"""The daemon's needs while it sits there, and as time goes by: memory, wake-ups, starts."""

import concurrent.futures
import os
import signal
import socket
import threading
import time

import loads
from exchanges import direct_exchange_sec, upstream_port
from manager import Manager
from proxies import Gateway, Upstream
from rows import AT_MOST, EXACTLY, Row
from servers import BenchError, Broker, fetch

GROWTH_KIB = 64 # a page here or there is none


def idle(context):
    """Memory and wake-ups, in a daemon of its own that has served some requests."""
    with Broker(context.build, context.upstream) as broker:
        broker.fetch_token()
        time.sleep(0.2)
        fresh, dirty = broker.private_kib(), broker.private_kib("Dirty")
        before = broker.wake_ups()
        time.sleep(context.idle_sec)
        wake_ups = (broker.wake_ups() - before) * 60 / context.idle_sec
        held = {}
        for idlers in (1000, 10_000):
            before_kib = broker.private_kib()
            with loads.Herd(context.build, broker, idlers) as herd:
                if herd.result["statuses"] != {"200": idlers}:
                    raise BenchError(f"idle connections: {herd.result}")
                held[idlers] = (broker.private_kib() - before_kib) / idlers
            time.sleep(0.5)
        after = broker.private_kib()
    return [
        Row("private memory, two environments, idle", fresh / 1024, "MiB", (AT_MOST, 6)),
        Row("of that, written to", dirty / 1024, "MiB"),
        Row("memory per idle connection, 1,000 of them", held[1000], "KiB", (AT_MOST, 12)),
        Row("memory per idle connection, 10,000 of them", held[10_000], "KiB", (AT_MOST, 12)),
        Row("private memory after 10,000 connections", after / 1024, "MiB"),
        Row("wake-ups per minute while idle", wake_ups, "", (EXACTLY, 0)),
    ]


def with_gateway(context):
    """Memory of all three processes, idle, after a request that was passed on."""
    with Upstream() as upstream, Gateway(context.build, upstream) as broker:
        broker.check()
        time.sleep(1)
        return [Row("private memory with a gateway, idle", broker.private_kib() / 1024, "MiB", (AT_MOST, 6))]


def _work(context, broker, seconds):
    """Kept connections as fast as they can, then a crowd of new ones, then a rest; over and over. Returns how
    many requests were answered."""
    end, answered = time.monotonic() + seconds, 0
    with loads.Flood(context.build, broker, 32) as flood:
        while time.monotonic() < end:
            answered += flood.go(0.2).answered
            with loads.Herd(context.build, broker, 200) as herd:
                answered += herd.result["statuses"].get("200", 0)
            time.sleep(0.5)
    return answered


def growth(context):
    """Memory after a long load, beside that after a short one."""
    short, long = {True: (60, 3600), False: (3, 10) if context.quick else (10, 120)}[context.long]
    with Broker(context.build, context.upstream) as broker:
        _work(context, broker, short)
        time.sleep(0.5)
        before = broker.private_kib()
        answered = _work(context, broker, long - short)
        time.sleep(0.5)
        after = broker.private_kib()
    return [
        Row(f"memory after {short} s of load", before, "KiB"),
        Row(f"memory after {long} s of load, more than that", after - before, "KiB", (AT_MOST, GROWTH_KIB)),
        Row("    requests answered in between", answered),
    ]


def start(context):
    """Until READY, in excess of the two first exchanges, which run side by side."""
    ready, more = [], []
    for _ in range(max(context.rounds, 5)):
        with Broker(context.build, context.upstream) as broker:
            ready.append(broker.ready_sec * 1e3)
        more.append(ready[-1] - direct_exchange_sec(context, upstream_port(context)) * 1e3)
    return [
        Row("start to READY", ready, "ms"),
        Row("start to READY, more than a direct exchange", more, "ms", (AT_MOST, 50)),
    ]


KILLS_EACH = 4  # one that keeps ending is held back, by the same keeper for longer each time


def kills(context):
    """Frontends are killed while requests come at a fixed rate, each on a connection of its own: those that one is
    answering are lost, the others wait for the next one."""
    rounds, rate, seconds = 3 if context.quick else 25, 500, 2
    results, killed = [], 0
    for _ in range(rounds):
        with Broker(context.build, context.upstream) as broker:
            broker.fetch_token()
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                coming = pool.submit(loads.pace, context.build, broker, rate, seconds, 32, fresh=True, may_fail=True)
                for _ in range(KILLS_EACH):
                    time.sleep(seconds / (KILLS_EACH + 2))
                    if frontend := broker.frontend():
                        os.kill(frontend, signal.SIGKILL)
                        killed += 1
                results.append(coming.result())
    return [
        Row(f"p99.9 while frontends are killed, {KILLS_EACH} in {seconds} s", [one.p999_usec / 1e3 for one in results], "ms"),
        Row(f"requests lost over {killed} killed frontends", sum(one.failed for one in results)),
        Row("    of so many", sum(one.failed + one.answered for one in results)),
    ]


def restart(context):
    """From the order to stop to the answer for a client that asks right then, at a socket that a service manager
    holds, which also keeps the sessions."""
    taken = []
    with Manager() as manager, socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        with Broker(context.build, context.upstream, manager=manager, passed=[("listen", listener)]) as broker:
            broker.fetch_token()
            for _ in range(max(context.rounds, 5)):
                result = {}

                def ask():
                    result["head"] = fetch(broker.port, broker.request())[0]
                    result["at"] = time.monotonic()

                while not manager.hear().store:
                    time.sleep(0.01)
                began = time.monotonic()
                broker.process.terminate()
                asker = threading.Thread(target=ask)
                asker.start()
                broker.stop_process()
                broker.begin()
                asker.join(30)
                if not result.get("head", b"").startswith(b"HTTP/1.1 200 "):
                    raise BenchError(f"no answer after a restart: {result}\n{broker.log_text()}")
                taken.append((result["at"] - began) * 1e3)
    return [Row("restart to answer, sockets and sessions passed on", taken, "ms")]
