"""Local keys: the token of an unchanged client for one, and all that it does not get."""

import json
import os
import re
import subprocess
import time

import pytest

from broker import frontend_of, wait_frontend, wait_until
from local_keys import BODY, LocalKey, basic, session_path
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

ACCOUNT = "MAG123456789"
OPAQUE = r"eqpl1\.reports\.[A-Za-z0-9_-]{80}"
USERS = "/sandbox/rest/v1/users/" + ACCOUNT
DAY = 24 * 3600


@pytest.fixture
def reports():
    return LocalKey("reports", allow=["GET /rest/v1/reports/**"])


@pytest.fixture
def real():
    return LocalKey("real", token="real")


@pytest.fixture
def broker(upstream, make_broker, reports, real):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=[reports, real]).wait_valid()


def is_refused(answer, status, slug):
    """An error as the EQP API has them, and the slug in a header."""
    assert answer.status == status, answer
    error = answer.json()
    assert set(error) == {"code", "message"} and error["code"] == status and len(error["message"]) > 10, error
    assert answer.headers.get_all("EQP-Error") == [slug], answer
    return error["message"]


def bearer(token):
    return {"EQP-Client": None, "Authorization": f"Bearer {token}"}


def opens(broker, token, via="tcp", path=USERS):
    """Is the token good? The gateway is off here, and that is said to those only whose token is."""
    answer = broker.get(path, bearer(token), via=via)
    if answer.status == 404:
        is_refused(answer, 404, "gateway_off")
        return True
    is_refused(answer, 401, "bearer_unknown")
    return False


def test_the_status_tells_when_a_key_was_used(broker, reports, real):
    def used():
        return {key["name"]: key["last_used_ago_sec"] for key in broker.status("sandbox")["local_keys"]}
    assert used() == {"real": None, "reports": None}
    broker.request("POST", session_path(), {"EQP-Client": None} | basic(reports.id, "wrong"), BODY, via="tcp")
    assert used() == {"real": None, "reports": None}, "a wrong secret is no use of it"
    token = reports.token(broker).json()["ust"]
    assert used()["real"] is None and used()["reports"] < 60
    first = broker.status("sandbox")["local_keys"][1]["last_used_at"]
    wait_until(lambda: broker.get(USERS, bearer(token), via="tcp").status == 404 and
               broker.status("sandbox")["local_keys"][1]["last_used_at"] > first, "its token counts as well")


# ---- opaque tokens ----

@pytest.mark.parametrize("via", ["tcp", "unix"])
def test_an_opaque_token_in_the_shape_of_the_api(broker, reports, via):
    answer = reports.token(broker, via)
    assert answer.status == 200 and list(answer.json()) == ["mage_id", "ust", "expires_in"]
    assert answer.json()["mage_id"] == ACCOUNT and answer.json()["expires_in"] == 7200
    assert re.fullmatch(OPAQUE, answer.json()["ust"])
    assert answer.json()["ust"] != reports.token(broker, via).json()["ust"], "each has a nonce"
    assert opens(broker, answer.json()["ust"], via)


@pytest.mark.parametrize("asked, told", [(360, 360), ("360", 360), (1, 1), (DAY, DAY), (DAY + 1, DAY), (10**9, DAY), (0, DAY),
                                         (-1, DAY), (None, DAY), ("x", DAY), (30 * DAY, DAY)])
def test_it_lives_as_long_as_is_asked_for_and_a_day_at_most(broker, reports, asked, told):
    """However little is left of the real one: that changes unseen."""
    body = json.dumps({"grant_type": "session", "expires_in": asked})
    assert reports.token(broker, body=body).json()["expires_in"] == told


def test_it_ends(broker, reports):
    begin = time.monotonic()
    token = reports.token(broker, body='{"grant_type":"session","expires_in":5}').json()["ust"]
    assert opens(broker, token)
    while opens(broker, token):
        assert time.monotonic() < begin + 30
        time.sleep(0.1)
    assert time.monotonic() - begin > 3


def test_no_real_token_is_seen(broker, reports):
    real = broker.token()["ust"]
    answer = reports.token(broker)
    assert real not in answer.body.decode() and EXAMPLE_ID not in answer.body.decode()


def test_it_opens_nothing_under_v1(broker, reports):
    token = reports.token(broker).json()["ust"]
    for headers in (reports.basic, {"Authorization": f"Bearer {token}"}):
        for via in ("tcp", "unix"):
            for path in ("/v1/sandbox/token", "/v1/status"):
                answer = broker.get(path, headers, via=via)
                assert answer.error() == (403, "caller_refused") and "token = real" in answer.json()["message"], answer
        assert broker.post("/v1/reload", headers=headers).status == 403
        assert broker.post("/v1/sandbox/refresh", headers=headers).status == 403


def test_it_is_no_way_to_another_token(broker, reports):
    """Else a token that was found would live for ever."""
    token = reports.token(broker).json()["ust"]
    answer = broker.request("POST", session_path(), bearer(token), BODY, via="tcp")
    is_refused(answer, 401, "local_key_refused")


def test_it_is_good_over_a_killed_frontend_and_a_reload(broker, reports):
    token = reports.token(broker).json()["ust"]
    first = frontend_of(broker.process.pid)
    subprocess.run(["kill", "-KILL", str(first)], check=True)
    wait_frontend(broker.process.pid, but=first)
    broker.wait_valid()
    assert opens(broker, token)
    broker.reload()
    assert opens(broker, token)


def test_a_key_that_was_removed_ends_with_its_tokens(broker, reports):
    token = reports.token(broker).json()["ust"]
    kept = broker.local
    broker.local = kept[1:]
    broker.write_config()
    broker.reload()
    assert not opens(broker, token)
    is_refused(reports.token(broker), 401, "local_key_refused")
    # Made anew, with another secret, it has no part in the earlier one's tokens.
    broker.local = [LocalKey("reports", secret="another secret of 256 bits or so")] + kept[1:]
    broker.write_config()
    broker.reload()
    assert not opens(broker, token)
    is_refused(reports.token(broker), 401, "local_key_refused")
    assert opens(broker, broker.local[0].token(broker).json()["ust"])


def test_a_rotation(broker, reports):
    token = reports.token(broker).json()["ust"]
    old_hash, until = reports.hash, time.time() + 3600
    new = LocalKey("reports", secret="f" * 64, secret_sha256_old=old_hash,
                   old_until=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until)))
    broker.local[0] = new
    broker.write_config()
    broker.reload()
    assert opens(broker, token), "as good as its secret"
    for key in (reports, new):
        assert opens(broker, key.token(broker).json()["ust"])
    new.lines[-1] = "old_until = 2020-01-01T00:00:00Z"
    broker.write_config()
    broker.reload()
    assert not opens(broker, token)
    is_refused(reports.token(broker), 401, "local_key_refused")
    assert new.token(broker).status == 200


# ---- real tokens ----

def test_a_key_with_real_tokens(broker, real):
    answer = real.token(broker)
    assert answer.json()["ust"] == broker.token()["ust"]
    broker.wait_log("sandbox: token handed out to uid 0.* local key real$")
    # Under /v1/ it is nobody, unless it is allowed.
    answer = broker.get("/v1/sandbox/token", real.basic)
    assert answer.error() == (403, "caller_refused") and "allow = local:real" in answer.json()["message"]


def test_a_key_that_is_allowed_under_v1(upstream, make_broker, real, stranger):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, local=[real], broker="allow = uid:0",
                         environments={"sandbox": "allow = uid:0\nallow = local:real"}).wait_valid("sandbox", "production")
    for via in ("tcp", "unix"):
        assert broker.get("/v1/sandbox/token", {"EQP-Client": None} | real.basic, via=via).json()["ust"] == broker.token()["ust"]
        answer = broker.get("/v1/production/token", {"EQP-Client": None} | real.basic, via=via)
        assert answer.error() == (401, "local_key_refused"), "though root may: whoever carries a key has its rights alone"
    names = [row["name"] for row in broker.get("/v1/status", real.basic).json()["environments"]]
    assert names == ["sandbox"]
    # For every caller.
    url = f"http://127.0.0.1:{broker.port}/v1/sandbox/token"
    result = subprocess.run(["curl", "-s", "-u", f"{real.id}:{real.secret}", url], user=stranger, group=stranger, extra_groups=[],
                            capture_output=True, text=True, check=True, timeout=20)
    assert json.loads(result.stdout)["ust"] == broker.token()["ust"]
    result = subprocess.run(["curl", "-s", "-H", "EQP-Client: x", url], user=stranger, group=stranger, extra_groups=[],
                            capture_output=True, text=True, check=True, timeout=20)
    assert json.loads(result.stdout)["error"] == "caller_refused"


# ---- who may ----

@pytest.mark.parametrize("id, secret", [("lk-reports-7f3c2a", "wrong"), ("lk-nobody-000000", "x" * 64), ("nightly", "x"),
                                        (EXAMPLE_ID, EXAMPLE_SECRET), ("", "")])
def test_on_tcp_nothing_else_will_do(broker, id, secret):
    """As anybody can forge it who has this host fetch a URL. Whether there is such an ID is not told."""
    answer = broker.request("POST", session_path(), {"EQP-Client": None} | basic(id, secret), BODY, via="tcp")
    message = is_refused(answer, 401, "local_key_refused")
    assert "eqpctl local add" in message and id not in message or not id
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="EQP API"'


def test_with_a_name_or_on_the_unix_socket_the_kernels_word_is_enough(broker):
    token = broker.token()["ust"]
    headers = basic("nightly", "anything")
    assert broker.request("POST", session_path(), headers | {"EQP-Client": "x"}, BODY, via="tcp").json()["ust"] == token
    assert broker.request("POST", session_path(), headers, BODY).json()["ust"] == token


def test_a_wrong_secret_of_a_key_is_refused_there_too(broker, reports):
    for via in ("tcp", "unix"):
        answer = broker.request("POST", session_path(), basic(reports.id, "wrong") | {"EQP-Client": "x"}, BODY, via=via)
        is_refused(answer, 401, "local_key_refused")


@pytest.mark.parametrize("headers, slug", [({}, "bearer_missing"), ({"Authorization": "Bearer x"}, "bearer_unknown"),
                                           ({"Authorization": "Digest a=b"}, "bearer_unknown"),
                                           ({"Authorization": "Bearer eqpl1.reports.x"}, "bearer_unknown")])
def test_other_paths_of_the_api(broker, headers, slug):
    answer = broker.get(USERS, {"EQP-Client": None} | headers, via="tcp")
    is_refused(answer, 401, slug)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="EQP API"'
    if "eqpl1" not in str(headers):
        is_refused(broker.get(USERS, headers, via="unix"), 404, "gateway_off")
        is_refused(broker.get(USERS, {"EQP-Client": "x"} | headers, via="tcp"), 404, "gateway_off")


def test_the_key_itself_on_other_paths(broker, reports):
    is_refused(broker.get(USERS, {"EQP-Client": None} | reports.basic, via="tcp"), 404, "gateway_off")


def test_a_key_of_another_environment(upstream, make_broker):
    key = LocalKey("reports", environment="production", allow=["GET /rest/v1/reports/**"])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, local=[key])
    broker.wait_valid("sandbox", "production")
    token = key.token(broker).json()["ust"]
    assert opens(broker, token, path=USERS.replace("sandbox", "production"))
    assert "another environment" in is_refused(broker.get(USERS, bearer(token), via="tcp"), 401, "local_key_refused")
    answer = key.token(broker, environment="sandbox")
    assert "another environment" in is_refused(answer, 401, "local_key_refused")
    assert "there is no environment" in is_refused(key.token(broker, environment="nowhere"), 404, "unknown_environment")


def test_an_expired_key(upstream, make_broker):
    key = LocalKey("reports", expires="2020-01-01", allow=["GET /rest/v1/reports/**"])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=[key]).wait_valid()
    assert "expired" in is_refused(key.token(broker), 401, "local_key_refused")


def test_a_token_ends_with_its_key(upstream, make_broker):
    end = time.time() + 600
    key = LocalKey("reports", expires=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)), allow=["GET /rest/v1/reports/**"])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=[key]).wait_valid()
    assert 500 < key.token(broker).json()["expires_in"] <= 600


def curl(broker, user, *arguments, path=session_path(), via="tcp"):
    place = [f"http://127.0.0.1:{broker.port}{path}"] if via == "tcp" else ["--unix-socket", str(broker.socket_path),
                                                                           f"http://localhost{path}"]
    result = subprocess.run(["curl", "-sS", "--max-time", "20", "-o", "-", "-w", "\n%{http_code} %header{eqp-error}", *arguments,
                             *place], user=user, group=user, extra_groups=[], capture_output=True, text=True, check=True, timeout=30)
    body, _, tail = result.stdout.rpartition("\n")
    status, _, slug = tail.partition(" ")
    return int(status), slug, json.loads(body)


@pytest.mark.parametrize("via", ["tcp", "unix"])
def test_a_key_is_enough_for_its_holder(broker, reports, stranger, via):
    status, _, answer = curl(broker, stranger, "-u", f"{reports.id}:{reports.secret}", "-d", BODY, via=via)
    assert status == 200 and re.fullmatch(OPAQUE, answer["ust"])
    broker.keep_secret(answer["ust"])
    assert curl(broker, stranger, "-H", f"Authorization: Bearer {answer['ust']}", path=USERS, via=via)[:2] == (404, "gateway_off")
    # Without one it is nobody, as before.
    assert curl(broker, stranger, "-H", "EQP-Client: x", "-u", "x:y", "-d", BODY, via=via)[:2] == (403, "caller_refused")


@pytest.mark.parametrize("via", ["tcp", "unix"])
def test_caller_narrows(upstream, make_broker, stranger, via):
    key = LocalKey("reports", caller=[f"uid:{stranger}"], allow=["GET /rest/v1/reports/**"])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=[key]).wait_valid()
    pair = ["-u", f"{key.id}:{key.secret}", "-d", BODY]
    assert curl(broker, 0, *pair, via=via)[:2] == (401, "local_key_refused"), "root or not"
    status, _, answer = curl(broker, stranger, *pair, via=via)
    assert status == 200
    broker.keep_secret(answer["ust"])
    header = ["-H", f"Authorization: Bearer {answer['ust']}"]
    assert curl(broker, stranger, *header, path=USERS, via=via)[:2] == (404, "gateway_off")
    for user in (0, stranger + 1):
        assert curl(broker, user, *header, path=USERS, via=via)[:2] == (401, "bearer_unknown")


@pytest.mark.parametrize("via", ["tcp", "unix"])
def test_callers_by_name_and_group(upstream, make_broker, via):
    """Names are looked up by the keeper, as in any rule."""
    keys = [LocalKey("user", caller=["user:root"], token="real"), LocalKey("group", caller=["group:root"], token="real"),
            LocalKey("other", caller=["user:daemon", "group:daemon"], token="real")]
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=keys).wait_valid()
    assert [key.token(broker, via).status for key in keys] == [200, 200, 401]


def test_a_name_that_there_is_not(upstream, make_broker):
    key = LocalKey("user", caller=["user:nobody-of-that-name"], token="real")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=[key]).wait_valid()
    assert key.token(broker).status == 401
    assert broker.log(r"\[local user\] caller = user:nobody-of-that-name: there is no such user")


# ---- guessing ----

def test_wrong_secrets_are_slowed_down(broker, reports, stranger):
    # By one process, as one more is heard after 6 s.
    url = f"http://127.0.0.1:{broker.port}{session_path()}"
    guesses = subprocess.run(["curl", "-sS", "--max-time", "20", "-w", "%{http_code} ", "-u", f"{reports.id}:wrong", "-d", BODY,
                              *12 * ["-o", os.devnull, url]], user=stranger, group=stranger, extra_groups=[],
                             capture_output=True, text=True, check=True, timeout=60)
    assert guesses.stdout.split() == ["401"] * 10 + ["429"] * 2
    answer = curl(broker, stranger, "-u", f"{reports.id}:{reports.secret}", "-d", BODY)
    assert answer[:2] == (429, "too_many_requests") and "wrong secrets" in answer[2]["message"]
    assert reports.token(broker).status == 200, "another user does not notice"
    metrics = broker.get("/metrics").body.decode()
    assert 'eqp_broker_local_keys_refused_total{reason="secret"} 10\n' in metrics
    assert 'eqp_broker_local_keys_refused_total{reason="slow"} 3\n' in metrics
    for _ in range(30):
        answer = broker.request("POST", session_path(), {"EQP-Client": None} | basic("guess", "x"), BODY, via="tcp")
        if answer.status == 429:
            break
    assert answer.status == 429 and 1 <= answer.retry_after <= 7


# ---- what is told of them ----

def test_log_metrics_and_status_name_them(broker, reports):
    reports.token(broker)
    reports.token(broker)
    assert len(broker.wait_log("sandbox: opaque token handed out to uid 0.* local key reports$")) == 1, "once for each real token"
    metrics = broker.get("/metrics").body.decode()
    assert 'eqp_broker_local_key_tokens_total{environment="sandbox",local_key="reports"} 2\n' in metrics
    assert 'eqp_broker_local_key_tokens_total{environment="sandbox",local_key="real"} 0\n' in metrics
    told = broker.status("sandbox")["local_keys"]
    assert [{name: value for name, value in key.items() if not name.startswith("last_used")} for key in told] == [
        {"name": "real", "token": "real", "expires_sec": None, "rotating": False},
        {"name": "reports", "token": "opaque", "expires_sec": None, "rotating": False}]
    assert reports.id not in broker.text() + metrics and reports.hash not in broker.text() + metrics


def test_a_refusal_names_the_key_to_a_holder_of_its_secret(upstream, make_broker):
    key = LocalKey("reports", caller=["uid:4711"], allow=["GET /rest/v1/reports/**"])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=[key]).wait_valid()
    key.token(broker)
    broker.wait_log("refused uid 0 .*local key reports: local_key_refused|refused uid 0 local key reports: local_key_refused")


@pytest.mark.parametrize("id, named", [("nightly-upload", True), ("lk-gone-123456", False), ("a-name-that-is-longer-than-that", False),
                                       ("lk-reportx", False)])
def test_an_unknown_id_is_a_name_if_it_is_short_and_none_of_ours(broker, id, named):
    broker.request("POST", session_path(), basic(id, "x"), BODY)
    broker.wait_log(f"token handed out to .* client {id}$" if named else "token handed out to .* client id-[0-9a-f]{8}$")
    assert named or id not in broker.text()


# ---- many ----

def test_thousands_of_keys(upstream, make_broker):
    keys = [LocalKey(f"key-{i}", allow=["GET /rest/v1/reports/**", "GET /rest/v1/users/{mage_id}"], caller=["uid:0"])
            for i in range(3000)]
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=keys).wait_valid()
    for key in (keys[0], keys[1234], keys[-1]):
        token = key.token(broker).json()["ust"]
        assert opens(broker, token)
    for _ in range(3):
        broker.reload()
    assert opens(broker, token) and frontend_of(broker.process.pid)
    assert not broker.log("the frontend")
