"""A proxy, or somebody at its address, that refuses a connection in an answer without end: libcurl reads that in a loop of its
own, a byte at a time."""

import time

import pytest

from broker import wait_until
from carrier_fixtures import authority, carrier  # noqa: F401
from endless_peer import FOR, Flood
from raw_upstream import PLAIN, RawUpstream, answering
from simulator import EXAMPLE_KEY

REFUSAL = b"HTTP/1.1 407 Who are you?\r\n"
ENDLESS = pytest.mark.parametrize("first", [
    REFUSAL + b"Content-Length: 9000000000000000000\r\n\r\n",
    REFUSAL + b"Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n"], ids=["length", "chunk"])
WORDS = "the proxy's answer to CONNECT is too long"


@ENDLESS
def test_the_keeper_goes_on(upstream, make_broker, first):
    with Flood(b"\0", first) as flood:
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"https_proxy": flood.url})
        wait_until(lambda: flood.ended, "the connection is over", 60)
        assert flood.ended[0] < FOR / 2
        trouble = broker.wait_status("sandbox", lambda status: status["last_trouble"])["last_trouble"]
        assert (trouble["outcome"], trouble["sent"]) == ("unavailable", False)
        assert f"{WORDS} (status 407)" in trouble["message"] and "check https_proxy" in trouble["message"]
        broker.reload()
        begin = time.monotonic()
        broker.stop()
        assert time.monotonic() - begin < FOR / 2
    assert upstream.state("sandbox")["requests"]["total"] == 0


@ENDLESS
def test_the_forwarder_goes_on(carrier, authority, first):
    """Requests of others, too."""
    with Flood(b"\0", first) as flood, RawUpstream(authority, answering(PLAIN)) as upstream:
        carrier.upstream("sandbox", upstream.url, authority.path, proxy=flood.url)
        carrier.upstream("production", upstream.url, authority.path)
        flooded, others = carrier.lane(), carrier.lane()
        flooded.begin("GET", "/x")
        wait_until(lambda: flood.n > 0, "the proxy is asked")
        assert others.ask("GET", "/x", environment="production").status == 200
        got = flooded.finish()
        assert (got.status, got.fail, got.sent) == (None, "unreachable", False) and WORDS in got.why
        assert wait_until(lambda: flood.ended, "the connection is over", 60)[0] < FOR / 2

