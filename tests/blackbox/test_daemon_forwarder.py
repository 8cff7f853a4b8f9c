"""eqp-brokerd: the process that passes requests on. It is there while it is needed, and may end or hang: the work of the others
goes on."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from authorities import GRANT, Authority
from broker import PATIENT, binary, forwarder_of, frontend_of, scan, wait_forwarder, wait_frontend, wait_until
from fixtures import is_confined, is_sanitized
from raw_upstream import RawUpstream
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

ON = {"sandbox": "gateway = yes"}


@pytest.fixture
def served(upstream, make_broker):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments=ON).wait_valid()


def switch(broker, lines):
    broker.environments["sandbox"] = lines
    broker.write_config()
    broker.reload()


def is_gone(pid):
    return not pathlib.Path(f"/proc/{pid}").exists()


# ---- when there is one ----

def test_there_is_none_without_a_gateway(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    assert forwarder_of(broker.process.pid) is None
    status = broker.status()
    assert status["forwarder"] == "none" and "forwarder" not in status["confinement"]


def test_there_is_none_where_no_key_is(upstream, make_broker):
    """An environment that is not in use needs none; with its first key it comes."""
    broker = make_broker(upstream, environments=ON)
    assert forwarder_of(broker.process.pid) is None
    broker.write_key("sandbox", EXAMPLE_KEY)
    broker.wait_valid()
    assert wait_forwarder(broker.process.pid)


def test_a_reload_starts_and_ends_it(served):
    pid = served.process.pid
    first, frontend = wait_forwarder(pid), wait_frontend(pid)
    switch(served, "")
    wait_until(lambda: is_gone(first), "it has ended", timeout=10)
    assert served.status()["forwarder"] == "none"
    switch(served, "gateway = yes")
    assert wait_forwarder(pid) != first
    wait_until(lambda: served.status()["forwarder"] == "running", "it runs")
    assert frontend_of(pid) == frontend and served.token()["ust"]
    assert not served.log("the forwarder (was ended|ended|does not)"), "that was no accident"


def test_reloads_one_after_the_other(served):
    """Asked to end, and wanted again before it has."""
    for _ in range(5):
        served.environments["sandbox"] = ""
        served.write_config()
        served.send(signal.SIGHUP)
        served.environments["sandbox"] = "gateway = yes"
        served.write_config()
        served.reload()
    wait_until(lambda: served.status()["forwarder"] == "running", "it runs")
    assert wait_forwarder(served.process.pid)


def test_status_says_what_holds(served):
    wait_until(lambda: served.status()["forwarder"] == "running", "it runs")
    holds = served.status()["confinement"]["forwarder"]
    assert holds == served.status()["confinement"]["frontend"]
    assert holds["system_call_filter"] == is_confined()


# ---- it ends, it hangs ----

def test_it_is_killed_and_another_one_comes(served, upstream):
    pid, token = served.process.pid, served.token()["ust"]
    forwarder, frontend = wait_forwarder(pid), wait_frontend(pid)
    before = upstream.state("sandbox")["requests"]["granted"]
    for n in range(1, 4):
        os.kill(forwarder, signal.SIGKILL)
        assert served.token()["ust"] == token
        forwarder = wait_forwarder(pid, but=forwarder)
        served.wait_log("the forwarder was ended by signal 9 .SIGKILL.; requests that it was carrying are lost, and another", n)
    assert frontend_of(pid) == frontend, "callers have noticed nothing"
    assert upstream.state("sandbox")["requests"]["granted"] == before


def test_a_new_frontend_leaves_it_alone(served):
    pid = served.process.pid
    forwarder, frontend = wait_forwarder(pid), wait_frontend(pid)
    os.kill(frontend, signal.SIGKILL)
    assert served.token()["ust"]
    wait_until(lambda: served.status()["forwarder"] == "running", "the next one knows of it")
    assert forwarder_of(pid) == forwarder


def test_one_that_keeps_ending_is_held_back(served):
    killed, until = set(), time.monotonic() + 4

    def end_it():
        if forwarder := forwarder_of(served.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(forwarder, signal.SIGKILL)
                killed.add(forwarder)

    while time.monotonic() < until:
        in_time = len(killed)
        end_it()
        time.sleep(0.002)
    assert in_time <= 9, killed

    def is_shown():
        end_it()  # each pause is longer than the one before
        return served.status()["forwarder"] == "held_back"
    wait_until(is_shown, "it is held back", 60)
    served.wait_log("the forwarder .* after a pause, as it keeps ending")
    assert served.token()["ust"], "tokens are served all the same"
    wait_until(lambda: served.status()["forwarder"] == "running", "it has ended for the last time")


def test_one_that_hangs_is_in_nobodys_way(served):
    """The end of the service, too."""
    os.kill(wait_forwarder(served.process.pid), signal.SIGSTOP)
    assert served.token()["ust"]
    began = time.monotonic()
    assert served.stop() == 0
    assert time.monotonic() - began < 10


def test_one_that_hangs_is_ended_by_a_reload(served):
    forwarder = wait_forwarder(served.process.pid)
    wait_until(lambda: served.status()["forwarder"] == "running", "it is up: until then it has 30 s")
    os.kill(forwarder, signal.SIGSTOP)
    switch(served, "")
    wait_until(lambda: is_gone(forwarder), "it has ended", timeout=15)
    assert served.log("the forwarder does not answer: it is ended")
    assert served.status()["forwarder"] == "none"


def test_it_ends_with_the_keeper(served):
    forwarder = wait_forwarder(served.process.pid)
    served.process.kill()
    served.process.wait()
    wait_until(lambda: is_gone(forwarder), "it is gone")


def test_signals_that_are_sent_to_all_leave_it_the_end(served):
    forwarder = wait_forwarder(served.process.pid)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(forwarder, number)
    time.sleep(0.5)
    assert forwarder_of(served.process.pid) == forwarder


def test_the_end_is_no_accident(served):
    wait_forwarder(served.process.pid)
    assert served.stop() == 0
    assert not served.log("the forwarder ")


# ---- what it has ----

def test_it_has_nothing_but_what_it_needs(served):
    forwarder = wait_forwarder(served.process.pid)
    wait_until(lambda: served.status()["forwarder"] == "running", "it runs")
    assert pathlib.Path(f"/proc/{forwarder}/environ").read_bytes().replace(b"\0", b"") == b"" or os.environ.get("ASAN_OPTIONS")
    assert pathlib.Path(f"/proc/{forwarder}/cmdline").read_bytes() == b"eqp-brokerd\0--forwarder\0"
    def others():
        found = {}
        for number in os.listdir(f"/proc/{forwarder}/fd"):
            if number == "2" and is_sanitized():
                continue  # where its findings are written
            with contextlib.suppress(FileNotFoundError):
                found[number] = os.readlink(f"/proc/{forwarder}/fd/{number}")
        return {number: target for number, target in found.items() if not re.match(r"socket:|anon_inode:|pipe:|/dev/null", target)}

    # It has the authorities' memory for the moment in which it takes them in.
    wait_until(lambda: not others(), f"nothing else is left than {others()}")


def test_no_secret_is_in_it_while_it_carries_nothing(served, plain_build):
    if os.geteuid() != 0:
        pytest.skip("only root may read the memory of another process")
    served.write_key("sandbox.2", "SPAREKEY09:0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    served.refresh()
    token = served.token()["ust"]
    needles = {EXAMPLE_SECRET, EXAMPLE_ID, "SPAREKEY09", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", token}
    assert not scan(wait_forwarder(served.process.pid), needles)
    assert scan(served.process.pid, needles) >= {token, EXAMPLE_SECRET}, "the check finds what is there"


def test_by_hand_it_says_what_it_is():
    result = subprocess.run([binary(), "--forwarder"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert result.returncode == 78 and "a part of itself" in result.stderr


# ---- what it is told ----

def test_authorities_that_cannot_be_read_are_told_of(upstream, make_broker, tmp_path):
    """Once, and again when they are there. (The exchange reads them by itself, and says so by itself.)"""
    authorities = tmp_path / "ca.pem"
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         environments={"sandbox": f"gateway = yes\nca_file = {authorities}\n{PATIENT}"})
    line, = broker.wait_log("the forwarder cannot be sent the certificate authorities")
    assert str(authorities) in line and "check ca_file" in line
    authorities.write_bytes((broker.directory / "ca.pem").read_bytes())
    broker.reload()
    broker.wait_log("the forwarder has the certificate authorities again")


def test_a_name_that_is_none_is_told_of(make_broker):
    broker = make_broker(keys={"sandbox": EXAMPLE_KEY},
                         environments={"sandbox": "gateway = yes\nbase_url = https://nowhere.invalid"})
    line, = broker.wait_log("the forwarder cannot be sent the addresses of its upstream", timeout=60)
    assert "nowhere.invalid" in line and "check DNS and base_url" in line
    assert "forwarder" in broker.status()


@pytest.mark.parametrize("proxy, words", [
    ("http://user:secret-word@nowhere.invalid:3128", "nowhere.invalid.*https_proxy"),
    ("gopher://127.0.0.1", "the proxy is none that is known"),
    ("http://127.0.0.1:99999", "the proxy is none that is known")])
def test_a_proxy_that_is_none_is_told_of(make_broker, proxy, words):
    broker = make_broker(keys={"sandbox": EXAMPLE_KEY}, env={"https_proxy": proxy},
                         environments={"sandbox": "gateway = yes\nbase_url = https://127.0.0.1:9"})
    line, = broker.wait_log("the forwarder cannot be sent the addresses of its upstream", timeout=60)
    assert re.search(words, line) and "secret-word" not in line


def test_no_proxy_is_heeded(make_broker):
    broker = make_broker(keys={"sandbox": EXAMPLE_KEY}, env={"https_proxy": "gopher://127.0.0.1", "no_proxy": "127.0.0.0/8"},
                         environments={"sandbox": "gateway = yes\nbase_url = https://127.0.0.1:9"})
    wait_until(lambda: broker.status()["forwarder"] == "running", "it runs")
    time.sleep(1)
    assert not broker.log("the forwarder cannot be sent")

# ---- whom it trusts ----

class Granting:
    """The EQP API, as far as the gateway needs it. heads: of the requests that carried the token."""

    def __init__(self):
        self.heads = []

    def __call__(self, connection):
        while request := connection.request():
            head, _ = request
            wants_token = b"/session/token" in head.split(b"\r\n")[0]
            body = json.dumps(GRANT).encode() if wants_token else b"{}"
            if not wants_token:
                assert GRANT["ust"].encode() in head
                self.heads.append(head)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            b"Cache-Control: no-store\r\nContent-Length: %d\r\n\r\n%b"
                            % (len(body), body))


class Vouched:
    """A broker with a gateway, and a ca_file that its administrator changes."""

    def __init__(self, make_broker, directory):
        self.company, self.other = (Authority(directory, name) for name in ("company", "other"))
        self.ca_file, self.api = directory / "ca_file", Granting()
        self.put(self.company)
        self.upstream = RawUpstream(self.company, self.api)
        self.upstream.start()
        settings = f"base_url = {self.upstream.url}\nca_file = {self.ca_file}\ngateway = yes\n"
        self.broker = make_broker(keys={"sandbox": EXAMPLE_KEY}, environments={
            "sandbox": f"{settings}[gateway sandbox]\nallow = any GET /rest/v1/**\n"}).wait_valid()
        assert self.ask() == 200 and self.ask() == 200
        assert self.upstream.n_connections == 2, "one for the exchange, and one is kept"

    def put(self, authority):
        """At once: half a file would be none."""
        shutil.copyfile(authority.path, f"{self.ca_file}.new")
        os.replace(f"{self.ca_file}.new", self.ca_file)

    def ask(self):
        answer = self.broker.get("/sandbox/rest/v1/users")
        assert (answer.status, answer.headers.get("EQP-Error")) in ((200, None), (502, "upstream_unreachable")), answer
        return answer.status

    def wait_refused(self, timeout):
        """From then on nothing comes through, also not by a forwarder that is new."""
        wait_until(lambda: self.ask() == 502, "the upstream is not trusted any more", timeout, interval=1)
        n = len(self.api.heads)
        assert self.ask() == 502
        forwarder = wait_forwarder(self.broker.process.pid)
        os.kill(forwarder, signal.SIGKILL)
        wait_forwarder(self.broker.process.pid, but=forwarder)
        wait_until(lambda: self.broker.status()["forwarder"] == "running", "it runs")
        assert self.ask() == 502
        assert len(self.api.heads) == n, "the token was sent"

    def wait_trusted(self):
        self.put(self.company)
        wait_until(lambda: self.ask() == 200, "it is trusted again", timeout=30, interval=1)

    def said(self):
        return len(self.broker.log("the forwarder cannot be sent the certificate authorities: .*check ca_file"))


@pytest.fixture
def vouched(make_broker, tmp_path):
    vouched = Vouched(make_broker, tmp_path)
    yield vouched
    vouched.upstream.__exit__()


@pytest.mark.slow("60 s between two look-ups of a gateway in use", first=True)
def test_a_file_that_is_replaced_counts_for_the_gateway_within_a_minute(vouched):
    vouched.put(vouched.other)
    vouched.wait_refused(timeout=90)
    assert vouched.said() == 0, "it can be read"
    vouched.wait_trusted()
    vouched.ca_file.unlink()
    vouched.wait_refused(timeout=90)
    assert vouched.said() == 1
    vouched.wait_trusted()


def test_a_file_that_is_gone_vouches_for_nobody_after_a_reload(vouched):
    vouched.ca_file.unlink()
    vouched.broker.reload()
    vouched.wait_refused(timeout=30)
    assert vouched.said() == 1
    vouched.wait_trusted()
    vouched.broker.wait_log("the forwarder has the certificate authorities again")


def test_a_file_that_is_replaced_counts_after_a_reload(vouched):
    vouched.put(vouched.other)
    vouched.broker.reload()
    vouched.wait_refused(timeout=30)
    assert vouched.said() == 0
    vouched.wait_trusted()


def test_the_same_file_is_no_news(vouched):
    """A kept connection goes on."""
    vouched.broker.reload()
    vouched.broker.reload()
    assert vouched.ask() == 200 and vouched.upstream.n_connections == 2
