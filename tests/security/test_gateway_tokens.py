"""Callers that must see no real token, before an upstream that puts the one that it was sent wherever it can; tokens and secrets
in the wrong hands at the gateway; and requests that somebody has a server of this host make."""

import base64
import http.server
import re
import subprocess
import threading
import urllib.parse

import pytest

from authorities import Authority
from broker import wait_until
from local_keys import BODY, LocalKey, basic, session_path
from people import STRANGER, run_as
from recorder import Recorder, plain
from simulator import EXAMPLE_KEY
from wire import get, receive, request, connect

REST = "/sandbox/rest/v1/users/a"
KEY = LocalKey("key", allow=["* /rest/v1/**"])


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authorities"), "company")


@pytest.fixture
def upstream(authority):
    with Recorder(authority) as upstream:
        yield upstream


@pytest.fixture
def broker(upstream, make_broker, alice):
    keys = [KEY, LocalKey("alice", caller=[f"user:{alice.name}"], allow=["* /rest/v1/**"])]
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = user:root", local=keys,
                       environments={"sandbox": upstream.gateway("allow = user:root GET /rest/v1/**")}).wait_valid()


def raw(broker, headers=(), target=REST.encode(), method=b"GET", body=b""):
    """All bytes that a client with the local key gets."""
    with connect(("127.0.0.1", broker.port)) as stream:
        lines = [b"Authorization: " + KEY.basic["Authorization"].encode(), b"Connection: close", b"Content-Length: %d" % len(body),
                 *headers]
        stream.sendall(request(method, target, lines, body, port=broker.port, client=None))
        return receive(stream, quiet=30)


# ---- an upstream that echoes ----

def forms(token):
    """As an upstream may write it."""
    yield token
    yield token.upper()
    yield urllib.parse.quote(token, safe="")
    yield "".join(f"%{ord(c):02x}" for c in token)
    yield "".join(f"&#{ord(c)};" for c in token)
    yield "".join(f"&#x{ord(c):x};" for c in token)
    yield "".join(f"\\u{ord(c):04x}" for c in token)
    yield token.replace(".", "%2E").replace("-", "&#45;")
    yield " ".join(token[at:at + 8] for at in range(0, len(token), 8))


def shows(data, token):
    """Is it in there in one of its forms?"""
    text = data.lower()
    return [form for form in forms(token) if form.encode().lower() in text]


@pytest.mark.parametrize("status", [b"200 OK", b"301 Moved", b"400 Bad", b"401 No", b"403 No", b"404 No", b"422 No", b"500 Oops", b"503 No"])
def test_it_is_covered_in_heads_and_errors(broker, upstream, status):
    headers = ["X-Token: %s", "X-Auth: Bearer %s", "Location: https://else.test/?t=%s", "Location: /rest/v1/users/%s", "Link: <https://a/%s>; rel=x",
               "WWW-Authenticate: Bearer error=\"%s\"", "ETag: \"%s\"", "Content-Disposition: attachment; filename=%s", "Content-Type: text/%s",
               "X-%s: name", "Set-Cookie: t=%s", "Via: %s", "Server: %s%s", "Content-Location: %s", "Refresh: 0;url=%s", "%s: a"]

    def answer(asked, _):
        lines = [line.replace("%s", form).encode() for line in headers for form in forms(asked.token) if form.strip()
                 if not (line.startswith(("X-%s", "%s")) and not re.fullmatch("[!#$%&'*+.^_`|~0-9A-Za-z-]+", form))]
        body = b"{}" if status.startswith((b"2", b"3")) else "\n".join(forms(asked.token)).encode() * 3
        chosen = lines[number::20]
        return b"HTTP/1.1 %b of %b\r\nContent-Length: %d\r\n%b\r\n\r\n%b" % (status, asked.token.encode(), len(body), b"\r\n".join(chosen), body)

    upstream.answer = answer
    for number in range(20):
        data = raw(broker)
        assert data.startswith(b"HTTP/1.1 "), data
        for token in upstream.tokens:
            assert not shows(data, token), (number, data[:3000])
    assert len(upstream.heard) >= 20


@pytest.mark.parametrize("size", [0, 16_000, 50_000, 65_000])
@pytest.mark.parametrize("piece", [10_000, 16_384, 70_000])
@pytest.mark.parametrize("told", ["length", "chunked", "closing"])
def test_it_is_covered_in_errors_of_up_to_64_kib(broker, upstream, size, piece, told):
    """Wherever it stands, and in whatever pieces the body comes."""
    def answer(asked, line):
        body = b"." * size + asked.token.encode()
        how = {"length": b"Content-Length: %d" % len(body), "chunked": b"Transfer-Encoding: chunked", "closing": b"Connection: close"}[told]
        line.send(b"HTTP/1.1 404 Not Found\r\n%b\r\n\r\n" % how)
        for at in range(0, len(body), piece):
            part = body[at:at + piece]
            line.send(b"%x\r\n%b\r\n" % (len(part), part) if told == "chunked" else part)
        if told == "chunked":
            line.send(b"0\r\n\r\n")
        if told == "closing":
            line.stream.unwrap().close()

    upstream.answer = answer
    data = raw(broker)
    assert data.count(b".") >= size and not shows(data, upstream.tokens[0]), data[-200:]


def test_a_head_as_it_may_be(broker, upstream):
    """A tab in a value, many links: it is passed on."""
    upstream.answer = lambda asked, _: plain(b"{}", b"200 OK", b"X-Tab: a\tb", b"Link: " + b", ".join(
        b"</rest/v1/a?page=%d>; rel=next" % page for page in range(40)))
    data = raw(broker)
    assert b"\r\n\r\n{}" in data and re.search(rb"X-Tab: a[ \t]b\r\n", data) and data.count(b"/sandbox/rest/v1/a?page=") == 40, data[:300]


# ---- in the wrong hands ----

def token_of(broker, key, who):
    status, _, answer = run_as(who, get, ("127.0.0.1", broker.port), session_path(), key.basic, method="POST", body=BODY.encode(), client=None)
    assert status == 200, answer
    return re.search(rb'"ust": ?"([^"]+)"', answer)[1].decode()


def test_only_whose_it_is(broker, upstream, alice, mallory):
    """A request that is refused never gets to the upstream; one that is not has the real token there, and never in the answer."""
    hers, anybodys = token_of(broker, broker.local[1], alice), token_of(broker, KEY, mallory)
    place, flip = ("127.0.0.1", broker.port), anybodys[:-1] + ("A" if anybodys[-1] != "A" else "B")
    wrong = [(mallory, hers), (STRANGER, hers), (mallory, flip), (mallory, anybodys[:-1]), (mallory, anybodys + "A"), (mallory, anybodys.upper()),
             (mallory, anybodys[:40]), (mallory, "eqpl1."), (mallory, "eqpl1.key."), (mallory, "eqpl2." + anybodys[6:]), (mallory, upstream.tokens[0]),
             (mallory, ""), (mallory, anybodys + "." + anybodys), (mallory, f"{anybodys}, {anybodys}"), (mallory, f"{hers} {anybodys}")]
    for who, token in wrong:
        for path in (REST, "/sandbox//rest/v1/users/a", "/production/rest/v1/users/a"):
            status = run_as(who, get, place, path, {"Authorization": f"Bearer {token}"}, client=None)[0]
            assert status in (401, 404) and (status == 401 or path.startswith("/production")), (token, path, status)
    for header in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Token {anybodys}"}, {"X-Authorization": f"Bearer {anybodys}"},
                   {"Authorization": f"Bearer\t{anybodys}"}, {"Proxy-Authorization": f"Bearer {anybodys}"}, {"Cookie": f"token={anybodys}"},
                   basic(KEY.id, "x"), basic(KEY.id, ""), basic("", KEY.secret), basic(KEY.id.upper(), KEY.secret), basic(KEY.id, KEY.secret + "\0"),
                   basic(KEY.id + " ", KEY.secret), basic(KEY.id, KEY.hash)):
        assert run_as(STRANGER, get, place, REST, header, client=None)[0] in (401, 429), header
    assert run_as(STRANGER, get, place, REST + "?access_token=" + anybodys, client=None)[0] == 401
    assert not upstream.heard
    assert run_as(mallory, get, place, REST, {"Authorization": f"Bearer {anybodys}"}, client=None)[0] == 200, "the control"
    assert run_as(alice, get, place, REST, {"Authorization": f"Bearer {hers}"}, client=None)[0] == 200
    assert [asked.token for asked in upstream.heard] == [upstream.tokens[0]] * 2


def test_a_guesser_slows_down_nobody_but_himself(broker, mallory):
    place = ("127.0.0.1", broker.port)
    statuses = [run_as(mallory, get, place, REST, basic(KEY.id, f"guess{at}"), client=None)[0] for at in range(14)]
    assert statuses[0] == 401 and 429 in statuses, "the last one may come 6 s later, and be heard"
    assert run_as(STRANGER, get, place, REST, KEY.basic, client=None)[0] == 200
    assert run_as(mallory, get, place, REST, {"Authorization": "Bearer " + token_of(broker, KEY, STRANGER)}, client=None)[0] == 200, \
        "a token is no secret that is guessed"


# ---- requests that somebody has others make ----

@pytest.mark.slow("hundreds of runs of curl")
def test_a_server_that_is_made_to_fetch_a_url(broker, upstream):
    """URL, body and type of content are the attacker's, and it follows redirects."""
    port, urls = broker.port, []

    class Redirects(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(307 if "307" in self.path else 302)
            self.send_header("Location", f"http://x:y@127.0.0.1:{port}{REST}")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirects) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        evil = f"http://127.0.0.1:{server.server_address[1]}"
        for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]", "127.0.0.1.", "rebound.test"):
            urls += [f"http://{user}{host}:{port}{path}" for user in ("", "x:y@", f"{KEY.id}:x@", "EQP-Client:x@")
                     for path in (REST, session_path(), REST + "?EQP-Client=x", "/v1/sandbox/token")]
        urls += [evil, evil + "/307"]
        for url in urls:
            for more in ([], ["-d", BODY], ["-H", "Content-Type: application/json", "-d", BODY], ["-X", "OPTIONS"]):
                result = subprocess.run(["curl", "-sL", "--max-redirs", "3", "--resolve", f"rebound.test:{port}:127.0.0.1", "-w", "%{http_code}", *more, url],
                                        capture_output=True, text=True, timeout=20)
                assert result.stdout[-3:] in ("401", "403", "429", "000", "405", "501"), (url, more, result.stdout)
                assert "ust\"" not in result.stdout and upstream.tokens[0] not in result.stdout
        server.shutdown()
    assert not upstream.heard
    assert wait_until(lambda: get(("127.0.0.1", port), REST)[0] == 200, "the control: by its name it is passed on")
