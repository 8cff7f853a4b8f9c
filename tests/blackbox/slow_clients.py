"""SlowClients: clients that take their time, against a daemon of their own, in threads beside the tests.

Their results take a minute by nature; so it begins with the first test of the daemon, and is judged by
test_daemon_slow_clients.py, which is among the last. If the files are shared out among processes (pytest -n), that
one is begun first instead.
"""

import concurrent.futures
import contextlib
import fcntl
import re
import select
import struct
import termios
import time

from broker import Broker
from simulator import EXAMPLE_KEY, Simulator

LIVE = "GET /livez HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"
OWN_ERROR = 6144  # bytes without the end of a line that libmicrohttpd takes before it complains itself


def unread(stream):
    return struct.unpack("i", fcntl.ioctl(stream, termios.FIONREAD, bytes(4)))[0]


def fill(broker, stream, most):
    """Asks, and reads no answer, until no more of them fit into the socket; returns how many did. That none comes is
    known when others who asked later were answered, several times."""
    for n in range(most):
        before, n_later = unread(stream), 0
        stream.sendall(LIVE.format(port=0).encode())
        while unread(stream) == before:
            if n_later == 10:
                return n
            assert broker.get("/livez").status == 200
            n_later += 1
    return most


@contextlib.contextmanager
def deaf_client(broker, more):
    """A client on the unix socket that has read none of its answers, which fill the socket to the brim, and then sends
    so many bytes of nonsense: libmicrohttpd cannot say what is wrong with them, and waits until it can."""
    with broker.connect() as stream:
        brim = fill(broker, stream, 10000)
    with broker.connect() as stream:
        assert fill(broker, stream, brim) == brim
        stream.sendall(b"G" * more)
        yield stream


class SlowClients:
    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.simulator = self.stack.enter_context(Simulator(["sandbox", "production", "agency"]))
        self.broker = self.stack.enter_context(
            Broker(self.simulator, keys={name: EXAMPLE_KEY for name in self.simulator.urls}))
        self.broker.wait_valid(*self.simulator.urls)
        self.pool = concurrent.futures.ThreadPoolExecutor(10)
        self.outcomes = {name: self.pool.submit(getattr(self, name)) for name in (
            "drip_request_line", "drip_header", "drip_body", "silent", "idle", "deaf", "deaf_and_loud", "greedy_caller",
            "anxious_caller", "many_refreshes")}

    def close(self):
        self.stack.close()  # a client that is still at it loses its connection
        self.pool.shutdown(cancel_futures=True)

    def result(self, name):
        """The client's result; waits for it."""
        return self.outcomes[name].result(300)

    # Each client returns (seconds until it was cut off, bytes received).

    def _drip(self, data, first=b""):
        started = time.monotonic()
        received = b""
        with self.broker.connect("tcp") as stream:
            stream.sendall(first)
            stream.settimeout(0.25)
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < started + 60:
                    stream.sendall(next(data))
                    with contextlib.suppress(TimeoutError):
                        more = stream.recv(65536)
                        if not more:
                            break
                        received += more
        return time.monotonic() - started, received

    def drip_request_line(self):
        return self._drip(iter([bytes([byte]) for byte in b"GET /" + b"a" * 1000]))

    def drip_header(self):
        head = f"GET /livez HTTP/1.1\r\nHost: localhost:{self.broker.port}\r\n".encode()
        return self._drip(iter([b"X: y\r\n"] * 1000), head)

    def drip_body(self):
        head = (f"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: localhost:{self.broker.port}\r\n"
                "EQP-Client: slow\r\nContent-Length: 8000\r\n\r\n").encode()
        return self._drip(iter([b" "] * 8000), head)

    def _until_end(self, data):
        started = time.monotonic()
        with self.broker.connect("tcp", timeout=60) as stream:
            stream.sendall(data)
            received = b""
            with contextlib.suppress(ConnectionError):
                while more := stream.recv(65536):
                    received += more
        return time.monotonic() - started, received

    def silent(self):
        return self._until_end(b"")

    def idle(self):
        return self._until_end(LIVE.format(port=self.broker.port).encode())

    def _deaf(self, more):
        started = time.monotonic()
        with deaf_client(self.broker, more) as stream:
            ended = select.poll()
            ended.register(stream, select.POLLRDHUP)
            ended.poll(60000)
        return time.monotonic() - started

    def deaf(self):
        return self._deaf(OWN_ERROR)

    def deaf_and_loud(self):
        return self._deaf(2 * OWN_ERROR)

    def greedy_caller(self):
        """One who always wants a token younger than 2 s, on sandbox, or not much older than a new one is when it comes;
        returns its last answer."""
        broker = self.broker
        deadline = time.monotonic() + 240
        wanted = 7198
        while (answer := broker.get(f"/v1/sandbox/token?min_ttl={wanted}&wait=10")).status in (200, 422):
            assert time.monotonic() < deadline, "nothing stops it"
            if answer.status == 422:  # the exchange took longer than that
                wanted = int(re.search(r"min_ttl=(\d+)", answer.json()["message"])[1]) - 1
            time.sleep(0.1)
        report = broker.post("/v1/sandbox/token/rejected", {"ust": broker.token()["ust"]})
        return {"demand": answer, "report": report, "exchanges": broker.status("sandbox")["exchanges"],
                "operator": broker.refresh("sandbox")}

    def anxious_caller(self):
        """One who reports each token at once, on agency; returns its answers."""
        broker, acted_on, reasons = self.broker, 0, []
        while not (reasons and reasons[-1].startswith("four")) and len(reasons) < 200:
            report = broker.post("/v1/agency/token/rejected", {"ust": broker.token("agency")["ust"]}).json()
            if report["refreshed"]:
                acted_on += 1
            else:
                reasons.append(report["reason"])
                time.sleep(0.5)
        return {"acted_on": acted_on, "reasons": reasons, "exchanges": broker.status("agency")["exchanges"],
                "upstream": self.simulator.state("agency")["requests"]["token"]}

    def many_refreshes(self):
        """An operator who does not stop, on production; returns the last answer."""
        broker = self.broker
        answers = []
        while (answer := broker.post("/v1/production/refresh")).status == 200 and len(answers) < 100:
            answers.append(answer)
        return {"operator": answer, "exchanges": broker.status("production")["exchanges"],
                "token": broker.get("/v1/production/token"),
                "upstream": self.simulator.state("production")["requests"]["token"]}
