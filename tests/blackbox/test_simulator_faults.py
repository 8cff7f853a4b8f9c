"""Every fault of eqp-simulator, as a client meets it on the wire."""

import email.utils
import errno
import http.client
import json
import os
import select
import socket
import ssl
import time
import urllib.parse

import pytest

from simulator import EXAMPLE_ID, TOKEN_PATH, Simulator

BASIC = {"Authorization": "Basic QVExN05aNDlXQzo4ODIwYzk5NjE0ZDY1ZjkyM2RmNzY2MDI3NmYyMGUwMjlkNzNlMmNh"}
ASK = '{"grant_type":"session","expires_in":7200}'


@pytest.fixture(scope="module")
def running():
    with Simulator() as simulator:
        yield simulator
        assert simulator.process.poll() is None, simulator.stderr()
    assert simulator.process.returncode == 0
    assert simulator.stderr() == ""


@pytest.fixture
def sim(running):
    running.reset()
    return running


def ask(sim, timeout=20):
    """A token request: (status, headers, body as bytes)."""
    return sim.request("sandbox", "POST", TOKEN_PATH, ASK, BASIC, timeout)


def ask_raw(sim):
    """The bytes of the answer as they come, to the end of the connection."""
    address = urllib.parse.urlsplit(sim.urls["sandbox"])
    context = ssl.create_default_context(cafile=sim.ca_file)
    with socket.create_connection((address.hostname, address.port), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname=address.hostname) as stream:
            stream.sendall((f"POST {TOKEN_PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            f"Authorization: {BASIC['Authorization']}\r\n"
                            f"Content-Length: {len(ASK)}\r\n\r\n{ASK}").encode())
            received = b""
            while data := stream.recv(65536):
                received += data
    return received


def counters(sim):
    return sim.state("sandbox")["requests"]


# the order of things


def test_a_fault_is_used_up_and_the_oldest_comes_first(sim):
    sim.fault("sandbox", "throttle", count=2)
    sim.fault("sandbox", "unavailable", count=1)
    assert [ask(sim)[0] for _ in range(4)] == [429, 429, 503, 200]
    assert sim.state("sandbox")["faults"] == []
    assert counters(sim) == {"total": 4, "token": 4, "granted": 1, "refused": 0, "throttled": 2, "failed": 1,
                             "api": 0}
    assert [entry["fault"] for entry in sim.state("sandbox")["last"]] == [
        "throttle", "throttle", "unavailable", None]


def test_without_a_count_it_stays_until_cleared(sim):
    sim.fault("sandbox", "refuse")
    assert [ask(sim)[0] for _ in range(3)] == [401, 401, 401]
    assert sim.state("sandbox")["faults"] == [
        {"fault": "refuse", "paths": "token", "used": 3, "count": None}]
    assert sim.clear_faults("sandbox") == 1
    assert ask(sim)[0] == 200
    assert counters(sim)["refused"] == 3


def test_paths_and_environments(sim):
    ust = json.loads(ask(sim)[2])["ust"]

    def api():
        return sim.request("sandbox", "GET", "/rest/v1/x", headers={"Authorization": "Bearer " + ust})[0]

    sim.fault("sandbox", "unavailable")
    assert (ask(sim)[0], api()) == (503, 200)
    sim.clear_faults()
    sim.fault("sandbox", "unavailable", paths="api")
    assert (ask(sim)[0], api()) == (200, 503)
    sim.clear_faults()
    sim.fault("sandbox", "unavailable", paths="all")
    assert (ask(sim)[0], api()) == (503, 503)
    assert sim.token("production")[0] == 200


@pytest.mark.parametrize("fault", [
    {"fault": "nonsense"}, {"fault": 1}, {}, {"fault": "hang", "x": 1}, {"fault": "hang", "count": 0},
    {"fault": "hang", "count": "1"}, {"fault": "hang", "paths": "some"}, {"fault": "refuse", "status": 500},
    {"fault": "unavailable", "status": 200}, {"fault": "unavailable", "html": 1}, {"fault": "status"},
    {"fault": "status", "status": 99}, {"fault": "status", "status": 101}, {"fault": "redirect"},
    {"fault": "redirect", "location": "a\r\nb: c"}, {"fault": "drip", "interval_ms": 0},
    {"fault": "missing_field"}, {"fault": "empty_field", "field": "x"}, {"fault": "giant", "bytes": -1},
    {"fault": "lifetime"}, {"fault": "bad_ust", "ust": 1}, {"fault": "throttle", "retry_after": "\n"},
    {"fault": "throttle", "retry_after": ""}, {"fault": "redirect", "location": "\u00fc"},
    {"fault": "lifetime", "expires_in": 1, "paths": "api"}, {"fault": "refuse_connect", "count": 1},
    {"fault": "reset_on_accept", "paths": "token"}, {"fault": "status", "status": 403, "headers": []},
    {"fault": "status", "status": 403, "headers": {"a b": "c"}}, {"fault": "status", "status": 403, "headers": {"": "c"}},
    {"fault": "status", "status": 403, "headers": {"a": "b\n"}}, {"fault": "status", "status": 403, "headers": {"a": 1}},
    {"fault": "status", "status": 403, "headers": {"content-length": "1"}}, {"fault": "status", "status": 403, "body": 1},
    {"fault": "status", "status": 403, "content_type": ""}, {"fault": "hang", "key": ""},
    {"fault": "hang", "key": 1}, {"fault": "hang", "key": "a:b"}, {"fault": "refuse_connect", "key": "A"},
    {"fault": "account"}, [], None,
])
def test_mistakes_are_400_with_a_message(sim, fault):
    status, answer = sim.call("POST", "/sandbox/faults", fault)
    assert status == 400 and answer["message"]
    assert sim.state("sandbox")["faults"] == []


def test_a_fault_for_one_key(sim):
    """The others' requests pass it by, and do not use it up."""
    sim.add_key("sandbox", "OTHERKEY01", "other-secret")
    other = "OTHERKEY01:other-secret"
    sim.fault("sandbox", "status", status=400, key="OTHERKEY01", count=1, paths="all")
    assert sim.state("sandbox")["faults"][0]["key"] == "OTHERKEY01"
    ust = sim.token("sandbox")[1]["ust"]
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers={"Authorization": f"Bearer {ust}"})[0] == 200
    assert [sim.token("sandbox", other)[0], sim.token("sandbox", other)[0]] == [400, 200]


def test_a_key_of_another_account(sim):
    sim.fault("sandbox", "account", mage_id="MAG987654321", key=EXAMPLE_ID)
    sim.add_key("sandbox", "OTHERKEY01", "other-secret")
    assert sim.token("sandbox")[1]["mage_id"] == "MAG987654321"
    assert sim.token("sandbox", "OTHERKEY01:other-secret")[1]["mage_id"] == "MAG123456789"


# answers in place of the right one


def test_refuse(sim):
    sim.fault("sandbox", "refuse", status=403, code=7, message="no")
    status, _, body = ask(sim)
    assert (status, json.loads(body)) == (403, {"code": 7, "message": "no"})
    assert counters(sim)["granted"] == 0 and sim.state("sandbox")["tokens_active"] == 0


@pytest.mark.parametrize("name, parameters", [("refuse", {}), ("status", {"status": 408})])
def test_patience_with_any_status(sim, name, parameters):
    sim.fault("sandbox", name, retry_after=3, **parameters)
    assert ask(sim)[1]["Retry-After"] == "3"


def test_throttle(sim):
    sim.fault("sandbox", "throttle", count=1)
    assert "Retry-After" not in ask(sim)[1]
    for value in (0, 3, -5, 10**15, "soon"):
        sim.fault("sandbox", "throttle", count=1, retry_after=value)
        status, headers, _ = ask(sim)
        assert (status, headers["Retry-After"]) == (429, str(value))


@pytest.mark.parametrize("ahead", [60, 0, -60])
def test_throttle_with_a_date(sim, ahead):
    sim.fault("sandbox", "throttle", retry_after=ahead, retry_after_date=True)
    date = email.utils.parsedate_to_datetime(ask(sim)[1]["Retry-After"])
    assert abs(date.timestamp() - time.time() - ahead) < 5


def test_unavailable(sim):
    sim.fault("sandbox", "unavailable", count=1)
    status, headers, body = ask(sim)
    assert status == 503 and "Retry-After" not in headers and set(json.loads(body)) == {"code", "message"}
    sim.fault("sandbox", "unavailable", status=502, html=True, retry_after=9)
    status, headers, body = ask(sim)
    assert (status, headers["Retry-After"]) == (502, "9")
    assert headers.get_content_type() == "text/html" and b"<html>" in body


@pytest.mark.parametrize("status", [200, 299, 400, 404, 408, 418, 425, 451, 500, 599])
def test_status(sim, status):
    sim.fault("sandbox", "status", status=status, code=-1, message="m\u00e4h")
    got, _, body = ask(sim)
    assert (got, json.loads(body)) == (status, {"code": -1, "message": "m\u00e4h"})


def test_status_with_another_head_and_body(sim):
    sim.fault("sandbox", "status", status=403, body="<html>", content_type="text/html; charset=x", retry_after=9, count=1,
              headers={"CF-Ray": "1-FRA", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"})
    status, headers, body = ask(sim)
    assert (status, body, headers["Retry-After"]) == (403, b"<html>", "9")
    assert headers.get_all("Content-Type") == ["text/html; charset=x"] and headers["CF-Ray"] == "1-FRA"
    assert headers.get_all("Date") == ["Sun, 06 Nov 1994 08:49:37 GMT"]
    sim.fault("sandbox", "status", status=404, body="", content_type="text/html")
    status, headers, body = ask(sim)
    assert (status, body, headers.get_content_type()) == (404, b"", "text/html")


def test_redirect(sim):
    sim.fault("sandbox", "redirect", location="https://elsewhere.example/x?y")
    status, headers, _ = ask(sim)
    assert (status, headers["Location"]) == (302, "https://elsewhere.example/x?y")


def test_not_json(sim):
    sim.fault("sandbox", "not_json")
    status, headers, body = ask(sim)
    assert status == 200 and headers.get_content_type() == "text/plain"
    with pytest.raises(ValueError):
        json.loads(body)


def test_giant(sim):
    sim.fault("sandbox", "giant", count=1)
    status, headers, body = ask(sim)
    assert status == 200 and headers["Content-Length"] == str(10 << 20) and len(body) == 10 << 20
    assert body.startswith(b'{"ust":"aaa')
    sim.fault("sandbox", "giant", bytes=100_000, chunked=True, count=1)
    status, headers, body = ask(sim)
    assert "Content-Length" not in headers and len(body) == 100_000
    sim.fault("sandbox", "giant", bytes=70_000, status=429, retry_after=7, count=1)
    status, headers, body = ask(sim)
    assert (status, headers["Retry-After"], len(body)) == (429, "7", 70_000)
    sim.fault("sandbox", "giant", bytes=0)
    assert ask(sim)[2] == b""


def test_hang_until_cleared(sim):
    sim.fault("sandbox", "hang", count=1)
    connection = sim.connect("sandbox")
    connection.request("POST", TOKEN_PATH, ASK, BASIC)
    sim.wait_for(lambda state: state["requests"]["failed"] == 1, "sandbox")
    connection.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        connection.sock.recv(1)
    connection.sock.settimeout(20)
    assert ask(sim)[0] == 200  # used up, and nobody else hangs
    sim.clear_faults()
    assert connection.sock.recv(1) == b""
    connection.close()


def test_hung_clients_may_go(sim):
    sim.fault("sandbox", "hang")

    def descriptors():
        return len(os.listdir(f"/proc/{sim.process.pid}/fd"))

    before = descriptors()
    crowd = []
    for _ in range(50):
        connection = sim.connect("sandbox")
        connection.request("POST", TOKEN_PATH, ASK, BASIC)
        crowd.append(connection)
    sim.wait_for(lambda state: state["requests"]["failed"] == 50, "sandbox")
    assert descriptors() >= before + 45
    for connection in crowd:
        connection.close()
    sim.wait_for(lambda _: descriptors() <= before + 2)


def test_reset(sim):
    sim.fault("sandbox", "reset")
    connection = sim.connect("sandbox")
    connection.request("POST", TOKEN_PATH, ASK, BASIC)
    poll = select.poll()  # Python's TLS shows a reset as an end; the socket knows better
    poll.register(connection.sock, 0)
    assert poll.poll(20000)
    assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
    connection.close()
    assert counters(sim) | {"failed": 1, "granted": 0, "token": 1} == counters(sim)


def test_garbage(sim):
    sim.fault("sandbox", "garbage")
    received = ask_raw(sim)
    assert len(received) > 20 and not received.startswith(b"HTTP")
    with pytest.raises(http.client.HTTPException):
        ask(sim)


# the right answer, sent wrongly


def test_drip(sim):
    sim.fault("sandbox", "drip", interval_ms=2, count=1)
    begin = time.monotonic()
    status, _, body = ask(sim)
    assert status == 200 and set(json.loads(body)) == {"mage_id", "ust", "expires_in"}
    assert time.monotonic() - begin >= 0.002 * len(body)
    assert counters(sim)["granted"] == 1 and counters(sim)["failed"] == 0

    sim.fault("sandbox", "drip", interval_ms=60000)
    connection = sim.connect("sandbox")
    connection.request("POST", TOKEN_PATH, ASK, BASIC)
    connection.close()
    sim.wait_for(lambda state: state["requests"]["granted"] == 2, "sandbox")


def test_truncate(sim):
    sim.fault("sandbox", "truncate")
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(sim)
    assert caught.value.partial and caught.value.expected > 0
    head, _, body = ask_raw(sim).partition(b"\r\n\r\n")
    length = int(dict(line.split(b": ") for line in head.split(b"\r\n")[1:])[b"Content-Length"])
    assert 0 < len(body) < length


def test_bad_utf8(sim):
    sim.fault("sandbox", "bad_utf8")
    status, _, body = ask(sim)
    assert status == 200
    with pytest.raises(UnicodeDecodeError):
        body.decode()
    grant = json.loads(body.decode("utf-8", "replace"))
    assert "\ufffd" in grant["ust"] and "\ufffd" in grant["message"]

    sim.refuse_key("sandbox")
    status, _, body = ask(sim)
    assert status == 401
    with pytest.raises(UnicodeDecodeError):
        body.decode()


# token answers of the wrong shape


def test_wrong_types(sim):
    sim.fault("sandbox", "wrong_types")
    grant = json.loads(ask(sim)[2])
    assert isinstance(grant["expires_in"], dict) and isinstance(grant["ust"], int)


@pytest.mark.parametrize("field", ["mage_id", "ust", "expires_in"])
def test_missing_and_empty_field(sim, field):
    sim.fault("sandbox", "missing_field", field=field, count=1)
    sim.fault("sandbox", "empty_field", field=field, count=1)
    assert set(json.loads(ask(sim)[2])) == {"mage_id", "ust", "expires_in"} - {field}
    assert json.loads(ask(sim)[2])[field] == ""


@pytest.mark.parametrize("text", [
    "0", "-1", "1", '"7200"', "1e99", "7200.5", "null", "true", "[]", '{"a":1}', "9223372036854775807",
    "18446744073709551615",
])
def test_lifetime_is_verbatim(sim, text):
    status, _ = sim.call("POST", "/sandbox/faults", {"fault": "lifetime", "expires_in": json.loads(text)})
    assert status == 200
    _, _, body = ask(sim)
    assert json.loads(body)["expires_in"] == json.loads(text)


def test_a_sane_lifetime_is_kept_to(sim):
    sim.fault("sandbox", "lifetime", expires_in=1)
    ask(sim)
    assert sim.state("sandbox")["tokens_active"] == 1
    sim.wait_for(lambda state: state["tokens_active"] == 0, "sandbox")


@pytest.mark.parametrize("ust", ["", 'a"b', "a b", "x" * 5000, "line\nfeed", "nul\0", "\u00fcml\u00e4ut"])
def test_bad_ust_is_verbatim(sim, ust):
    sim.fault("sandbox", "bad_ust", ust=ust)
    assert json.loads(ask(sim)[2])["ust"] == ust
    assert sim.state("sandbox")["tokens_active"] == 1


def test_an_odd_token_still_opens(sim):
    sim.fault("sandbox", "bad_ust", ust="odd=token/+")
    ask(sim)
    headers = {"Authorization": "Bearer odd=token/+"}
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers=headers)[0] == 200


def test_these_wait_for_a_request_that_would_succeed(sim):
    sim.fault("sandbox", "missing_field", field="ust", count=1)
    assert sim.token("sandbox", "wrong:key")[0] == 401
    assert sim.state("sandbox")["faults"][0]["used"] == 0
    assert "ust" not in json.loads(ask(sim)[2])


# connections


def test_wrong_certificate(sim):
    sim.fault("sandbox", "wrong_certificate", count=3)
    for _ in range(2):
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(sim)
    address = urllib.parse.urlsplit(sim.urls["sandbox"])
    context = ssl.create_default_context(cafile=sim.ca_file)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((address.hostname, address.port), timeout=20) as plain:
        with context.wrap_socket(plain) as stream:  # a client that does not verify gets a working server
            stream.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stream.recv(100).startswith(b"HTTP/1.1 404")
    assert ask(sim)[0] == 200


def test_reset_on_accept(sim):
    sim.fault("sandbox", "reset_on_accept", count=1)
    with pytest.raises(ConnectionResetError):
        ask(sim)
    assert ask(sim)[0] == 200
    assert counters(sim)["total"] == 1


def test_refuse_connect(sim):
    for _ in range(3):
        sim.fault("sandbox", "refuse_connect")
        with pytest.raises(ConnectionRefusedError):
            ask(sim)
        assert sim.token("production")[0] == 200
        sim.clear_faults()
        assert ask(sim)[0] == 200  # on the same port


def test_a_refused_port_stays_taken(sim):
    sim.fault("sandbox", "refuse_connect")
    port = urllib.parse.urlsplit(sim.urls["sandbox"]).port
    with socket.socket() as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", port))
    sim.reset()
    assert ask(sim)[0] == 200


@pytest.mark.parametrize("fault", ["wrong_certificate", "reset_on_accept", "refuse_connect"])
def test_old_connections_are_no_way_around(sim, fault):
    connection = sim.connect("sandbox")
    connection.request("GET", "/rest/v1/x")
    connection.getresponse().read()
    sim.fault("sandbox", fault)
    assert connection.sock.recv(1) == b""
    connection.close()
