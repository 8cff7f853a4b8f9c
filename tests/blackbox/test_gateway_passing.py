"""Requests that the gateway passes on, and its treatment of the answer; the test is the forwarder."""

import subprocess
import threading

import pytest
from gateway_host import TOKEN, Host, eventually


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.close()


def test_a_request_and_its_answer(host):
    client = host.client().ask(path="/sandbox/rest/v1/users/MAG1?style=summary&sort=+a,-b%2F", headers=(
        "Authorization: Bearer any", "Accept: */*", "X-Odd: \xe4", "Cookie: a=b", "Connection: X-Named", "X-Named: 1",
        "Via-Not: 1", "EQP-Client: test"))
    request = host.lanes[0].request()
    assert (request.method, request.target) == ("GET", "/rest/v1/users/MAG1?style=summary&sort=+a,-b%2F")
    assert (request.environment, request.token) == ("sandbox", TOKEN)
    assert request.lines == ["Accept: */*", "X-Odd: \xe4", "Via-Not: 1"]
    assert request.whole and not request.has_body and not request.expect and request.length == 0
    host.lanes[0].respond(200, ["Content-Type: application/json", "X-Total-Count: 7", "Set-Cookie: a=b", "ETag: \"x\"",
                                "Access-Control-Allow-Origin: *", "X-Empty: ",
                                "Location: https://up.example/rest/v1/next"], b'{"a":1}')
    answer = client.answer()
    assert answer.status == 200 and answer.body == b'{"a":1}'
    assert answer.header("X-Total-Count") == "7" and answer.header("ETag") == '"x"'
    assert answer.header("X-Empty") == "", "without a value, it is one all the same"
    assert answer.header("Set-Cookie") is None and answer.header("Access-Control-Allow-Origin") is None
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Location") == "http://localhost/sandbox/rest/v1/next"
    assert sum(name.lower() == "date" for name, _ in answer.headers) == 1


def test_a_kept_connection_is_used_again(host):
    client = host.client()
    for at in range(5):
        client.ask(method="POST", path=f"/sandbox//rest/v1/a/{at}", body=b"x" * at)
        request = host.lanes[0].request()
        assert request.target == f"/rest/v1/a/{at}" and request.body == b"x" * at and request.has_body
        host.lanes[0].respond(201, body=b"y" * at)
        assert client.answer().body == b"y" * at


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get", "A-METHOD-OF-16-C"])
def test_any_method(host, method):
    client = host.client().ask(method=method)
    assert host.lanes[0].request().method == method
    host.lanes[0].respond(200, body=b"ok")
    assert client.answer().body == b"ok"


@pytest.mark.parametrize("size", [1, 16384, 16385, 65536, 65537, 1_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_of_any_size(host, size, chunked):
    body = bytes(at * 7 % 251 for at in range(size))
    client = host.client()
    if chunked:
        pieces = b"".join(b"%x\r\n%s\r\n" % (len(body[at:at + 5000]), body[at:at + 5000]) for at in range(0, size, 5000))
        sent = pieces + b"0\r\n\r\n"
        headers = ["Transfer-Encoding: chunked"]
    else:
        sent, headers = body, [f"Content-Length: {size}"]
    client.send(("POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"{h}\r\n" for h in headers) +
                 "\r\n").encode())
    threading.Thread(target=client.send, args=(sent,), daemon=True).start()
    request = host.lanes[0].request()
    kept = size <= 65536
    assert request.length == (size if kept or not chunked else -1) and request.expect == (not kept)
    if request.expect:
        host.lanes[0].go_on()
    assert (request.body if request.whole else host.lanes[0].body()) == body
    host.lanes[0].respond(200, body=b"done")
    assert client.answer().body == b"done"
    client.ask()
    host.lanes[0].request()
    host.lanes[0].respond(204)
    assert client.answer().status == 204


@pytest.mark.parametrize("asked_for", [True, False])
def test_an_answer_that_comes_before_its_body(host, asked_for):
    """All of the body goes to the upstream, also the beginning, which was kept until it was asked for."""
    body = bytes(at * 7 % 251 for at in range(150_000))
    client = host.client()
    client.send(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    threading.Thread(target=client.send, args=(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),), daemon=True).start()
    lane = host.lanes[0]
    assert lane.request().expect
    if asked_for:
        lane.go_on()
    lane.respond(200, length=-1, last=False)
    assert lane.body() == body
    lane.data(b"all of it")
    lane.last()
    assert client.answer().body == b"all of it"


@pytest.mark.parametrize("status,length,until_close", [(200, 100, False), (200, -1, True), (200, -1, False),
                                                       (404, 100, False)])
def test_head(host, status, length, until_close):
    client = host.client().ask(method="HEAD")
    request = host.lanes[0].request()
    assert request.method == "HEAD" and not request.has_body
    host.lanes[0].respond(status, ["X-A: b"], length=length, until_close=until_close)
    answer = client.answer("HEAD")
    assert answer.status == status and answer.header("X-A") == "b"
    assert answer.header("Content-Length") == (str(length) if length >= 0 else None)
    if length >= 0:
        client.ask()  # nothing but the head came
        host.lanes[0].request()
        host.lanes[0].respond(200, body=b"next")
        assert client.answer().body == b"next"
    else:
        assert client.ended()


@pytest.mark.parametrize("length", [-1, 0, 77])
def test_not_modified(host, length):
    client = host.client().ask(headers=("If-None-Match: x",))
    assert host.lanes[0].request().headers["if-none-match"] == "x"
    host.lanes[0].respond(304, ['ETag: "x"'], length=length)
    answer = client.answer()
    assert answer.status == 304 and answer.header("ETag") == '"x"' and answer.body == b""
    if length >= 0 and not answer.header("Connection"):
        client.ask()
        host.lanes[0].request()
        host.lanes[0].respond(200, body=b"next")
        assert client.answer().body == b"next"
    else:
        assert client.ended()


def test_an_answer_whose_length_is_not_told(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(200, length=-1, last=False)
    host.lanes[0].data(b"a" * 16384)
    host.lanes[0].data(b"b" * 100)
    host.lanes[0].last()
    answer = client.answer()
    assert answer.header("Transfer-Encoding") == "chunked" and answer.body == b"a" * 16384 + b"b" * 100


def test_an_answer_that_ends_by_closing(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(200, body=b"begin ", length=-1, last=False, until_close=True)
    host.lanes[0].data(b"end", last=True)
    answer = client.answer()
    assert answer.header("Transfer-Encoding") is None and answer.body == b"begin end" and answer.closed


def test_an_answer_to_http_1_0(host):
    client = host.client().ask(version="1.0")
    host.lanes[0].request()
    host.lanes[0].respond(200, length=-1, last=False)
    host.lanes[0].data(b"x" * 16000)
    host.lanes[0].last()
    answer = client.answer()
    assert answer.body == b"x" * 16000 and answer.closed


@pytest.mark.parametrize("told", [100_000, -1])
def test_an_answer_that_is_cut_off(host, told):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(200, length=told, last=False)
    host.lanes[0].data(b"x" * 1000)
    host.lanes[0].fail(2, sent=True)
    with pytest.raises(EOFError):
        client.answer()
    eventually(lambda: host.connections() == 0)
    assert host.metrics()['aborts_total{side="upstream"}'] == 1


def test_real_curl(host, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"z" * 3_000_000)
    curl = subprocess.Popen(["curl", "-sS", "-T", body, "-X", "POST", "--noproxy", "*", "-H", "EQP-Client: curl",
                             f"http://127.0.0.1:{host.port}/sandbox/rest/v1/files/uploads"], stdout=subprocess.PIPE)
    request = host.lanes[0].request()
    assert request.expect and request.length == 3_000_000 and "expect" not in request.headers
    host.lanes[0].go_on()
    assert host.lanes[0].body() == b"z" * 3_000_000
    host.lanes[0].respond(200, body=b"[{}]")
    assert curl.communicate(timeout=20)[0] == b"[{}]" and curl.returncode == 0
