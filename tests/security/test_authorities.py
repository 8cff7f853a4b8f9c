"""The access key goes to nobody for whom the authority in force does not vouch: `ca_file` takes the place of the
system's store, no matter which program asks the upstream.

The machine of these tests trusts the authority of the upstream that they play; where there is no `ca_file`, that
gets the key. It has no part in what the daemon is told to trust.
"""

import os
import pathlib
import re
import shutil
import ssl
import subprocess

import pytest

from authorities import Proxy, Upstream, trusting
from broker import BARE_ENVIRONMENT, Broker, wait_until
from lanes import Carrier
from raw_upstream import PLAIN, RawUpstream, answering
from sharing import wait_told
from simulator import EXAMPLE_KEY
from stores import Store, share

SPARE_KEY = "AQ28OA50XD:9931d00825e76a34ef8c4a7b5e8b8c0d2cde7cfb"
NOT_TRUSTED = "the certificate is not trusted: its CA has to be in ca_file, which alone counts"


@pytest.fixture
def somebody(authorities):
    """Plays the upstream, with a certificate of the system's authority."""
    with Upstream(authorities[0]) as upstream:
        yield upstream


def ask_the_daemon(broker, _daemon):
    broker.start()
    status = broker.wait_status("sandbox", lambda status: status["state"] == "valid" or status["last_trouble"])
    said = "" if status["state"] == "valid" else status["last_trouble"]["message"]
    assert broker.stop() == 0
    return status["state"] == "valid", said


def run(broker, command, **more):
    env = BARE_ENVIRONMENT | {"EQP_BROKER_CONFIG": str(broker.config_path)} | more.pop("env", {})
    result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, **more)
    return result.returncode == 0, result.stderr


def ask_once(broker, daemon):
    return run(broker, [daemon, "--once", "sandbox", "--deadline", "10s"], stdin=subprocess.DEVNULL)


def try_key(broker, daemon):
    return run(broker, [daemon, "--try-key", "sandbox"], input=EXAMPLE_KEY)


def set_key(broker, daemon):
    eqpctl = os.path.join(os.environ["EQP_BUILD_DIR"], "ctl/eqpctl")
    return run(broker, [eqpctl, "key", "set", "sandbox.2-spare"], input=SPARE_KEY,
               env={"EQP_BROKERD": daemon, "EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}"})


WAYS = [ask_the_daemon, ask_once, try_key, set_key]


def settle(url, ca_file=None, **more):
    return Broker(keys={"sandbox": EXAMPLE_KEY}, tcp=False, start=False, environments={
        "sandbox": f"base_url = {url}\n" + (f"ca_file = {ca_file}\n" if ca_file else "")}, **more)


@pytest.mark.parametrize("ask", WAYS)
def test_without_ca_file_the_system_vouches(machine, somebody, ask):
    with settle(somebody.url) as broker:
        granted, said = ask(broker, machine)
    assert granted, said
    assert somebody.received.startswith(b"POST ") and b"Authorization: Basic " in somebody.received


@pytest.mark.parametrize("ask", WAYS)
def test_ca_file_takes_the_place_of_the_system_s_store(machine, somebody, authorities, ask):
    with settle(somebody.url, authorities[1].path) as broker:
        granted, said = ask(broker, machine)
    assert not somebody.received, "the key was sent"
    assert not granted and NOT_TRUSTED in said
    assert somebody.asked >= 1, "and turned down"


@pytest.mark.parametrize("ask", WAYS)
def test_ca_file_vouches_alone(machine, authorities, ask):
    """And the system's store knows nothing of it."""
    with Upstream(authorities[1]) as upstream, settle(upstream.url, authorities[1].path) as broker:
        granted, said = ask(broker, machine)
    assert granted, said


def test_a_certificate_in_ca_file_need_not_be_a_root(machine, authorities):
    """The certificate of the upstream itself will do."""
    with Upstream(authorities[1]) as upstream, settle(upstream.url, f"{authorities[1].server}.pem") as broker:
        granted, said = try_key(broker, machine)
    assert granted, said


def test_a_file_that_is_replaced_counts_at_the_next_exchange(machine, authorities, tmp_path):
    """No session of TLS is resumed: nobody would look at the certificate again."""
    ca_file = tmp_path / "ca.pem"
    shutil.copyfile(authorities[1].path, ca_file)
    with Upstream(authorities[1]) as upstream, settle(upstream.url, ca_file) as broker:
        broker.start()
        broker.wait_valid()
        assert broker.refresh()["outcome"] == "granted"
        shutil.copyfile(authorities[0].path, ca_file)
        received = upstream.received
        answer = broker.refresh()
        assert NOT_TRUSTED in answer["message"] and upstream.received == received
        assert upstream.resumed == 0


# Root's settings for all programs


def put_in_place(directory, text):
    """For the shell: this machine's openssl.cnf has that text."""
    file = directory / "openssl.cnf"
    file.write_text("openssl_conf = all\n[all]\nssl_conf = tls\n[tls]\nsystem_default = default\n[default]\n" + text)
    return f"mount --bind {file} /etc/ssl/openssl.cnf"


def test_openssl_cnf_adds_no_authority(authorities, somebody, tmp_path):
    system = authorities[0]
    daemon = trusting(tmp_path / "build", system, more=put_in_place(
        tmp_path, f"VerifyCAFile = {system.path}\nVerifyCAPath = {system.store}\n"))
    with settle(somebody.url, authorities[1].path) as broker:
        granted, said = try_key(broker, daemon)
    assert not somebody.received and not granted and NOT_TRUSTED in said


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_openssl_cnf_allows_no_older_protocol(authorities, tmp_path):
    """Which it does for other programs."""
    weak = "MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n"
    daemon = trusting(tmp_path / "build", authorities[1], more=put_in_place(tmp_path, weak))
    with Upstream(authorities[1]) as upstream:
        upstream.context.set_ciphers("ALL:@SECLEVEL=0")
        upstream.context.minimum_version = upstream.context.maximum_version = ssl.TLSVersion.TLSv1_1
        host, port = upstream.url.removeprefix("https://").split(":")
        client = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", authorities[1].path],
                                input="GET /", env=BARE_ENVIRONMENT | {"OPENSSL_CONF": str(tmp_path / "openssl.cnf")},
                                capture_output=True, text=True, timeout=60)
        assert re.search("Protocol *: TLSv1.1", client.stdout), client.stderr
        wait_until(lambda: upstream.received, "what the client has sent")
        upstream.received = b""
        with settle(upstream.url, authorities[1].path) as broker:
            granted, said = try_key(broker, daemon)
        assert upstream.asked == 2 and not upstream.received and not granted, said


# A proxy that is spoken to over https is not the upstream


@pytest.mark.parametrize("vouched", [True, False])
def test_for_a_proxy_the_system_vouches(machine, authorities, vouched):
    system, company = authorities
    with (Upstream(company) as upstream, Proxy(system if vouched else company) as proxy,
          settle(upstream.url, company.path, env={"https_proxy": proxy.url}) as broker):
        granted, said = ask_the_daemon(broker, machine)
    if vouched:
        assert granted, said
        assert proxy.received.startswith(b"CONNECT localhost:") and b"Basic" not in proxy.received
    else:
        assert not granted and "the proxy's certificate is not trusted: its CA has to be one of the system's" in said
        assert not proxy.received and not upstream.received


def test_a_proxy_that_has_another_name(machine, authorities, somebody):
    system, _ = authorities
    with (Proxy(system, system.issue("other-proxy", host="elsewhere.example")) as proxy,
          settle(somebody.url, env={"https_proxy": proxy.url}) as broker):
        granted, said = ask_the_daemon(broker, machine)
    assert not granted and "the proxy's certificate is another host's: check https_proxy and its like" in said
    assert not proxy.received and not somebody.received


def test_behind_a_proxy_ca_file_vouches_alone(machine, authorities, somebody):
    """The message is libcurl's: 7.88 loses the reason on the way through the proxy's TLS."""
    system, company = authorities
    with Proxy(system) as proxy, settle(somebody.url, company.path, env={"https_proxy": proxy.url}) as broker:
        granted, said = ask_the_daemon(broker, machine)
    assert not granted and said
    assert proxy.received.startswith(b"CONNECT localhost:") and not somebody.received


# The carrier of requests, which is told its authorities as bytes


@pytest.fixture
def carrier(authorities, tmp_path):
    """In the machine whose system trusts the first authority."""
    program = pathlib.Path(os.environ["EQP_BUILD_DIR"]).resolve() / "tests/blackbox/carrier-host"
    with Carrier(program=trusting(tmp_path / "build", authorities[0], program=program)) as carrier:
        yield carrier


@pytest.mark.parametrize("upstreams, proxys, good", [
    ("company", None, True), ("system", None, False), ("company", "company", True), ("system", "company", False),
    ("company", "system", False)])
def test_the_carrier_asks_no_store_of_the_system(carrier, authorities, upstreams, proxys, good):
    """It is told the company's, here for an https proxy as well; nobody is looked for in the directory that libcurl was
    built with."""
    of = dict(zip(("system", "company"), authorities))
    seen = []
    with RawUpstream(of[upstreams], answering(PLAIN, seen)) as upstream, Proxy(of[proxys or "company"]) as proxy:
        carrier.upstream("sandbox", upstream.url, of["company"].path, proxy=proxy.url if proxys else "-")
        got = carrier.lane().ask("GET", "/x", token="any-token")
    assert (got.status, got.fail) == ((200, None) if good else (None, "unreachable"))
    assert len(seen) == good


# A store of shared sessions


@pytest.mark.parametrize("whose, told", [("system", False), ("system", True), ("company", True)])
def test_for_a_store_ca_file_takes_the_place_of_the_system_s_store(machine, authorities, upstream, make_broker, whose, told):
    store = Store(tls=authorities[whose == "company"]).start()
    try:
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                             share=share(store, ca_file=authorities[1].path if told else None)).wait_valid()
        if (whose, told) == ("system", True):
            status = wait_told(broker, state="untrusted")
            assert NOT_TRUSTED in broker.log("store")[0], status
            assert not store.names() and "cmdstat_get" not in store.info("commandstats")
        else:
            wait_told(broker, state="fine")
            assert store.names() and "cmdstat_get" in store.info("commandstats")
    finally:
        store.close()
