"""eqp-brokerd: everything that an upstream can do wrong. The token in hand survives, the status says in words
what happened, the outcome is counted under its right name, and all is well again once the fault is over.

Every fault has an environment of its own, and all are lived through side by side.
"""

import concurrent.futures
import os
import re
import socket
import threading
import time

import pytest

from broker import Broker, wait_until
from simulator import EXAMPLE_KEY, Simulator

# name: (fault, its parameters, outcome, what the words must have, how long until the next attempt)
SOON, THROTTLED = (0, 2), (6, 16)
FAULTS = {
    "unavailable-500": ("unavailable", {"status": 500}, "unavailable", "HTTP 500", SOON),
    "unavailable-502-html": ("unavailable", {"status": 502, "html": True}, "unavailable", "HTTP 502", SOON),
    "unavailable-503": ("unavailable", {"status": 503}, "unavailable", "HTTP 503", SOON),
    "status-408": ("status", {"status": 408}, "unavailable", "HTTP 408", SOON),
    "status-425": ("status", {"status": 425}, "unavailable", "HTTP 425", SOON),
    "pause-503": ("unavailable", {"status": 503, "retry_after": 3}, "throttled", "HTTP 503", (1, 3)),
    "throttle": ("throttle", {}, "throttled", "HTTP 429", THROTTLED),
    "throttle-seconds": ("throttle", {"retry_after": 3}, "throttled", "HTTP 429", (1, 3)),
    "throttle-date": ("throttle", {"retry_after": 4, "retry_after_date": True}, "throttled", "HTTP 429", (1, 4)),
    "throttle-long": ("throttle", {"retry_after": 999999}, "throttled", "HTTP 429", (3500, 3700)),
    "throttle-junk": ("throttle", {"retry_after": "soon"}, "throttled", "HTTP 429", THROTTLED),
    "refuse-401": ("refuse", {"status": 401}, "key_refused", "HTTP 401: compare its ID and secret with the portal", SOON),
    "refuse-403": ("refuse", {"status": 403}, "request_refused", "HTTP 403", SOON),
    "status-400": ("status", {"status": 400, "code": 1208, "message": "Bad."}, "request_refused", "HTTP 400", SOON),
    "status-404": ("status", {"status": 404}, "request_refused", "HTTP 404", SOON),
    "redirect": ("redirect", {"location": "https://localhost:1/"}, "malformed", "a redirect to localhost is not", SOON),
    "status-204": ("status", {"status": 204}, "malformed", "HTTP 204", SOON),
    "not-json": ("not_json", {}, "malformed", "no JSON", SOON),
    "wrong-types": ("wrong_types", {}, "malformed", "is not a", SOON),
    "missing-ust": ("missing_field", {"field": "ust"}, "malformed", "ust", SOON),
    "missing-mage-id": ("missing_field", {"field": "mage_id"}, "malformed", "mage_id", SOON),
    "empty-lifetime": ("empty_field", {"field": "expires_in"}, "malformed", "expires_in", SOON),
    "bad-utf8": ("bad_utf8", {}, "malformed", "HTTP 200", SOON),
    "giant": ("giant", {"bytes": 50 * 1024 * 1024}, "malformed", "over 64 KiB", SOON),
    "giant-chunked": ("giant", {"bytes": 50 * 1024 * 1024, "chunked": True}, "malformed", "over 64 KiB", SOON),
    "giant-401": ("giant", {"bytes": 70000, "status": 401}, "key_refused", "HTTP 401", SOON),
    "giant-429": ("giant", {"bytes": 70000, "status": 429, "retry_after": 3}, "throttled", "HTTP 429", (1, 3)),
    "giant-503": ("giant", {"bytes": 70000, "status": 503, "chunked": True}, "unavailable", "HTTP 503", SOON),
    "truncate": ("truncate", {}, "unavailable", "", SOON),
    "reset": ("reset", {}, "unavailable", "", SOON),
    "garbage": ("garbage", {}, "unavailable", "", SOON),
    "wrong-certificate": ("wrong_certificate", {}, "unavailable", "certificate is not trusted", SOON),
    "hang": ("hang", {}, "unavailable", "imed out", SOON),
    "drip": ("drip", {"interval_ms": 500}, "unavailable", "imed out", SOON),
}
ENDLESS = ("hang", "drip")
UNSENT = ("wrong-certificate", "reset-on-accept", "refuse-connect")
CONNECTION_FAULTS = {
    "reset-on-accept": ("reset_on_accept", {}, "unavailable", "", SOON),
    "refuse-connect": ("refuse_connect", {}, "unavailable", "onnect", SOON),
}
LIFETIMES = {
    "lifetime-0": (0, False), "lifetime-negative": (-1, False), "lifetime-huge": (1e99, False),
    "lifetime-31d": (31 * 86400, False), "lifetime-half": (7200.5, False), "lifetime-null": (None, False),
    "lifetime-true": (True, False), "lifetime-word": ("long", False), "lifetime-signed": ("+7200", False),
    "lifetime-text": ("7200", True), "lifetime-30d": (30 * 86400, True), "lifetime-short": (120, True),
}
TOKENS = {
    "ust-quote": 'a"b', "ust-space": "a b", "ust-newline": "a\r\nX-Injected: 1", "ust-long": "x" * 4097,
    "ust-nul": "a\0b", "ust-umlaut": "\u00e4",
}
ALL = FAULTS | CONNECTION_FAULTS
ALL |= {name: ("lifetime", {"expires_in": value}, "malformed", "expires_in", SOON)
        for name, (value, good) in LIFETIMES.items() if not good}
ALL |= {name: ("bad_ust", {"ust": value}, "malformed", "ust", SOON) for name, value in TOKENS.items()}


class Lives:
    """Simulators and daemons for all faults, and what each went through, by name."""

    def __init__(self):
        self.simulators, self.brokers, self.futures = [], [], {}
        self.pool = concurrent.futures.ThreadPoolExecutor(12)
        names = list(ALL)
        for start in range(0, len(names), 16):
            part = names[start:start + 16]
            simulator = Simulator(part).start()
            self.simulators.append(simulator)
            broker = Broker(simulator, keys={name: EXAMPLE_KEY for name in part},
                            environments={name: "exchange_timeout = 1s" for name in part if name in ENDLESS})
            self.brokers.append(broker.__enter__())
            broker.wait_valid(*part)
            for name in part:
                self.futures[name] = self.pool.submit(self.live, broker, simulator, name)

    def live(self, broker, simulator, name):
        fault, parameters, _, _, again = ALL[name]
        seen = {"before": broker.token(name), "upstream": simulator}
        simulator.fault(name, fault, **parameters)
        began = time.monotonic()
        seen["answer"] = broker.refresh(name)
        seen["status"] = broker.status(name)
        seen["took"] = time.monotonic() - began
        seen["during"] = broker.token(name)
        seen["metrics"] = broker.get("/metrics").body.decode()
        seen["last"] = simulator.state(name)["last"]
        if fault == "refuse_connect":
            wait_until(lambda: broker.status(name)["failures_in_row"] >= 2, "a second attempt")
        simulator.clear_faults(name)
        if again[1] < 60:
            broker.wait_status(name, lambda status: status["failures_in_row"] == 0, timeout=120)
        else:
            seen["patience"] = broker.post(f"/v1/{name}/refresh")
        seen["after"] = broker.token(name)
        return seen

    def close(self):
        self.pool.shutdown(cancel_futures=True)
        for broker in self.brokers:
            broker.__exit__(None, None, None)
        for simulator in self.simulators:
            simulator.stop()


@pytest.fixture(scope="module")
def lives():
    lives = Lives()
    yield lives
    lives.close()


@pytest.mark.parametrize("name", ALL)
def test_fault(lives, name):
    fault, parameters, outcome, words, again = ALL[name]
    seen = lives.futures[name].result(300)
    answer, status, took = seen["answer"], seen["status"], seen["took"]

    assert (answer["outcome"], answer["refreshed"]) == (outcome, False), answer
    assert words in answer["message"]
    assert seen["during"]["ust"] == seen["before"]["ust"], "a failed refresh never discards a valid token"
    assert status["state"] == "valid"
    trouble = status["last_trouble"]
    assert trouble["outcome"] == outcome and words in trouble["message"] and len(trouble["message"]) > 8
    assert trouble["sent"] == (name not in UNSENT)
    if said := re.match(r"HTTP (\d+)", trouble["message"]):
        assert trouble["message"].count(said[1]) == 1, "a status is said once"
    exchanges = status["exchanges"]
    # Between answer and status there may be time for more of them, each a second after the one before.
    n_failed = exchanges[outcome]
    assert exchanges["granted"] == 1 and 1 <= n_failed <= 2 + took, "an answer ends the wait of who asked"
    counted = ["granted", "key_refused", "throttled", "unavailable", "request_refused", "malformed"]
    assert [name for name in counted if exchanges[name]] in (["granted", outcome], [outcome, "granted"])
    assert re.search(rf'environment="{name}",outcome="{outcome}"}} [1-9]', seen["metrics"])
    # A status alone proves little: with a single key it is tried again whatever was answered.
    known = ("refused", "unauthorized") if outcome == "key_refused" else ("good", None)
    assert [(key["state"], key.get("cause")) for key in status["keys"]] == [known]
    assert again[0] - took <= status["next_refresh_in_sec"] <= again[1] * 2 ** (n_failed - 1), status
    # It is over by itself, unless the upstream asked for patience.
    if "patience" in seen:
        assert seen["patience"].error() == (429, "refresh_limited")
        assert seen["after"]["ust"] == seen["before"]["ust"]
        return
    assert seen["after"]["ust"] != seen["before"]["ust"]


def test_an_odd_answer_is_kept_without_secrets(lives):
    status = lives.futures["status-400"].result(300)["status"]
    odd = status["last_unknown_answer"]
    assert (odd["status"], odd["content_type"], odd["code"], odd["message"]) == (400, "application/json", 1208, "Bad.")
    assert "content-length" in odd["header_names"]
    odd = lives.futures["unavailable-502-html"].result(300)["status"]["last_unknown_answer"]
    assert odd["status"] == 502 and odd["content_type"].startswith("text/html") and odd["message"] == ""


def test_a_redirect_is_not_followed(upstream, make_broker):
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.setblocking(False)
        for scheme in ("http", "https"):
            upstream.fault("sandbox", "redirect", location=f"{scheme}://127.0.0.1:{trap.getsockname()[1]}/", count=1)
            broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
            broker.wait_status("sandbox", lambda status: status["exchanges"]["malformed"] == 1)
            assert broker.stop() == 0
            with pytest.raises(BlockingIOError):
                trap.accept()


@pytest.mark.parametrize("name", [name for name, (_, good) in LIFETIMES.items() if good])
def test_lifetimes_that_are_granted(upstream, make_broker, name):
    value = LIFETIMES[name][0]
    upstream.fault("sandbox", "lifetime", expires_in=value)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    assert int(value) - 5 <= broker.token()["expires_in"] <= int(value)
    assert 0.59 * int(value) - 5 <= broker.status("sandbox")["next_refresh_in_sec"] <= 0.7 * int(value)


@pytest.mark.parametrize("ust", ["x" * 4096, "!#$%&()*+,-./:;<=>?@[\\]^_`{|}~"])
def test_tokens_that_are_taken(upstream, make_broker, ust):
    upstream.fault("sandbox", "bad_ust", ust=ust)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    assert broker.token()["ust"] == ust
    assert broker.get("/v1/sandbox/token", {"Accept": "text/plain"}).body.decode() == ust + "\n"


def test_the_request_is_as_documented(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": "lifetime = 15min"}).wait_valid()
    assert 800 < broker.token()["expires_in"] < 900
    entry = upstream.state("sandbox")["last"][0]
    assert (entry["method"], entry["path"]) == ("POST", "/rest/v1/app/session/token")
    assert entry["user_agent"].startswith("eqp-broker/")


# outages


@pytest.mark.slow("a token's whole life")
def test_an_outage_beyond_the_token(upstream, make_broker):
    """Served to the end, never after it, and again as soon as there is a new one."""
    lifetime = 8  # less than the budget can bear: by itself it would not be renewed
    upstream.settings("sandbox", lifetime_fixed=lifetime)
    before = time.monotonic()
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    granted = time.monotonic()
    upstream.fault("sandbox", "unavailable")
    wait_until(lambda: broker.get("/v1/sandbox/token?min_ttl=6&wait=0").status != 200, "a demand, whose failure is the first")
    asked = time.monotonic()
    while (answer := broker.get("/v1/sandbox/token?wait=0")).status == 200:
        # The rest of its last second is rounded down to 0.
        assert 0 <= answer.json()["expires_in"] <= lifetime and asked <= granted + lifetime
        time.sleep(0.01)
        asked = time.monotonic()
    assert time.monotonic() >= before + lifetime, "it was good until then at least"
    assert answer.error() == (503, "no_token") and "not available" in answer.json()["message"]
    assert broker.get("/readyz").error() == (503, "not_ready")
    assert broker.log("the token in hand has expired", priority=3)
    upstream.clear_faults()
    broker.wait_valid()
    assert broker.get("/readyz").status == 200


@pytest.mark.parametrize("lifetime", [3, 60, 118, 137, 7200])
def test_a_life_is_used_to_two_thirds_or_as_the_budget_can_bear(upstream, make_broker, lifetime):
    """44 exchanges an hour are 82 s apart; none is used up that a later hour would lack."""
    upstream.settings("sandbox", lifetime_fixed=lifetime)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    began = time.monotonic()
    status = broker.wait_status("sandbox", lambda status: status["last_refresh_at"])
    late = time.monotonic() - began + 1
    if lifetime > 3:
        assert status["state"] == "valid" and status["token"]["lifetime_sec"] == lifetime
    assert max(81, 0.6 * lifetime) - late <= status["next_refresh_in_sec"] <= max(82, 0.7 * lifetime)
    if lifetime == 3:
        status = broker.wait_status("sandbox", lambda status: status["state"] == "no_token")
        assert re.match("the latest token lived for less than the hourly budget can bear; next attempt in 1min", status["why"])


def test_a_granted_lifetime_that_the_budget_cannot_bear_is_warned_of(upstream, make_broker):
    """Once for each lifetime."""
    upstream.settings("sandbox", lifetime_fixed=30)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    line, = broker.wait_log("the upstream grants a lifetime")
    assert line.startswith("sandbox: the upstream grants a lifetime of 30s where 2h was asked for, which is shorter than the hourly")
    assert line.endswith("check base_url, or ask the upstream's operator for 117s or more")
    for lifetime, warned in ((30, 1), (40, 2), (7200, 2), (40, 3)):
        upstream.settings("sandbox", lifetime_fixed=lifetime)
        broker.refresh()
        broker.wait_status("sandbox", lambda status: status["token"]["lifetime_sec"] == lifetime)
        assert len(broker.log("the upstream grants a lifetime", priority=4)) == warned, lifetime


@pytest.mark.slow("a token of 118 s", first=True)
def test_short_tokens_are_renewed_in_time(upstream, make_broker):
    """The shortest life that is covered as a whole."""
    upstream.settings("sandbox", lifetime_fixed=118)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    seen = set()

    def second():
        answer = broker.get("/v1/sandbox/token?wait=0")
        assert answer.status == 200, "there was no moment without a token"
        seen.add(answer.json()["ust"])
        return len(seen) == 2

    wait_until(second, "two tokens in a row", timeout=90, interval=0.1)
    assert upstream.state("sandbox")["requests"]["token"] == 2


def test_down_at_the_start(upstream, make_broker):
    upstream.fault("sandbox", "refuse_connect")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    broker.wait_status("sandbox", lambda status: status["failures_in_row"] >= 2)
    assert broker.get("/livez").status == 200
    upstream.clear_faults()
    assert broker.token(query="?wait=30")["ust"]


def test_a_host_that_nobody_knows(make_broker):
    broker = make_broker(keys={"sandbox": EXAMPLE_KEY},
                         environments={"sandbox": "base_url = https://nowhere.invalid"})
    status = broker.wait_status("sandbox", lambda status: status["last_trouble"], timeout=60)
    assert status["last_trouble"]["outcome"] == "unavailable"
    assert "check DNS and base_url" in status["last_trouble"]["message"] and not status["last_trouble"]["sent"]


def test_without_the_authority(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         environments={"sandbox": f"base_url = {upstream.urls['sandbox']}\n# no ca_file"})
    status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert "certificate is not trusted" in status["last_trouble"]["message"]
    assert upstream.state("sandbox")["requests"]["total"] == 0, "the key was not sent"


def test_an_authority_that_is_no_file(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         environments={"sandbox": "ca_file = /nonexistent/ca.pem"})
    status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert "check ca_file" in status["last_trouble"]["message"] and not status["last_trouble"]["sent"]


def test_an_authority_that_is_a_pipe_is_not_waited_for(upstream, make_broker, tmp_path):
    """Opening it would wait for somebody who writes to it; nobody does."""
    os.mkfifo(tmp_path / "pipe")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY},
                         environments={"sandbox": f"ca_file = {tmp_path}/pipe"})
    status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert status["last_trouble"]["message"] == f"{tmp_path}/pipe: not a regular file (check ca_file)"
    assert status["last_trouble"]["outcome"] == "unavailable" and not status["last_trouble"]["sent"]
    broker.wait_valid("production")
    broker.reload()
    assert broker.stop() == 0


class Proxy(threading.Thread):
    """A proxy that knows CONNECT only, and remembers what it was asked for."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.asked, self.refusal = [], b""
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            self.asked.append(head.decode())
            if self.refusal:
                client.sendall(self.refusal)
                client.close()
                continue
            host, port = head.split()[1].decode().rsplit(":", 1)
            server = socket.create_connection((host, int(port)))
            client.sendall(b"HTTP/1.1 200 Connection established\r\nContent-Type: x/proxy\r\nRetry-After: 5\r\n\r\n")
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


@pytest.fixture
def proxy():
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_the_proxy_of_the_environment(upstream, make_broker, proxy, variable):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={variable: proxy.url}).wait_valid()
    assert len(proxy.asked) == 1 and proxy.asked[0].startswith("CONNECT localhost:")
    assert "authorization: basic" not in proxy.asked[0].lower(), "the key is for the upstream alone"
    assert broker.token()["ust"]


def test_no_proxy(upstream, make_broker, proxy):
    make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                env={"https_proxy": proxy.url, "no_proxy": "localhost"}).wait_valid()
    assert proxy.asked == []


def test_a_proxys_answer_is_not_the_upstreams(upstream, make_broker, proxy):
    upstream.fault("sandbox", "throttle")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"https_proxy": proxy.url})
    status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert status["next_refresh_in_sec"] <= 16
    assert status["last_unknown_answer"]["content_type"] == "application/json"


def test_a_proxy_that_is_not_there(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"https_proxy": "http://127.0.0.1:1"})
    status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert (status["last_trouble"]["outcome"], status["last_trouble"]["sent"]) == ("unavailable", False)


@pytest.mark.parametrize("code, more", [
    ("403", b"Content-Length: 0\r\n\r\n"),
    ("407", b"Proxy-Authenticate: Basic realm=x\r\nContent-Length: 8000\r\n\r\n" + b"a page, " * 1000)])
def test_a_proxy_that_refuses(upstream, make_broker, proxy, code, more):
    """A request to the proxy is none to the upstream, and the proxy's answer is no answer of its."""
    proxy.refusal = b"HTTP/1.1 %b No\r\nContent-Type: text/html\r\nRetry-After: 600\r\n%b" % (code.encode(), more)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"https_proxy": proxy.url})
    status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert len(proxy.asked) >= 1 and status["last_unknown_answer"] is None
    trouble = status["last_trouble"]
    assert (trouble["outcome"], trouble["kind"], trouble["sent"]) == ("unavailable", "plain", False)
    assert f"response {code}" in trouble["message"]


@pytest.mark.parametrize("proxy", ["http://eqp-user:pa55word@proxy host:3128", "odd://eqp-user:pa55word@proxy:3128",
                                   "http://eqp-user:pa55word@127.0.0.1:99999", "eqp-user:pa55word@[::1:3128"])
def test_the_password_of_a_misspelt_proxy_is_told_to_nobody(upstream, make_broker, proxy):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"https_proxy": proxy})
    broker.keep_secret("eqp-user", "pa55word")
    status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert "proxy" in status["last_trouble"]["message"]
    broker.stop()  # looks through the log
