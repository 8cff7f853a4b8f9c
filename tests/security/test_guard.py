"""Requests that were not meant for us: from web pages, through proxies, by servers talked into fetching a URL.

Every one is the operator's refresh or the token request of root, who may do both: the control is the same
request without what is wrong with it.
"""

import pytest

from wire import parse, receive, connect, request, talk

CLOSE = b"Connection: close"
EMPTY = b"Content-Length: 0"


class Target:
    """The daemon on TCP, and what the upstream has seen of it."""

    def __init__(self, broker, upstream):
        self.broker, self.upstream, self.port = broker, upstream, broker.port
        self.place = "127.0.0.1", broker.port

    def exchanges(self):
        return self.upstream.state("sandbox")["requests"]["token"]

    def refresh(self, *headers, **more):
        more.setdefault("port", self.port)
        replies = talk(self.place, request(b"POST", b"/v1/sandbox/refresh", [EMPTY, CLOSE, *headers], **more),
                       quiet=5)
        assert len(replies) <= 1, replies
        return replies[0] if replies else None

    def token(self, *headers, **more):
        more.setdefault("port", self.port)
        replies = talk(self.place, request(headers=[CLOSE, *headers], **more), quiet=5)
        assert len(replies) == 1, replies
        return replies[0]


@pytest.fixture
def target(broker, upstream):
    target = Target(broker, upstream)
    before = target.exchanges()
    assert target.refresh().status == 200 and target.exchanges() == before + 1, "the control: it has an effect"
    assert target.token().status == 200
    return target


def check_refused(target, slug, status=403, cases=()):
    """cases: (headers, further arguments of wire.request). The refresh, the token, and on a path for which no
    right is needed."""
    before = target.exchanges()
    for headers, more in cases:
        for reply in (target.refresh(*headers, **more), target.token(*headers, **more)):
            assert (reply.status, reply.slug) == (status, slug), (headers, more, reply)
            assert b'"ust"' not in reply.body and "access-control" not in reply.head.lower()
            assert len(reply.body) > 60, "it says what to do"
    assert target.exchanges() == before, "what is refused has no effect"


def test_host(target):
    port = target.port
    for name in (b"localhost", b"LOCALHOST", b"127.0.0.1", b"[::1]"):
        assert target.token(host=name).status == 200, name
    names = [b"evil.test", b"evil.test:%d" % port, b"127.0.0.1", b"localhost", b"127.0.0.1:%d" % (port + 1),
             b"127.0.0.1:%d0" % port, b"127.0.0.1:0%d" % port, b"127.0.0.1:%d.evil.test" % port, b"",
             b"127.0.0.1.evil.test:%d" % port, b"127.0.0.2:%d" % port, b"0.0.0.0:%d" % port, b"[::]:%d" % port,
             b"2130706433:%d" % port, b"127.1:%d" % port, b"0177.0.0.1:%d" % port, b"localhost.:%d" % port,
             b"localhost@evil.test:%d" % port, b"[::ffff:127.0.0.1]:%d" % port, b"localhost:%d/" % port,
             b"localhost:%d,evil.test" % port, b"localhost:%d evil.test" % port, b"localhost:%d#" % port,
             "lóçalhost:%d".encode() % port]
    cases = [((), {"host": name, "port": 0}) for name in names]
    cases += [((), {"host": None, "version": b"HTTP/1.0"})]
    cases += [((b"Host: localhost:%d" % port,), {}), ((b"host: evil.test",), {})]
    check_refused(target, "host_refused", cases=cases)
    assert target.token(host=None).status == 400, "libmicrohttpd's own refusal"
    for path in (b"/livez", b"/readyz", b"/metrics", b"/v1/status", b"/no-such-path"):
        assert talk(target.place, request(target=path, host=b"evil.test", headers=[CLOSE]))[0].slug == "host_refused"


def test_browsers(target):
    assert target.token(b"Sec-Fetch-Mode: cors").status == 200, "Node's fetch sends it: no browser"
    assert target.token(b"User-Agent: Mozilla/5.0", b"Referer: http://evil.test/").status == 200
    headers = [b"Origin: http://evil.test", b"Origin: null", b"Origin:", b"ORIGIN: http://127.0.0.1:%d" % target.port,
               b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Site: none",
               b"sec-fetch-dest: empty", b"Sec-Fetch-Dest: image", b"Access-Control-Request-Method: GET",
               b"Access-Control-Request-Headers: eqp-client", b"Access-Control-Request-Private-Network: true"]
    check_refused(target, "browser_refused", cases=[((header,), {}) for header in headers])
    preflight = request(b"OPTIONS", headers=[b"Origin: http://evil.test", b"Access-Control-Request-Method: GET",
                                             b"Access-Control-Request-Headers: eqp-client", CLOSE],
                        client=None, port=target.port)
    reply = talk(target.place, preflight)[0]
    assert reply.slug == "browser_refused" and "access-control" not in reply.head.lower()


def test_proxies(target):
    headers = [b"Via: 1.1 proxy", b"via:", b"Forwarded: for=1.2.3.4", b"X-Forwarded-For: 1.2.3.4",
               b"x-forwarded-host: localhost", b"X-Forwarded-Proto: https", b"X-FORWARDED-ANYTHING: 1"]
    check_refused(target, "proxy_refused", cases=[((header,), {}) for header in headers])


def test_client_name(target):
    for name in (b"a", b"Nightly_Upload/1.0@host-2", b"x" * 64):
        assert target.token(client=name).status == 200, name
    cases = [((), {"client": name}) for name in (None, b"", b"x" * 65, b"a b", b"a\"b", b"a\\b", b"a;b", b"<script>",
                                                 "é".encode(), b"a,b", b"${jndi:x}")]
    check_refused(target, "client_header_missing", cases=cases)


def test_single_headers_twice(target):
    cases = [((b"EQP-Client: other",), {}), ((b"Accept: */*", b"Accept: text/plain"), {}),
             ((b"Authorization: Basic YTpi", b"Authorization: Basic YTpj"), {}),
             ((b"Expect: 100-continue", b"Expect: x"), {})]
    check_refused(target, "bad_request", 400, cases)


def test_one_spelling_per_path(target):
    """Paths that a filter in front reads as another one, or that a careless server reads as this one."""
    before = target.exchanges()
    good = b"/v1/sandbox/refresh"
    spellings = [b"/v1//sandbox/refresh", b"//v1/sandbox/refresh", b"/v1/sandbox/refresh/", b"/./v1/sandbox/refresh",
                 b"/v1/x/../sandbox/refresh", b"/livez/../v1/sandbox/refresh", b"/v1/sandbox/%72efresh",
                 b"/v1%2fsandbox%2frefresh", b"/v1/sandbox%2Frefresh", b"/%76%31/sandbox/refresh",
                 b"/v1/sandbox/refresh%00", b"/v1/sandbox/refresh%0d%0a", b"/v1\\sandbox\\refresh", b"/V1/sandbox/refresh",
                 b"/v1/SANDBOX/refresh", b"/v1/sandbox/Refresh", b"/v1/sandbox/refresh;x", b"/v1/sandbox/refresh?",
                 b"/v1/sandbox/refresh?x=1", b"/v1/sandbox/refresh#x", b"/v1/sandbox;/refresh", b"v1/sandbox/refresh",
                 b"*", b"http://127.0.0.1:%d/v1/sandbox/refresh" % target.port, b"http://evil.test/v1/sandbox/refresh",
                 b"/v1/sandbox/refresh" + b"/" * 300, b"/" + b"a" * 5000, b"/v1/sandbox/..;/refresh",
                 b"/v1/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/v1/sandbox\xc0\xafrefresh", b"?", b"/",
                 b"/v1/sandbox/re\tfresh", b"/v1/*/refresh"]
    for spelling in spellings:
        replies = talk(target.place, request(b"POST", spelling, [EMPTY, CLOSE], port=target.port))
        assert not replies or replies[0].status in (400, 404, 414), (spelling, replies)
        assert not replies or b"script" not in replies[0].body and b"passwd" not in replies[0].body
    assert target.exchanges() == before
    assert talk(target.place, request(b"POST", good, [EMPTY, CLOSE], port=target.port), quiet=5)[0].status == 200


def test_methods(target):
    before = target.exchanges()
    for method in (b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"post", b"POSTX", b"X" * 300):
        for override in ((), (b"X-HTTP-Method-Override: POST",)):
            replies = talk(target.place, request(method, b"/v1/sandbox/refresh", [EMPTY, CLOSE, *override],
                                                 port=target.port), head_only=method == b"HEAD")
            assert not replies or replies[0].status in (400, 405), (method, replies)
            assert not replies or "Allow: POST" in replies[0].head or replies[0].status == 400
    for target_form in (b"127.0.0.1:%d" % target.port, b"evil.test:443"):
        replies = talk(target.place, request(b"CONNECT", target_form, [CLOSE], port=target.port))
        assert not replies or replies[0].status in (400, 404, 405), replies
    assert target.exchanges() == before


def test_trace_echoes_nothing(target):
    reply = talk(target.place, request(b"TRACE", headers=[b"Cookie: eqp-canary-cookie", CLOSE], port=target.port))[0]
    assert reply.status == 405 and b"canary" not in reply.body


def test_unix_socket_needs_no_name_but_form(broker):
    """Neither browsers nor proxies get there; malformed requests are refused all the same."""
    place = str(broker.socket_path)
    assert talk(place, request(client=None, host=b"whatever", headers=[b"Origin: x", CLOSE]))[0].status == 200
    assert talk(place, request(client=b"a b", headers=[CLOSE]))[0].status == 400
    assert talk(place, request(headers=[b"Content-Length: 0", b"Content-Length: 0"]))[0].status == 400


def test_over_all_refusals_nothing_is_reflected(target):
    """The question never comes back in an answer: no page can be made of it."""
    for header in (b"Origin: http://canary-reflected.test", b"Via: canary-reflected", b"X-A: canary-reflected"):
        for path in (b"/v1/canary-reflected/token", b"/canary-reflected<script>", b"/v1/sandbox/token?canary-reflected=1"):
            with connect(target.place) as stream:
                stream.sendall(request(target=path, headers=[header, CLOSE], port=target.port))
                data = receive(stream)
            for reply in parse(data):
                assert "text/html" not in reply.head or b"canary" not in reply.body
                assert b"<script" not in reply.body
