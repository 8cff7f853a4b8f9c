"""eqp-simulator: faults in the middle of things: bodies that are cut, taken slowly or answered early, and faults of some paths."""

import http.client
import socket
import ssl
import time
import urllib.parse

import pytest

from portal import BOUNDARY, Portal, multipart
from simulator import Simulator

UPLOADS = "/rest/v1/files/uploads"


@pytest.fixture(scope="module")
def running():
    with Simulator() as simulator:
        yield simulator
        assert simulator.process.poll() is None, simulator.stderr()
    assert simulator.process.returncode == 0 and simulator.stderr() == ""


@pytest.fixture
def sim(running):
    running.reset()
    return running


@pytest.fixture
def portal(sim):
    return Portal(sim)


class Upload:
    """One that is sent by hand."""

    def __init__(self, portal, size=4 << 20):
        self.body = multipart([("a.zip", "application/zip", b"x" * size)])
        address = urllib.parse.urlsplit(portal.simulator.urls["sandbox"])
        self.plain = socket.create_connection((address.hostname, address.port), timeout=60)
        context = ssl.create_default_context(cafile=portal.simulator.ca_file)
        self.stream = context.wrap_socket(self.plain, server_hostname=address.hostname)
        self.stream.sendall(f"POST {UPLOADS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {portal.headers['Authorization']}\r\n"
                            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(self.body)}\r\n\r\n".encode())

    def send(self, begin=0, end=None):
        self.stream.sendall(self.body[begin:end])

    def answer(self):
        response = http.client.HTTPResponse(self.stream)
        response.begin()
        return response.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()


def last(sim):
    return sim.state("sandbox")["last"][-1]


@pytest.mark.parametrize("politely", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 100_000, None])
def test_cut(sim, portal, cut, politely):
    sim.fault("sandbox", "cut", path=UPLOADS, count=1, politely=politely, **({} if cut is None else {"bytes": cut}))
    with Upload(portal) as upload:
        try:
            upload.send()
            while upload.stream.recv(65536):
                pass
            gone = None
        except OSError as error:
            gone = error
        assert politely or gone is None or isinstance(gone, (ConnectionError, ssl.SSLError))
        entry = last(sim)
    assert (entry["status"], entry["fault"]) == (0, "cut")
    assert entry["body_bytes"] == (len(upload.body) if cut is None else cut)
    assert sim.uploads("sandbox") == [] and sim.state("sandbox")["faults"] == []
    assert portal.upload_one(), "it was one only"


def test_cut_acts_on_what_has_no_body_too(sim, portal):
    sim.fault("sandbox", "cut", path="/rest/v1/reports", politely=True)
    with pytest.raises(http.client.RemoteDisconnected):
        portal.ask("GET", "/reports/metrics")
    assert portal.ask("GET", portal.user)[0] == 200


def test_slow_upload_holds_back(sim, portal):
    sim.fault("sandbox", "slow_upload", bytes=4096, interval_ms=50, path=UPLOADS, count=1)
    with Upload(portal, 32 << 20) as upload:
        upload.stream.settimeout(1)
        with pytest.raises(TimeoutError):
            upload.send()  # more than all buffers on the way hold
    begin = time.monotonic()
    sim.fault("sandbox", "slow_upload", bytes=100, interval_ms=10, path=UPLOADS, count=1)
    with Upload(portal, 5_000) as upload:
        upload.send()
        assert upload.answer() == 200
    assert time.monotonic() - begin > 0.5 and last(sim)["fault"] == "slow_upload"
    assert sim.uploads("sandbox")[0]["size"] == 5_000


def test_an_early_answer(sim, portal):
    sim.fault("sandbox", "status", status=413, early=True, method="POST", path=UPLOADS, count=1)
    with Upload(portal) as upload:
        assert upload.answer() == 413, "nothing of the body was sent"
    assert last(sim)["body_bytes"] == 0 and last(sim)["fault"] == "status"
    sim.fault("sandbox", "reset", early=True, path=UPLOADS, count=1)
    with Upload(portal) as upload, pytest.raises((ConnectionError, ssl.SSLError, http.client.BadStatusLine)):
        upload.answer()
    sim.fault("sandbox", "status", status=413, path=UPLOADS, count=1)
    with Upload(portal, 1000) as upload:
        upload.send()
        assert upload.answer() == 413 and last(sim)["body_bytes"] == len(upload.body)


def test_delay_and_drip(sim, portal):
    whole = portal.get(portal.user)
    sim.fault("sandbox", "delay", ms=300, path="/rest/v1/users", count=1)
    begin = time.monotonic()
    assert portal.get(portal.user) == whole and time.monotonic() - begin >= 0.3
    sim.fault("sandbox", "drip", bytes=500, interval_ms=50, paths="api", count=1)
    begin = time.monotonic()
    assert portal.get(portal.user) == whole and time.monotonic() - begin >= 0.05
    sim.fault("sandbox", "bad_utf8", paths="api", count=1)
    status, _, text = sim.request("sandbox", "GET", "/rest/v1/reports/metrics", headers=portal.headers)
    assert status == 200 and b"\xed\xa0\x80" in text, "of a list as well"


def test_a_fault_of_some_requests(sim, portal):
    sim.fault("sandbox", "status", status=500, method="PUT", path="/rest/v1/users/")
    fault, = sim.state("sandbox")["faults"]
    assert (fault["method"], fault["path"], fault["paths"]) == ("PUT", "/rest/v1/users/", "all")
    assert portal.ask("GET", portal.user)[0] == 200 and portal.ask("PUT", portal.user, {})[0] == 500
    sim.clear_faults()
    sim.fault("sandbox", "status", status=500, path="/rest/v1/app", count=1)
    assert [sim.token("sandbox")[0], sim.token("sandbox")[0]] == [500, 200]


@pytest.mark.parametrize("fault", [
    {"fault": "cut", "bytes": -1}, {"fault": "cut", "politely": 1}, {"fault": "slow_upload", "bytes": 0}, {"fault": "delay"},
    {"fault": "delay", "ms": 0}, {"fault": "status", "status": 500, "early": 1}, {"fault": "hang", "path": "rest"}, {"fault": "hang", "path": 1},
    {"fault": "hang", "method": ""}, {"fault": "hang", "method": "x" * 17}, {"fault": "reset_on_accept", "path": "/x"},
    {"fault": "drip", "bytes": 0}, {"fault": "hang", "path": "/" + "x" * 1024}])
def test_mistakes(sim, fault):
    status, answer = sim.call("POST", "/sandbox/faults", fault)
    assert status == 400 and answer["message"] and sim.state("sandbox")["faults"] == []
