"""Fixtures of the carrier's tests."""

import pytest

from authorities import Authority
from lanes import Carrier
from raw_upstream import RawUpstream


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authorities"), "company")


@pytest.fixture
def carrier():
    with Carrier() as carrier:
        yield carrier


@pytest.fixture
def play(authority, carrier):
    """play(talk): an upstream that talks so, and a lane to it."""
    upstreams = []

    def begin(talk, **more):
        upstream = RawUpstream(authority, talk)
        upstream.__enter__()
        upstreams.append(upstream)
        carrier.upstream("sandbox", upstream.url + more.pop("path", ""), authority.path, **more)
        upstream.lane = carrier.lane()
        return upstream
    yield begin
    for upstream in upstreams:
        upstream.__exit__()
