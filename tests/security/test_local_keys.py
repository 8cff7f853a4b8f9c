"""Local keys under attack: a token or a secret in the wrong hands, at the wrong place or time, or taken apart and put
together anew."""

import base64
import json
import os
import struct
import subprocess
import time

import pytest

from broker import wait_until
from local_keys import BODY, LocalKey, session_path
from people import ROOT, STRANGER, run_as
from simulator import EXAMPLE_KEY
from wire import get

REST = "/rest/v1/reports/metrics"
ALLOW = ["GET /rest/v1/**"]


@pytest.fixture
def keys(alice):
    """One that is alice's alone; two that are anybody's, of either environment; of two the secret is the same."""
    return {"alice": LocalKey("alice", caller=[f"user:{alice.name}"], allow=ALLOW),
            "any": LocalKey("any", secret="e" * 64, allow=ALLOW), "twin": LocalKey("twin", secret="e" * 64, allow=ALLOW),
            "live": LocalKey("live", environment="production", secret="e" * 64, allow=ALLOW)}


@pytest.fixture
def broker(upstream, make_broker, keys):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, broker="allow = user:root",
                         local=keys.values())
    return broker.wait_valid("sandbox", "production")


def token_of(broker, key, who, body=BODY):
    status, _, answer = run_as(who, get, ("127.0.0.1", broker.port), session_path(key.environment), key.basic, method="POST",
                               body=body.encode(), client=None)
    assert status == 200, answer
    broker.keep_secret(json.loads(answer)["ust"])
    return json.loads(answer)["ust"]


def status_of(broker, who, token, environment="sandbox", unix=False):
    """404: it would have been passed on, were there a gateway; 401: it is not known."""
    place = str(broker.socket_path) if unix else ("127.0.0.1", broker.port)
    return run_as(who, get, place, f"/{environment}{REST}", {"Authorization": f"Bearer {token}"}, client=None)[0]


def parts(token):
    """Name, and what it carries: end, uid, nonce, MAC."""
    name, _, coded = token.removeprefix("eqpl1.").rpartition(".")
    return [name, *struct.unpack(">QI16s32s", base64.urlsafe_b64decode(coded))]


def join(name, *carried):
    return f"eqpl1.{name}." + base64.urlsafe_b64encode(struct.pack(">QI16s32s", *carried)).decode()


def test_the_control(broker, keys, alice):
    for who, name in ((alice, "alice"), (STRANGER, "any"), (ROOT, "twin"), (STRANGER, "live")):
        token = token_of(broker, keys[name], who)
        assert join(*parts(token)) == token
        for unix in (False, True):
            assert status_of(broker, who, token, keys[name].environment, unix) == 404


def test_in_the_hands_of_another_user(broker, keys, alice, mallory):
    """Root is another user, too."""
    token = token_of(broker, keys["alice"], alice)
    for who in (mallory, STRANGER, ROOT):
        assert [status_of(broker, who, token, unix=unix) for unix in (False, True)] == [401, 401]
        answer = run_as(who, get, ("127.0.0.1", broker.port), session_path(), keys["alice"].basic, method="POST", body=BODY.encode(),
                        client=None)
        assert answer[0] == 401 and b"caller" in answer[2], "nor does the secret itself"


def test_in_the_hands_of_another_user_of_the_key(broker, keys, alice, mallory):
    """Each has a token of its own, which says who took it."""
    broker.local.append(LocalKey("both", caller=[f"user:{alice.name}", f"user:{mallory.name}"], allow=ALLOW))
    broker.write_config()
    broker.reload()
    token = token_of(broker, broker.local[-1], alice)
    assert [status_of(broker, who, token) for who in (alice, mallory)] == [404, 401]
    assert status_of(broker, mallory, token_of(broker, broker.local[-1], mallory)) == 404, "the control"


def test_at_another_environment(broker, keys):
    token = token_of(broker, keys["any"], ROOT)
    assert status_of(broker, ROOT, token, "production") == 401
    assert status_of(broker, ROOT, token_of(broker, keys["live"], ROOT), "sandbox") == 401


def test_taken_apart_and_put_together_anew(broker, keys, alice, mallory):
    """Of no part another value is taken: neither a longer life, nor another key of the same secret, nor another user or
    none, nor a part of another token."""
    mine, hers = token_of(broker, keys["any"], mallory), token_of(broker, keys["alice"], alice)
    name, end, uid, nonce, mac = parts(mine)
    assert (name, uid) == ("any", 0xffffffff) and parts(hers)[2] == alice.uid
    forged = [join(name, end + 1, uid, nonce, mac), join(name, end - 1, uid, nonce, mac), join("twin", end, uid, nonce, mac),
              join("live", end, uid, nonce, mac), join("alice", end, uid, nonce, mac), join(name, end, mallory.uid, nonce, mac),
              join(name, end, uid, bytes(16), mac), join(name, end, uid, nonce, bytes(32)),
              join(name, end, uid, nonce, mac[:31] + bytes([mac[31] ^ 1]))]
    name, end, uid, nonce, mac = parts(hers)
    forged += [join(name, end, mallory.uid, nonce, mac), join(name, end, 0xffffffff, nonce, mac),
               join(name, end, 0xffffffff, *parts(mine)[3:])]
    for token in forged:
        for environment in ("sandbox", "production"):
            assert status_of(broker, mallory, token, environment) == 401, token
    assert status_of(broker, mallory, mine) == 404, "the control"


def test_after_its_time(broker, keys):
    token = token_of(broker, keys["any"], ROOT, '{"grant_type":"session","expires_in":1}')
    assert parts(token)[1] <= time.time() + 1
    wait_until(lambda: status_of(broker, ROOT, token) == 401, "it is over")


def test_it_is_no_way_to_the_token_behind(broker, keys, mallory):
    """Neither as ID, nor as secret, nor under /v1/, with a name or without."""
    key, place = keys["any"], ("127.0.0.1", broker.port)
    token = token_of(broker, key, mallory)
    for header in (f"Bearer {token}", "Basic " + base64.b64encode(f"{key.id}:{token}".encode()).decode(),
                   "Basic " + base64.b64encode(f"{token}:x".encode()).decode(), key.basic["Authorization"]):
        for path, method in ((session_path(), "POST"), ("/v1/sandbox/token", "GET"), ("/v1/status", "GET"),
                             ("/v1/sandbox/token/rejected", "POST")):
            if path == session_path() and header == key.basic["Authorization"]:
                continue
            for client in ("x", None):
                status, _, body = run_as(mallory, get, place, path, {"Authorization": header}, method=method,
                                         body=BODY.encode() if method == "POST" else b"", client=client)
                assert status in (401, 403, 429), (header, path, status)
                assert b"ust" not in body or b'"ust"' not in body


def test_a_key_that_was_removed_and_made_anew(broker, keys, mallory):
    """By its name alone, or by name and ID: a secret that was stolen before is of no use."""
    token, kept = token_of(broker, keys["any"], mallory), list(broker.local)
    for anew in (None, LocalKey("any", secret="f" * 64, allow=ALLOW), LocalKey("any", secret="e" * 64, id="lk-any-000000", allow=ALLOW)):
        broker.local = [key for key in kept if key.name != "any"] + ([anew] if anew else [])
        broker.write_config()
        broker.reload()
        assert status_of(broker, mallory, token) == 401
        if anew:
            assert status_of(broker, mallory, token_of(broker, anew, mallory)) == 404, "the control"


def test_another_broker_with_another_access_key(upstream, make_broker, broker, keys):
    """The same local key, even: the secret of tokens is each broker's own."""
    upstream.add_key("sandbox", "OTHERKEY01", "0123456789abcdef0123456789abcdef01234567")
    other = make_broker(upstream, keys={"sandbox": "OTHERKEY01:0123456789abcdef0123456789abcdef01234567"}, local=[keys["any"]]).wait_valid()
    token = token_of(broker, keys["any"], ROOT)
    assert status_of(broker, ROOT, token) == 404 and status_of(other, ROOT, token) == 401


def test_a_url_that_this_host_is_made_to_fetch(broker, keys):
    """ID, secret, body and type of content are the attacker's, as with any webhook; but no secret of ours."""
    for pair in ("x:y", f"{keys['any'].id}:{'d' * 64}", EXAMPLE_KEY):
        url = f"http://{pair}@127.0.0.1:{broker.port}{session_path()}"
        result = subprocess.run(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "-d", BODY, url], capture_output=True, text=True,
                                timeout=20)
        assert result.stdout == "401"


def test_guessing_from_many_uids_ends_nowhere(broker, keys):
    """Memory stays bounded, and a client with the secret is served."""
    command = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "-u", f"{keys['any'].id}:guess", "-d", BODY,
               f"http://127.0.0.1:{broker.port}{session_path()}"]
    for uid in range(80000, 80030):
        result = subprocess.run(command, user=uid, group=uid, extra_groups=[], capture_output=True, text=True, timeout=20)
        assert result.stdout == "401"
    assert status_of(broker, ROOT, token_of(broker, keys["any"], ROOT)) == 404


def test_a_web_page_slows_nobody_down(broker, keys):
    """A request that the guard refuses is no guess."""
    place = ("127.0.0.1", broker.port)
    wrong = {"Authorization": "Basic " + base64.b64encode(f"{keys['any'].id}:x".encode()).decode()}
    for headers in ({"Origin": "https://evil.test"}, {"Host": "evil.test"}, {"Via": "1.1 x"}):
        for _ in range(12):
            assert get(place, session_path(), wrong | headers, "POST", BODY.encode(), client=None)[0] == 403
    assert status_of(broker, ROOT, token_of(broker, keys["any"], ROOT)) == 404


def test_its_log(broker, keys, mallory):
    token = token_of(broker, keys["any"], mallory)
    status_of(broker, mallory, token)
    status_of(broker, mallory, token[:-1] + ("A" if token[-1] != "A" else "B"))
    text = broker.text()
    assert "local key any" in text
    for secret in (token, token.rpartition(".")[2][:20], keys["any"].secret, keys["any"].id, keys["any"].hash):
        assert secret not in text
