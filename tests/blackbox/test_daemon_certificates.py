"""eqp-brokerd: a fault of the upstream's certificate is reported with its cure."""

import pytest

from authorities import Authority, Upstream
from broker import Broker
from simulator import EXAMPLE_KEY


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "company")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "other")


def complaint(upstream, ca_file):
    settings = f"base_url = {upstream.url}\n" + (f"ca_file = {ca_file}" if ca_file else "# no ca_file")
    with upstream, Broker(keys={"sandbox": EXAMPLE_KEY}, tcp=False, environments={"sandbox": settings}) as broker:
        status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert status["last_trouble"]["outcome"] == "unavailable" and not upstream.received, "the key was not sent"
    return status["last_trouble"]["message"]


@pytest.mark.parametrize("wrong, cure", [
    ({"first": "20980101"}, "(the certificate is not valid yet: check this machine's clock)"),
    ({"last": "20210101"}, "(the certificate has expired: have it renewed, or set this machine's clock)"),
    ({"host": "elsewhere.example"}, "(the certificate is another host's: check base_url)"),
], ids=["too-early", "expired", "another-host"])
def test_a_cure_that_fits(authority, wrong, cure):
    certificate = authority.issue("-".join(wrong), **wrong)
    message = complaint(Upstream(authority, certificate), authority.path)
    assert message.endswith(cure) and "ca_file" not in message


def test_nobody_vouches_for_it(authority, stranger):
    assert complaint(Upstream(authority), stranger.path).endswith(
        "(the certificate is not trusted: its CA has to be in ca_file, which alone counts)")
    assert complaint(Upstream(authority), None).endswith(
        "(the certificate is not trusted: set ca_file for a private CA)")


def test_a_certificate_that_is_good(authority):
    certificate = authority.issue("good")
    with (Upstream(authority, certificate) as upstream,
          Broker(keys={"sandbox": EXAMPLE_KEY}, tcp=False, environments={
              "sandbox": f"base_url = {upstream.url}\nca_file = {authority.path}"}) as broker):
        broker.wait_valid()
