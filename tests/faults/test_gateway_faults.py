"""Every call of the gateway into the kernel or a library fails, once, somewhere in its life.

The life: requests with and without a body, small and large, with one of unknown length; answers of each form, with a large
head, a 401 that is reported, one that is cut off; other settings; a client that goes. The test is the forwarder. Whatever fails: no crash, no report of a sanitizer, no hang; no answer is wrong; and afterwards a request is
answered.
"""

import base64
import contextlib
import select
import threading

import pytest

import gateway_host as gh
from broker import REPORTS
from gateway_host import TOKEN, Client, Host, eventually, local_key

KINDS = ("memory", "socket", "file", "loop", "json", "http")
SECRET = "0123456789abcdef" * 4
KEY = local_key("reports", SECRET, "* /rest/v1/**")
BASIC = "Authorization: Basic " + base64.b64encode(f"lk-reports:{SECRET}".encode()).decode()
LARGE = b"0123456789abcdef" * 8192
HEADERS = [f"X-Large-{at}: {'x' * 1000}" for at in range(10)]
GONE = (OSError, EOFError, AssertionError, IndexError, ValueError)


class Upstream(threading.Thread):
    """Answers whatever comes by a lane, and gives the gateway another for one that is broken."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.host, self.over = host, False
        self.next_lane = 2

    def run(self):
        while not self.over:
            lanes = self.host.lanes[:self.next_lane]
            for lane in [lane for lane in lanes if select.select([lane.ours], [], [], 0)[0]]:
                with contextlib.suppress(*GONE):
                    self.serve(lane)
            select.select([lane.ours for lane in lanes if not getattr(lane, "dead", False)], [], [], 0.02)

    def serve(self, lane):
        try:
            kind, packet = lane.packet()
        except (EOFError, OSError):
            lane.dead = True
            raise
        if kind == gh.ABORT:
            lane.fail(gh.ABORTED)
        if kind != gh.REQUEST:
            return
        request = gh.Request(packet)
        lane.number = request.number
        assert request.token == TOKEN
        if request.has_body and not request.whole:
            lane.go_on()
            assert lane.body() == LARGE
        path = request.target.removeprefix("/rest/v1/")
        if path == "refused":
            lane.respond(401, body=b'{"code":401}')
        elif path == "head":
            lane.respond(200, HEADERS, body=b"fine")
        elif path == "large":
            lane.respond(200, body=LARGE[:16384], length=-1, last=False)
            for at in range(16384, len(LARGE), 16384):
                lane.data(LARGE[at:at + 16384])
            lane.last()
        elif path == "cut":
            lane.respond(200, body=b"beginning", length=1000, last=False)
            lane.fail(gh.LOST, sent=True)
        else:
            lane.respond(201, ["X-A: b", "Location: https://up.example/rest/v1/a"], body=b"hello")


class Life:
    def __init__(self, tmp_path, fault):
        tmp_path.mkdir(exist_ok=True)
        self.tmp_path = tmp_path
        environment = {"EQP_FAULT_REPORT": str(tmp_path / "report")} | ({"EQP_FAULT": fault} if fault else {})
        self.right = self.wrong = 0
        self.host = Host(tmp_path, local=KEY, spare_lanes=6, program="tests/faults/gateway-host-faults", environment=environment)
        self.host.tell(f"report {gh.verdicts()['REFRESH_TOO_SOON']}")
        self.upstream = Upstream(self.host)
        self.upstream.start()

    def ask(self, path, expected, status=201, head=None, tcp=False, late=False, **more):
        """Is it answered, and right? Or not answered, as that is what the failure cost. late: it is sent once the connection
        was taken in, which then has little memory."""
        if late:
            self.wait_connections(0)
        client = Client(self.host, tcp)
        client.socket.settimeout(10)
        try:
            if late:
                self.wait_connections(1)
            got = client.ask(path=path, **more).answer(more.get("method", "GET"))
        except (OSError, EOFError):
            return False
        finally:
            client.close()
        if got.header("EQP-Error") or got.status == 429:
            assert got.status >= 500 or got.status == 429 or got.header("EQP-Error") == "caller_unknown", (path, got.status, got.body)
            return False
        if got.closed and got.body != expected:
            return False
        assert got.status == status and (expected is None or got.body == expected), (path, got.status, got.body[:200])
        assert head is None or all(tuple(line.split(": ", 1)) in got.headers for line in head), got.headers
        self.right += 1
        return True

    def wait_connections(self, n):
        with contextlib.suppress(AssertionError):  # it was not taken in
            eventually(lambda: self.host.connections() == n, seconds=2)

    def live(self):
        """How many of its requests were answered in full."""
        path = "/sandbox/rest/v1/"
        self.ask(f"{path}head", b"fine", status=200, head=HEADERS, late=True)
        self.ask(f"{path}a", b"hello", head=["X-A: b"])
        self.ask(f"{path}a", b"hello", tcp=True, headers=(BASIC,))
        self.ask(f"{path}a", b"hello", method="POST", body=b"abc")
        self.ask(f"{path}a", b"hello", method="POST", body=LARGE)
        self.ask(f"{path}a", b"", method="HEAD")
        self.ask(f"{path}head", b"fine", status=200, head=HEADERS)
        self.ask(f"{path}large", LARGE, status=200)
        self.ask(f"{path}refused", b'{"code":401}', status=401)
        with contextlib.suppress(AssertionError):
            self.ask(f"{path}cut", None, status=0)  # it never comes to its end
        try:
            self.host.configure(local=KEY)
        except AssertionError as error:
            assert "out of memory" in str(error)
        with contextlib.suppress(OSError):
            client = Client(self.host)
            client.ask(method="POST", path=f"{path}a", headers=("Content-Length: 5000",))
            client.close()
        return self.right

    def close(self):
        self.upstream.over = True
        self.upstream.join()
        with contextlib.suppress(OSError):
            self.host.process.stdin.close()
        code = self.host.process.wait(60)
        text = self.host.log.read_text()
        assert not any(word in text for word in REPORTS), text
        return code, text

    def counts(self):
        return dict(line.split() for line in (self.tmp_path / "report").read_text().splitlines())


def tend(life):
    """Lanes that were broken are replaced, as the keeper does."""
    while not life.host.news.empty():
        news = life.host.news.get().split()
        if news[0] == "!dead" and life.upstream.next_lane < len(life.host.lanes):
            life.upstream.next_lane += 1
            life.host.tell(f"lane {news[1]}")


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_fails_once(tmp_path, request, kind):
    plain = Life(tmp_path / "plain", None)
    n_right = plain.live()
    code, text = plain.close()
    assert code == 0 and n_right == 9, (n_right, text)
    n, failed = int(plain.counts()[kind]), set()
    for which in range(1, n + 1, request.config.getoption("every")):
        life = None
        directory = tmp_path / f"{which}"
        try:
            life = Life(directory, f"{kind}:{which}")
            life.live()
            tend(life)
            assert any(life.ask("/sandbox/rest/v1/a", b"hello") for _ in range(3)), which
            code, text = life.close()
            assert code == 0, (which, code, text)
            failed.add(life.counts().get("failed"))
        except Exception as error:  # its start may have come to nothing, of which the stand-in says so
            text = (directory / "log").read_text()
            at_start = "gateway_host: " in text or "out of memory" in str(error)
            assert at_start and not any(word in text for word in REPORTS), (which, error, text)
            failed.add("a start")
    print(f"gateway, {kind}: {n} calls, {sorted(filter(None, failed))}")
    assert failed - {None} or n == 0
