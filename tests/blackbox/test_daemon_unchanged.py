"""eqp-brokerd in the place of the EQP API: clients that know nothing of a broker get their token by another base URL.

clients/ has four of them, in the ways in which such clients are written. Each is shown to work against the (simulated)
API itself first, so that nothing in it is made for the broker.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading

import pytest

from broker import PATIENT, Broker, standing_still
from local_keys import LocalKey
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

CLIENTS = {"sh": ["bash"], "py": ["/usr/bin/python3"], "php": ["php"], "mjs": ["node"]}
PACKAGES = {"php": "php-cli and php-curl", "mjs": "nodejs", "sh": "curl"}
PATH = "/sandbox/rest/v1/app/session/token"
BODY = '{"grant_type":"session","expires_in":7200}'
BASIC = {"Authorization": "Basic bmlnaHRseTp4"}  # nightly:x
# Local keys that give out the real token: on TCP nothing else will do. Of opaque ones see test_daemon_local_keys.py.
LOCAL = [LocalKey("nightly", id="nightly", secret="x", token="real"), LocalKey("shop-import", token="real"),
         LocalKey("in-vain", "production", token="real")]
IMPORT, IN_VAIN = LOCAL[1:]
each_client = pytest.mark.parametrize("kind", CLIENTS)


@pytest.fixture(scope="module")
def broker(session_simulator):
    session_simulator.reset()
    session_simulator.refuse_key("production")
    with Broker(session_simulator, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, local=LOCAL) as broker:
        yield broker.wait_valid()
    session_simulator.reset()


def run(kind, base_url, ca_file, application_id=IMPORT.id, secret=IMPORT.secret):
    """The output of the client, by its first words."""
    command = CLIENTS[kind]
    if not shutil.which(command[0]):
        pytest.skip(f"needs {PACKAGES[kind]}")
    if kind == "php":
        command = ["php", "-d", f"curl.cainfo={ca_file}"]
    path = pathlib.Path(__file__).parent / "clients" / f"client.{kind}"
    result = subprocess.run([*command, path], capture_output=True, text=True, check=False, timeout=60, env={
        "PATH": os.environ["PATH"], "BASE_URL": base_url, "APPLICATION_ID": application_id, "APPLICATION_SECRET": secret,
        "SSL_CERT_FILE": str(ca_file), "NODE_EXTRA_CA_CERTS": str(ca_file), "CURL_CA_BUNDLE": str(ca_file)})
    assert (result.returncode, result.stderr) == (0, ""), result
    return dict(line.split(" ", 1) for line in result.stdout.splitlines())


# ---- whole clients ----

@each_client
def test_the_client_is_one_of_the_api(upstream, kind):
    api = upstream.urls["sandbox"].replace("localhost", "127.0.0.1")  # for "localhost", Node 18 would try ::1 alone
    said = run(kind, api, upstream.ca_file, EXAMPLE_ID, EXAMPLE_SECRET)
    assert said["account"] == "MAG123456789" and "error" not in said
    said = run(kind, api, upstream.ca_file, EXAMPLE_ID, "wrong")
    assert said.keys() == {"error"} and said["error"].startswith("401 The application ID or secret is not valid")


@each_client
@pytest.mark.parametrize("slash", ["", "/"])
def test_with_another_base_url_it_gets_the_brokers_token(broker, kind, slash):
    requests = broker.simulator.state("sandbox")["requests"]["token"]
    said = run(kind, f"http://127.0.0.1:{broker.port}/sandbox{slash}", broker.simulator.ca_file)
    token, seconds = said["token"].split()
    assert token == broker.token()["ust"] and 0 < int(seconds) <= 7200
    assert broker.simulator.state("sandbox")["requests"]["token"] == requests, "from memory"
    broker.wait_log("sandbox: token handed out to uid .* local key shop-import")
    # Its other requests are for the API itself: a real token says nothing here of who has it.
    assert said["error"].startswith("401 this broker did not issue the token")


@pytest.mark.slow("the wait for a token")
@each_client
def test_it_reads_why_there_is_no_token(broker, kind):
    said = run(kind, f"http://127.0.0.1:{broker.port}/production", broker.simulator.ca_file, IN_VAIN.id, IN_VAIN.secret)
    assert said.keys() == {"error"}
    assert re.match(r"503 production: access key refused .*HTTP 401", said["error"])


@each_client
def test_it_reads_that_the_base_url_is_wrong(broker, kind):
    said = run(kind, f"http://127.0.0.1:{broker.port}/sandbx", broker.simulator.ca_file)
    assert said["error"].startswith("404 there is no environment 'sandbx'")
    said = run(kind, f"http://127.0.0.1:{broker.port}", broker.simulator.ca_file)
    assert said["error"].startswith("404 the base URL names no environment")


# ---- the ways to ask ----

def ask(broker, body=BODY, headers=BASIC, path=PATH, method="POST", **more):
    return broker.request(method, path, {"EQP-Client": None} | headers, body, **{"via": "tcp", **more})


def is_upstream_error(answer, status):
    assert answer.status == status, answer
    error = answer.json()
    assert set(error) == {"code", "message"} and error["code"] == status and len(error["message"]) > 10, error
    return error["message"]


@pytest.mark.parametrize("path", [PATH, PATH + "/", PATH.replace("/rest", "//rest"), PATH.replace("/rest", "//rest") + "/"])
def test_the_spellings_of_clients(broker, path):
    assert ask(broker, path=path).json()["ust"] == broker.token()["ust"]


@pytest.mark.parametrize("body", [
    BODY, '{"grant_type":"session"}', '{"expires_in":360,"grant_type":"session"}', ' {"grant_type" : "session"} \n',
    '{"grant_type":"session","expires_in":"7200"}', '{"grant_type":"session","expires_in":null}',
    '{"grant_type":"session","scope":"all","client":{"name":"x"}}', '{"grant_type":"\\u0073ession"}'])
def test_bodies(broker, body):
    answer = ask(broker, body)
    assert answer.status == 200 and set(answer.json()) == {"mage_id", "ust", "expires_in"}
    assert isinstance(answer.json()["expires_in"], int)


@pytest.mark.parametrize("kind", ["application/json", "application/json;charset=utf-8", "application/json; charset=UTF-8",
                                  "application/JSON", "text/json", "text/plain", "", None])
def test_content_types(broker, kind):
    assert ask(broker, headers=BASIC | {"Content-Type": kind}).status == 200


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", "application/vnd.eqp+json", "image/*;q=1", None])
def test_the_accept_header_does_not_matter(broker, accept):
    assert ask(broker, headers=BASIC | {"Accept": accept}).json()["ust"]
    is_upstream_error(ask(broker, headers=BASIC | {"Accept": accept}, path="/nowhere/rest/v1/app/session/token"), 404)


@pytest.mark.parametrize("basic", ["bmlnaHRseTp4", "Og==", "bmlnaHQ6", "YTpiOmM6ZA==", "w7w6w7w="])
def test_any_id_and_secret(broker, basic):
    """Where the kernel's word is enough: on the unix socket, and of those who name themselves."""
    for more in ({"via": "unix"}, {"headers": {"EQP-Client": "x"}}):
        headers = more.pop("headers", {})
        assert ask(broker, headers={"Authorization": f"Basic {basic}"} | headers, **more).status == 200
        assert ask(broker, headers={"authorization": f"basic {basic}"} | headers, **more).status == 200


@pytest.mark.parametrize("real", ["AQ17NZ49WD", "4f9d2c7e81aa4b0c9d2e", "550e8400-e29b-41d4-a716-446655440000", "ID+with/odd=1",
                                  "W5WE9CYJDX" * 6])
def test_a_real_id_that_the_broker_does_not_hold_is_not_logged(broker, real):
    """It is somebody's, of another account or of before. Its digest tells clients apart."""
    broker.keep_secret(real)
    ids = []
    for application_id in (real, real, real + "x"):
        basic = base64.b64encode(f"{application_id}:a-secret-of-theirs".encode()).decode()
        n = len(broker.log("client id-[0-9a-f]{8}"))
        assert ask(broker, headers={"Authorization": f"Basic {basic}"}, via="unix").status == 200
        if len(found := broker.log("client (id-[0-9a-f]{8})")) > n:
            ids.append(found[-1].split("client ")[1])
    assert len(ids) == len(set(ids)) == 2, "one line for each"
    assert real not in broker.text() and "a-secret-of-theirs" not in broker.text()


def test_the_id_that_the_broker_holds_is_not_logged(broker):
    basic = base64.b64encode(f"{EXAMPLE_ID}:x".encode()).decode()
    assert ask(broker, headers={"Authorization": f"Basic {basic}"}, via="unix").status == 200
    assert EXAMPLE_ID not in broker.text()


def raw(broker, text, via="tcp"):
    """One answer as (status, body)."""
    data = text.replace("\n", "\r\n").replace("{HOST}", f"127.0.0.1:{broker.port}").encode()
    received = broker.raw(data, via)
    head, _, body = received.rpartition(b"\r\n\r\n")
    statuses = re.findall(rb"^HTTP/1\.[01] (\d+)", head, re.M)
    return [int(status) for status in statuses], body


def test_a_chunked_body(broker):
    text = f"POST {PATH} HTTP/1.1\nHost: {{HOST}}\nAuthorization: Basic bmlnaHRseTp4\nTransfer-Encoding: chunked\nConnection: close\n\n"
    half = len(BODY) // 2
    text += "".join(f"{len(part):x}\n{part}\n" for part in (BODY[:half], BODY[half:])) + "0\n\n"
    statuses, body = raw(broker, text)
    assert statuses == [200] and b'"ust"' in body


def test_a_body_that_waits_for_100_continue(broker):
    with broker.connect("tcp") as stream:
        stream.sendall(f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\nAuthorization: Basic bmlnaHRseTp4\r\n"
                       f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert stream.recv(100).startswith(b"HTTP/1.1 100 ")
        stream.sendall(BODY.encode())
        received = b""
        while more := stream.recv(65536):
            received += more
    assert received.startswith(b"HTTP/1.1 200 ") and b'"ust"' in received


def test_http_1_0(broker):
    statuses, body = raw(broker, f"POST {PATH} HTTP/1.0\nHost: {{HOST}}\nAuthorization: Basic bmlnaHRseTp4\n"
                                 f"Content-Length: {len(BODY)}\n\n{BODY}")
    assert statuses == [200] and set(json.loads(body)) == {"mage_id", "ust", "expires_in"}


def test_kept_connections(broker):
    with broker.connection("tcp") as connection:
        for _ in range(5):
            assert connection.ask("POST", PATH, BASIC, BODY).status == 200
            is_upstream_error(connection.ask("GET", "/sandbox/rest/v1/users/MAG123456789", BASIC), 404)


# ---- errors: {code, message}, each of them ----

@pytest.mark.parametrize("body", ["", "[]", "{", '"session"', "grant_type=session", "{}", '{"grant_type":"password"}',
                                  '{"grant_type":"Session"}', '{"grant_type":1}', '{"grant_type":null}', BODY + BODY,
                                  "{'grant_type':'session'}", '{"grant_type":"session\\u0000"}', "\ufeff" + BODY])
def test_a_wrong_body(broker, body):
    assert re.search("grant_type", is_upstream_error(ask(broker, body.encode()), 400))


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic"},
                                     {"Authorization": "Basic !"}, {"Authorization": ""}, {"Authorization": "Digest a=b"}])
def test_no_basic_authentication(broker, headers):
    for via in ("tcp", "unix"):
        answer = ask(broker, headers=headers, via=via)
        assert re.match("Basic authentication .*is missing", is_upstream_error(answer, 401))
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="EQP API"', "what waits to be asked is asked"


def test_a_library_that_waits_to_be_asked(broker):
    """curl --anyauth, and urllib's handlers: first without, then as the 401 says."""
    result = subprocess.run(["curl", "-sS", "--anyauth", "-u", "nightly:x", "-d", BODY, "-H", "Content-Type: application/json",
                             f"http://127.0.0.1:{broker.port}{PATH}"], capture_output=True, text=True, check=True, timeout=20)
    assert json.loads(result.stdout)["ust"] == broker.token()["ust"]


@pytest.mark.parametrize("method, allow", [("GET", "POST"), ("PUT", "POST"), ("OPTIONS", "POST"), ("DELETE", "POST")])
def test_a_wrong_method(broker, method, allow):
    answer = ask(broker, None, method=method)
    is_upstream_error(answer, 405)
    assert answer.headers["Allow"] == allow


def test_a_query(broker):
    is_upstream_error(ask(broker, path=PATH + "?a=b"), 400)


def test_a_body_without_bounds(broker):
    is_upstream_error(ask(broker, "x" * 9000), 413)


def test_no_token(broker):
    answer = IN_VAIN.token(broker)
    assert 1 <= answer.retry_after <= 115
    assert "access key refused" in is_upstream_error(answer, 503)


@pytest.mark.parametrize("headers, words", [
    ({"Host": "evil.test"}, "Host"), ({"Origin": "https://evil.test"}, "browsers"), ({"Via": "1.1 x"}, "proxies"),
    ({"EQP-Client": "a b"}, "EQP-Client")])
def test_requests_that_are_refused_at_the_door(broker, headers, words):
    assert words in is_upstream_error(ask(broker, headers=BASIC | headers), 403)


def test_a_caller_without_any_right(broker, stranger):
    result = subprocess.run(["curl", "-s", "-u", "a:b", "-H", "EQP-Client: x", "-d", BODY, f"http://127.0.0.1:{broker.port}{PATH}"], user=stranger,
                            group=stranger, extra_groups=[], capture_output=True, text=True, check=True, timeout=20)
    assert json.loads(result.stdout).keys() == {"code", "message"} and json.loads(result.stdout)["code"] == 403


@pytest.mark.slow("a place is waited for 10 s")
def test_too_many_connections(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="max_connections_per_user = 1", local=LOCAL[:1],
                         environments={"sandbox": PATIENT}).wait_valid()
    with standing_still(upstream.process), broker.connection() as held:
        assert held.ask("GET", "/v1/sandbox/token").status == 200, "it has the one place"
        held.sock.sendall(b"POST /v1/sandbox/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        answer = ask(broker)
    is_upstream_error(answer, 429)
    assert answer.retry_after == 1


def test_at_a_cold_start_it_waits_as_for_the_api(upstream, make_broker):
    answers = []
    with standing_still(upstream.process):
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": PATIENT}, local=LOCAL[:1])
        thread = threading.Thread(target=lambda: answers.append(ask(broker)))
        thread.start()
        broker.wait_connections(1)
        assert broker.get("/v1/sandbox/token").error() == (503, "no_token"), "a request that can say how long waits 2 s"
        assert thread.is_alive(), "the one from before waits on"
    thread.join(60)
    assert answers[0].json()["ust"] == broker.token()["ust"]


DAY, MONTH = 24 * 3600, 30 * 24 * 3600


def test_it_is_told_no_longer_life_than_it_asks_for(upstream, make_broker):
    upstream.settings("sandbox", lifetime_fixed=MONTH)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=LOCAL[:1]).wait_valid()
    assert broker.token()["expires_in"] > MONTH - 600
    for asked, told in [(360, 360), ("360", 360), ("0360", 360), (1, 1), (MONTH - 3600, MONTH - 3600),
                        *((senseless, DAY) for senseless in (None, 0, -1, "", "a day", "-1", 1.5, "1e3", True, [360], {},
                                                             MONTH + 1, 10**12, 10**30, "9" * 30))]:
        answer = ask(broker, json.dumps({"grant_type": "session", "expires_in": asked}))
        assert answer.json()["expires_in"] == told, asked
    assert ask(broker, '{"grant_type":"session"}').json()["expires_in"] == DAY
    told = ask(broker, json.dumps({"grant_type": "session", "expires_in": MONTH})).json()["expires_in"]
    assert MONTH - 600 < told < MONTH


def test_nor_is_it_told_more_than_is_left(upstream, make_broker):
    upstream.settings("sandbox", lifetime_fixed=600)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=LOCAL[:1]).wait_valid()
    for asked in (None, 7200, "7200", MONTH):
        answer = ask(broker, json.dumps({"grant_type": "session", "expires_in": asked}))
        assert 0 < answer.json()["expires_in"] <= 600


# ---- what is not here ----

@pytest.mark.parametrize("method, path, body", [
    ("GET", "/sandbox/rest/v1/users/MAG123456789", None), ("GET", "/sandbox//rest/v1/users/MAG123456789?style=detail", None),
    ("PUT", "/sandbox/rest/v1/users/MAG123456789", "{}"), ("DELETE", "/sandbox/rest/v1/users/MAG1/keys", None),
    ("GET", "/sandbox/rest/v1/products/packages/a%2Fb%20c", None), ("GET", "/sandbox/rest/v1/", None),
    ("GET", "/sandbox/rest/v1/reports/metrics/a:b,c", None), ("POST", "/sandbox/rest/v1/files/uploads", "x" * 100000),
    ("POST", "/sandbox/rest/v1/app/session/tokens", BODY), ("HEAD", "/sandbox/rest/v1/users/MAG1", None)],
    ids=lambda value: repr(value)[:40])
def test_other_requests_are_told_where_to_go(broker, method, path, body):
    answer = ask(broker, body, {"Authorization": "Bearer x", "EQP-Client": "x"}, path, method)
    assert answer.status == 404
    if method != "HEAD":
        message = is_upstream_error(answer, 404)
        assert f"send this request to {broker.simulator.urls['sandbox']} with the real token" in message and "gateway = yes" in message


def test_a_large_upload_is_told_before_it_is_sent(broker):
    with broker.connect("tcp") as stream:
        stream.sendall(f"POST /sandbox/rest/v1/files/uploads HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n"
                       "EQP-Client: x\r\nContent-Length: 100000000\r\nExpect: 100-continue\r\n\r\n".encode())
        received = b""
        while more := stream.recv(65536):
            received += more
    assert received.startswith(b"HTTP/1.1 404 ") and b"send this request to" in received


def test_the_url_is_told_to_those_only_who_may_use_it(upstream, make_broker, stranger):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = uid:0",
                         environments={"production": f"allow = uid:{stranger}"}).wait_valid()
    result = subprocess.run(["curl", "-s", "-H", "EQP-Client: x", f"http://127.0.0.1:{broker.port}/sandbox/rest/v1/users/MAG1"], user=stranger,
                            group=stranger, extra_groups=[], capture_output=True, text=True, check=True, timeout=20)
    error = json.loads(result.stdout)
    assert error.keys() == {"code", "message"} and error["code"] == 403
    assert upstream.urls["sandbox"] not in error["message"]


def test_a_target_without_end(broker):
    is_upstream_error(ask(broker, None, path="/sandbox/rest/v1/reports?" + "x" * 800, method="GET"), 400)


@pytest.mark.parametrize("path", ["/sandbox/restv1", "/sandbox/x/rest/v1/app/session/token", "/livez/rest/v1/x", "/sandbox///rest/v1/app/session/token", "/%73andbox/rest/v1/x"])
def test_paths_that_no_client_of_the_api_asks_for(broker, path):
    answer = ask(broker, path=path)
    assert answer.error()[1] in ("unknown_path", "bad_request")
