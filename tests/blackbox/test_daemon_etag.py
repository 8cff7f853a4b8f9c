"""eqp-brokerd: a client that has a token waits for the next one (ETag and If-None-Match)."""

import re
import subprocess
import threading
import time

import pytest

from simulator import EXAMPLE_KEY

TOKEN = "/v1/sandbox/token"
FORM = r'W/"[0-9a-f]{32}"'


def get(broker, path=TOKEN, etag=None, **more):
    headers = more.pop("headers", {}) | ({"If-None-Match": etag} if etag else {})
    return broker.get(path, headers, **more)


class Waiting(threading.Thread):
    """A request that is under way."""

    def __init__(self, broker, *arguments, **more):
        super().__init__()
        self.ask = lambda: get(broker, *arguments, **more)
        self.answer, self.seconds = None, None
        self.start()

    def run(self):
        began = time.monotonic()
        self.answer = self.ask()
        self.seconds = time.monotonic() - began

    def result(self):
        self.join(60)
        return self.answer


@pytest.fixture
def broker(upstream, make_broker):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}).wait_valid("sandbox", "production")


def test_it_names_the_token(broker):
    first = get(broker)
    etag = first.headers["ETag"]
    assert re.fullmatch(FORM, etag) and first.json()["ust"] not in etag
    assert get(broker, headers={"Accept": "text/plain"}).headers["ETag"] == etag
    assert broker.request("HEAD", TOKEN).headers["ETag"] == etag
    assert get(broker, "/v1/production/token").headers["ETag"] != etag
    broker.refresh()
    assert get(broker).headers["ETag"] != etag


@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_304_at_once_without_a_wait(broker, via):
    etag = get(broker).headers["ETag"]
    began = time.monotonic()
    for named in (etag, etag.removeprefix("W/"), "*", f'"other", {etag}'):
        answer = get(broker, etag=named, via=via)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", etag)
        assert answer.headers["Content-Length"] == get(broker).headers["Content-Length"], "RFC 9110, section 8.6"
    assert time.monotonic() - began < 6, "the default of wait is not waited for: four times 2 s"
    for named in ('"other"', etag[:-2] + '"', "other"):
        assert get(broker, etag=named, via=via).status == 200


def test_two_such_headers(broker):
    answer = broker.raw(f"GET {TOKEN} HTTP/1.1\r\nHost: localhost:{broker.port}\r\nEQP-Client: a\r\nIf-None-Match: *\r\n"
                         "If-None-Match: *\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400") and b"If-None-Match" in answer


def test_304_at_the_end_of_the_wait(broker, upstream):
    etag = get(broker).headers["ETag"]
    waiting = Waiting(broker, f"{TOKEN}?wait=1", etag=etag)
    assert waiting.result().status == 304 and 0.9 < waiting.seconds < 10
    assert upstream.state("sandbox")["requests"]["token"] == 1, "waiting causes no exchange"


@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_the_next_token_comes_at_once(broker, via):
    first = get(broker)
    waiting = [Waiting(broker, f"{TOKEN}?wait=30", etag=first.headers["ETag"], via=via) for _ in range(20)]
    broker.wait_connections(20)
    other = Waiting(broker, "/v1/production/token?wait=5", etag=get(broker, "/v1/production/token").headers["ETag"], via=via)
    broker.wait_connections(21)
    broker.refresh()
    answers = [one.result() for one in waiting]
    assert {answer.status for answer in answers} == {200} and max(one.seconds for one in waiting) < 20
    tokens = {answer.json()["ust"] for answer in answers}
    assert len(tokens) == 1 and tokens != {first.json()["ust"]}
    assert {answer.headers["ETag"] for answer in answers} == {get(broker).headers["ETag"]}
    assert other.result().status == 304, "another environment's token is no news"


def test_a_failed_attempt_is_no_news(broker, upstream):
    etag = get(broker).headers["ETag"]
    upstream.fault("sandbox", "unavailable")
    waiting = Waiting(broker, f"{TOKEN}?wait=4", etag=etag)
    broker.wait_connections(1)
    broker.post("/v1/sandbox/refresh")
    assert waiting.result().status == 304 and waiting.seconds > 3


def test_a_wait_goes_on_over_a_reload(broker):
    etag = get(broker).headers["ETag"]
    waiting = Waiting(broker, f"{TOKEN}?wait=30", etag=etag)
    broker.wait_connections(1)
    broker.reload()
    broker.refresh()
    assert waiting.result().status == 200 and waiting.answer.headers["ETag"] != etag


def test_a_wait_is_cut_short_at_the_end(broker):
    waiting = Waiting(broker, f"{TOKEN}?wait=30", etag=get(broker).headers["ETag"])
    broker.wait_connections(1)
    broker.stop()
    assert waiting.result().status == 304 and waiting.seconds < 20, "it can ask the next process again"


def test_the_same_over_a_restart(upstream, make_broker, manager):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    etag = get(broker).headers["ETag"]
    manager.restart_aged(broker, 5)
    assert get(broker, etag=etag).status == 304


def test_with_curl(broker, tmp_path):
    """As a script does it: curl keeps the ETag in a file, and writes the token only when there is another one."""
    kept, token = tmp_path / "etag", tmp_path / "token"

    def fetch(query=""):
        done = subprocess.run(["curl", "-sS", "--unix-socket", str(broker.socket_path), "-H", "Accept: text/plain", "-w",
                               "%{http_code}", "--etag-compare", str(kept), "--etag-save", str(kept), "-o", str(token),
                               f"http://localhost{TOKEN}{query}"], check=True, capture_output=True, text=True)
        return done.stdout

    kept.touch()
    assert fetch() == "200" and token.read_text().strip() == broker.token()["ust"]
    assert fetch() == "304" and fetch("?wait=1") == "304"
    broker.refresh()
    assert fetch("?wait=20") == "200" and token.read_text().strip() == broker.token()["ust"]
