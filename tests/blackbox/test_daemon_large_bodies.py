"""eqp-brokerd: a client that sends a large body where it is refused sees the answer. Many look for one only when all is
sent; until then it is read and dropped."""

import http.client
import json
import shutil
import subprocess
import time

import pytest

from broker import Broker
from simulator import EXAMPLE_KEY, Simulator

MIB = 1024 * 1024
UPLOAD = """
const [url, size] = process.argv.slice(1);
const answer = await fetch(url, {method: "POST", body: new Uint8Array(+size), headers: {"EQP-Client": "node"}});
console.log(JSON.stringify([answer.status, (await answer.json()).error]));
"""
# Each for another reason: its path, form, method, and what a browser could have sent.
REFUSED = [("/v1/nothing", {"EQP-Client": "a"}, (404, "unknown_path")),
           ("/v1/sandbox/token/rejected", {"EQP-Client": "a"}, (413, "body_too_large")),
           ("/v1/sandbox/token", {"EQP-Client": "a"}, (405, "method_not_allowed")),
           ("/v1/sandbox/token/rejected", {}, (403, "client_header_missing")),
           ("/v1/sandbox/token/rejected", {"EQP-Client": "a", "Origin": "https://evil.test"}, (403, "browser_refused"))]


@pytest.fixture(scope="module")
def api():
    with Simulator(["sandbox"]) as simulator, Broker(simulator, keys={"sandbox": EXAMPLE_KEY}) as broker:
        yield broker.wait_valid()


def upload(api, via, path, headers, body, chunked=False):
    with api.connection(via) as connection:
        connection.request("POST", path, body, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["error"]


@pytest.mark.parametrize("size", [4 * MIB, 16 * MIB, 63 * MIB])
@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_the_answer_is_seen(api, via, size):
    for path, headers, error in REFUSED if size == 4 * MIB and via == "tcp" else REFUSED[:2]:
        assert upload(api, via, path, headers, bytes(size)) == error


def test_the_connection_is_kept(api):
    with api.connection("tcp") as connection:
        assert connection.ask("POST", "/v1/nothing", {"EQP-Client": "a"}, bytes(4 * MIB)).error() == (404, "unknown_path")
        assert connection.ask("GET", "/v1/sandbox/token", {"EQP-Client": "a"}).status == 200


def test_in_chunks(api):
    pieces = (bytes(65536) for _ in range(256))
    headers = {"EQP-Client": "a", "Transfer-Encoding": "chunked"}
    assert upload(api, "tcp", "/v1/sandbox/token/rejected", headers, pieces, chunked=True) == (413, "body_too_large")


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed (package nodejs)")
@pytest.mark.parametrize("size", [4 * MIB, 16 * MIB])
def test_fetch_of_node_sees_the_answer(api, size):
    for path, error in (("/v1/nothing", [404, "unknown_path"]), ("/v1/sandbox/token/rejected", [413, "body_too_large"])):
        result = subprocess.run(["node", "--input-type=module", "-e", UPLOAD, f"http://127.0.0.1:{api.port}{path}", str(size)],
                                capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 0 and json.loads(result.stdout) == error, result


@pytest.mark.parametrize("size", [9000, 16 * MIB, 100 * MIB])
@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_a_client_that_asks_first_need_not_send_it(api, via, size):
    """Expect: 100-continue."""
    with api.connect(via) as stream:
        stream.sendall(f"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: localhost:{api.port}\r\nEQP-Client: a\r\n"
                       f"Content-Length: {size}\r\nExpect: 100-continue\r\n\r\n".encode())
        answer = http.client.HTTPResponse(stream)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["error"]) == (413, "body_too_large")
        assert answer.getheader("Connection") == "close" and stream.recv(1) == b""


def test_a_client_that_asks_first_with_a_small_body_may_go_on(api):
    with api.connect() as stream:
        stream.sendall(b"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                       b"Expect: 100-continue\r\n\r\n")
        assert stream.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        stream.sendall(b"{}")
        assert stream.recv(4096).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("size", [2 * MIB, 16 * MIB])
def test_curl_sees_the_answer(api, size, tmp_path):
    """It asks first with bodies of over 1 MiB, and sends them after a second without an answer."""
    body = tmp_path / "body"
    body.write_bytes(bytes(size))
    for more in ([], ["-H", "Expect:"]):
        result = subprocess.run(["curl", "-sS", "--noproxy", "*", "-H", "EQP-Client: a", *more, "--data-binary", f"@{body}",
                                 f"http://127.0.0.1:{api.port}/v1/sandbox/token/rejected"], capture_output=True, text=True,
                                check=False, timeout=60)
        assert result.returncode == 0 and json.loads(result.stdout)["error"] == "body_too_large", result


def test_more_than_64_mib_end_the_connection_with_a_word_of_why(api):
    with api.connect("tcp") as stream:
        stream.sendall(f"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: localhost:{api.port}\r\nEQP-Client: a\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"100000\r\n" + bytes(MIB) + b"\r\n"
        n = 0
        try:
            for n in range(200):
                stream.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert 63 <= n < 90
        assert stream.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.slow("a request may take 10 s")
def test_a_slow_one_ends_after_10_s_with_a_word_of_why(api):
    with api.connect("tcp") as stream:
        stream.sendall(f"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: localhost:{api.port}\r\nEQP-Client: a\r\n"
                       f"Content-Length: {MIB}\r\n\r\n".encode())
        began = time.monotonic()
        stream.settimeout(0.5)
        while True:
            stream.sendall(b"x" * 20)
            try:
                answer = stream.recv(4096)
                break
            except TimeoutError:
                assert time.monotonic() - began < 30
        assert answer.startswith(b"HTTP/1.1 413 ") and 9 < time.monotonic() - began
