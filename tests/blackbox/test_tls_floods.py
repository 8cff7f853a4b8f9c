"""A TLS peer that never comes to the point: messages that OpenSSL takes in a loop of its own, before any certificate."""

import time

from broker import wait_until
from endless_peer import FOR, Flood
from simulator import EXAMPLE_KEY
from stores import share

HELLO_REQUEST = b"\x16\x03\x03\x00\x04\0\0\0\0"  # a record with one, which is skipped (RFC 5246, 7.4.1.1)


def test_an_upstream_that_floods_holds_up_nothing(upstream, make_broker):
    with Flood(HELLO_REQUEST) as flood:
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": f"base_url = https://127.0.0.1:{flood.port}"})
        wait_until(lambda: flood.ended, "the connection is over", 60)
        assert flood.ended[0] < FOR / 2
        broker.wait_log("^sandbox: .*(the upstream|TLS|SSL)")
        begin = time.monotonic()
        broker.stop()
        assert time.monotonic() - begin < FOR / 2


def test_a_store_that_floods_holds_up_nothing(upstream, make_broker):
    with Flood(HELLO_REQUEST) as flood:
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, share=share(f"rediss://127.0.0.1:{flood.port}")).wait_valid()
        assert flood.n > 0 and wait_until(lambda: flood.ended, "the connection is over", 60)[0] < FOR / 2
        assert broker.token()["ust"]
