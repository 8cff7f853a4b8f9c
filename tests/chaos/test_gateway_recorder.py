"""The gateway's recorder finds what is wrong: each of its rules is broken here, by an answer that is nearly right."""

import email.message
import hashlib
import json

import pytest

from broker import Answer
from clock import Moment
from downloads import BASE, LONG, PIECES, TEXT
from gateway_recorder import HEADER, LONGEST, Call, GatewayRecorder
from recorder import Recorder, Truth

URLS = {"sandbox": "https://localhost:1", "east": "https://localhost:2", "west": "https://localhost:3"}
BODY = b"ten bytes!"
POST = Call("1f", "post", "sandbox", "POST", BASE + "1f", "a=+b", len(BODY), hashlib.sha256(BODY).hexdigest())
GET = Call("2f", "get", "sandbox", "GET", BASE + "2f")
REFUSED = Call("3f", "refused", "sandbox", "PATCH", BASE + "3f")
KEYED = Call("4f", "get", "sandbox", "GET", BASE + "4f", key="sandbox", token="eqpl1.opaque")
HEAD = Call("5f", "head", "sandbox", "HEAD", BASE + "5f")


class Simulator:
    urls = URLS

    def state(self, name):
        return {"requests": {"granted": 1}}


class Play:
    """A recorder, and calls 5 s ago whose answers are judged at once."""

    def __init__(self, took=1):
        self.recorder = Recorder(Simulator(), {"sandbox": ("sandbox",), "agency": ("east", "west")})
        self.gateway = self.recorder.gateway = GatewayRecorder(self.recorder)
        now = self.recorder.clock.now()
        self.t0, self.t1 = (Moment(*(value - ago for value in now)) for ago in (4 + took, 4))
        self.recorder.truths["the-real-token"] = Truth("sandbox", now.ours + 20, now, 1)

    def arrives(self, call, status=200, fault=None, upstream="sandbox", token="the-real-token", after=0.5, **other):
        self.gateway.begin(call, self.t0)
        entry = {"method": call.method, "path": call.path, "status": status, "body_bytes": call.size, "fault": fault,
                 "authorization_sha256": hashlib.sha256(f"Bearer {token}".encode()).hexdigest()} | other
        self.gateway.arrival(upstream, entry, self.t0.real + after)
        return self

    def answered(self, call, status, body=b"", slug=None, unread=False, **headers):
        self.gateway.begin(call, self.t0)
        message = email.message.Message()
        for name, value in ({"X-Content-Type-Options": "nosniff", "EQP-Error": slug,
                             "Content-Type": "application/json"} | headers).items():
            if value is not None:
                message[name] = value
        if slug:
            body = json.dumps({"code": status, "message": "what, why and what to do"} | ({"error": slug} if unread else {})).encode()
        self.gateway.answer(call, Answer(status, message, body), self.t0, self.t1)
        return self.rules()

    def unanswered(self, call, error=ConnectionResetError("reset")):
        self.gateway.begin(call, self.t0)
        self.gateway.no_answer(call, self.t0, self.t1, error)
        return self.rules()

    def window(self, name, begin=-1, end=0.5):
        self.recorder.windows.append([name, self.t0.real + begin, self.t0.real + end])
        return self

    def rules(self):
        self.gateway.judge(self.t1.real + 2)
        return {rule.removeprefix("gateway-") for rule, _ in self.recorder.wrong}


@pytest.fixture
def play():
    return Play()


def echo(call, **other):
    return json.dumps({"method": call.method, "path": call.path, "query": call.query or None, "body_bytes": call.size,
                       "body_sha256": call.sha256,
                       "headers": {HEADER[0].lower(): HEADER[1]} | other.pop("headers", {})} | other).encode()


def test_right_answers_pass(play):
    assert not play.arrives(POST).answered(POST, 200, echo(POST))
    assert not play.arrives(GET, 401).arrives(GET, 403).answered(GET, 403, b'{"code":1,"message":"no"}')
    assert not play.answered(REFUSED, 403, slug="rule_refused")
    assert not play.arrives(KEYED).answered(KEYED, 200, echo(KEYED))
    assert not play.arrives(HEAD).answered(HEAD, 200)


@pytest.mark.parametrize("other", [{"method": "PUT"}, {"path": "/rest/v1/1f"}, {"body_bytes": 9}, {"body_bytes": 11}])
def test_a_request_arrives_as_it_was_sent(play, other):
    play.arrives(POST, **other)
    assert play.rules() == {"changed"}


def test_a_request_that_nobody_made(play):
    play.arrives(POST, path=BASE + "77")
    assert play.rules() == {"invented"}


def test_a_request_after_the_end(play):
    assert not play.arrives(POST).answered(POST, 200, echo(POST))
    play.gateway.judge(play.t1.real + 100)
    play.gateway.arrival("sandbox", {"method": "POST", "path": POST.path, "status": 200, "body_bytes": POST.size,
                                     "fault": None}, play.t1.real + 100)
    assert play.rules() == {"invented"}


@pytest.mark.parametrize("call, statuses, wrong", [
    (POST, (200, 200), True), (POST, (0, 200), True), (POST, (0, 0), True), (POST, (401, 200), False),
    (POST, (401, 401), False), (POST, (401, 401, 401), True), (GET, (0, 200), False), (GET, (200, 200), True),
    (GET, (503, 200), True), (GET, (0, 0, 200), True)])
def test_nothing_is_sent_twice(play, call, statuses, wrong):
    for status in statuses:
        play.arrives(call, status)
    assert play.rules() == ({"twice"} if wrong else set())


def test_the_token_of_another_environment(play):
    play.recorder.truths["of-west"] = Truth("west", play.t1.ours + 20, play.t1, 1)
    play.arrives(GET, token="of-west")
    assert play.rules() == {"environment"}


def test_the_token_of_before_a_move(play):
    """Not excused, not even while it moves."""
    call = GET._replace(environment="agency")
    play.recorder.truths["of-west"] = Truth("west", play.t1.ours + 20, play.t1, 1)
    assert play.window("move").arrives(call, token="of-west", upstream="east").rules() == {"environment"}


def test_the_wrong_upstream(play):
    play.arrives(GET, upstream="east", token="unknown")
    assert play.rules() == {"environment"}


@pytest.mark.parametrize("left, wrong", [(0.2, False), (-0.2, True)])
def test_a_token_that_has_expired(play, left, wrong):
    play.recorder.truths["old"] = Truth("sandbox", play.t0.ours + left, play.t0, 1)
    play.arrives(GET, token="old")
    assert play.rules() == ({"expired"} if wrong else set())


def test_the_token_of_the_caller(play):
    play.arrives(KEYED, token=KEYED.token)
    assert play.rules() == {"authorization"}


@pytest.mark.parametrize("other", [
    {"method": "PUT"}, {"path": "/rest/v1/"}, {"query": "a= b"}, {"body_bytes": 9}, {"body_sha256": "0" * 64},
    {"headers": {HEADER[0].lower(): "a b/ c;d"}}])
def test_bytes_that_the_upstream_saw(play, other):
    assert play.arrives(POST).answered(POST, 200, echo(POST, **other)) == {"bytes"}


@pytest.mark.parametrize("name", ["cookie", "eqp-client", "via"])
def test_headers_that_are_not_passed_on(play, name):
    assert play.arrives(POST).answered(POST, 200, echo(POST, headers={name: "a"})) == {"headers"}


@pytest.mark.parametrize("fault, body, wrong", [
    ("status", TEXT.encode(), False), ("status", TEXT.encode()[1:], True), ("giant", b"a" * PIECES, False),
    ("giant", b"a" * LONG, True), ("giant", b"a" * (PIECES - 1), True), ("truncate", echo(GET), True), (None, b"{", True)])
def test_bytes_of_the_answer(play, fault, body, wrong):
    assert play.arrives(GET, fault=fault).answered(GET, 200, body) == ({"bytes"} if wrong else set())


def test_a_body_of_head(play):
    assert play.arrives(HEAD).answered(HEAD, 200, b"a") == {"bytes"}


def test_an_answer_that_the_upstream_did_not_give(play):
    assert play.arrives(GET, 503).answered(GET, 200, echo(GET)) == {"invented"}


def test_an_answer_that_was_not_seen(play):
    play.gateway.told("sandbox", 1, play.t1)
    assert not play.answered(GET, 200, echo(GET))


@pytest.mark.parametrize("status, slug", [(502, "upstream_lost"), (502, "upstream_unreachable"), (504, "upstream_slow"),
                                          (502, "upstream_malformed"), (503, "gateway_busy"), (503, "stopping"),
                                          (408, "upload_stalled"), (401, "bearer_unknown"), (404, "gateway_off"),
                                          (403, "rule_refused"), (500, "internal")])
def test_an_error_without_a_reason(play, status, slug):
    assert play.answered(KEYED, status, slug=slug) == {"slug"}


@pytest.mark.parametrize("status, slug, window", [
    (502, "upstream_lost", "lost forwarder"), (502, "upstream_unreachable", "connections sandbox"),
    (504, "upstream_slow", "stopped"), (503, "gateway_busy", "jump"), (503, "stopping", "down"),
    (401, "bearer_unknown", "key sandbox"), (401, "local_key_refused", "key sandbox"), (500, "internal", "impaired")])
def test_an_error_with_a_reason(play, status, slug, window):
    assert not play.window(window).answered(KEYED, status, slug=slug)


@pytest.mark.parametrize("status, slug, window", [(429, "too_many_connections", "narrow"), (503, "stopping", "down")])
def test_an_error_before_the_request_was_read(status, slug, window):
    for call in (KEYED, GET):
        assert Play().answered(call, status, slug=slug, unread=True) == {"slug"}
        assert not Play().window(window).answered(call, status, slug=slug, unread=True)


@pytest.mark.parametrize("took, wrong", [(2.1, set()), (1.9, {"slug"})])
def test_a_connection_that_takes_its_time(took, wrong):
    assert Play(took).answered(GET, 502, slug="upstream_unreachable") == wrong


def test_wrong_secrets_are_slowed_down(play):
    call = Call("", "session", "sandbox", "POST", key="sandbox")
    message = email.message.Message()
    message["Content-Type"], message["EQP-Error"] = "application/json", "too_many_requests"
    slow = Answer(429, message, b'{"code":429,"message":"wait"}')
    assert play.gateway.keys["sandbox"] and play.window("key sandbox", -60, -30).gateway.opaque(call, slow, play.t0, play.t1) is None
    assert not play.rules()
    assert Play().answered(KEYED, 429, slug="too_many_requests") == {"slug"}


@pytest.mark.parametrize("status, slug, fault", [(502, "upstream_lost", "cut"), (504, "upstream_slow", "hang"),
                                                 (502, "upstream_malformed", "garbage")])
def test_an_error_because_of_a_fault(play, status, slug, fault):
    assert not play.arrives(GET, 0, fault).answered(GET, status, slug=slug)
    other = Call("6f", "get", "sandbox", "GET", BASE + "6f")
    assert play.arrives(other).answered(other, status, slug=slug) == {"slug"}


def test_no_token_although_there_is_one(play):
    play.recorder.latest["sandbox"] = ("the-real-token", play.t1.ours + 20, None, play.t0.real - 1)
    play.answered(GET, 503, slug="no_token")
    assert "no_token" in play.rules()


def test_no_token_although_it_was_carried_out(play):
    assert play.arrives(GET).answered(GET, 503, slug="no_token") == {"slug"}


@pytest.mark.parametrize("where", ["body", "header"])
def test_a_real_token_for_an_opaque_caller(play, where):
    body = echo(KEYED, headers={"x": "the-real-token"} if where == "body" else {})
    more = {"X-Token": "the-real-token"} if where == "header" else {}
    assert play.arrives(KEYED).answered(KEYED, 200, body, **more) == {"secret"}


@pytest.mark.parametrize("tokens, wrong", [(("the-real-token",), {"secret"}), (("a-newer-one",), set()),
                                           (("the-real-token", "a-newer-one"), set())])
def test_a_token_that_the_upstream_sends_back(play, tokens, wrong):
    """It was told which; only the one that came with the request that it answered can be known to the gateway."""
    for at, token in enumerate(tokens, 1):
        play.arrives(KEYED, 403 if at == len(tokens) else 401, fault="status", token=token)
    assert play.answered(KEYED, 403, b"your token is the-real-token") == wrong


def test_a_request_that_rules_refuse(play):
    play.arrives(REFUSED)
    assert play.rules() == {"passed"}
    assert Play().arrives(GET).answered(REFUSED, 200, b"") == {"passed"}


@pytest.mark.parametrize("headers", [{"Set-Cookie": "a"}, {"Alt-Svc": "h3"}, {"X-Content-Type-Options": None}])
def test_headers_of_the_answer(play, headers):
    assert play.arrives(GET).answered(GET, 200, echo(GET), **headers) == {"form"}


def test_the_form_of_an_error(play):
    play.gateway.begin(REFUSED, play.t0)
    message = email.message.Message()
    for name, value in {"EQP-Error": "rule_refused", "X-Content-Type-Options": "nosniff",
                        "Content-Type": "application/json"}.items():
        message[name] = value
    play.gateway.answer(REFUSED, Answer(403, message, b'{"code":404,"message":"no"}'), play.t0, play.t1)
    assert play.rules() == {"form"}


@pytest.mark.parametrize("window", ["lost", "lost forwarder", "impaired", "down", "narrow", "key sandbox"])
def test_no_answer(play, window):
    assert not play.window(window).unanswered(KEYED)
    assert Play().unanswered(KEYED) == {"no-answer"}


def test_an_answer_that_was_cut_off(play):
    assert not play.arrives(GET, fault="truncate").unanswered(GET)
    assert Play().arrives(GET).unanswered(GET) == {"no-answer"}


def test_late(play):
    play.t0 = Moment(*(value - LONGEST - 1 for value in play.t0))
    assert "late" in play.arrives(GET).answered(GET, 200, echo(GET))


@pytest.mark.parametrize("anew", [False, True])
def test_a_key_that_was_removed(play, anew):
    key = play.gateway.keys["sandbox"]
    key.removed(play.t0.real - 1)
    assert not play.answered(KEYED, 401, slug="bearer_unknown")
    key.comes_back(play.t1.real + 1, anew)
    assert play.arrives(KEYED).answered(KEYED, 200, echo(KEYED)) == {"revived"}


@pytest.mark.parametrize("anew", [False, True])
def test_a_key_that_came_back(play, anew):
    """With another secret, a token of the old one stays what it was: no good."""
    key = play.gateway.keys["sandbox"]
    key.removed(play.t0.real - 2)
    key.comes_back(play.t0.real - 1, anew)
    assert play.arrives(KEYED).answered(KEYED, 200, echo(KEYED)) == ({"revived"} if anew else set())
    new = KEYED._replace(number="7f", path=BASE + "7f", issue=key.issue)
    play.recorder.wrong.clear()
    assert not play.arrives(new).answered(new, 200, echo(new))


@pytest.mark.parametrize("body, wrong", [
    ({"mage_id": "MAG1", "ust": "eqpl1.a", "expires_in": 7200}, set()),
    ({"mage_id": "MAG1", "ust": "the-real-token", "expires_in": 7200}, {"opaque", "secret"}),
    ({"mage_id": "MAG1", "ust": "eqpl1.a", "expires_in": 7200, "base_url": "https://localhost:1"}, {"opaque"})])
def test_an_opaque_token(play, body, wrong):
    message = email.message.Message()
    message["Content-Type"] = "application/json"
    call = Call("", "session", "sandbox", "POST", key="sandbox")
    play.gateway.opaque(call, Answer(200, message, json.dumps(body).encode()), play.t0, play.t1)
    assert play.rules() == wrong
