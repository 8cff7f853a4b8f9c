"""eqp-brokerd: an upstream that says more than anybody wants to know. Its status counts all the same."""

import gzip
import json

import pytest

from authorities import GRANT, Authority, Upstream
from broker import Broker
from simulator import EXAMPLE_KEY

PAGE = b"<!DOCTYPE html>\n<html><body>" + 70_000 * b"x" + b"</body></html>\n"
PADDING = b"".join(b"X-Padding-%d: %b\r\n" % (i, 1000 * b"x") for i in range(80))


class Talker(Upstream):
    """Answers every request with these bytes."""

    def __init__(self, authority, answer):
        super().__init__(authority)
        self.answer = answer

    def converse(self, stream):
        if self.read_head(stream):
            stream.sendall(self.answer)
            stream.recv(65536)


def page(status, *headers):
    return b"\r\n".join([b"HTTP/1.1 %b" % status, b"Content-Type: text/html", *headers,
                         b"Content-Length: %d" % len(PAGE), b"", PAGE])


def long_head(status, *headers):
    return b"\r\n".join([b"HTTP/1.1 %b" % status, *headers, PADDING + b"Content-Length: 0", b"", b""])


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "company")


@pytest.mark.parametrize("answer, outcome, words, wait", [
    (page(b"503 Service Unavailable"), "unavailable", "HTTP 503", (0, 2)),
    (page(b"503 Service Unavailable", b"Retry-After: 30"), "throttled", "HTTP 503", (20, 40)),
    (page(b"429 Too Many Requests", b"Retry-After: 30"), "throttled", "HTTP 429", (20, 40)),
    (page(b"401 Unauthorized"), "key_refused", "HTTP 401", (0, 2)),
    (page(b"200 OK"), "malformed", "HTTP 200: a maintenance page", (0, 2)),
    (long_head(b"503 Service Unavailable"), "unavailable", "HTTP 503", (0, 2)),
    (long_head(b"429 Too Many Requests", b"Retry-After: 30"), "throttled", "HTTP 429", (20, 40)),
    (long_head(b"401 Unauthorized"), "key_refused", "HTTP 401", (0, 2)),
    (long_head(b"200 OK"), "malformed", "HTTP 200: the head is over 64 KiB", (0, 2)),
    (PADDING + b"\r\n", "unavailable", "", (0, 2)),
], ids=["503", "pause", "429", "401", "200", "head-503", "head-429", "head-401", "head-200", "no-status"])
def test_a_status_counts_whatever_comes_with_it(authority, answer, outcome, words, wait):
    with (Talker(authority, answer) as upstream,
          Broker(keys={"sandbox": EXAMPLE_KEY}, tcp=False, environments={
              "sandbox": f"base_url = {upstream.url}\nca_file = {authority.path}"}) as broker):
        status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert status["last_trouble"]["outcome"] == outcome and words in status["last_trouble"]["message"]
    assert wait[0] <= status["next_refresh_in_sec"] <= wait[1] * 2 ** (status["failures_in_row"] - 1)


@pytest.mark.parametrize("status, outcome", [(b"200 OK", "malformed"), (b"429 Too Many Requests", "throttled")])
@pytest.mark.parametrize("coding, n", [(b"gzip", 1), (b"gzip, gzip, gzip", 3), (b"gzip, chunked", 1)])
def test_a_body_that_grows_is_not_decoded(authority, status, outcome, coding, n):
    """Ten kilobytes of gzip in gzip can take hours, and come to nothing. This one is a good answer."""
    body = json.dumps(GRANT).encode()
    for _ in range(n):
        body = gzip.compress(body)
    if b"chunked" in coding:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    head = b"HTTP/1.1 %b\r\nTransfer-Encoding: %b\r\nRetry-After: 30\r\n\r\n" % (status, coding)
    with (Talker(authority, head + body) as upstream,
          Broker(keys={"sandbox": EXAMPLE_KEY}, tcp=False, environments={
              "sandbox": f"base_url = {upstream.url}\nca_file = {authority.path}"}) as broker):
        trouble = broker.wait_status("sandbox", lambda status: status["last_trouble"])["last_trouble"]
    assert trouble["outcome"] == outcome
    assert outcome == "throttled" or "HTTP 200: its Transfer-Encoding is not chunked alone" in trouble["message"]


def test_the_next_key_is_tried(upstream, make_broker):
    upstream.add_key("sandbox", "SPARE123", "spare-secret")
    upstream.fault("sandbox", "giant", status=401, bytes=len(PAGE), count=1)
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY, "sandbox.2-spare": "SPARE123:spare-secret"})
    broker.wait_valid()
    assert [(key["label"], key["state"]) for key in broker.status("sandbox")["keys"]] == [
        ("1-main", "refused"), ("2-spare", "good")]
