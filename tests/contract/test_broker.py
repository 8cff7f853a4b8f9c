"""The daemon and doc/openapi/eqp-broker.yaml know the same: each operation, status and word is asked for, and each answer
judged by the document. The last test has what nobody has seen."""

import contextlib
import os
import signal
import sys

import pytest

from broker import STRANGER, Broker, wait_until
from local_keys import BODY, basic
from simulator import EXAMPLE_KEY
from stores import share
from stories import (EXPIRED, GATEWAY, NOT_US, REAL, REPORTS, UNKNOWN_TOKEN, counted, in_environment, is_below_rest,
                     is_gateway, is_health)
from talk import JSON, NOBODY, Talk, as_user

CLIENT = {"EQP-Client": "contract"}
BY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a request must come from another user")

# Seen by slow tests only, or by root's.
SLOWLY = {("getToken", "429", "refresh_limited"), ("refresh", "429", "refresh_limited"), ("getLive", "503", "not_live"),
          ("passed on", "408", "upload_stalled"), ("passed on", "503", "gateway_busy")}
LEFT_TO_ROOT = {"caller_unknown", "unknown_path"}
# Not to be had from outside, each with the reason: nothing.
OUT_OF_REACH = {}

told = set()  # tests that have passed


@pytest.fixture(autouse=True)
def note(request):
    yield
    if not getattr(request.node, "failed", False):
        told.add(request.node.originalname)


@pytest.fixture(scope="module")
def document(broker_document):
    return broker_document


@pytest.fixture(scope="module")
def talk(session_simulator, document):
    """With a daemon that several tests share."""
    session_simulator.reset()
    with Broker(session_simulator, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": GATEWAY},
                local=[REPORTS, REAL, EXPIRED]) as broker:
        yield Talk(broker.wait_valid(), document)


@pytest.fixture
def own(upstream, make_broker, document):
    """With a daemon of its own: own(**more)."""
    def own(sandbox=GATEWAY, **more):
        environments = {"sandbox": sandbox} | more.pop("environments", {})
        return Talk(make_broker(upstream, **{"keys": {"sandbox": EXAMPLE_KEY}} | more, environments=environments), document)
    return own


@pytest.fixture(scope="module")
def each(document):
    """The operations that are meant, each with method, target and body by its examples."""
    def each(meant=lambda operation: True, environment="sandbox"):
        for operation in document.operations.values():
            if meant(operation):
                method, target, body = document.request(operation.id)
                yield operation, (method, target.replace("sandbox", environment), body)
    return each


def of_callers(operation):
    return not is_health(operation)


def headers_of(operation, body=None):
    needs = basic("shop-import", "any") if operation.id == "createSession" else {}
    return CLIENT | needs | (JSON if body else {})


# ---- by the examples ----

@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_each_operation_by_its_examples(talk, each, via):
    for operation, (method, target, body) in each():
        answer = talk(method, target, headers_of(operation, body), body, via=via)
        assert is_gateway(operation) or answer.status == 200, answer


def test_other_ways_to_ask(talk):
    token = talk("GET", "/v1/sandbox/token?min_ttl=60&wait=30", {"Accept": "text/plain"})
    assert token.headers.get_content_type() == "text/plain"
    for method in ("GET", "HEAD"):
        talk.expect(304, None, method, "/v1/sandbox/token?wait=0", {"If-None-Match": token.headers["ETag"]})
    assert talk("GET", "/v1/sandbox/token", REAL.basic, via="tcp").status == 200
    talk.expect(422, "min_ttl_unattainable", "GET", "/v1/sandbox/token?min_ttl=100000")
    assert talk("POST", "/v1/sandbox/refresh?account=new").status in (200, 429)
    given = talk("POST", "/sandbox/rest/v1/app/session/token", REPORTS.basic, BODY, via="tcp").json()["ust"]
    for headers in (REPORTS.basic, {"Authorization": f"Bearer {given}"}):
        assert talk("GET", "/sandbox/rest/v1/reports/metrics", headers, via="tcp").status == 200


# ---- refused whatever is asked for ----

@pytest.mark.parametrize("word, header", [
    ("host_refused", {"Host": "broker.example"}), ("browser_refused", {"Origin": "http://broker.example"}),
    ("proxy_refused", {"Via": "1.1 proxy"}), ("client_header_missing", {"EQP-Client": "two words"})])
def test_web_pages_and_proxies(talk, each, word, header):
    for operation, (method, target, body) in each():
        talk.expect(403, word, method, target, headers_of(operation, body) | header, body, via="tcp")


def test_without_a_name(talk, each):
    for operation, (method, target, body) in each(of_callers):
        status, word = ((403, "client_header_missing") if not is_below_rest(operation) else
                        (401, "bearer_missing") if is_gateway(operation) else (401, "local_key_refused"))
        talk.expect(status, word, method, target, {}, body, via="tcp")


def test_a_request_that_makes_no_sense(talk, each):
    for operation, (method, target, body) in each():
        talk.expect(400, "bad_request", method, target, [*headers_of(operation, body).items(), ("EQP-Client", "twice")], body)


def test_a_head_that_is_too_large(talk, each):
    for operation, (method, target, body) in each():
        talk.expect(431, None, method, target, headers_of(operation, body) | {"X-Large": "x" * 40_000})


def test_another_method(talk, each):
    for operation, (_, target, _) in each(lambda operation: not is_gateway(operation) and operation.method != "HEAD"):
        method = "GET" if operation.method == "POST" else "DELETE"
        talk.expect(405, "method_not_allowed", method, target, headers_of(operation), operation=operation)


def test_a_body_that_is_too_large(talk, each):
    for operation, (method, target, _) in each(lambda operation: operation.id != "passHead"):
        talk.expect(413, "body_too_large", method, target, headers_of(operation), "x" * 110_000)


def test_nothing_that_the_client_takes(talk, each):
    for operation, (method, target, body) in each(lambda operation: operation.path.startswith("/v1/")):
        talk.expect(406, "not_acceptable", method, target, headers_of(operation) | {"Accept": "image/png"}, body)


# ---- callers and keys ----

def test_local_keys_that_are_not_good(talk, each):
    for _, (method, target, body) in each(of_callers):
        talk.expect(401, "local_key_refused", method, target, EXPIRED.basic, body, via="tcp")
        talk.expect(401, "bearer_unknown", method, target, UNKNOWN_TOKEN, body, via="tcp")


def test_too_many_wrong_secrets(own, each):
    talk = own(local=[REPORTS])
    wrong = basic(REPORTS.id, "wrong")

    def is_slowed_down():
        answer = talk("GET", "/v1/status", wrong)
        return answer.status == 429 and answer.retry_after >= 3
    for _, (method, target, body) in each(of_callers):
        wait_until(is_slowed_down, "one in 6 s is heard, and that is not the next one")
        talk.expect(429, "too_many_requests", method, target, wrong, body, via="tcp")


def test_callers_without_a_right(own, each):
    talk = own("", broker=f"allow = {NOT_US}\noperators = {NOT_US}\nmetrics = no")
    for operation, (method, target, body) in each(lambda operation: operation.id != "reload"):
        if of_callers(operation) or target == "/metrics":
            talk.expect(403, "caller_refused", method, target, headers_of(operation), body)


@BY_ROOT
def test_callers_that_nobody_knows(own, each):
    talk = own("", broker="metrics = no")
    for operation, (method, target, body) in each():
        if of_callers(operation) or target == "/metrics":
            with as_user(NOBODY):
                stream = talk.broker.connect()
            talk.expect(403, "caller_unknown", method, target, headers_of(operation), body, stream=stream)
    for method in ("GET", "HEAD"):
        talk.expect(404, "unknown_path", method, "/metrics")
    with as_user(STRANGER):
        stream = talk.broker.connect()
    talk.expect(403, "caller_refused", "POST", "/v1/reload", stream=stream)


# ---- environments and paths ----

def test_environments_that_there_are_not(talk, each):
    for operation, (method, target, body) in each(in_environment, "nowhere"):
        talk.expect(404, "unknown_environment", method, target, headers_of(operation), body)


@pytest.mark.parametrize("status, word, method, target, headers", [
    (404, "gateway_off", "GET", "/production/rest/v1/users", {}),
    (404, "unknown_path", "GET", "/sandbox/rest/v2/users", {}),
    (404, "unknown_path", "GET", "/rest/v1/users", {}),
    (403, "rule_refused", "GET", "/sandbox/rest/v1/denied/a", {}),
    (403, "rule_refused", "DELETE", "/sandbox/rest/v1/reports/a", REPORTS.basic),
    (400, "path_ambiguous", "GET", "/sandbox/rest/v1/a/../b", {}),
    (414, "path_ambiguous", "GET", "/sandbox/rest/v1/" + "a" * 8001, {}),
    (400, "method_override_refused", "GET", "/sandbox/rest/v1/a?_method=PUT", {}),
    (400, "method_override_refused", "GET", "/sandbox/rest/v1/a", {"X-HTTP-Method-Override": "PUT"}),
    (400, "bad_request", "GET", "/sandbox/rest/v1/a", {"Connection": "Upgrade", "Upgrade": "websocket"}),
    (431, "bad_request", "GET", "/sandbox/rest/v1/a", {"X-Large": "x" * 18_000}),
], ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "")
def test_refusals_of_the_gateway(talk, status, word, method, target, headers):
    talk.expect(status, word, method, target, headers)


# ---- tokens ----

def test_no_token(own, each):
    talk = own("", keys={"production": "WRONGKEY01:0ddba11c0ddba11c0ddba11c0ddba11c"},
               environments={"production": "gateway = yes\n[gateway production]\nallow = any * /rest/v1/**"})
    talk.broker.wait_status("production", lambda status: status["state"] == "no_token")
    for method in ("GET", "HEAD"):
        talk.expect(503, "not_ready", method, "/readyz")
    (talk.broker.keys_directory / "production").unlink()
    talk("POST", "/v1/reload")
    talk.broker.wait_status("production", lambda status: status["state"] == "no_key")
    for operation, (method, target, body) in each(in_environment, "production"):
        talk.expect(503, "no_token", method, target, headers_of(operation, body), body)


@pytest.mark.slow("an exchange is made once in a second, and four may be")
def test_as_many_exchanges_as_may_be(own):
    talk = own()
    wait_until(lambda: talk("POST", "/v1/sandbox/refresh").status == 429, "the share of operators is used up")
    wait_until(lambda: talk("GET", "/v1/sandbox/token?min_ttl=7199&wait=0").status == 429, "that of callers is used up")


def test_a_configuration_with_a_mistake(own):
    talk = own()
    talk.broker.write_config(talk.broker.config() + "[broker]\nlistn = a\n")
    talk.expect(422, "reload_failed", "POST", "/v1/reload")


def test_an_upstream_in_trouble(own, upstream):
    talk = own()
    talk.broker.wait_valid()
    for fault, status, word in (("refuse_connect", 502, "upstream_unreachable"), ("garbage", 502, "upstream_malformed"),
                                ("reset", 502, "upstream_lost"), ("hang", 504, "upstream_slow")):
        upstream.fault("sandbox", fault, **({} if fault == "refuse_connect" else {"paths": "api"}))
        talk.expect(status, word, "POST", "/sandbox/rest/v1/users", JSON, "{}")
        upstream.clear_faults()


# ---- the state ----

def test_the_state_of_access_keys(own, upstream):
    """With each field that there may be."""
    talk = own()
    broker = talk.broker.wait_valid()

    def wait_key(label, condition):
        def holds():
            keys = {key["label"]: key for key in talk("GET", "/v1/status").json()["environments"][-1]["keys"]}
            return label in keys and condition(keys[label])
        wait_until(holds, f"the key {label!r} is like that")

    def add(name, key_id, fault, **more):
        upstream.add_key("sandbox", key_id, "beadedfacadebeadedfacadebeadedfa")
        upstream.fault("sandbox", fault, key=key_id, **more)
        broker.write_key(name, f"{key_id}:beadedfacadebeadedfacadebeadedfa")

    broker.write_key("sandbox.2-spare", "WRONGKEY01:0ddba11c0ddba11c0ddba11c0ddba11c")
    wait_key("2-spare", lambda key: key.get("cause"))
    add("sandbox.3-other", "OTHERKEY01", "account", mage_id="MAG987654321")
    wait_key("3-other", lambda key: key.get("cause") == "other_account")
    add("sandbox.2-spare", "SPAREKEY01", "refuse", status=403, retry_after=600)
    wait_key("2-spare", lambda key: "held_until" in key)
    broker.write_key("sandbox", "WRONGKEY02:0ddba11c0ddba11c0ddba11c0ddba11d")
    wait_key("", lambda key: "kept_old" in key)
    broker.write_key("sandbox.4-empty", "no key")
    talk("POST", "/v1/reload")
    assert talk("GET", "/v1/status").json()["environments"][-1]["key_files_refused"]
    upstream.clear_faults()


# ---- too much, and the end ----

@pytest.fixture
def narrow(own, upstream):
    """There is place for one connection, and two more wait for it: the token that they want does not come."""
    upstream.fault("production", "hang")
    talk = own(keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, broker="max_connections_per_user = 1",
               environments={"production": "exchange_timeout = 1min"})
    with contextlib.ExitStack() as streams:
        crowd = [streams.enter_context(talk.broker.connect()) for _ in range(12)]
        for stream in crowd:
            talk.send(stream, "GET", "/v1/production/token?wait=30")
        yield talk, crowd
    upstream.clear_faults()


def test_too_many_connections(narrow, each):
    talk, crowd = narrow
    for operation, (method, target, body) in each(lambda operation: operation.method != "HEAD"):
        talk.expect(429, "too_many_connections", method, target, headers_of(operation, body), body)
    talk.broker.send(signal.SIGTERM)
    answers = [talk.receive(stream, "GET", "/v1/production/token?wait=30") for stream in crowd]
    assert any(answer.error() == (503, "stopping") for answer in answers), answers
    assert talk.broker.wait() == 0


def test_requests_at_the_end(own, upstream):
    """On open connections; a request that is being passed on keeps the daemon running for that long."""
    talk = own()
    broker = talk.broker.wait_valid()

    def are_told():
        upstream.fault("sandbox", "hang", paths="api")
        with contextlib.ExitStack() as streams, contextlib.suppress(ConnectionError, OSError):
            slow, upload, reload = (streams.enter_context(broker.connect()) for _ in range(3))
            talk.send(slow, "GET", "/sandbox/rest/v1/users")
            wait_until(lambda: b"\neqp_broker_gateway_in_flight 1\n" in talk("GET", "/metrics").body, "it is on its way")
            broker.send(signal.SIGTERM)
            wait_until(lambda: not broker.socket_path.exists(), "it is stopping")
            talk.send(upload, "POST", "/sandbox/rest/v1/users", body="x" * 80_000)
            talk.send(reload, "POST", "/v1/reload")
            answers = [talk.receive(upload, "POST", "/sandbox/rest/v1/users"), talk.receive(reload, "POST", "/v1/reload")]
            print(answers)
            return [answer.status for answer in answers] == [503, 503]
        upstream.clear_faults()
        assert broker.wait() == 0
        broker.start().wait_valid()
        return False

    wait_until(are_told, "answers before the connections are closed", timeout=60)
    upstream.clear_faults()


@pytest.mark.slow("it takes seconds to notice")
def test_a_keeper_that_stands_still(own):
    talk = own()
    os.kill(talk.broker.process.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: talk("GET", "/livez").status == 503, "what it said lately counts no more")
    finally:
        os.kill(talk.broker.process.pid, signal.SIGCONT)


@pytest.mark.slow("nothing happens for a minute", first=True)
def test_requests_that_wait_for_a_minute(own, upstream):
    talk = own(GATEWAY.replace("2s", "2min"))
    talk.broker.wait_valid()
    upstream.fault("sandbox", "hang", paths="api")
    with contextlib.ExitStack() as streams:
        upload, *busy = [streams.enter_context(talk.broker.connect(timeout=100)) for _ in range(18)]
        upload.sendall(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
        for stream in busy[:16]:
            talk.send(stream, "GET", "/sandbox/rest/v1/users")
        wait_until(lambda: b"\neqp_broker_gateway_in_flight 16\n" in talk("GET", "/metrics").body, "all turns are taken")
        talk.send(busy[16], "GET", "/sandbox/rest/v1/users")
        for stream, method in ((upload, "POST"), (busy[16], "GET")):
            talk.receive(stream, method, "/sandbox/rest/v1/users")
    upstream.clear_faults()


def test_a_host_that_shares(own, store):
    talk = own(share=share(store))
    talk.broker.wait_valid()
    store.wait_session()
    shared = talk("GET", "/v1/status").json()["environments"][-1]["share"]
    assert shared["state"] == "fine" and shared["claims"]["held"] == 1 and not shared["from_store"]
    talk("GET", "/metrics")


# ---- all of it ----

def test_nothing_is_left(request, document):
    stories = {name: test for name, test in vars(sys.modules[__name__]).items() if name.startswith("test_")}
    absent = {name: {mark.name for mark in getattr(stories[name], "pytestmark", ())} for name in stories.keys() - told}
    absent.pop("test_nothing_is_left")
    slow_absent = {name for name, marks in absent.items() if "slow" in marks}
    root_absent = {name for name, marks in absent.items() if "skipif" in marks and os.geteuid() != 0}
    if absent.keys() - slow_absent - root_absent:
        pytest.skip(f"not all stories were told: {sorted(absent)}")
    left = {counted(one) for one in document.known()} - {counted(one) for one in document.seen} - OUT_OF_REACH.keys()
    left -= SLOWLY if slow_absent else set()
    if root_absent:
        left = {one for one in left if one[2] not in LEFT_TO_ROOT and one != ("reload", "403", "caller_refused")}
    assert not left, "the document has more than the daemon"
    unseen = sorted(document.known_fields() - document.fields)
    assert not unseen, "the document has fields that the daemon does not send"
    assert not OUT_OF_REACH.keys() & {counted(one) for one in document.seen}, "it can be had after all"
