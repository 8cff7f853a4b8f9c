"""Every call of a carrier into the kernel or a library fails, once, somewhere in its life.

The life: an upstream is told, small requests, one that uploads, one that is aborted, another upstream. Whatever fails: no
crash, no report of a sanitizer, no hang; no answer is wrong; and afterwards a request is answered, at most on another lane.
"""

import contextlib

import pytest

from authorities import Authority
from lanes import SOON_SEC, Carrier
from raw_upstream import RawUpstream, answering

KINDS = ("memory", "socket", "loop", "curl")
FAILS = ("internal", "unreachable", "lost", "slow", "unknown", "aborted")
ANSWER = b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authorities"), "company")
    with RawUpstream(authority, answering(ANSWER)) as upstream:
        upstream.authority = authority
        yield upstream
        upstream.troubles.clear()  # bodies that broke off


def carrier_with(tmp_path, fault):
    environment = {"EQP_FAULT_REPORT": str(tmp_path / "report")}
    if fault:
        environment["EQP_FAULT"] = fault
    return Carrier(program="faults/carrier-host-faults", environment=environment)


def tell(carrier, upstream, ms=3000):
    carrier.base_urls["sandbox"] = upstream.url
    return carrier.order("upstream", "sandbox", upstream.url, upstream.authority.path, ms, ms, "-", "127.0.0.1") == "ok"


def is_right(got):
    if got.fail is None:
        assert (got.status, got.headers, got.body) == (200, [("X-A", "b")], b"hello")
    else:
        assert got.fail in FAILS, (got.fail, got.why)
    return got.fail is None


def live(carrier, upstream, ms=3000):
    """Where nothing fails, all of it is answered. Returns whether it was."""
    told = tell(carrier, upstream, ms)
    if not told:
        assert tell(carrier, upstream, ms)  # a request would wait for that
    lane = carrier.lane()
    right = [is_right(lane.ask("GET", "/x", headers=[("Accept", "*/*")], token="token12345"))]
    right.append(is_right(lane.ask("POST", "/x", body=b"abc")))
    lane.begin("POST", "/x", length=40000)
    right.append(is_right(lane.finish(lane.upload([b"x" * 10000] * 4))))
    lane.begin("POST", "/x", length=40000)
    lane.abort()
    is_right(lane.finish())
    return all(right) and told and tell(carrier, upstream, ms)


def is_answered(carrier):
    """At the second try at the latest: how many calls a life has differs a little, so the fault may not have come before."""
    with contextlib.suppress(OSError):
        if is_right(carrier.lane().ask("GET", "/x")):
            return True
    return is_right(carrier.lane().ask("GET", "/x"))


def counts(tmp_path):
    lines = [line.split() for line in (tmp_path / "report").read_text().splitlines()]
    return {word: value for word, value in lines}


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_fails_once(upstream, tmp_path, request, kind):
    with carrier_with(tmp_path, None) as carrier:
        assert live(carrier, upstream, 15000)  # nothing fails because the machine is busy
    n, n_failed = int(counts(tmp_path)[kind]), 0
    for which in range(1, n + 1, request.config.getoption("every")):
        carrier = carrier_with(tmp_path, f"{kind}:{which}")
        try:
            with carrier:
                with contextlib.suppress(OSError):  # a lane that was ended, or could not be had
                    live(carrier, upstream)
                assert tell(carrier, upstream) or tell(carrier, upstream)
                assert is_answered(carrier), which
        except (OSError, AssertionError):
            # A start that came to nothing; Carrier does not know of it.
            if carrier.process.wait(SOON_SEC) != 1 or carrier.lanes and carrier.lanes[0].number > 0:
                raise
        n_failed += "failed" in counts(tmp_path)
    assert n_failed > 0
