"""The recorder finds what is wrong: each of its rules is broken here, by an answer that is nearly right."""

import email.message
import email.utils
import json
import threading
import time

import pytest

import recorder as recorder_module
from broker import Answer
from clock import Moment
from recorder import Ask, Recorder

URLS = {"sandbox": "https://localhost:1", "east": "https://localhost:2", "west": "https://localhost:3"}


class Simulator:
    """Knows one token, `good`, of the sandbox, with 20 s left; and `other`, of west."""

    urls = URLS
    granted = 1

    def token_truth(self, name, ust):
        return {("sandbox", "good"): 20.5, ("west", "other"): 20.5, ("sandbox", "old"): -0.5}.get((name, ust))

    def state(self, name):
        return {"requests": {"granted": self.granted}}


@pytest.fixture
def recorder():
    recorder = Recorder(Simulator(), {"sandbox": ("sandbox",), "agency": ("east", "west")})
    yield recorder
    assert all(rule for rule, _ in recorder.wrong)


def rules(recorder):
    return {rule for rule, _ in recorder.wrong}


def answer(status, body, **headers):
    message = email.message.Message()
    for name, value in ({"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
                         "Date": email.utils.formatdate(usegmt=True),
                         "Content-Type": "application/json"} | headers).items():
        if value is not None:
            message[name] = value
    return Answer(status, message, (body if isinstance(body, str) else json.dumps(body)).encode())


def token(**other):
    left = other.get("expires_in", 20)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + left))
    return {"mage_id": "MAG1", "ust": "good", "expires_in": left, "expires_at": at, "environment": "sandbox",
            "base_url": URLS["sandbox"]} | other


def error(status, slug, **headers):
    return answer(status, {"code": status, "error": slug, "message": "what, why and what to do"}, **headers)


def judge(recorder, response, ask=Ask("token", "sandbox"), took=0.0):
    now = recorder.clock.now()
    t0 = Moment(now.real - took, now.ours - took, now.wall - took)
    recorder.answer(ask, response, t0, recorder.clock.now())
    return rules(recorder)


def test_right_answers_pass(recorder):
    judge(recorder, answer(200, token()))
    judge(recorder, answer(200, token(environment="agency", ust="other", base_url=URLS["west"])), Ask("token", "agency"))
    judge(recorder, answer(200, "good\n", **{"Content-Type": "text/plain"}), Ask("text", "sandbox"))
    judge(recorder, error(422, "min_ttl_unattainable"), Ask("min_ttl", "sandbox", 100000))
    judge(recorder, error(404, "unknown_environment"), Ask("nowhere"))
    assert not recorder.wrong


@pytest.mark.parametrize("rule, response", [
    ("unknown", lambda: answer(200, token(ust="forged"))),
    ("unknown", lambda: answer(200, token(ust="other"))),
    ("expired", lambda: answer(200, token(ust="old", expires_in=0))),
    ("life", lambda: answer(200, token(expires_in=21))),
    ("life", lambda: answer(200, token(expires_in=14))),
    ("expires_at", lambda: answer(200, token(expires_at="2026-01-01T00:00:00Z"))),
    ("environment", lambda: answer(200, token(environment="production"))),
    ("environment", lambda: answer(200, token(base_url=URLS["east"]))),
    ("slug", lambda: error(404, "unknown_environment")),
    ("slug", lambda: error(503, "not_ready")),
    ("slug", lambda: error(429, "refresh_limited", **{"Retry-After": "1"})),
    ("slug", lambda: error(429, "too_many_connections")),
    ("slug", lambda: error(503, "stopping", **{"Retry-After": "1"})),
    ("slug", lambda: error(500, "internal")),
    ("form", lambda: error(503, "no_token")),
    ("form", lambda: answer(503, {"code": 504, "error": "no_token", "message": "what, why and what to do"})),
    ("form", lambda: answer(200, token(), **{"Cache-Control": "public"})),
])
def test_wrong_answer(recorder, rule, response):
    assert rule in judge(recorder, response())


def test_rule_of_the_upstream_after_a_move(recorder):
    recorder.moved("east")
    time.sleep(0.01)
    found = judge(recorder, answer(200, token(environment="agency", ust="other", base_url=URLS["west"])),
                  Ask("token", "agency"))
    assert found & {"environment", "unknown"}


def test_answer_of_before_a_move_that_comes_late(recorder):
    """It is right, and says nothing of what there is now."""
    body = token(environment="agency", ust="other", base_url=URLS["west"])
    recorder.moved("east")
    judge(recorder, answer(200, body), Ask("token", "agency"), took=0.5)
    time.sleep(0.01)
    assert not judge(recorder, error(503, "no_token", **{"Retry-After": "1"}), Ask("token", "agency"))
    recorder.moved("west")
    time.sleep(0.01)
    judge(recorder, answer(200, body), Ask("token", "agency"))
    time.sleep(0.01)
    assert judge(recorder, error(503, "no_token", **{"Retry-After": "1"}), Ask("token", "agency")) == {"no_token"}


@pytest.mark.parametrize("forget", [lambda recorder: recorder.forget("sandbox"),
                                    lambda recorder: recorder.forget_young("sandbox", 0)])
def test_answer_of_before_a_restart_that_comes_late(recorder, forget):
    forget(recorder)
    judge(recorder, answer(200, token()), took=0.5)
    time.sleep(0.01)
    assert not judge(recorder, error(503, "no_token", **{"Retry-After": "1"}))


def test_a_restart_is_no_excuse_for_what_is_old_enough(recorder):
    judge(recorder, answer(200, token()))
    recorder.truths["good"] = recorder.truths["good"]._replace(seen=Moment(time.monotonic() - 5, 0, 0))
    recorder.forget_young("sandbox", time.monotonic() - 10)
    time.sleep(0.01)
    assert judge(recorder, error(503, "no_token", **{"Retry-After": "1"})) == {"no_token"}


@pytest.mark.parametrize("survivors, found", [(0, {"survival"}), (1, {"survival"}), (2, set()), (4, set())])
def test_tokens_survive_most_restarts(recorder, survivors, found):
    for i in range(4):
        recorder.latest["sandbox"] = ("good" if i < survivors else "another", recorder.clock.now().ours + 20, None, 0)
        recorder.restarted()
        time.sleep(0.01)
        judge(recorder, answer(200, token()))
        judge(recorder, answer(200, token()))  # counts once
    recorder.finish()
    assert rules(recorder) == found


def test_less_life_than_asked_for(recorder):
    assert judge(recorder, answer(200, token()), Ask("min_ttl", "sandbox", 21)) == {"min_ttl"}


def test_life_that_is_too_short_by_habit(recorder):
    """A slow exchange may cost some; not each."""
    for left, found in ((19, set()), (17, {"life"})):
        recorder.losses.clear()
        judge(recorder, answer(200, token(expires_in=left)))
        assert not recorder.wrong
        recorder.finish()
        assert rules(recorder) == found


def test_token_that_was_reported(recorder):
    recorder.reported["good"] = now = time.monotonic() - 1
    assert judge(recorder, answer(200, token())) == {"reported"}
    recorder.wrong.clear()
    recorder.windows.append(["down", now + 0.1, now + 0.3])  # killed as the other one came
    assert not judge(recorder, answer(200, token()))
    recorder.windows[-1][1:] = now + 1.5, now + 1.6
    assert judge(recorder, answer(200, token())) == {"reported"}


def test_no_token_though_there_is_one(recorder):
    judge(recorder, answer(200, token()))
    time.sleep(0.01)
    assert judge(recorder, error(503, "no_token", **{"Retry-After": "1"})) == {"no_token"}


def test_no_token_after_an_answer_that_took_long_to_arrive(recorder):
    """The life that it gives was left when it was sent."""
    recorder.simulator.token_truth = lambda *_: 5
    judge(recorder, answer(200, token(expires_in=4)), took=3)
    time.sleep(0.01)
    assert not judge(recorder, error(503, "no_token", **{"Retry-After": "1"}))


def test_no_token_after_a_newer_one_was_granted(recorder):
    judge(recorder, answer(200, token()))
    recorder.simulator.granted = 2
    time.sleep(0.01)
    assert not judge(recorder, error(503, "no_token", **{"Retry-After": "1"}))


def test_late(recorder):
    assert judge(recorder, answer(200, token()), took=7.5) == {"late"}


def test_the_callers_own_time_is_not_late(recorder):
    now = time.monotonic()
    recorder.idle_turn(now - 20)(now - 12)  # too early to count
    recorder.idle_turn(now - 6)(now - 4)
    assert judge(recorder, answer(200, token()), took=7.5) == set()
    assert judge(recorder, answer(200, token()), took=9.5) == {"late"}


@pytest.mark.parametrize("made, found", [(7.5, {"late"}), (4.5, set())])
def test_late_is_what_was_made_late(recorder, made, found):
    """Not what was read late."""
    date = email.utils.formatdate(time.time() - 8 + made, usegmt=True)
    assert judge(recorder, answer(200, token(), Date=date), took=8) == found


def test_they_take_it_still(recorder):
    recorder.idle_turn(time.monotonic() - 3)
    assert judge(recorder, answer(200, token()), took=9.9) == set()
    assert judge(recorder, answer(200, token()), took=15) == {"late"}  # the turn grows while this runs


def test_stopped_is_not_late(recorder):
    recorder.windows.append(["stopped", time.monotonic() - 7, time.monotonic()])
    assert not judge(recorder, answer(200, token()), took=7.5)


@pytest.mark.parametrize("took, found", [(24.5, set()), (26, {"late"})])
@pytest.mark.parametrize("window", ["down", "impaired"])
def test_window_stops_the_watch_only(recorder, window, took, found):
    """It lasts 5 s, and 3 s more to settle; 17 s are allowed beside it."""
    now = time.monotonic()
    recorder.windows.append([window, now - 10, now - 5])
    assert judge(recorder, answer(200, token()), took=took) == found


@pytest.mark.parametrize("kind, found", [("token", {"late"}), ("rejected", set())])
def test_no_answer_late(recorder, kind, found):
    """An excuse for there being none does not excuse such a time."""
    now = recorder.clock.now()
    recorder.windows.append(["impaired", now.real - 9, now.real - 1])
    t0 = Moment(now.real - 50, now.ours - 50, now.wall - 50)
    recorder.no_answer(Ask(kind, "sandbox"), t0, now, TimeoutError())
    assert rules(recorder) == found


def test_no_answer(recorder):
    window = recorder.open("jump")
    now = recorder.clock.now()
    recorder.no_answer(Ask("token", "sandbox"), now, now, OSError())
    assert not recorder.wrong
    window[1], window[2] = now.real - 2, now.real - 1
    recorder.no_answer(Ask("token", "sandbox"), now, now, OSError())
    assert rules(recorder) == {"no-answer"}


@pytest.mark.parametrize("begin, end, found", [(-3, -1, set()), (-1.5, 0, set()), (-0.9, 0, {"no-answer"}),
                                               (-9, -2.1, {"no-answer"})])
def test_answers_under_way_are_lost_with_a_frontend(recorder, begin, end, found):
    now = recorder.clock.now()
    recorder.windows.append(["lost", now.real - 2, now.real - 1])
    t0, t1 = (Moment(now.real + at, now.ours + at, now.wall + at) for at in (begin, end))
    recorder.no_answer(Ask("token", "sandbox", wait=9), t0, t1, OSError())
    assert rules(recorder) == found


def test_token_in_the_status(recorder):
    judge(recorder, answer(200, token()))
    assert judge(recorder, answer(200, {"x": "good"}), Ask("status")) == {"secret"}


def test_retry_after_is_missing_for_want_of_memory_only(recorder):
    window = recorder.open("impaired")
    assert not judge(recorder, error(503, "no_token"))
    window[1], window[2] = time.monotonic() - 20, time.monotonic() - 10
    assert "form" in judge(recorder, error(503, "no_token"))


def test_window_excuses_and_ends(recorder):
    window = recorder.open("narrow")
    judge(recorder, error(429, "too_many_connections"))
    assert not recorder.wrong
    window[1], window[2] = time.monotonic() - 20, time.monotonic() - 10
    assert judge(recorder, error(429, "too_many_connections")) == {"slug"}


def test_a_full_house_is_told_before_the_path_is_read(recorder):
    recorder.open("narrow")
    assert not judge(recorder, error(429, "too_many_connections"), Ask("unchanged"))
    assert judge(recorder, error(503, "no_token", **{"Retry-After": "1"}), Ask("unchanged")) == {"form"}


def test_floor(recorder):
    now = time.monotonic()
    for at in (0, 0.05, 1.1):
        recorder.arrival("sandbox", now + at, None)
    assert not recorder.wrong, "the first one of a process may be slow"
    recorder.arrival("sandbox", now + 1.15, None)
    assert rules(recorder) == {"floor"}


def test_floor_after_a_restart(recorder):
    now = time.monotonic()
    recorder.arrival("sandbox", now, None)
    recorder.windows.append(["down", now + 2.4, now + 2.5])
    for at in (2.6, 2.65):
        recorder.arrival("sandbox", now + at, None)
    assert not recorder.wrong
    recorder.windows.append(["down", now + 2.66, now + 2.67])
    recorder.arrival("sandbox", now + 2.68, None)
    assert rules(recorder) == {"floor"}


def test_floor_of_many(recorder):
    now = time.monotonic()
    for i in range(5):
        recorder.arrival("sandbox", now + 0.45 * i, None)
    assert rules(recorder) == {"floor"}


def test_budget(recorder):
    now = time.monotonic()
    for i in range(60):
        recorder.arrival("sandbox", now + 2 * i, None)
    assert not recorder.wrong
    recorder.arrival("sandbox", now + 130, None)
    assert rules(recorder) == {"budget"}


def test_budget_after_a_jump(recorder):
    now = time.monotonic()
    for i in range(60):
        recorder.arrival("sandbox", now + 2 * i, None)
    recorder.clock.jumps.append((now + 125, 3600))
    recorder.arrival("sandbox", now + 130, None)
    assert not recorder.wrong


def test_two_in_flight(recorder):
    now = time.monotonic()
    recorder.arrival("sandbox", now, "hang")
    recorder.arrival("sandbox", now + 1.5, None)
    assert rules(recorder) == {"in-flight"}


def test_retry_after(recorder):
    now = time.monotonic()
    for name, at in (("sandbox", 1.5), ("east", 3.5)):
        recorder.arrival(name, now, "throttle", recorder.patience("3", 0))
        recorder.arrival(name, now + at, None)
    assert recorder.wrong and all(text.startswith("sandbox") for _, text in recorder.wrong)
    assert rules(recorder) == {"retry-after"}


def test_retry_after_as_a_date(recorder):
    assert recorder.patience(None, 0) == 0
    assert recorder.patience(email.utils.formatdate(1000, usegmt=True), 990) == 9


def test_report_that_is_answered_with_the_same_token(recorder):
    body = token() | {"refreshed": True, "reason": ""}
    assert judge(recorder, answer(200, body), Ask("rejected", "sandbox", ust="good")) == {"refreshed"}
    recorder.wrong.clear()
    assert not judge(recorder, answer(200, body | {"refreshed": False}), Ask("rejected", "sandbox", ust="good"))


NO_TOKEN = {"Retry-After": "1"}


def ready(*names):
    return answer(200, {"ready": True, "environments": [{"name": name, "usable": True} for name in names]})


@pytest.mark.parametrize("names, between, after, found", [
    (["sandbox"], [], [], {"ready"}),
    (["agency"], [], [], set()),  # of the sandbox there is no key
    (["sandbox"], [0.6], [0.6], set()),  # a token may have come and gone
    (["sandbox"], [], ["move"], set()),
])
def test_ready_without_a_token(recorder, monkeypatch, names, between, after, found):
    if found:  # however long this is not run
        monkeypatch.setattr(recorder_module, "BRIEF", 60)
    judge(recorder, error(503, "no_token", **NO_TOKEN))
    time.sleep(sum(between, 0.01))
    judge(recorder, ready(*names), Ask("readyz"))
    assert not recorder.wrong
    time.sleep(sum((pause for pause in after if pause != "move"), 0.01))
    if "move" in after:
        recorder.open("move")
    assert judge(recorder, error(503, "no_token", **NO_TOKEN)) == found


def test_ready_before_or_after_there_was_no_token(recorder):
    judge(recorder, ready("sandbox"), Ask("readyz"))
    time.sleep(0.01)
    judge(recorder, error(503, "no_token", **NO_TOKEN))
    judge(recorder, error(503, "no_token", **NO_TOKEN))
    time.sleep(0.01)
    judge(recorder, ready("sandbox"), Ask("readyz"))
    judge(recorder, error(503, "no_token", **NO_TOKEN), Ask("min_ttl", "sandbox", 20))
    assert not recorder.wrong


def test_ready_while_the_token_was_asked_for(recorder):
    """It may have come to its end just then."""
    judge(recorder, error(503, "no_token", **NO_TOKEN))
    time.sleep(0.01)
    judge(recorder, ready("sandbox"), Ask("readyz"))
    assert not judge(recorder, error(503, "no_token", **NO_TOKEN), took=0.3)


def test_failures_come_from_any_thread(recorder):
    thread = threading.Thread(target=recorder.fail, args=("rule", "text"))
    thread.start()
    thread.join()
    assert recorder.wrong == [("rule", "text")] and "WRONG rule: text" in recorder.last()
