"""eqp-simulator over the wire: its API and its admin listener. Faults and process have their own files."""

import base64
import hashlib
import http.client
import json
import os
import re
import resource
import socket
import ssl
import urllib.parse

import pytest

from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET, TOKEN_PATH, Simulator, SimulatorError


def sha256(data):
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


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


def bearer(sim, environment="sandbox"):
    status, grant = sim.token(environment)
    assert status == 200
    return {"Authorization": "Bearer " + grant["ust"]}


BASIC = "Basic " + base64.b64encode(EXAMPLE_KEY.encode()).decode()


def raw_token(sim, body, authorization=BASIC, method="POST"):
    headers = {} if authorization is None else {"Authorization": authorization}
    status, headers, text = sim.request("sandbox", method, TOKEN_PATH, body, headers)
    return status, headers, json.loads(text) if text else None


# tokens


def test_token_has_exactly_the_documented_shape(sim):
    status, headers, grant = raw_token(sim, '{"grant_type":"session","expires_in":360}')
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert set(grant) == {"mage_id", "ust", "expires_in"}
    assert grant["mage_id"] == "MAG123456789"
    assert re.fullmatch(r"[A-Za-z0-9.]{45}", grant["ust"])
    assert grant["expires_in"] == 360


def test_tokens_are_fresh_and_several_are_active(sim):
    grants = [sim.token("sandbox")[1]["ust"] for _ in range(3)]
    assert len(set(grants)) == 3
    assert sim.state("sandbox")["tokens_active"] == 3
    for ust in grants:
        headers = {"Authorization": "Bearer " + ust}
        assert sim.request("sandbox", "GET", "/rest/v1/x", headers=headers)[0] == 200


@pytest.mark.parametrize("asked, granted", [(1, 1), (7200, 7200), (7201, 7200), (2**62, 7200), (None, 7200)])
def test_lifetime_is_capped(sim, asked, granted):
    body = {"grant_type": "session"} if asked is None else {"grant_type": "session", "expires_in": asked}
    assert sim.token("sandbox", body=body)[1]["expires_in"] == granted


def test_lifetime_settings(sim):
    sim.settings("sandbox", lifetime_max=100)
    assert sim.token("sandbox")[1]["expires_in"] == 100
    sim.settings("sandbox", lifetime_fixed=5)
    assert sim.token("sandbox")[1]["expires_in"] == 5
    sim.settings("sandbox", lifetime_fixed=None)
    assert sim.token("sandbox")[1]["expires_in"] == 100
    assert sim.token("production")[1]["expires_in"] == 7200


@pytest.mark.parametrize("authorization", [
    None, "", "Basic", "Basic ", "Basic !!!!", "Basic " + base64.b64encode(b"nocolon").decode(),
    "Basic " + base64.b64encode(f"{EXAMPLE_ID}:wrong".encode()).decode(),
    "Basic " + base64.b64encode(f"other:{EXAMPLE_SECRET}".encode()).decode(),
    "Basic " + base64.b64encode(EXAMPLE_KEY.encode() + b"\0").decode(),
    "Bearer " + base64.b64encode(EXAMPLE_KEY.encode()).decode(),
])
def test_bad_key_is_401(sim, authorization):
    status, _, answer = raw_token(sim, '{"grant_type":"session"}', authorization)
    assert status == 401
    assert set(answer) == {"code", "message"} and isinstance(answer["code"], int)
    assert sim.state("sandbox")["requests"]["refused"] == 1


@pytest.mark.parametrize("body", [
    "", "{", "null", "[]", "{}", "{}{}", '{"grant_type":"session"}x', '{"grant_type":"password"}',
    '{"grant_type":1}',
    '{"grant_type":"session","expires_in":0}', '{"grant_type":"session","expires_in":-1}',
    '{"grant_type":"session","expires_in":"7200"}', '{"grant_type":"session","expires_in":7200.5}',
    '{"grant_type":"session","expires_in":null}', "grant_type=session", "[" * 10000,
    b'{"grant_type":"\xff"}',
    '{"grant_type":"session\\u0000"}',
])
def test_bad_body_is_400(sim, body):
    status, _, answer = raw_token(sim, body)
    assert status == 400
    assert set(answer) == {"code", "message"}
    assert sim.state("sandbox")["requests"]["granted"] == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(sim, method):
    status, headers, _ = raw_token(sim, None, method=method)
    assert status == 405
    assert headers["Allow"] == "POST"


def test_long_body_is_413_and_64_kib_is_not(sim):
    start, end = '{"grant_type":"session","x":"', '"}'
    fill = 64 * 1024 - len(start) - len(end)
    assert raw_token(sim, start + "a" * fill + end)[0] == 200
    assert raw_token(sim, start + "a" * (fill + 1) + end)[0] == 413
    assert raw_token(sim, start + "a" * 5_000_000 + end)[0] == 413


def test_kept_connections_are_kept(sim):
    connection = sim.connect("sandbox")
    for _ in range(5):
        connection.request("POST", TOKEN_PATH, '{"grant_type":"session"}', {"Authorization": BASIC})
        response = connection.getresponse()
        assert response.status == 200 and not response.will_close
        response.read()
    connection.close()
    assert sim.state("sandbox")["connections"] == 1
    assert sim.state("sandbox")["requests"]["granted"] == 5


# the API behind a token


def test_api_needs_a_token_of_this_environment(sim):
    assert sim.request("sandbox", "GET", "/rest/v1/x")[0] == 401
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers={"Authorization": "Bearer nothing"})[0] == 401
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers={"Authorization": "Bearer "})[0] == 401
    assert sim.request("production", "GET", "/rest/v1/x", headers=bearer(sim))[0] == 401
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers=bearer(sim))[0] == 200
    assert sim.state("sandbox")["requests"]["api"] == 4
    assert sim.state("sandbox")["requests"]["refused"] == 3


def test_tokens_expire(sim):
    other = bearer(sim, "production")
    sim.settings("sandbox", lifetime_fixed=1)
    headers = bearer(sim)
    sim.wait_for(lambda state: state["tokens_active"] == 0, "sandbox")
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers=headers)[0] == 401
    assert sim.request("production", "GET", "/rest/v1/x", headers=other)[0] == 200, "this one has time"


def test_revoke_one_and_all(sim):
    first, second = bearer(sim), bearer(sim)
    assert sim.revoke("sandbox", sha256(first["Authorization"][7:])) == 1
    assert sim.revoke("sandbox", sha256("unknown")) == 0
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers=first)[0] == 401
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers=second)[0] == 200
    assert sim.revoke("sandbox") == 1
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers=second)[0] == 401


def test_the_rest_of_a_token(sim):
    _, grant = sim.token("sandbox", body={"grant_type": "session", "expires_in": 100})
    assert 80 < sim.token_truth("sandbox", grant["ust"]) <= 100
    assert sim.token_truth("production", grant["ust"]) is None
    before = sim.forward(60)["forward"]
    assert 20 < sim.token_truth("sandbox", grant["ust"]) <= 40
    assert sim.forward(60)["forward"] == before + 60
    assert -40 < sim.token_truth("sandbox", grant["ust"]) <= -20
    bearer_of_it = {"Authorization": "Bearer " + grant["ust"]}
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers=bearer_of_it)[0] == 401
    sim.revoke("sandbox")
    assert sim.token_truth("sandbox", grant["ust"]) is None


def test_echo(sim):
    headers = bearer(sim) | {"X-One": "1", "x-latin": b"\xe9".decode("latin-1")}
    status, _, text = sim.request("sandbox", "PATCH", "/rest/v1/a%2Fb//c?x=%20&y", b"body", headers)
    echo = json.loads(text)
    assert status == 200
    assert (echo["method"], echo["path"], echo["query"]) == ("PATCH", "/rest/v1/a%2Fb//c", "x=%20&y")
    assert echo["body_bytes"] == 4 and echo["body_sha256"] == sha256("body")
    assert echo["headers"]["x-one"] == "1" and echo["headers"]["x-latin"] == "\xe9"
    assert echo["headers"]["authorization"] == "sha256:" + sha256(headers["Authorization"])
    assert headers["Authorization"][7:].encode() not in text


def test_outside_the_api_is_404(sim):
    for path in ("/", "/rest", "/rest/v2/x", "/rest/v1x"):
        assert sim.request("sandbox", "GET", path, headers=bearer(sim))[0] == 404


# admin


def test_keys_live_and_die(sim):
    sim.add_key("sandbox", "second/:"[:-1], "s:2")
    assert sim.token("sandbox", "second/:s:2")[0] == 200
    assert sim.token("production", "second/:s:2")[0] == 401
    sim.refuse_key("sandbox", "second/")
    assert sim.token("sandbox", "second/:s:2")[0] == 401
    sim.accept_key("sandbox", "second/")
    assert sim.token("sandbox", "second/:s:2")[0] == 200
    sim.delete_key("sandbox", "second/")
    assert sim.token("sandbox", "second/:s:2")[0] == 401
    sim.replace_keys("sandbox", [("only", "one")])
    assert sim.token("sandbox")[0] == 401
    assert sim.token("sandbox", "only:one")[0] == 200
    assert [key["id"] for key in sim.state("sandbox")["keys"]] == ["only"]


def test_regenerated_key_and_old_tokens(sim):
    headers = bearer(sim)
    secret = sim.regenerate("sandbox")
    assert re.fullmatch("[0-9a-f]{40}", secret)
    assert sim.token("sandbox")[0] == 401
    assert sim.token("sandbox", f"{EXAMPLE_ID}:{secret}")[0] == 200
    assert sim.request("sandbox", "GET", "/rest/v1/x", headers=headers)[0] == 200
    assert sim.regenerate("sandbox", secret="chosen") == "chosen"
    assert sim.token("sandbox", f"{EXAMPLE_ID}:chosen")[0] == 200


def test_state_tells_what_happened_without_secrets(sim):
    _, grant = sim.token("sandbox")
    sim.token("sandbox", "who:what")
    sim.request("sandbox", "GET", "/rest/v1/x?secret=1",
                headers={"Authorization": "Bearer " + grant["ust"], "User-Agent": "tester"})
    state = sim.state("sandbox")
    assert state["requests"] == {"total": 3, "token": 2, "granted": 1, "refused": 1, "throttled": 0,
                                 "failed": 0, "api": 1}
    assert state["tokens_active"] == 1 and state["lifetime_max"] == 7200 and state["latency_ms"] == 0
    assert state["keys"] == [{"id": EXAMPLE_ID, "secret_sha256": sha256(EXAMPLE_SECRET), "state": "good"}]
    good, bad, api = state["last"]
    assert (good["status"], good["key_id"], good["fault"]) == (200, EXAMPLE_ID, None)
    assert good["authorization_sha256"] == sha256(BASIC)
    assert good["content_type"] == "application/json"
    assert (bad["status"], bad["key_id"]) == (401, "who")
    assert (api["method"], api["path"], api["user_agent"]) == ("GET", "/rest/v1/x", "tester")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", api["at"])
    assert grant["ust"] not in json.dumps(sim.state()) and EXAMPLE_SECRET not in json.dumps(sim.state())


def test_only_the_latest_fifty_are_kept(sim):
    for i in range(55):
        sim.request("sandbox", "GET", f"/{i}")
    assert [entry["path"] for entry in sim.state("sandbox")["last"]] == [f"/{i}" for i in range(5, 55)]


def test_reset(sim):
    sim.add_key("sandbox", "a", "b")
    sim.regenerate("sandbox")
    sim.token("sandbox", "a:b")
    sim.settings("sandbox", lifetime_max=1, latency_ms=1)
    sim.fault("sandbox", "hang")
    fresh = sim.state("production")
    sim.reset()
    assert sim.state() == {"sandbox": fresh, "production": fresh}


def test_help(sim):
    status, text = sim.call("GET", "/")
    assert status == 200 and "guesses" in text and "/{env}/faults" in text


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/nothing", None), ("POST", "/", None), ("POST", "/state", None), ("GET", "/sandbox/keys", None),
    ("POST", "/nowhere/faults", {"fault": "hang"}), ("POST", "/sandbox/keys/", None), ("GET", "//", None),
    ("POST", "/sandbox/keys/a/b/c/d", None), ("POST", "/sandbox/keys", {"id": "x"}),
    ("POST", "/sandbox/keys", None), ("POST", "/sandbox/keys", {"id": "x", "secret": "y", "z": 1}),
    ("POST", "/sandbox/keys", {"id": "", "secret": "y"}),
    ("POST", "/sandbox/keys", {"id": "a:b", "secret": "y"}),
    ("POST", "/sandbox/keys", {"id": "a", "secret": "y\n"}),
    ("POST", "/sandbox/keys", {"id": EXAMPLE_ID, "secret": "y"}), ("PUT", "/sandbox/keys", {"id": "x"}),
    ("PUT", "/sandbox/keys", [{"id": "x", "secret": "y"}, {"id": "x", "secret": "z"}]),
    ("PUT", "/sandbox/keys", [1]),
    ("POST", f"/sandbox/keys/{EXAMPLE_ID}/regenerate", {"id": "x"}),
    ("POST", f"/sandbox/keys/{EXAMPLE_ID}/regenerate", {"secret": 1}),
    ("PUT", "/sandbox/settings", {"lifetime": 1}), ("PUT", "/sandbox/settings", {"lifetime_max": 0}),
    ("PUT", "/sandbox/settings", {"lifetime_max": "1"}), ("PUT", "/sandbox/settings", {"latency_ms": -1}),
    ("PUT", "/sandbox/settings", {"lifetime_max": None}), ("PUT", "/sandbox/settings", None),
    ("POST", "/sandbox/tokens/revoke", {"ust_sha256": "short"}),
    ("POST", "/sandbox/tokens/revoke", {"ust": "x"}),
    ("POST", "/reset", {"x": 1}), ("POST", "/clock", None), ("POST", "/clock", {}),
    ("POST", "/clock", {"forward": 0}),
])
def test_admin_mistakes_are_400_with_a_message(sim, method, path, body):
    before = sim.state()
    status, answer = sim.call(method, path, body)
    assert status == 400 and answer["message"]
    assert sim.state() == before


def test_unknown_key_is_404(sim):
    for path in ("/refuse", "/accept", "/regenerate"):
        assert sim.call("POST", "/sandbox/keys/nobody" + path)[0] == 404
    assert sim.call("DELETE", "/sandbox/keys/nobody")[0] == 404
    with pytest.raises(SimulatorError):
        sim.refuse_key("sandbox", "nobody")


def test_bad_json_on_admin(sim):
    address = urllib.parse.urlsplit(sim.admin)
    for body in (b"{", b"\xff", b"x" * 2_000_000):
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        connection.request("POST", "/sandbox/faults", body)
        assert connection.getresponse().status == 400
        connection.close()


# nonsense and crowds


def test_client_nonsense_does_no_harm(sim):
    address = urllib.parse.urlsplit(sim.urls["sandbox"])
    context = ssl.create_default_context(cafile=sim.ca_file)
    pieces = [b"", b"\r\n\r\n", b"\0" * 3000, os.urandom(3000), b"GET\r\n\r\n",
              b"GET /rest/v1/x HTTP/9.9\r\n\r\n",
              b"GET /rest/v1/x HTTP/1.1\r\n\r\n", b"GET " + b"/a" * 30000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
              b"GET /rest/v1/%zz%0 HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
              b"POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
              b"POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
              b"POST /rest/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nshort"]
    for tls in (True, False):
        for piece in pieces:
            with socket.create_connection((address.hostname, address.port), timeout=20) as plain:
                stream = context.wrap_socket(plain, server_hostname="localhost") if tls else plain
                try:
                    stream.sendall(piece)
                    stream.settimeout(0.1)  # some of it is the start of something that never ends
                    stream.recv(100)
                except OSError:
                    pass
                stream.close()
    assert sim.token("sandbox")[0] == 200


def test_a_crowd_of_idle_connections(sim):
    size = min(3000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100)
    address = urllib.parse.urlsplit(sim.urls["sandbox"])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    crowd = []
    try:
        for _ in range(size):
            crowd.append(socket.create_connection(("127.0.0.1", address.port), timeout=20))
        assert sim.token("sandbox")[0] == 200
    finally:
        for one in crowd:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert sim.state("sandbox")["connections"] == size + 1
