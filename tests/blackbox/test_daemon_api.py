"""eqp-brokerd: every endpoint, every form of an answer and every error."""

import calendar
import contextlib
import http.client
import json
import re
import socket
import time

import pytest

from broker import Broker, check_headers, free_port, wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY, Simulator

TOKEN_FIELDS = {"mage_id", "ust", "expires_in", "expires_at", "environment", "base_url"}
SESSION_PATH = "/sandbox/rest/v1/app/session/token"
BASIC = {"Authorization": "Basic bmlnaHRseTphbnl0aGluZw=="}  # nightly:anything
BOTH = pytest.mark.parametrize("via", ["unix", "tcp"])


@contextlib.contextmanager
def every_state():
    """A daemon whose environments are in every state there is."""
    with Simulator(["sandbox", "refused", "hung", "throttled", "empty"]) as simulator:
        simulator.fault("hung", "hang")
        simulator.fault("throttled", "throttle", retry_after=600)
        keys = {"sandbox": EXAMPLE_KEY, "refused": "WRONGKEY01:0123456789abcdef", "hung": EXAMPLE_KEY,
                "throttled": EXAMPLE_KEY, "dark": EXAMPLE_KEY}
        environments = {"dark": f"base_url = https://127.0.0.1:{free_port()}", "hung": "exchange_timeout = 2min"}
        with Broker(simulator, keys=keys, environments=environments) as broker:
            broker.wait_valid("sandbox")
            for name in ("refused", "throttled", "dark"):
                broker.wait_status(name, lambda status: status["state"] == "no_token")
            yield broker


class Apis(contextlib.ExitStack):
    """One of these after the other: the exchange of "hung" fails after two minutes, and then there is a state less."""
    broker, began = None, 0

    def get(self):
        if self.broker is None or time.monotonic() - self.began > 70:
            self.close()
            self.began = time.monotonic()
            self.broker = self.enter_context(every_state())
        return self.broker


@pytest.fixture(scope="module")
def apis(slow_clients_get_going):
    with Apis() as apis:
        yield apis


@pytest.fixture
def api(apis):
    return apis.get()


# the token


@BOTH
def test_token_is_a_superset_of_the_upstream_answer(api, via):
    before = time.time()
    answer = api.get("/v1/sandbox/token", via=via)
    assert answer.status == 200
    token = answer.json()
    assert set(token) == TOKEN_FIELDS
    assert token["mage_id"] == "MAG123456789"
    assert re.fullmatch(r"[A-Za-z0-9.]{45}", token["ust"])
    assert token["environment"] == "sandbox"
    assert token["base_url"] == api.simulator.urls["sandbox"]
    assert type(token["expires_in"]) is int
    expires_at = calendar.timegm(time.strptime(token["expires_at"], "%Y-%m-%dT%H:%M:%SZ"))
    assert before - 2 <= expires_at - token["expires_in"] <= time.time() + 2
    bearer = {"Authorization": "Bearer " + token["ust"]}
    assert api.simulator.request("sandbox", "GET", "/rest/v1/x", headers=bearer)[0] == 200


@BOTH
def test_token_as_text(api, via):
    answer = api.get("/v1/sandbox/token", {"Accept": "text/plain"}, via=via)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.body.decode() == api.token()["ust"] + "\n"


@pytest.mark.parametrize("accept, kind", [
    ("*/*", "json"), ("application/json", "json"), ("application/*", "json"), ("text/*", "plain"),
    ("text/plain;q=0.5, application/json;q=0.4", "plain"), ("text/plain;q=0.4, application/json", "json"),
    ("text/plain, */*", "plain"), ("text/html, */*;q=0.1", "json"), ("TEXT/Plain", "plain"), ("", "json"),
    ("text/plain;q=0, */*", "json")])
def test_the_form_follows_accept(api, accept, kind):
    answer = api.get("/v1/sandbox/token", {"Accept": accept})
    assert answer.status == 200
    assert answer.headers["Content-Type"].split(";")[0] == {"json": "application/json", "plain": "text/plain"}[kind]


@pytest.mark.parametrize("path, method, accept", [
    ("/v1/sandbox/token", "GET", "text/html"), ("/v1/sandbox/token", "GET", "application/json;q=0"),
    ("/v1/sandbox/token", "HEAD", "image/png"), ("/v1/status", "GET", "text/plain"),
    ("/v1/sandbox/refresh", "POST", "text/plain"), ("/v1/sandbox/token/rejected", "POST", "text/plain")])
def test_not_acceptable(api, path, method, accept):
    answer = api.request(method, path, {"Accept": accept})
    assert answer.status == 406
    if method != "HEAD":
        assert answer.error() == (406, "not_acceptable")


@BOTH
@pytest.mark.parametrize("method, path, headers, status", [
    ("GET", "/v1/sandbox/token", {}, 200), ("GET", "/v1/refused/token?wait=0", {}, 503), ("GET", "/v1/status", {}, 200),
    ("GET", "/livez", {}, 200), ("GET", "/readyz", {}, 503), ("GET", "/nothing", {}, 404), ("DELETE", "/v1/status", {}, 405),
    ("POST", SESSION_PATH, BASIC, 200), ("POST", SESSION_PATH.replace("sandbox", "refused"), BASIC, 503)])
def test_an_answer_in_json_is_a_line(api, via, method, path, headers, status):
    """So the prompt of a shell where curl was typed stands on a line of its own."""
    with api.connection(via) as connection:
        for _ in range(2):  # the second one may be the first one, kept
            answer = connection.ask(method, path, {"EQP-Client": "tests", **headers}, '{"grant_type":"session"}' if method == "POST" else None)
            assert answer.status == status
            assert answer.json() and answer.body.endswith(b"}\n") and answer.body.count(b"\n") == 1, answer
            assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_expires_in_counts_from_the_sending_and_is_rounded_down(upstream, make_broker):
    upstream.settings("sandbox", latency_ms=1200)
    earliest = time.monotonic()
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    # A token of 7200 s that took 1.2 s to come has at most 7198.8 s left.
    for _ in range(20):
        left = broker.token()["expires_in"]
        oldest = time.monotonic() - earliest
        assert 7200 - oldest - 1 < left <= 7198, (oldest, left)
    assert broker.status("sandbox")["token"]["lifetime_sec"] == 7200
    wait_until(lambda: broker.token()["expires_in"] < left, "time goes on")


@BOTH
@pytest.mark.parametrize("path, accept", [
    ("/v1/sandbox/token", "application/json"), ("/v1/sandbox/token", "text/plain"), ("/v1/status", "*/*"),
    ("/livez", "*/*"), ("/metrics", "*/*"), ("/readyz", "*/*"), ("/v1/refused/token?wait=0", "*/*")])
def test_head_is_get_without_a_body(api, via, path, accept):
    with api.connection(via) as connection:
        headers = {"Accept": accept, "EQP-Client": "tests"}
        get = connection.ask("GET", path, headers)
        head = connection.ask("HEAD", path, headers)
        again = connection.ask("GET", path, headers)  # nothing was left over on the connection
    assert head.status == get.status == again.status
    assert head.body == b"" and get.body != b""
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert abs(int(head.headers["Content-Length"]) - len(get.body)) <= 24  # seconds have passed meanwhile
    assert head.headers["Retry-After"] is None or get.headers["Retry-After"] is not None


# health, status, metrics


@BOTH
def test_live(api, via):
    answer = api.get("/livez", {"EQP-Client": None}, via=via)
    assert (answer.status, answer.json()) == (200, {"live": True})


def test_ready(api, broker):
    answer = broker.get("/readyz", {"EQP-Client": None}, via="tcp")
    assert (answer.status, answer.json()) == (
        200, {"ready": True, "environments": [{"name": "sandbox", "usable": True}]})

    answer = api.get("/readyz")
    assert answer.error() == (503, "not_ready")
    rows = {row["name"]: row for row in answer.json()["environments"]}
    assert set(rows) == {"sandbox", "refused", "hung", "throttled", "dark"}  # empty has no key: not configured
    assert rows["sandbox"] == {"name": "sandbox", "usable": True}
    assert not rows["refused"]["usable"] and "refused" in rows["refused"]["why"]
    for name in ("refused", "hung", "throttled", "dark"):
        assert f"{name}: " in answer.json()["message"]


def test_status(api):
    status = api.status()
    assert {"version", "pid", "uptime_sec", "ready", "keys_directory", "keys_are_credentials", "port_held", "confinement",
            "forwarder", "without_environment", "environments"} == set(status)
    assert status["pid"] == api.process.pid and status["ready"] is False
    rows = {row["name"]: row for row in status["environments"]}
    assert {name: row["state"] for name, row in rows.items()} == {
        "production": "no_key", "sandbox": "valid", "refused": "no_token", "hung": "waiting",
        "throttled": "no_token", "empty": "no_key", "dark": "no_token"}
    for name, row in rows.items():
        assert row["configured"] == (name not in ("production", "empty"))
        assert (row["why"] == "") == (name == "sandbox"), row
        assert (row["token"] is None) == (name != "sandbox")
    sandbox = rows["sandbox"]
    assert sandbox["base_url"] == api.simulator.urls["sandbox"]
    token = sandbox["token"]
    assert token["mage_id"] == "MAG123456789" and token["key"] == "" and token["lifetime_sec"] == 7200
    assert 6900 < token["expires_in"] < 7200
    assert 0.6 * 7200 < sandbox["next_refresh_in_sec"] + (7200 - token["expires_in"]) <= 0.7 * 7200 + 1
    key, = sandbox["keys"]
    assert set(key) == {"label", "serial", "state", "seen_at", "seen_ago_sec", "trial_in_sec"}
    assert (key["label"], key["state"], key["trial_in_sec"]) == ("", "good", None) and key["serial"] > 0
    assert key["seen_ago_sec"] <= token["obtained_ago_sec"] + 1 and re.fullmatch(r"[\dT:-]+Z", key["seen_at"])
    assert sandbox["account"] == "MAG123456789" and rows["dark"]["account"] is None
    spent = sandbox["exchanges"]
    assert {name: spent[f"{name}_last_hour"] for name in ("need", "trial", "report", "demand", "operator")} == {
        "need": 1, "trial": 0, "report": 0, "demand": 0, "operator": 0}
    refused = rows["refused"]
    assert (refused["keys"][0]["state"], refused["keys"][0]["cause"]) == ("refused", "unauthorized")
    assert 86000 < refused["keys"][0]["trial_in_sec"] <= 86400
    untried = rows["hung"]["keys"][0]
    assert (untried["state"], untried["seen_at"], untried["seen_ago_sec"]) == ("untried", None, None)
    assert refused["last_trouble"]["outcome"] == "key_refused"
    assert refused["last_unknown_answer"]["status"] == 401
    assert rows["hung"]["exchange_in_flight"] is True
    assert rows["throttled"]["last_trouble"]["outcome"] == "throttled"
    assert 200 < rows["throttled"]["next_refresh_in_sec"] <= 700
    assert rows["dark"]["exchanges"]["unavailable"] >= 1 and rows["dark"]["failures_in_row"] >= 1


def test_the_account_is_told_while_there_is_no_token(upstream, make_broker):
    """The pinned one, and the configured one from the start."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         environments={"production": f"base_url = {upstream.urls['sandbox']}\naccount = MAG7"})
    assert broker.wait_valid().status("sandbox")["account"] == "MAG123456789"
    assert broker.status("production")["account"] == "MAG7"


def test_a_key_of_another_account_is_told_of(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={
        "sandbox": f"base_url = {upstream.urls['sandbox']}\naccount = MAG7"})
    status = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert (status["keys"][0]["state"], status["keys"][0]["cause"]) == ("refused", "other_account")
    assert (status["account"], status["last_trouble"]["account"]) == ("MAG7", "MAG123456789")


def test_accounts_are_for_callers_with_a_right(upstream, make_broker, tmp_path):
    """Neither anybody on this host nor those who read the state of the unit learn of them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"NOTIFY_SOCKET": str(tmp_path / "notify")},
                             environments={"sandbox": f"base_url = {upstream.urls['sandbox']}\naccount = MAG7"})
        broker.wait_status("sandbox", lambda status: status["last_trouble"])
        said = ""
        while "another account" not in said:
            said = manager.recv(4096).decode()
    ready = broker.get("/readyz", headers={"EQP-Client": None}).body.decode()
    refused = broker.post("/v1/sandbox/refresh").body.decode()
    for text in said, ready, refused, broker.get("/v1/sandbox/token?wait=0").body.decode():
        assert "the access key is of another account than this environment" in text and "MAG" not in text, text
    both = "the access key is of account MAG123456789, and this environment is of account MAG7"
    assert broker.status("sandbox")["last_trouble"]["message"] == both
    assert broker.log(both)


def test_the_trial_of_a_spare_is_no_failed_refresh(upstream, make_broker):
    """It is told, once and as what it is; the state of the token is another matter."""
    broker = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY}).wait_valid()
    upstream.fault("sandbox", "unavailable", count=1)
    broker.write_key("sandbox.2", "WRONGKEY02:0123456789abcdef")
    line, = broker.wait_log("the trial of the access key was inconclusive")
    assert "(key 2)" in line and re.search(r"next trial in (1min \d+s|1min|\d\ds)$", line), line
    status = broker.status("sandbox")
    assert (status["failures_in_row"], status["last_trouble"]["key"]) == (0, "2")
    assert status["exchanges"]["trial_last_hour"] == 1
    spare = status["keys"][1]
    assert spare["state"] == "untried" and 50 < spare["trial_in_sec"] <= 115
    upstream.fault("sandbox", "unavailable", count=1, key="WRONGKEY02")  # for the trial that follows the grant
    broker.refresh()
    broker.wait_status("sandbox", lambda status: status["exchanges"]["unavailable"] == 2)
    assert broker.status("sandbox")["keys"][1]["state"] == "untried"
    assert len(broker.log("the trial of the access key was inconclusive")) == 1
    broker.write_key("sandbox.3", EXAMPLE_KEY.replace("AQ", "AR"))
    broker.wait_status("sandbox", lambda status: [key["state"] for key in status["keys"]][2:] == ["refused"])
    line, = broker.log("the upstream refused the access key \\(key 3\\)", priority=3)
    assert line.count("refused") == 1 and "HTTP 401: compare its ID and secret" in line
    assert broker.status("sandbox")["failures_in_row"] == 0


def test_a_refusal_is_said_once(api):
    """With the HTTP status, and what to do."""
    why = api.status("refused")["why"]
    assert why.startswith("access key refused (key no label): HTTP 401: compare its ID and secret with the portal, or put")
    assert why.count("refused") == 1


def test_metrics(api):
    before = api.get("/metrics", {"EQP-Client": None}, via="tcp")
    assert before.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    api.token()
    after = api.get("/metrics").body.decode()
    api.check_text(after, "/metrics")

    def value(text, name):
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])

    served = "eqp_broker_tokens_served_total"
    assert value(after, served) == value(before.body.decode(), served) + 1
    assert value(after, 'eqp_broker_token_valid{environment="sandbox"}') == 1
    assert value(after, 'eqp_broker_token_valid{environment="dark"}') == 0
    assert value(after, 'eqp_broker_exchanges_total{environment="refused",outcome="key_refused"}') >= 1
    for environment, state in (("sandbox", "good"), ("refused", "refused"), ("hung", "untried")):
        states = {name: value(after, f'eqp_broker_key_state{{environment="{environment}",label="",state="{name}"}}')
                  for name in ("untried", "good", "refused")}
        assert states == dict.fromkeys(states, 0) | {state: 1}
    assert 0 <= value(after, 'eqp_broker_key_seen_seconds{environment="sandbox",label=""}') < 600
    assert 'eqp_broker_key_seen_seconds{environment="hung"' not in after, "nothing was seen of it"
    for line in after.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) eqp_broker_\w+ .+|eqp_broker_\w+(\{[^{}]*\})? -?[\d.e+]+', line), line
    documented = set(re.findall(r"^# TYPE (\w+) (?:counter|gauge)$", after, re.M))
    assert documented == set(re.findall(r"^(eqp_broker_\w+)", after, re.M))


def counter(broker, name):
    return int(re.search(rf"^{name} (\d+)$", broker.get("/metrics").body.decode(), re.M)[1])


def test_a_request_that_waits_over_a_reload_is_one(upstream, make_broker):
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    before, asked = counter(broker, "eqp_broker_requests_total"), 0

    def one_more_than_ours():
        nonlocal asked
        asked += 1
        return counter(broker, "eqp_broker_requests_total") == before + asked + 1

    with broker.connect() as waiting:
        waiting.sendall(b"GET /v1/sandbox/token?wait=30 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(one_more_than_ours, "the request is there")
        broker.reload()
        assert one_more_than_ours()


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/v1/sandbox/token?min_tl=1", None), ("GET", "/v1/sandbox/token?min_ttl=9999999", None),
    ("POST", "/v1/sandbox/token/rejected", "{"), ("POST", "/v1/sandbox/token/rejected", '{"x": 1}'),
    ("POST", "/v1/sandbox/token/rejected", "[]"), ("GET", "/v1/nowhere/token", None)])
def test_impossible_requests_are_counted(broker, method, path, body):
    before = counter(broker, "eqp_broker_requests_bad_total")
    assert 400 <= broker.request(method, path, body=body).status < 500
    assert counter(broker, "eqp_broker_requests_bad_total") == before + 1


def test_metrics_may_be_switched_off(upstream, make_broker):
    broker = make_broker(upstream, broker="metrics = no")
    assert broker.get("/metrics").error() == (404, "unknown_path")
    assert broker.get("/livez").status == 200


# errors


@pytest.mark.parametrize("method, path, allow", [
    ("POST", "/v1/sandbox/token", "GET, HEAD"), ("DELETE", "/v1/sandbox/token", "GET, HEAD"),
    ("GET", "/v1/sandbox/refresh", "POST"), ("HEAD", "/v1/sandbox/refresh", "POST"),
    ("GET", "/v1/sandbox/token/rejected", "POST"), ("PUT", "/v1/status", "GET, HEAD"),
    ("POST", "/livez", "GET, HEAD"), ("POST", "/readyz", "GET, HEAD"), ("OPTIONS", "/metrics", "GET, HEAD"),
    ("TRACE", "/livez", "GET, HEAD"), ("BREW", "/livez", "GET, HEAD")])
def test_wrong_method(api, method, path, allow):
    answer = api.request(method, path)
    assert answer.status == 405 and answer.headers["Allow"] == allow
    if method != "HEAD":
        assert answer.error() == (405, "method_not_allowed")


@BOTH
@pytest.mark.parametrize("path", ["/", "/v1", "/v1/sandbox", "/v1/sandbox/tokens", "/v2/sandbox/token", "/LIVEZ",
                                  "/v1/Sandbox/token", "/v1/sandbox/token/rejected/x", "/favicon.ico",
                                  "/sandbox/restv1/users/MAG1", "/v1/livez/token", "/v1/-a/token"])
def test_unknown_path(api, via, path):
    assert api.get(path, via=via).error() == (404, "unknown_path")


@pytest.mark.parametrize("method, path", [
    ("GET", "/v1/staging/token"), ("POST", "/v1/staging/refresh"), ("POST", "/v1/staging/token/rejected")])
def test_unknown_environment(api, method, path):
    answer = api.request(method, path)
    assert answer.error() == (404, "unknown_environment")
    assert "staging" in answer.json()["message"]


@pytest.mark.parametrize("query, words", [
    ("x=1", "x is unknown"), ("min_ttl=1&x", "x is unknown"), ("min_ttl=-1", "min_ttl"), ("min_ttl=", "min_ttl"),
    ("min_ttl=1.5", "min_ttl"), ("min_ttl=4294967296", "min_ttl"), ("wait=31", "30"), ("wait=%31", "wait"),
    ("wait=1&wait=1", "twice"), ("min_ttl=1&&wait=1", "unknown"), ("WAIT=1", "unknown"), ("wait", "wait")])
def test_bad_queries(api, query, words):
    answer = api.get("/v1/sandbox/token?" + query)
    assert answer.error() == (400, "bad_request")
    assert words in answer.json()["message"]


@pytest.mark.parametrize("query", ["", "wait=0", "wait=30", "min_ttl=0", "min_ttl=60&wait=1"])
def test_good_queries(api, query):
    assert api.token("sandbox", "?" + query)["expires_in"] > 6000


@pytest.mark.parametrize("method, path", [
    ("GET", "/livez"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/v1/status"),
    ("POST", "/v1/sandbox/refresh"), ("POST", "/v1/sandbox/token/rejected")])
def test_no_other_path_takes_a_query(api, method, path):
    for query in ("?wait=1", "?", "?account=new" if not path.endswith("/refresh") else "?account=old"):
        assert api.request(method, path + query).error() == (400, "bad_request")


def test_get_with_a_body(api):
    assert api.get("/v1/sandbox/token", body="{}").error() == (400, "bad_request")
    assert api.get("/livez", body="x").error() == (400, "bad_request")


@BOTH
def test_body_too_large(api, via):
    assert api.post("/v1/sandbox/token/rejected", "x" * 8193, via=via).error() == (413, "body_too_large")
    assert api.post("/v1/sandbox/token/rejected", "x" * 8192, via=via).error() == (400, "bad_request")
    # Without a length in front: the bytes that were read are dropped.
    host = f"127.0.0.1:{api.port}"
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    answer = api.raw(b"POST /v1/sandbox/token/rejected HTTP/1.1\r\nHost: " + host.encode() + b"\r\nEQP-Client: a\r\n"
                     b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + 3 * chunk + b"0\r\n\r\n", via)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"body_too_large" in answer


def test_min_ttl_unattainable_names_the_most(api):
    answer = api.get("/v1/sandbox/token?min_ttl=7201")
    assert answer.error() == (422, "min_ttl_unattainable")
    most = int(re.search(r"min_ttl=(\d+)", answer.json()["message"])[1])
    assert 7190 < most <= 7200
    total = api.status("sandbox")["exchanges"]["total"]
    assert total == 1, "asking for the impossible costs no exchange"


@pytest.fixture
def aged(upstream, make_broker, manager):
    """A daemon whose token is 100 s old already, so that a fresh one may take its time."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    return manager.restart_aged(broker, 100)


def test_min_ttl_refreshes_once(upstream, aged):
    broker = aged
    old = broker.token()
    assert old["expires_in"] <= 7100
    assert broker.token(query="?min_ttl=7000")["ust"] == old["ust"]
    new = broker.token(query="?min_ttl=7150&wait=20")
    assert new["ust"] != old["ust"] and new["expires_in"] >= 7150
    assert broker.token()["ust"] == new["ust"]
    assert upstream.state("sandbox")["requests"]["token"] == 2


def test_min_ttl_when_the_upstream_is_down(upstream, aged):
    broker = aged
    upstream.fault("sandbox", "unavailable")
    answer = broker.get("/v1/sandbox/token?min_ttl=7150&wait=0")
    assert answer.error() == (503, "no_token") and answer.retry_after >= 1
    assert "min_ttl" in answer.json()["message"]
    assert broker.token()["expires_in"] <= 7100, "without min_ttl the token in hand is good enough"


@pytest.mark.parametrize("environment, words, low, high", [
    ("refused", r"refused.*401", 1, 120), ("dark", r"not available", 1, 120), ("empty", r"key file empty", 1, 86400),
    ("throttled", r"patience", 200, 700), ("hung", r"first answer", 1, 60)])
def test_no_token_says_why_and_when_to_come_again(api, environment, words, low, high):
    answer = api.get(f"/v1/{environment}/token?wait=0")
    assert answer.error() == (503, "no_token")
    assert re.search(words, answer.json()["message"]), answer
    assert low <= answer.retry_after <= high


@pytest.mark.parametrize("query, low, high", [("?wait=0", 0, 0.9), ("", 1.9, 4), ("?wait=1", 0.9, 1.9)])
def test_wait(api, query, low, high):
    """Never less; and more on a busy machine only, which is not busy each time."""
    def as_long_as_asked():
        started = time.monotonic()
        assert api.get("/v1/hung/token" + query).error() == (503, "no_token")
        took = time.monotonic() - started
        assert took >= low
        return took <= high

    wait_until(as_long_as_asked, f"a wait of {low} to {high} s")


def test_wait_ends_with_the_token(upstream, make_broker):
    upstream.settings("sandbox", latency_ms=700)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    assert 7170 < broker.token(query="?wait=30", timeout=60)["expires_in"] <= 7199
    assert upstream.state("sandbox")["requests"]["token"] == 1


# as the EQP API itself


@pytest.fixture
def session(api):
    def ask(body='{"grant_type":"session","expires_in":7200}', headers=BASIC, **more):
        return api.post(SESSION_PATH, body, headers, **more)
    return ask


def test_session_has_exactly_the_upstream_shape(api, session):
    answer = session()
    assert answer.status == 200
    assert set(answer.json()) == {"mage_id", "ust", "expires_in"}
    assert answer.json()["ust"] == api.token()["ust"]


def test_session_takes_the_id_for_the_name(api, session):
    answer = session()
    assert answer.status == 200
    assert session(headers=BASIC | {"EQP-Client": None}, via="tcp").status == 401, "on TCP an ID is no name"
    api.wait_log("sandbox: token handed out to uid .* client nightly$")


@pytest.mark.parametrize("status, body, headers", [
    (401, "{}", {}), (401, "{}", {"Authorization": "Bearer x"}), (400, '{"grant_type":"password"}', BASIC),
    (400, "{}", BASIC), (400, '{"grant_type":1}', BASIC), (400, "", BASIC), (400, "[]", BASIC), (400, "{", BASIC)])
def test_session_errors_are_the_upstreams(session, status, body, headers):
    answer = session(body, headers)
    assert answer.status == status
    assert set(answer.json()) == {"code", "message"}, answer
    assert answer.json()["code"] == status


def test_session_without_a_token(api):
    answer = api.post("/refused/rest/v1/app/session/token", '{"grant_type":"session"}', BASIC)
    assert answer.status == 503 and answer.retry_after >= 1


def test_session_never_passes_on_what_it_was_given(api, session):
    session(headers={"Authorization": "Basic " + "QVExN05aNDlXQzpzZWNyZXQ="})
    assert all(entry["key_id"] in (EXAMPLE_ID, "WRONGKEY01", None)
               for state in api.simulator.state().values() for entry in state["last"])


# connections


def test_many_requests_on_one_connection(api):
    with api.connection("tcp") as connection:
        for n in range(200):
            path = ["/v1/sandbox/token", "/livez", "/nonsense"][n % 3]
            assert connection.ask("GET", path, {"EQP-Client": "a"}).status == [200, 200, 404][n % 3]


def test_pipelined_requests_are_answered_in_order(api):
    request = f"GET %s HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nEQP-Client: a\r\n%s\r\n"
    data = request % ("/livez", "") + request % ("/v1/hung/token?wait=1", "") + request % ("/v1/status", "") + \
        request % ("/nonsense", "Connection: close\r\n")
    received = api.raw(data.encode())
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"200", b"503", b"200", b"404"]


def test_http_1_0(api):
    received = api.raw(f"GET /livez HTTP/1.0\r\nHost: localhost:{api.port}\r\n\r\n".encode())
    head, body = received.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.") and b" 200 " in head and json.loads(body) == {"live": True}


def test_ipv6(upstream, make_broker):
    port = free_port(socket.AF_INET6, "::1")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=f"listen = [::1]:{port}").wait_valid()
    connection = http.client.HTTPConnection("::1", port, timeout=60)
    connection.request("GET", "/v1/sandbox/token", headers={"EQP-Client": "six"})
    response = connection.getresponse()
    assert response.status == 200
    check_headers(response)
    connection.close()
    broker.wait_log("handed out to uid .* client six")
