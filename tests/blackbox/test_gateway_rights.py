"""Refusals of the gateway, covered tokens, and its log; the test is the forwarder."""

import base64
import contextlib
import gzip
import json
import select
import threading
import time

import gateway_host as gh
import pytest
from gateway_host import TOKEN, Host, eventually, local_key

SECRET = "0123456789abcdef" * 4
RULES = """
deny = any * /rest/v1/users/*/keys/**
allow = any GET,POST /rest/v1/**
allow = local:uploads PUT /rest/v1/products/**
"""
KEYS = local_key("reports", SECRET, "GET /rest/v1/reports/**", "GET /rest/v1/users/{mage_id}")
BASIC = "Authorization: Basic " + base64.b64encode(f"lk-reports:{SECRET}".encode()).decode()


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path, settings=RULES, local=KEYS)
    yield host
    host.close()


def refused(client, status, slug, method="GET"):
    answer = client.answer(method)
    assert (answer.status, answer.header("EQP-Error")) == (status, slug), answer.body
    if method != "HEAD":
        assert json.loads(answer.body).keys() == {"code", "message"} and json.loads(answer.body)["code"] == status
    return answer


def passed(host, client, body=b"fine"):
    lane, request = host.request()
    lane.respond(200, body=body)
    assert client.answer().body == body
    return request


# ---- never passed on ----

@pytest.mark.parametrize("path,status,slug", [
    ("/rest/v1/a//b", 400, "path_ambiguous"),
    ("/rest/v1/../b", 400, "path_ambiguous"),
    ("/rest/v1/a%2Fb", 400, "path_ambiguous"),
    ("/rest/v1/%61", 400, "path_ambiguous"),
    ("/rest/v1/a;b", 400, "path_ambiguous"),
    ("/rest/v1/a\\b", 400, "path_ambiguous"),
    ("/rest/v1/a?_method=PUT", 400, "method_override_refused"),
    ("/rest/v1/a?%5Fmethod=PUT", 400, "method_override_refused"),
    ("/rest/v1/app/session/token/x", 403, "rule_refused"),
    ("/rest/v1/App/Session/token", 403, "rule_refused"),
    ("/rest/v1/users/MAG1/keys/x", 403, "rule_refused"),
    ("/rest/v1/users/MAG1/KEYS/", 403, "rule_refused"),
])
def test_paths_that_are_not_passed_on(host, path, status, slug):
    client = host.client().ask(path=f"/sandbox{path}")
    refused(client, status, slug)
    passed(host, client.ask())  # the connection goes on
    assert all(lane.number <= 1 for lane in host.lanes)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "A-METHOD-OF-SEVENTEEN"[:17], "trace"])
def test_methods_that_are_not_passed_on(host, method):
    answer = host.client().ask(method=method).answer()
    assert answer.status in (400, 405)
    assert all(lane.number == 0 for lane in host.lanes)


@pytest.mark.parametrize("header", ["X-HTTP-Method: PUT", "x-http-method-override: DELETE", "X-Method-Override: a",
                                    "X_HTTP_Method_Override: a"])
def test_other_methods_by_header(host, header):
    refused(host.client().ask(headers=(header,)), 400, "method_override_refused")


def test_other_protocols(host):
    refused(host.client().ask(headers=("Upgrade: websocket", "Connection: Upgrade")), 400, "bad_request")
    request = passed(host, host.client().ask(headers=("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings",
                                                      "HTTP2-Settings: AAA")))
    assert "upgrade" not in request.headers and "http2-settings" not in request.headers


SMUGGLED = b"GET /sandbox/rest/v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("head", [
    b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n",
    b"Content-Length: %d\r\nContent-Length: 0\r\n",
    b"Content-Length: %d\r\nContent-Length: %d\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Content-Length: +%d\r\n",
    b"Content-Length: 0x10\r\n",
    b"Content-Length: %d \t,0\r\n",
    b"X-Folded: a\r\n Content-Length: %d\r\n",
    b"X: a\nTransfer-Encoding: chunked\r\n",
    b"X: a\rTransfer-Encoding: chunked\r\n",
    b"X: a\0b\r\n",
    b": x\r\n",
])
def test_nothing_is_smuggled(host, head):
    head = head.replace(b"%d", b"%d" % len(SMUGGLED))
    client = host.client()
    client.send(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n" + b"0\r\n\r\n" + SMUGGLED)
    try:
        while client.more():
            pass
    except (TimeoutError, ConnectionResetError):
        pytest.fail("the connection has to end")
    assert client.rest == b"" or client.rest.startswith(b"HTTP/1.1 4"), client.rest
    assert b"HTTP/1.1 2" not in client.rest
    assert all(lane.number == 0 for lane in host.lanes)
    for lane in host.lanes:
        lane.nothing(0.02)


def test_a_body_that_looks_like_a_request_is_a_body(host):
    client = host.client().ask(method="POST", body=SMUGGLED)
    assert passed(host, client).body == SMUGGLED
    client.ask(method="POST", headers=("Transfer-Encoding: chunked",),
               body=b"%x\r\n%s\r\n0\r\nHost: evil\r\nX-Trailer: a\r\n\r\n" % (len(SMUGGLED), SMUGGLED))
    request = passed(host, client)
    assert request.body == SMUGGLED and "x-trailer" not in request.headers


# ---- who may ----

def test_over_tcp_a_key_or_a_name_has_to_be_there(host):
    refused(host.client(tcp=True).ask(), 401, "bearer_missing")
    refused(host.client(tcp=True).ask(headers=("Authorization: Bearer x",)), 401, "bearer_unknown")
    passed(host, host.client(tcp=True).ask(headers=("EQP-Client: test",)))
    passed(host, host.client().ask())


def test_a_local_key_has_its_own_rights(host):
    client = host.client(tcp=True)
    passed(host, client.ask(path="/sandbox/rest/v1/reports/metrics", headers=(BASIC,)))
    passed(host, client.ask(path="/sandbox/rest/v1/users/MAG123456789", headers=(BASIC,)))
    refused(client.ask(path="/sandbox/rest/v1/users/MAG2", headers=(BASIC,)), 403, "rule_refused")
    refused(client.ask(path="/sandbox/rest/v1/a", headers=(BASIC,)), 403, "rule_refused")
    refused(client.ask(method="POST", path="/sandbox/rest/v1/reports/a", headers=(BASIC,), body=b"x"), 403,
            "rule_refused")


def test_methods_have_rights(host):
    client = host.client()
    passed(host, client.ask(method="POST", body=b"x"))
    refused(client.ask(method="DELETE"), 403, "rule_refused")
    refused(client.ask(method="PUT", body=b"x" * 100_000), 403, "rule_refused")
    passed(host, client.ask())


def test_a_body_that_is_refused_is_dropped(host):
    client = host.client()
    thread = threading.Thread(target=client.ask, kwargs={"method": "PUT", "body": b"x" * 5_000_000}, daemon=True)
    thread.start()
    refused(client, 403, "rule_refused")
    thread.join(20)
    passed(host, client.ask())
    waits = host.client()
    waits.send(b"PUT /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
    refused(waits, 403, "rule_refused")
    assert waits.ended()


@pytest.mark.parametrize("length", [65 * 2**20, pytest.param(2**20, marks=pytest.mark.slow("10 s without a byte"))],
                         ids=["too large to be dropped", "stops"])
def test_a_body_that_is_not_read_to_its_end(host, length):
    """The client gets the answer to what it asked, not to how it sends: that would tell it to send it again."""
    client = host.client()
    client.send(b"PUT /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\n")

    def pour():
        with contextlib.suppress(OSError):
            for _ in range(length // 2**16):
                client.send(b"x" * 2**16)
    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    refused(client, 403, "rule_refused")
    thread.join(20)
    assert client.ended()


def test_long_targets_and_heads(host):
    target = "/rest/v1/" + "a" * 1500 + "?q=" + "b" * 1500
    assert passed(host, host.client().ask(path=f"/sandbox{target}")).target == target
    assert host.client().ask(path="/sandbox/rest/v1/" + "a" * 9000).answer().status in (414, 431)


# ---- covering ----

@pytest.mark.parametrize("opaque", [True, False])
def test_the_token_is_covered_for_those_who_are_not_to_see_it(host, opaque):
    headers = (BASIC,) if opaque else ("EQP-Client: test",)
    client = host.client(tcp=True).ask(path="/sandbox/rest/v1/reports/a", headers=headers)
    lane, _ = host.request()
    body = json.dumps({"code": 1, "message": f"bad token {TOKEN}"}).encode()
    lane.respond(403, [f"X-Echo: {TOKEN}", "Content-Type: application/json"], body=body)
    answer = client.answer()
    assert len(answer.body) == len(body) and json.loads(answer.body)["code"] == 1
    assert (TOKEN.encode() in answer.body) == (not opaque)
    assert (TOKEN in answer.header("X-Echo")) == (not opaque)


def test_places_where_tokens_are_covered(host):
    for status, headers, length, covered in ((500, (), 20_000, True), (400, (), -1, True), (200, (), 20_000, False),
                                             (404, ("Content-Encoding: gzip",), 100, False)):
        client = host.client(tcp=True).ask(path="/sandbox/rest/v1/reports/a", headers=(BASIC,))
        lane, _ = host.request()
        body = f"<p>{TOKEN}</p>".encode()
        body += b"y" * (20_000 - len(body))
        lane.respond(status, headers, length=length if length < 0 else len(body), last=False)
        lane.data(body[:20])
        lane.data(body[20:16_000])
        lane.data(body[16_000:], last=True)
        answer = client.answer()
        assert len(answer.body) == 20_000
        assert (TOKEN.encode() not in answer.body) == covered


def test_an_error_that_is_too_long_to_be_held_back(host):
    client = host.client(tcp=True).ask(path="/sandbox/rest/v1/reports/a", headers=(BASIC,))
    lane, _ = host.request()
    body = TOKEN.encode() + b"y" * 300_000
    lane.respond(500, length=len(body), last=False)
    for at in range(0, len(body), 16384):
        lane.data(body[at:at + 16384], last=at + 16384 >= len(body))
    answer = client.answer()
    assert len(answer.body) == len(body) and TOKEN.encode() not in answer.body


def test_compressed_answers_stay_as_they_are(host):
    body = gzip.compress(b"x" * 1000)
    client = host.client().ask(headers=("Accept-Encoding: gzip",))
    lane, request = host.request()
    assert request.headers["accept-encoding"] == "gzip"
    lane.respond(200, ["Content-Encoding: gzip"], body=body)
    answer = client.answer()
    assert answer.body == body and answer.header("Content-Encoding") == "gzip"


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("n, size", [(5, 100), (10, 500), (15, 1000), (250, 50), (4, 4000)])
def test_an_answer_with_a_large_head(host, n, size, tcp):
    """However little memory the connection was given, as nothing had been sent when it was taken in: a request that has been
    carried out is answered."""
    large = [(f"X-Large-{at}", "x" * size) for at in range(n)]
    client = host.client(tcp=tcp)
    eventually(lambda: host.connections() > 0)
    for at in range(3):
        client.ask(method="POST", body=b"abc", headers=("EQP-Client: test",))
        lane, request = host.request()
        assert request.body == b"abc"
        lane.respond(201, ["Date: Sun, 06 Nov 1994 08:49:37 GMT", *(": ".join(header) for header in large),
                           "Location: https://up.example/rest/v1/next"], body=b"fine")
        answer = client.answer()
        assert answer.status == 201 and answer.body == b"fine" and not answer.closed
        names = [name for name, _ in answer.headers]
        assert [header for header in answer.headers if header[0].startswith("X-Large-")] == large
        assert names.count("Date") == names.count("Content-Length") == names.count("Location") == 1, names
        assert answer.header("Location") == f"http://{client.host_name}/sandbox/rest/v1/next"
        assert answer.header("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize("n", [1, 40, 80, 100, 120, 140, 160, 400])
def test_a_head_that_grows_on_its_way(host, n):
    """Places in it are written as the client has to use them, which are longer here."""
    client = host.client(tcp=True)
    eventually(lambda: host.connections() > 0)
    client.ask(headers=("EQP-Client: test",))
    lane, _ = host.request()
    lane.respond(200, ["Link: " + ", ".join(["<https://up.example/rest/v1/a>"] * n)], body=b"fine")
    answer = client.answer()
    assert answer.body == b"fine"
    assert answer.header("Link") == ", ".join([f"<http://{client.host_name}/sandbox/rest/v1/a>"] * n)


@pytest.mark.parametrize("method, status, length", [("HEAD", 200, 7), ("GET", 204, 0), ("GET", 304, -1), ("GET", 200, -1)])
def test_a_large_head_of_an_answer_of_another_form(host, method, status, length):
    client = host.client()
    eventually(lambda: host.connections() > 0)
    client.ask(method=method)
    lane, _ = host.request()
    lane.respond(status, [f"X-Large-{at}: {'x' * 1000}" for at in range(10)], length=length)
    answer = client.answer(method)
    assert answer.status == status and answer.body == b"" and answer.header("X-Large-9") == "x" * 1000


@pytest.mark.parametrize("tcp, n", [(False, 60), (True, 600)])
def test_large_heads_for_a_client_that_does_not_read(host, tcp, n):
    """Its socket gets full amid one of them."""
    client = host.client(tcp)
    eventually(lambda: host.connections() > 0)
    for at in range(n):
        client.ask(path=f"/sandbox/rest/v1/{at}", headers=("EQP-Client: test",))
    answered = []

    def upstream(wait):
        while len(answered) < n and select.select([lane.ours for lane in host.lanes], [], [], wait)[0]:
            lane, request = host.request()
            lane.respond(200, [f"X-Large-{at}: {'x' * 1000}" for at in range(15)], body=request.target.encode())
            answered.append(request.target)

    eventually(lambda: upstream(wait=1) or answered)
    assert 0 < len(answered) < n, "there is no end to the socket"
    thread = threading.Thread(target=upstream, args=(20,))
    thread.start()
    for at in range(n):
        answer = client.answer()
        assert answer.body == f"/rest/v1/{at}".encode() and answer.header("X-Large-14") == "x" * 1000
    thread.join()


# ---- the log ----

def test_changes_and_refusals_are_logged_and_nothing_secret(host):
    client = host.client(tcp=True)
    passed(host, client.ask(method="POST", path="/sandbox/rest/v1/products?secret=query", body=b"abc",
                            headers=("EQP-Client: nightly",)))
    refused(client.ask(path="/sandbox/rest/v1/users/a", headers=(BASIC,)), 403, "rule_refused")
    eventually(lambda: "not passed on" in host.log.read_text())
    log = host.log.read_text()
    change = next(line for line in log.splitlines() if "passed on for" in line and "not passed" not in line)
    assert "POST /rest/v1/products passed on" in change and "client nightly" in change
    assert ": 200, 3 bytes in, 4 out, token 1" in change and "settings:" in change
    refusal = next(line for line in log.splitlines() if "not passed on" in line)
    assert "local key reports" in refusal and "403 rule_refused" in refusal
    assert "query" not in log and TOKEN not in log and SECRET not in log


def test_reads_are_summed_up(tmp_path):
    host = Host(tmp_path, settings=RULES, local=KEYS)
    client = host.client()
    for _ in range(5):
        passed(host, client.ask())
    client.close()
    host.close()
    assert "5 reads passed on for uid 0 within a minute, 0 of them without success, 20 bytes out" in host.log.read_text()


def test_the_numbers(host):
    client = host.client()
    passed(host, client.ask(method="POST", body=b"abc"))
    refused(client.ask(method="DELETE"), 403, "rule_refused")
    metrics = host.metrics()
    assert metrics['requests_total{class="2xx"}'] == 1 and metrics["refused_total"] == 1
    assert metrics["body_bytes_in_total"] == 3 and metrics["body_bytes_out_total"] == 4
    assert metrics["answers_total"] == 1 and metrics["upstream_seconds_total"] > 0 and metrics["lanes"] == 2


# ---- memory ----

class Big:
    """Requests of this size each, at the same time, one for each lane."""

    def __init__(self, host, size, upload):
        self.host, self.size, self.upload, self.good = host, size, upload, 0
        self.begun = threading.Barrier(len(host.lanes))

    def carry(self, lane):
        request = lane.request()
        self.begun.wait(20)  # a lane that is through too early would be given another request
        if self.upload:
            lane.go_on()
            left = request.length
            while left > 0:
                left -= len(lane.packet()[1]) - gh.DATA_FORM.size
            lane.respond(200, body=b"fine")
            return
        lane.respond(200, length=self.size, last=False)
        for at in range(0, self.size, 16384):
            lane.data(b"x" * min(16384, self.size - at), last=at + 16384 >= self.size)

    def ask(self):
        client = self.host.client()
        if self.upload:
            client.send(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % self.size)
            for _ in range(self.size // 1_000_000):
                client.send(b"x" * 1_000_000)
            assert client.answer().body == b"fine"
        else:
            client.ask().head()
            left = self.size - len(client.rest)
            while left > 0:
                left -= len(client.socket.recv(1 << 20))
        self.good += 1

    def run(self):
        """The most memory that was in use meanwhile, in KiB."""
        threads = [threading.Thread(target=self.carry, args=(lane,), daemon=True) for lane in self.host.lanes]
        threads += [threading.Thread(target=self.ask, daemon=True) for _ in self.host.lanes]
        for thread in threads:
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in threads):
            most = max(most, self.host.memory())
            time.sleep(0.05)
        assert self.good == len(self.host.lanes)
        return most


@pytest.mark.alone
@pytest.mark.parametrize("upload", [True, False])
def test_a_hundred_megabytes_take_no_more_memory_than_one(plain_build, tmp_path, upload):
    host = Host(tmp_path, lanes=8, settings=gh.ALLOW_ALL + "body_max = 100M\n")
    passed(host, host.client().ask(method="POST", body=b"x"))  # the first one that is made is there
    before = host.memory()
    small = Big(host, 1_000_000, upload).run()
    large = Big(host, 100_000_000, upload).run()
    print(f"{(small - before) / 8} KiB each for 1 MB, {(large - before) / 8} KiB for 100 MB")
    assert (large - before) / 8 <= 128
    host.close()
