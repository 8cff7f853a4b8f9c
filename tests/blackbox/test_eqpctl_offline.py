"""eqpctl against a scripted fake of the daemon: every answer, every exit code, and every sort of nonsense."""

import json
import os
import pathlib
import subprocess
import threading
import time

import pytest
from broker import free_port
from fake_broker import TOKEN, Answer, FakeBroker, error

EQPCTL = pathlib.Path(os.environ["EQP_BUILD_DIR"]) / "ctl" / "eqpctl"
DONE, FAILED, USAGE, NO_TOKEN, NOT_ALLOWED, NO_DAEMON = range(6)
TOKEN_PATH = "GET /v1/sandbox/token"
REFRESH_PATH = "POST /v1/sandbox/refresh"
BARE_ENVIRONMENT = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))}


def eqpctl(*arguments, address=None, **more):
    environment = BARE_ENVIRONMENT | ({"EQP_BROKER_ADDRESS": address} if address else {}) | more.pop("env", {})
    return subprocess.run([EQPCTL, *arguments], env=environment, capture_output=True, timeout=30, text=True, **more)


@pytest.fixture(params=["unix", "tcp"])
def broker(request, tmp_path):
    with FakeBroker(tmp_path / "broker.sock" if request.param == "unix" else None) as fake:
        yield fake


@pytest.fixture
def tcp():
    with FakeBroker() as fake:
        yield fake


def assert_silent_failure(result, code, *words):
    """The exit code, nothing on stdout, and words on stderr that a person can use."""
    assert (result.returncode, result.stdout) == (code, ""), result
    assert result.stderr.startswith("eqpctl"), result.stderr
    assert result.stderr.endswith("\n")
    for word in words:
        assert word in result.stderr
    assert TOKEN["ust"] not in result.stderr


# token


def test_token_prints_the_bare_token(broker):
    broker.answers[TOKEN_PATH] = Answer(body=TOKEN)
    result = eqpctl("token", "sandbox", address=broker.address)
    assert (result.returncode, result.stdout, result.stderr) == (DONE, TOKEN["ust"] + "\n", "")
    assert broker.requests[0].target == "/v1/sandbox/token"
    assert broker.requests[0].headers["eqp-client"] == "eqpctl"
    assert "application/json" in broker.requests[0].headers["accept"]


def test_token_formats(tcp):
    tcp.answers[TOKEN_PATH] = Answer(body=TOKEN)

    def printed(name):
        result = eqpctl("token", "--format", name, "sandbox", address=tcp.address)
        assert (result.returncode, result.stderr) == (DONE, "")
        return result.stdout

    assert printed("raw") == TOKEN["ust"] + "\n"
    assert printed("header") == f"Authorization: Bearer {TOKEN['ust']}\n"
    assert json.loads(printed("json")) == TOKEN
    assert printed("json").count("\n") == 1
    assert printed("env").splitlines() == [f"EQP_TOKEN={TOKEN['ust']}", f"EQP_MAGE_ID={TOKEN['mage_id']}",
                                           f"EQP_BASE_URL={TOKEN['base_url']}"]
    odd = {"ust": "a\\'$(id)`;\\\\" + "'" * 4080, "mage_id": "it's", "base_url": "https://a.example/" + "'" * 2000}
    tcp.answers[TOKEN_PATH] = Answer(body=TOKEN | odd)
    assert json.loads(printed("json")) == TOKEN | odd
    script = printed("env") + 'printf "%s %s %s" "$EQP_TOKEN" "$EQP_MAGE_ID" "$EQP_BASE_URL"'
    shell = subprocess.run(["sh"], input=script, capture_output=True, text=True, timeout=30, check=True)
    assert shell.stdout.split(" ") == list(odd.values())


@pytest.mark.parametrize(
    ["options", "query"],
    [
        ([], ""),
        (["--min-ttl", "600"], "?min_ttl=600"),
        (["--wait", "0"], "?wait=0"),
        (["--min-ttl=2592000", "--wait=30"], "?min_ttl=2592000&wait=30"),
        (["--min-ttl", "0"], ""),
    ],
)
def test_token_asks_for_what_the_options_say(tcp, options, query):
    tcp.answers[TOKEN_PATH] = Answer(body=TOKEN)
    assert eqpctl("token", "sandbox", *options, address=tcp.address).returncode == DONE
    assert tcp.requests[0].target == "/v1/sandbox/token" + query


def test_the_address_option_wins_and_may_stand_on_either_side(tcp):
    tcp.answers["GET /livez"] = Answer(body={"live": True})
    for arguments in (["--address", tcp.address, "live"], ["live", f"--address={tcp.address}/"]):
        assert eqpctl(*arguments, address="unix:/nowhere/at.all").returncode == DONE


def test_proxies_of_the_environment_are_not_used(tcp):
    tcp.answers["GET /livez"] = Answer(body={"live": True})
    dead = {name: "http://127.0.0.1:1" for name in ("http_proxy", "all_proxy", "ALL_PROXY")}
    assert eqpctl("live", address=tcp.address, env=dead).returncode == DONE


# refusals


REFUSALS = [
    (error(400, "bad_request", "The query key 'x' is not known."), USAGE),
    (error(403, "caller_refused", "uid 1000 may not use sandbox."), NOT_ALLOWED),
    (error(403, "caller_unknown", "Nobody holds this connection."), NOT_ALLOWED),
    (error(404, "unknown_environment", "There is no environment sandbox."), FAILED),
    (error(422, "min_ttl_unattainable", "At most 5040 s can be had."), FAILED),
    (error(429, "too_many_connections", "64 are open."), FAILED),
    (error(500, "internal", "Out of memory."), FAILED),
    (error(503, "no_token", "All keys were refused."), NO_TOKEN),
    (error(418, "teapot", "Short and stout."), FAILED),
]


@pytest.mark.parametrize(["answer", "code"], REFUSALS, ids=lambda v: v.body["error"] if isinstance(v, Answer) else "")
def test_refusals_become_exit_codes_with_the_daemons_words(broker, answer, code):
    broker.answers[TOKEN_PATH] = answer
    result = eqpctl("token", "sandbox", address=broker.address)
    assert_silent_failure(result, code, answer.body["message"])


def test_retry_after_is_told_in_words(tcp):
    tcp.answers[TOKEN_PATH] = error(503, "no_token", "Throttled.", retry_after=310)
    assert_silent_failure(eqpctl("token", "sandbox", address=tcp.address), NO_TOKEN, "try again in 5min 10s")


def test_messages_cannot_steer_a_terminal(tcp):
    tcp.answers[TOKEN_PATH] = error(503, "no_token", "a\x1b]0;title\x07b\x7fc\u009bd\ne")
    result = eqpctl("token", "sandbox", address=tcp.address)
    assert result.stderr == "eqpctl: a ]0;title b c  d e\n"


# refresh and health


def test_refresh_tells_what_came_of_it(broker):
    granted = {"environment": "sandbox", "refreshed": True, "outcome": "granted", "key": "1-main",
               "message": "A new token.", "expires_in": 7199, "expires_at": "2026-11-23T05:02:11Z"}
    broker.answers[REFRESH_PATH] = Answer(body=granted)
    result = eqpctl("refresh", "sandbox", address=broker.address)
    assert (result.returncode, result.stderr) == (DONE, "")
    assert result.stdout == "sandbox: a new token with the key 1-main, valid for 1h 59min\n"
    assert broker.requests[0].method == "POST"

    refused = granted | {"refreshed": False, "outcome": "key_refused", "message": "The key 1-main was refused."}
    broker.answers[REFRESH_PATH] = Answer(body=refused)
    result = eqpctl("refresh", "sandbox", address=broker.address)
    assert_silent_failure(result, FAILED, "The key 1-main was refused.")


def test_a_limited_refresh_is_a_failure_that_says_when(tcp):
    tcp.answers[REFRESH_PATH] = error(429, "refresh_limited", "60 of 60 were used.", retry_after=90)
    result = eqpctl("refresh", "sandbox", address=tcp.address)
    assert_silent_failure(result, FAILED, "60 of 60 were used.", "1min 30s")


def test_a_refresh_is_never_sent_twice(tcp):
    tcp.answers[REFRESH_PATH] = Answer(drop=True)
    assert_silent_failure(eqpctl("refresh", "sandbox", address=tcp.address), FAILED, "broke")
    assert len(tcp.requests) == 1


def test_health(broker):
    broker.answers["GET /livez"] = Answer(body={"live": True})
    broker.answers["GET /readyz"] = Answer(body={"ready": True, "environments": []})
    assert eqpctl("live", address=broker.address).stdout == "live\n"
    assert eqpctl("ready", address=broker.address).stdout == "ready\n"

    broker.answers["GET /readyz"] = error(503, "not_ready", "production: the first answer is still to come")
    assert_silent_failure(eqpctl("ready", address=broker.address), NO_TOKEN, "production: the first answer")


def test_a_reading_request_survives_one_broken_connection(broker):
    broker.answers["GET /livez"] = [Answer(drop=True), Answer(body={"live": True})]
    result = eqpctl("live", address=broker.address)
    assert (result.returncode, result.stdout, result.stderr) == (DONE, "live\n", "")

    broker.answers["GET /livez"] = Answer(drop=True)
    assert_silent_failure(eqpctl("live", address=broker.address), FAILED, "broke")


# nobody there


def test_no_daemon(tmp_path):
    address = f"http://127.0.0.1:{free_port()}"
    hint = "systemctl status eqp-brokerd"
    assert_silent_failure(eqpctl("token", "sandbox", address=address), NO_DAEMON, address, hint)
    missing = f"unix:{tmp_path}/none.sock"
    assert_silent_failure(eqpctl("status", address=missing), NO_DAEMON, missing, hint)


def test_a_socket_that_may_not_be_opened(tmp_path):
    with FakeBroker(tmp_path / "broker.sock") as fake:
        (tmp_path / "broker.sock").chmod(0)
        as_nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        result = eqpctl("live", address=fake.address, **as_nobody)
        assert_silent_failure(result, NOT_ALLOWED, "may not be opened", "group")
        assert fake.requests == []


# nonsense


def token_with(**changes):
    return Answer(body={k: v for k, v in (TOKEN | changes).items() if v is not None})


def raw(text):
    return Answer(raw=text.encode("latin-1"))


NONSENSE = {
    "empty": Answer(body=""),
    "text": Answer(body="hello"),
    "truncated JSON": Answer(body=json.dumps(TOKEN)[:-9]),
    "two values": Answer(body=json.dumps(TOKEN) + "{}"),
    "an array": Answer(body=[TOKEN]),
    "null": Answer(body="null"),
    "deep": Answer(body='{"a":' + "[" * 5000 + "]" * 5000 + "}"),
    "not UTF-8": Answer(body=json.dumps(TOKEN).replace("MAG1", "M\xff\xfe").encode("latin-1")),
    "a NUL byte": Answer(body=json.dumps(TOKEN).encode() + b"\0"),
    "HTML": Answer(body="<html>It works!</html>", content_type="text/html"),
    "JSON as text": Answer(body=TOKEN, content_type="text/plain"),
    "JSON of a kind": Answer(body=TOKEN, content_type="application/jsonp"),
    "huge": Answer(body=json.dumps(TOKEN | {"more": "x" * 1100000})),
    "huge without a length": raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + " " * 1100000),
    "no HTTP": raw("SSH-2.0-OpenSSH_9.2\r\n"),
    "HTTP/0.9": raw(json.dumps(TOKEN)),
    "shorter than it says": raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}"),
    "a redirect": Answer(302, "", headers={"Location": "/v1/elsewhere"}),
    "another success": Answer(204, ""),
    "an error page": Answer(502, "<html>Bad gateway</html>", content_type="text/html"),
    "a refusal of another server": Answer(403, "<html>Forbidden</html>", content_type="text/html"),
    "a refusal as HTML": Answer(403, {"code": 403, "error": "x", "message": "y"}, content_type="text/html"),
    "a refusal that is not UTF-8": Answer(403, b'{"code":403,"error":"x","message":"\xff"}'),
    "an error without words": Answer(503, {"code": 503, "error": "no_token"}),
    "an error without a slug": Answer(503, {"code": 503, "message": "x"}),
    "an unknown path": error(404, "unknown_path", "There is no such path."),
    "no token": token_with(ust=None),
    "an empty token": token_with(ust=""),
    "a token with a line break": token_with(ust="abc\r\nX-Evil: 1"),
    "a token with a space": token_with(ust="abc def"),
    "a token with a quote": token_with(ust='abc"def'),
    "a token with a NUL": token_with(ust="abc\0def"),
    "a token beyond ASCII": token_with(ust="ä"),
    "a token too long": token_with(ust="x" * 4097),
    "a token of a number": token_with(ust=17),
    "no account": token_with(mage_id=None),
    "no URL": token_with(base_url=None),
    "no end": token_with(expires_at=None),
    "another environment": token_with(environment="production"),
    "life as text": token_with(expires_in="5215"),
    "life below zero": token_with(expires_in=-1),
    "life without end": token_with(expires_in=10**30),
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_a_failure_and_never_a_token(tcp, answer):
    tcp.answers[TOKEN_PATH] = answer
    assert_silent_failure(eqpctl("token", "sandbox", address=tcp.address), FAILED)
    assert {r.target for r in tcp.requests} == {"/v1/sandbox/token"}


@pytest.mark.parametrize(
    ["verb", "path", "body"],
    [
        (["live"], "GET /livez", {"live": False}),
        (["live"], "GET /livez", {"status": "UP"}),
        (["ready"], "GET /readyz", {"ready": "yes"}),
        (["status"], "GET /v1/status", {"environments": {}}),
        (["status", "--json"], "GET /v1/status", {"version": "0.1.0"}),
        (["refresh", "sandbox"], REFRESH_PATH, {"refreshed": 1, "outcome": "granted", "message": ""}),
        (["refresh", "sandbox"], REFRESH_PATH, {"refreshed": True}),
    ],
)
def test_nonsense_for_the_other_verbs(tcp, verb, path, body):
    tcp.answers[path] = Answer(body=body)
    assert_silent_failure(eqpctl(*verb, address=tcp.address), FAILED, "not an eqp-brokerd")


def test_the_longest_token_is_a_token(tcp):
    longest = "".join(chr(c) for c in range(0x21, 0x7F) if c != 0x22)
    longest += "x" * (4096 - len(longest))
    tcp.answers[TOKEN_PATH] = token_with(ust=longest)
    assert eqpctl("token", "sandbox", address=tcp.address).stdout == longest + "\n"


def test_a_daemon_that_never_answers_is_given_up(tcp):
    tcp.answers[TOKEN_PATH] = tcp.answers["GET /livez"] = Answer(hang=True)
    results = {}

    def ask(*arguments):
        begin = time.monotonic()
        results[arguments[0]] = eqpctl(*arguments, address=tcp.address), time.monotonic() - begin

    threads = [threading.Thread(target=ask, args=a) for a in (("live",), ("token", "sandbox", "--wait", "2"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for verb, limit in (("live", 5), ("token", 7)):
        result, seconds = results[verb]
        assert_silent_failure(result, FAILED, f"within {limit} s")
        assert limit - 1 < seconds < limit + 15
