"""eqp-simulator: the account, its Composer keys, its reports, and who gets to them."""

import re

import pytest

from portal import Portal, quote
from simulator import Simulator


@pytest.fixture(scope="module")
def running():
    with Simulator() as simulator:
        yield simulator
        assert simulator.process.poll() is None, simulator.stderr()
    assert simulator.process.returncode == 0 and simulator.stderr() == ""


@pytest.fixture
def sim(running):
    running.reset()
    return running


@pytest.fixture
def portal(sim):
    return Portal(sim)


PATHS = [("GET", "/users/MAG123456789"), ("PUT", "/users/MAG123456789"), ("GET", "/users/MAG123456789/keys"),
         ("DELETE", "/users/MAG123456789/keys/main_key"), ("GET", "/users/MAG123456789/reports/sales"),
         ("GET", "/files/uploads"), ("POST", "/files/uploads"), ("GET", "/files/uploads/1"), ("POST", "/products/packages"),
         ("GET", "/products/packages/1/status"), ("GET", "/reports/metrics"), ("GET", "/anything")]


@pytest.mark.parametrize("method, path", PATHS, ids=lambda value: value)
def test_all_of_it_needs_a_token(sim, portal, method, path):
    for authorization in ("Bearer nothing", "Bearer ", "Basic eDp5", None):
        portal.headers = {"Authorization": authorization} if authorization else {}
        status, answer = portal.ask(method, path, "{}" if method in ("PUT", "POST") else None)
        assert status == 401 and set(answer) == {"code", "message"} and isinstance(answer["code"], int)
    assert sim.state("sandbox")["requests"]["refused"] == 4


def test_profile(portal):
    profile = portal.get(portal.user)
    assert profile["mage_id"] == "MAG123456789" and profile["eqp_api"] == {"is_eligible": True, "has_credentials": True}
    assert profile["api_callbacks"] == [] and set(profile["personal_profile"]) >= {"bio", "addresses"}
    assert portal.get(portal.user + "/") == profile
    summary = portal.get(portal.user + "?style=summary")
    assert set(summary) == {"mage_id", "first_name", "last_name", "email", "screen_name", "has_completed_profile",
                            "has_accepted_tos"}


@pytest.mark.parametrize("action", ["submit", "draft", "personal_profile", None])
def test_profile_is_merged(portal, action):
    change = {"first_name": "Other", "personal_profile": {"bio": "New."}, "unknown": {"a": 1}, "email": "x", "mage_id": "MAG123456789"}
    status, answer = portal.ask("PUT", portal.user, change | ({"action": action} if action else {}))
    assert status == 200 and answer == portal.get(portal.user)
    assert answer["first_name"] == "Other" and answer["personal_profile"]["bio"] == "New."
    assert "created_at" in answer["personal_profile"], "what was not sent stays"
    assert answer["email"] == "vendor@example.com" and "unknown" not in answer and "action" not in answer


def test_callbacks_are_registered_without_showing_the_password(portal):
    callback = {"name": "One", "url": "https://developer.example.com/cb", "username": "key", "password": "secret-word"}
    status, answer = portal.ask("PUT", portal.user, {"action": "api_callbacks", "api_callbacks": [callback]})
    assert status == 200 and answer["api_callbacks"] == [{key: callback[key] for key in ("name", "url", "username")}]
    assert portal.ask("PUT", portal.user, {"api_callbacks": []})[1]["api_callbacks"] == []


@pytest.mark.parametrize("body", [
    "", "{", "[]", "null", '{"action":"nonsense"}', '{"action":1}', '{"first_name":{}}', '{"personal_profile":"x"}',
    '{"mage_id":"MAG1"}', '{"api_callbacks":{}}', '{"api_callbacks":[{}]}', '{"api_callbacks":[{"url":1}]}', "[" * 10000,
    '{"api_callbacks":[' + ",".join(['{"url":"https://x"}'] * 11) + "]}", '{"personal_profile":{"bio":"' + "x" * 140_000 + '"}}'],
    ids=lambda value: repr(value)[:40])
def test_bodies_that_are_no_profile(portal, body):
    before = portal.get(portal.user)
    status, answer = portal.ask("PUT", portal.user, body)
    assert status == 400 and answer["message"]
    assert portal.get(portal.user) == before


def test_others_profiles_and_methods(portal):
    assert portal.ask("GET", "/users/MAG1")[0] == portal.ask("GET", "/users")[0] == portal.ask("GET", "/users/MAG1/keys")[0] == 404
    assert portal.ask("DELETE", portal.user)[0] == 405 and portal.response_headers["Allow"] == "GET, HEAD, PUT"
    assert portal.ask("PUT", portal.user, "x" * 300_000)[0] == 413


# keys


def test_composer_keys_live_and_die(portal):
    path = portal.user + "/keys"
    first = portal.get(path)
    assert [key["label"] for key in first["m2"]] == ["main_key"] and first["m1"] == []

    status, made = portal.ask("POST", path, {"m2": [{"label": "for alice/1"}, {"label": "b%C3%BCro"}, {"label": "main_key"}, {}]})
    assert status == 200 and [key["code"] for key in made["m2"]] == [200, 200, 9003, 9003]
    alice = made["m2"][0]
    assert re.fullmatch("[0-9a-f]{32}", alice["user_key"]) and alice["is_enabled"] is True and alice["message"] == "Success"
    assert len(portal.get(path)["m2"]) == 3

    one = f"{path}/{quote('for alice/1')}"
    status, changed = portal.ask("PUT", one, {"m2": [{"is_enabled": False}]})
    assert status == 200 and changed["m2"] == [{key: alice[key] for key in ("label", "user_key", "password_key")} | {"is_enabled": False}]
    assert portal.get(f"{path}?label={quote('for alice/1')}")["m2"] == changed["m2"]
    assert "m1" not in portal.get(f"{path}?type=m2") and portal.get(f"{path}?type=m1") == {"m2": [], "m1": []}

    assert portal.ask("DELETE", one) == (204, None)
    assert portal.ask("DELETE", one)[0] == portal.ask("PUT", one, {"m2": [{"is_enabled": True}]})[0] == 404
    assert portal.ask("DELETE", f"{path}/{quote('b%C3%BCro')}")[0] == 204, "a label with a percent sign is encoded twice"
    assert len(portal.get(path)["m2"]) == 1


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"m2":[]}', '{"m2":{}}', '{"m2":[' + ",".join(["1"] * 201) + "]}"], ids=lambda v: repr(v)[:20])
def test_text_that_is_no_key(portal, body):
    assert portal.ask("POST", portal.user + "/keys", body)[0] == 400


def test_composer_keys_have_an_end(portal):
    for _ in range(2):
        portal.ask("POST", portal.user + "/keys", {"m2": [{"label": f"{_}-{i}"} for i in range(60)]})
    assert len(portal.get(portal.user + "/keys")["m2"]) == 100


# reports


@pytest.mark.parametrize("path", ["/users/MAG123456789/reports/pageviews", "/users/MAG123456789/reports/sales", "/reports/metrics"])
def test_reports_come_in_pages(portal, path):
    rows = portal.get(path)
    assert len(rows) == 3 and portal.response_headers["X-Total-Count"] == "3"
    assert portal.get(path + "?offset=1&limit=1") == rows[1:2] and portal.response_headers["X-Total-Count"] == "3"
    assert portal.get(path + "?offset=1&limit=-1") == rows[1:] and portal.get(path + "?offset=9") == portal.get(path + "?limit=0") == []
    for wrong in ("offset=-1", "limit=-2", "limit=x", "offset=", "limit=99999999999999999999"):
        assert portal.ask("GET", f"{path}?{wrong}")[0] == 400


def test_reports_by_name(portal):
    assert portal.get("/users/MAG123456789/reports/totals") and portal.get("/users/MAG123456789/reports/refunds")
    assert portal.get("/reports/metrics/submissions") == {"name": "submissions", "value": 789}
    assert portal.ask("GET", "/reports/metrics/nothing")[0] == portal.ask("GET", portal.user + "/reports/nothing")[0] == 404
    assert portal.ask("GET", "/users/MAG1/reports/sales")[0] == 404 and portal.ask("POST", portal.user + "/reports/sales", "{}")[0] == 405


def test_an_unknown_path_is_echoed(portal):
    assert portal.get("/a%2Fb//c?x=1")["query"] == "x=1"
    for path in ("/files", "/files/uploads/1/2", "/products", "/products/packages/1/2", "/reports", "/users//x", "/files//uploads",
                 "/products/packages/%00"):
        assert portal.ask("GET", path)[0] == 404, path
