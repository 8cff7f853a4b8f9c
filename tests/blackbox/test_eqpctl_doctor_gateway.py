"""eqpctl doctor on local keys, the gateway's rules, and programs that are set up for something else."""

import datetime

import pytest

from local_keys import BODY, LocalKey, basic, session_path
from simulator import EXAMPLE_KEY
from test_eqpctl_doctor import doctor

REPORTS = "GET /rest/v1/reports/**"
ON = {"sandbox": "gateway = yes"}
UNKNOWN = "ZX81QL48CC"  # as the vendor's IDs are


def in_days(days):
    return str(datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=days))


def found_with(make_broker, upstream, *local, environments=None, broker=""):
    """The findings with these local keys, and the report as text in one line."""
    made = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=local, environments=environments or ON, broker=broker)
    found, text = doctor(made.wait_valid())
    return found, " ".join(text.split())


# local keys


@pytest.mark.parametrize("days, id", [(-2, "local_key_expired"), (13, "local_key_expires"), (15, None), (None, None)])
def test_a_local_key_that_ends(upstream, make_broker, days, id):
    found = None
    while not found or in_days(0) != today:  # not over midnight
        today = in_days(0)
        key = LocalKey("reports", allow=[REPORTS], **({} if days is None else {"expires": in_days(days)}))
        found = found_with(make_broker, upstream, key)
    found, text = found
    assert set(found) == ({id} if id else set())
    assert "configured 1, 0 of them with real tokens" in text and key.id not in text and key.hash not in text
    if id:
        assert f"(expires = {in_days(days)})" in found[id]["what"]
        assert "[local reports]" in found[id]["cure"] and "eqpctl local remove reports" in found[id]["cure"]


def test_a_local_key_that_opens_nothing(upstream, make_broker):
    found, _ = found_with(make_broker, upstream, LocalKey("reports"))
    assert set(found) == {"local_key_powerless"} and "write allow = METHODS" in found["local_key_powerless"]["cure"]


def test_a_gateway_that_is_off(upstream, make_broker):
    found, _ = found_with(make_broker, upstream, LocalKey("reports", allow=[REPORTS]), environments={"sandbox": ""})
    assert set(found) == {"gateway_off"} and found["gateway_off"]["cure"] == "set gateway = yes in [environment sandbox]"


# rules


def test_a_rule_that_nobody_reaches(upstream, make_broker):
    """Its place is told, and what decides before it; not the rule, which names a user."""
    rules = "gateway = yes\n[gateway sandbox]\nallow = uid:4711 GET /rest/v1/**\nallow = uid:4711 GET /rest/v1/users/*"
    found, text = found_with(make_broker, upstream, environments={"sandbox": rules})
    assert set(found) == {"gateway_rule_unreached"} and "4711" not in text
    what = found["gateway_rule_unreached"]["what"]
    assert what.count("eqp-brokerd.conf:") == 2 and "nothing reaches this rule, as allow at " in what
    assert "leave one of the two out" in found["gateway_rule_unreached"]["cure"]


def test_a_rule_for_a_local_key_that_there_is_not(upstream, make_broker):
    rules = "gateway = yes\n[gateway sandbox]\nallow = local:gone GET /rest/v1/**"
    found, _ = found_with(make_broker, upstream, environments={"sandbox": rules})
    assert set(found) == {"gateway_rule_unreached"} and "no local key gone" in found["gateway_rule_unreached"]["what"]


# programs


def ask(broker, application_id, path=None, via="tcp", **headers):
    headers = {"EQP-Client": None} | basic(application_id, "canary-of-somebody") | headers
    return broker.request("POST", path or session_path(), headers, BODY, via=via)


@pytest.fixture
def broker(upstream, make_broker):
    key = LocalKey("reports", allow=[REPORTS])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=[key], environments=ON).wait_valid()
    broker.key = key
    return broker


def test_no_program_has_asked_wrongly(broker):
    """Not one with a local key, nor with a secret that is wrong, nor the access key's ID or a name where they will do."""
    nobody = {"count": 0, "last_at": None, "last_ago_sec": None}
    assert broker.key.token(broker).status == 200
    assert ask(broker, broker.key.id).status == 401
    assert ask(broker, EXAMPLE_KEY.split(":")[0], via="unix").status == 200
    assert ask(broker, "nightly-upload", via="unix").status == 200
    assert broker.status("sandbox")["unknown_ids"] == nobody
    assert broker.status()["without_environment"] == nobody
    assert doctor(broker)[0] == {}


@pytest.mark.parametrize("way, status", [({}, 401), ({"via": "unix"}, 200), ({"EQP-Client": "x"}, 200)],
                         ids=["tcp", "unix", "client"])
def test_a_key_that_nobody_here_knows(broker, way, status):
    for n in (1, 2):
        assert ask(broker, UNKNOWN, **way).status == status
        seen = broker.status("sandbox")["unknown_ids"]
        assert seen["count"] == n and seen["last_ago_sec"] < 60 and seen["last_at"].endswith("Z")
    found, text = doctor(broker)
    assert set(found) == {"unknown_id"} and "(2 times, last " in found["unknown_id"]["what"]
    assert "eqpctl local add NAME --environment sandbox" in found["unknown_id"]["cure"]
    assert UNKNOWN not in text + broker.text()


def test_one_that_is_not_heard_any_more(broker):
    while ask(broker, UNKNOWN).status != 429:
        pass
    count = broker.status("sandbox")["unknown_ids"]["count"]
    assert count > 10 and ask(broker, UNKNOWN).status == 429
    assert broker.status("sandbox")["unknown_ids"]["count"] == count + 1


@pytest.mark.parametrize("method, path", [("POST", "/rest/v1/app/session/token"), ("GET", "/rest/v1/users/MAG123456789"),
                                          ("GET", "//rest/v1/reports?x=1")])
@pytest.mark.parametrize("known", [True, False], ids=["local-key", "other-key"])
def test_a_base_url_without_an_environment(broker, method, path, known):
    headers = {"EQP-Client": None} | (broker.key.basic if known else basic(UNKNOWN, "canary-of-somebody"))
    answer = broker.request(method, path, headers, BODY if method == "POST" else None, via="tcp")
    assert answer.status == (404 if known and "//" not in path else 401 if not known else answer.status)
    assert broker.status()["without_environment"]["count"] == 1
    found, _ = doctor(broker)
    assert set(found) == {"base_url_without_environment"}
    assert "http://127.0.0.1:9377/sandbox" in found["base_url_without_environment"]["cure"]


def test_trouble_of_a_day_ago_is_not_reported(broker):
    from broker import Broker
    from fake_broker import Answer, FakeBroker
    seen = {"count": 3, "last_at": "2026-01-01T00:00:00Z", "last_ago_sec": 86401}
    with Broker(start=False, keys={"sandbox": EXAMPLE_KEY}) as silent, FakeBroker(silent.socket_path) as fake:
        row = {"name": "sandbox", "base_url": "https://localhost:1", "state": "valid", "unknown_ids": seen}
        body = {"version": "0.1.0", "environments": [row], "without_environment": seen}
        fake.answers["GET /v1/status"] = Answer(body=body)
        assert doctor(silent)[0] == {}
        row["unknown_ids"] = body["without_environment"] = seen | {"last_ago_sec": 86399}
        assert set(doctor(silent)[0]) == {"unknown_id", "base_url_without_environment"}
