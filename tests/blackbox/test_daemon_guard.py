"""eqp-brokerd: the form that a request must have to be answered, on TCP and on the unix socket."""

import re
import socket
import threading
import time

import pytest

from broker import Broker, free_port, wait_until
from simulator import EXAMPLE_KEY

TOKEN = "/v1/sandbox/token"


@pytest.fixture(scope="module")
def guarded(session_simulator):
    session_simulator.reset()
    with Broker(session_simulator, keys={"sandbox": EXAMPLE_KEY}, broker=f"listen = 127.0.0.2:{free_port(address='127.0.0.2')}") as broker:
        yield broker.wait_valid()


def ask(broker, *lines, path="/livez", via="tcp"):
    """A request of exactly these header lines: (status, slug)."""
    data = "\r\n".join([f"GET {path} HTTP/1.1", *lines, "Connection: close", "", ""])
    received = broker.raw(data.encode("latin-1"), via)
    status = int(received.split(b" ")[1])
    slug = re.search(rb'"error":"(\w+)"', received)
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"access-control-allow" not in received.lower()
    return status, slug and slug[1].decode()


def host(broker, name="127.0.0.1"):
    return f"Host: {name}:{broker.port}"


# Host


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LocalHost"])
@pytest.mark.parametrize("path", ["/livez", TOKEN])
def test_good_hosts(guarded, name, path):
    assert ask(guarded, host(guarded, name), "EQP-Client: a", path=path) == (200, None)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/v1/status", TOKEN, "/nonsense", "/a//b",
                                  "/sandbox/rest/v1/app/session/token"])
@pytest.mark.parametrize("value", [
    "evil.example", "evil.example:{port}", "localhost", "127.0.0.1", "localhost:1", "localhost:{port}0", "127.0.0.2",
    "localhost.:{port}", "localhost.evil.example:{port}", "127.0.0.1.evil.example:{port}", "127.0.0.1:0{port}",
    "user@127.0.0.1:{port}", "[::1]", "::1:{port}", "0.0.0.0:{port}", "127.1:{port}", "2130706433:{port}",
    "127.0.0.1:{port}/", "127.0.0.1:{port},localhost:{port}", "[::ffff:127.0.0.1]:{port}", "x127.0.0.1:{port}"])
def test_bad_hosts(guarded, path, value):
    value = value.format(port=guarded.port)
    word = None if path.startswith("/sandbox/rest/") else "host_refused"  # that one has the upstream's form
    assert ask(guarded, "Host: " + value, "EQP-Client: a", path=path) == (403, word)


def test_two_hosts(guarded):
    assert ask(guarded, host(guarded), host(guarded))[0] in (400, 403)
    assert ask(guarded, host(guarded), "Host: evil.example")[0] in (400, 403)
    assert ask(guarded, "host: evil.example", host(guarded))[0] in (400, 403)


def test_no_host(guarded):
    # libmicrohttpd refuses it itself, with a body of its own.
    received = guarded.raw(b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 403 ")) and b"live" not in received
    received = guarded.raw(b"GET /livez HTTP/1.0\r\n\r\n")
    assert b" 403 " in received.split(b"\r\n")[0] and b"host_refused" in received


def test_the_host_of_an_absolute_target_does_not_count(guarded):
    for target in (f"http://127.0.0.1:{guarded.port}/livez", "http://evil.example/livez"):
        data = f"GET {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        assert guarded.raw(data.encode()).startswith(b"HTTP/1.1 403 ")
        data = f"GET {target} HTTP/1.1\r\n{host(guarded)}\r\nConnection: close\r\n\r\n"
        assert guarded.raw(data.encode()).startswith(b"HTTP/1.1 400 ")


def test_hosts_of_another_loopback_address(guarded):
    line = guarded.log(r"listening on 127\.0\.0\.2:")[0]
    port = int(line.rsplit(":", 1)[1])

    def at(name):
        with socket.create_connection(("127.0.0.2", port), 60) as stream:
            stream.sendall(f"GET /livez HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            return stream.makefile("rb").readline().split()[1]

    assert at(f"127.0.0.2:{port}") == b"200"
    assert at(f"127.0.0.3:{port}") == b"403"


def test_the_unix_socket_minds_no_host(guarded):
    assert ask(guarded, "Host: anything", path=TOKEN, via="unix") == (200, None)


# browsers and proxies


@pytest.mark.parametrize("path", ["/livez", "/metrics", TOKEN, "/nonsense"])
@pytest.mark.parametrize("line, slug", [
    ("Origin: https://evil.example", "browser_refused"), ("Origin: null", "browser_refused"),
    ("origin:", "browser_refused"), ("Sec-Fetch-Site: same-origin", "browser_refused"),
    ("SEC-FETCH-SITE: none", "browser_refused"), ("Sec-Fetch-Dest: empty", "browser_refused"),
    ("Access-Control-Request-Method: GET", "browser_refused"),
    ("Access-Control-Request-Headers: eqp-client", "browser_refused"),
    ("Access-Control-Request-Private-Network: true", "browser_refused"),
    ("X-Forwarded-For: 10.0.0.1", "proxy_refused"), ("X-Forwarded-Host: a", "proxy_refused"),
    ("x-forwarded-anything: a", "proxy_refused"), ("Forwarded: for=10.0.0.1", "proxy_refused"),
    ("Via: 1.1 proxy", "proxy_refused")])
def test_browsers_and_proxies(guarded, path, line, slug):
    assert ask(guarded, host(guarded), "EQP-Client: a", line, path=path) == (403, slug)


@pytest.mark.parametrize("line", ["Sec-Fetch-Mode: cors", "User-Agent: Mozilla/5.0", "Referer: http://a/",
                                  "Cookie: a=b", "X-Requested-With: a", "Sec-Fetch: a", "Vias: a", "Accept-Language: en"])
def test_headers_of_no_browser_and_no_proxy(guarded, line):
    assert ask(guarded, host(guarded), "EQP-Client: a", line, path=TOKEN) == (200, None)


@pytest.mark.parametrize("line", ["Origin: https://a", "X-Forwarded-For: 1", "Via: 1.1 a"])
def test_the_unix_socket_minds_no_browser_or_proxy(guarded, line):
    assert ask(guarded, "Host: a", line, path=TOKEN, via="unix") == (200, None)


def test_preflight(guarded):
    data = (f"OPTIONS {TOKEN} HTTP/1.1\r\n{host(guarded)}\r\nOrigin: https://evil.example\r\n"
            "Access-Control-Request-Method: GET\r\nConnection: close\r\n\r\n")
    received = guarded.raw(data.encode())
    assert received.startswith(b"HTTP/1.1 403 ") and b"access-control-allow" not in received.lower()


# EQP-Client


@pytest.mark.parametrize("path, expected", [
    (TOKEN, (403, "client_header_missing")), ("/v1/status", (403, "client_header_missing")),
    ("/v1/nonsense", (403, "client_header_missing")), ("/livez", (200, None)), ("/metrics", (200, None)),
    ("/nonsense", (404, "unknown_path"))])
def test_client_header_is_needed_under_v1(guarded, path, expected):
    assert ask(guarded, host(guarded), path=path) == expected


@pytest.mark.parametrize("name", ["a", "nightly-upload", "a.b_c/d@e-F9", "x" * 64])
def test_good_client_names(guarded, name):
    assert ask(guarded, host(guarded), "EQP-Client: " + name, path=TOKEN) == (200, None)
    guarded.wait_log("handed out to uid .* client " + re.escape(name) + "$")


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a,b", 'a"b', "ä", "a\tb", "a:b", "a;b", "\x7f", "a\x1b[31m"])
def test_bad_client_names(guarded, name):
    assert ask(guarded, host(guarded), "EQP-Client: " + name, path=TOKEN) in [
        (403, "client_header_missing"), (400, "bad_request"), (400, None)]
    assert ask(guarded, "Host: a", "EQP-Client: " + name, path=TOKEN, via="unix") in [
        (400, "bad_request"), (400, None)]
    assert not guarded.log("\x1b")


def test_not_needed_on_the_unix_socket(guarded):
    assert ask(guarded, "Host: a", path=TOKEN, via="unix") == (200, None)


@pytest.mark.parametrize("via", ["unix", "tcp"])
@pytest.mark.parametrize("line", ["EQP-Client: a", "Authorization: Basic YTpi", "Accept: text/plain"])
def test_headers_that_may_stand_once(guarded, via, line):
    first = host(guarded) if via == "tcp" else "Host: a"
    name = [] if line.startswith("EQP") else ["EQP-Client: a"]
    assert ask(guarded, first, *name, line, line, path=TOKEN, via=via) == (400, "bad_request")


# paths


@pytest.mark.parametrize("target", [
    "/v1//sandbox/token", "//v1/sandbox/token", "/v1/sandbox/token/", "/v1/./sandbox/token", "/v1/x/../sandbox/token",
    "/v1/%73andbox/token", "/v1/sandbox%2Ftoken", "/v1/sandbox/token%00", "/v1/sandbox/token;a", "/v1/sandbox\\token",
    "/v1/sandbox/token#a", "/..", "/%2e%2e/livez", "/livez/", "/./livez", "*", "livez", "/" + "a" * 256, "/" + "a/" * 200,
    "/v1/sandbox/token\x80", "/v1/+/token", "http:///livez", "/v1/sandbox/~token"])
def test_path_tricks(guarded, target):
    status, slug = ask(guarded, host(guarded), "EQP-Client: a", path=target)
    assert (status, slug) in [(400, "bad_request"), (400, None)]


def test_a_target_that_fills_the_memory(guarded):
    received = guarded.raw(f"GET /{'a' * 20000} HTTP/1.1\r\n{host(guarded)}\r\n\r\n".encode())
    assert received.startswith((b"HTTP/1.1 414 ", b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")) or received == b""
    received = guarded.raw(f"GET /livez HTTP/1.1\r\n{host(guarded)}\r\n{'X: y' * 8000}\r\n\r\n".encode())
    assert received.startswith(b"HTTP/1.1 431 ") or received == b""


# nonsense

NONSENSE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),  # somebody tries TLS
    b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET  /livez  HTTP/1.1\r\n\r\n", b"\r\n" * 200,
    b"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: {host}\r\nEQP-Client: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: {host}\r\nEQP-Client: a\r\nContent-Length: 1e3\r\n\r\n",
    b"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: {host}\r\nEQP-Client: a\r\n"
    b"Content-Length: 99999999999999999999999\r\n\r\n",
    b"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: {host}\r\nEQP-Client: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: {host}\r\nEQP-Client: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: {host}\r\nEQP-Client: a\r\n"
    b"Transfer-Encoding: gzip\r\n\r\nabc",
    b"GET /livez HTTP/1.1\r\nHost: {host}\r\nX\x00Y: z\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: {host}\r\n: z\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: {host}\r\n folded\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /livez HTTP/1.1\nHost: {host}\n\n", b"\x00" * 5000, b"\xff" * 70000,
]


def test_nonsense_on_one_connection_does_not_disturb_another(guarded):
    with guarded.connection("tcp") as connection:
        for data in NONSENSE:
            with guarded.connect("tcp") as stream:
                try:
                    stream.sendall(data.replace(b"{host}", f"127.0.0.1:{guarded.port}".encode()))
                    stream.settimeout(0.05)
                    stream.recv(65536)
                except (TimeoutError, ConnectionError):
                    pass
                assert connection.ask("GET", TOKEN, {"EQP-Client": "a"}).status == 200, data
            assert connection.ask("GET", TOKEN, {"EQP-Client": "a"}).status == 200, data
    assert guarded.process.poll() is None


@pytest.mark.parametrize("second", ["Content-Length: 2", "Content-Length: 12", "Transfer-Encoding: chunked"])
def test_the_length_of_a_body_is_told_once(guarded, second):
    data = (f"POST /v1/sandbox/token/rejected HTTP/1.1\r\n{host(guarded)}\r\nEQP-Client: a\r\nContent-Length: 12\r\n"
            f"{second}\r\nConnection: close\r\n\r\n" + '{"ust": "x"}')
    with guarded.connect("tcp") as stream:
        stream.sendall(data.encode())
        received = stream.recv(65536)
    assert received.startswith(b"HTTP/1.1 400 ")


def test_clients_that_leave_early(guarded):
    request = f"GET {TOKEN} HTTP/1.1\r\n{host(guarded)}\r\nEQP-Client: a\r\n\r\n".encode()
    for length in range(1, len(request), 7):
        with guarded.connect("tcp") as stream:
            stream.sendall(request[:length])
    for _ in range(20):
        with guarded.connect("tcp") as stream:
            stream.sendall(request * 3)  # and does not read
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert guarded.token(via="tcp")


def test_a_client_that_does_not_read(guarded):
    """Its answers wait in the kernel, then it waits: others do not."""
    request = f"GET /metrics HTTP/1.1\r\n{host(guarded)}\r\n\r\n".encode()
    with guarded.connect("tcp") as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.settimeout(0.2)
        try:
            for _ in range(5000):
                stream.sendall(request)
        except (TimeoutError, ConnectionError):
            pass
        started = time.monotonic()
        for _ in range(50):
            assert guarded.get("/livez", via="tcp").status == 200
        assert time.monotonic() - started < 20


def test_a_body_that_comes_in_pieces(guarded):
    head = (f"POST /v1/sandbox/token/rejected HTTP/1.1\r\n{host(guarded)}\r\nEQP-Client: a\r\n"
            "Content-Length: 12\r\nConnection: close\r\n\r\n")
    with guarded.connect("tcp") as stream:
        for byte in head + '{"ust": "x"}':
            stream.sendall(byte.encode())
        received = b""
        while more := stream.recv(65536):
            received += more
    assert received.startswith(b"HTTP/1.1 200 ") and b'"refreshed":false' in received


def test_refusals_are_logged_once_a_minute(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    for _ in range(10):
        assert ask(broker, host(broker), "Origin: https://secret.example") == (403, "browser_refused")
    lines = broker.log("browser_refused", priority=5)
    assert len(lines) == 1 and "uid" in lines[0] and "secret.example" not in broker.text()


def connections(broker):
    return int(re.search(r"^eqp_broker_connections (\d+)$", broker.get("/metrics").body.decode(), re.M)[1])


def test_many_clients_at_once(guarded):
    before = connections(guarded)
    failures = []

    def client():
        for via in ("tcp", "unix") * 10:
            answer = guarded.get(TOKEN, via=via)
            if answer.status != 200:
                failures.append(answer)

    threads = [threading.Thread(target=client) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    wait_until(lambda: connections(guarded) <= before, "all have gone")
