"""The client library itself, through its probe: functions that eqpctl does not show, its exports, and its example."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

import pytest
from fake_broker import TOKEN, Answer, FakeBroker, error

CLIENT = pathlib.Path(os.environ["EQP_BUILD_DIR"]) / "client"
TREE = pathlib.Path(__file__).resolve().parent.parent.parent
HEADER = (TREE / "client" / "eqp-broker.h").read_text()
BARE_ENVIRONMENT = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))}
REJECTED_PATH = "POST /v1/sandbox/token/rejected"


def probe(broker, *arguments, name="a.client/7@host-1", stdin=subprocess.DEVNULL):
    """The probe's output, as a dictionary."""
    environment = BARE_ENVIRONMENT | {"EQP_BROKER_ADDRESS": broker.address}
    result = subprocess.run([CLIENT / "client-probe", name, *arguments], env=environment, capture_output=True,
                            timeout=60, text=True, stdin=stdin)  # fmt: skip
    assert result.stderr == ""
    return dict(line.split(" ", 1) if " " in line else (line, "") for line in result.stdout.splitlines())


@pytest.fixture
def broker():
    with FakeBroker() as fake:
        fake.answers["GET /v1/sandbox/token"] = Answer(body=TOKEN)
        fake.answers["GET /livez"] = Answer(body={"live": True})
        yield fake


def test_a_token_with_what_belongs_to_it(broker):
    told = probe(broker, "token", "sandbox", "60", "-1")
    assert told["result"] == "0"
    assert told["expires_in"] == str(TOKEN["expires_in"])
    for part in ("ust", "mage_id", "environment", "base_url", "expires_at"):
        assert told[part] == TOKEN[part]
    assert (told["message"], told["slug"], told["retry_after"]) == ("", "", "0")
    assert told["address"] == broker.address


def test_the_caller_is_named_to_the_daemon(broker):
    assert probe(broker, "live")["result"] == "0"
    assert broker.requests[0].headers["eqp-client"] == "a.client/7@host-1"


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a\r\nX-Evil: 1", "ä", "a:b"])
def test_a_name_that_cannot_be_a_header_is_refused(broker, name):
    assert probe(broker, "live", name=name) == {"open": "EINVAL"}


def test_the_connection_is_kept(broker):
    assert probe(broker, "twice")["result"] == "0"
    assert (len(broker.requests), broker.connections) == (2, 1)


@pytest.mark.parametrize("ust", [TOKEN["ust"], "back\\slash", "it's<>&{}", "x" * 4096])
def test_a_rejected_token_is_reported_as_it_is(broker, ust):
    newer = TOKEN | {"ust": "newer", "refreshed": True, "reason": ""}
    broker.answers[REJECTED_PATH] = Answer(body=newer)
    told = probe(broker, "rejected", "sandbox", ust)
    assert (told["result"], told["refreshed"], told["ust"]) == ("0", "yes", "newer")
    assert json.loads(broker.requests[0].body) == {"ust": ust}
    assert broker.requests[0].headers["content-type"] == "application/json"


def test_a_report_that_was_not_acted_on_gives_the_current_token(broker):
    broker.answers[REJECTED_PATH] = Answer(body=TOKEN | {"refreshed": False, "reason": "not the current token"})
    told = probe(broker, "rejected", "sandbox", "older")
    assert (told["result"], told["refreshed"], told["ust"]) == ("0", "no", TOKEN["ust"])


@pytest.mark.parametrize("ust", ["", "a b", 'a"b', "a\nb", "ä", "x" * 4097])
def test_text_that_cannot_be_a_token_is_not_reported(broker, ust):
    told = probe(broker, "rejected", "sandbox", ust)
    assert (told["result"], told["slug"]) == ("EINVAL", "bad_argument")
    assert broker.requests == []


def test_an_answer_to_a_report_must_say_what_was_done(broker):
    broker.answers[REJECTED_PATH] = Answer(body=TOKEN)
    told = probe(broker, "rejected", "sandbox", "older")
    assert told["result"] == "EPROTO"
    assert "ust" not in told


def test_refresh_and_status_hand_the_account_out(broker):
    account = {"refreshed": False, "outcome": "throttled", "message": "Later, please."}
    broker.answers["POST /v1/sandbox/refresh"] = Answer(body=account)
    told = probe(broker, "refresh", "sandbox")
    assert (told["result"], told["refreshed"]) == ("0", "no")
    assert json.loads(told["json"]) == account

    account = {"refreshed": True, "outcome": "granted", "message": "", "mage_id": "MAG2"}
    broker.answers["POST /v1/sandbox/refresh"] = Answer(body=account)
    told = probe(broker, "refresh-new-account", "sandbox")
    assert (told["result"], told["refreshed"], json.loads(told["json"])) == ("0", "yes", account)
    assert [request.target for request in broker.requests] == ["/v1/sandbox/refresh", "/v1/sandbox/refresh?account=new"]

    account = {"reloaded": True, "environments": ["sandbox"]}
    broker.answers["POST /v1/reload"] = Answer(body=account)
    assert json.loads(probe(broker, "reload")["json"]) == account

    broker.answers["GET /v1/status"] = Answer(body={"environments": []})
    assert json.loads(probe(broker, "status")["json"]) == {"environments": []}


@pytest.mark.parametrize(
    ["status", "slug", "result"],
    [
        (400, "bad_request", "EINVAL"),
        (403, "caller_refused", "EACCES"),
        (404, "unknown_environment", "ENOENT"),
        (404, "unknown_path", "EPROTO"),
        (405, "method_not_allowed", "EPROTO"),
        (413, "too_large", "EINVAL"),
        (422, "min_ttl_unattainable", "ERANGE"),
        (429, "too_many_connections", "EBUSY"),
        (500, "internal", "EREMOTEIO"),
        (503, "no_token", "EAGAIN"),
        (599, "new", "EPROTO"),
    ],
)
def test_refusals(broker, status, slug, result):
    broker.answers["GET /v1/sandbox/token"] = error(status, slug, "In words.", retry_after=7)
    told = probe(broker, "token", "sandbox", "0", "-1")
    assert (told["result"], told["slug"], told["message"], told["retry_after"]) == (result, slug, "In words.", "7")


def test_a_reload_that_was_not_done(broker):
    broker.answers["POST /v1/reload"] = error(422, "reload_failed", "/etc/x:3: a mistake")
    told = probe(broker, "reload")
    assert (told["result"], told["message"]) == ("EBADMSG", "/etc/x:3: a mistake")
    broker.answers["POST /v1/reload"] = Answer(body={"reloaded": False})
    assert probe(broker, "reload")["result"] == "EPROTO"


@pytest.mark.parametrize(["said", "understood"], [("-1", "0"), ("soon", "0"),
                                                  ("99999999999", "86400")])
def test_retry_after_is_bounded(broker, said, understood):
    """To a day."""
    broker.answers["GET /v1/sandbox/token"] = error(503, "no_token", "Wait.", retry_after=said)
    assert probe(broker, "token", "sandbox", "0", "-1")["retry_after"] == understood


def test_a_message_without_end_is_cut_between_characters(broker):
    broker.answers["GET /v1/sandbox/token"] = error(503, "no_token", "ü" * 2000)
    assert probe(broker, "token", "sandbox", "0", "-1")["message"] == "ü" * 511


@pytest.mark.parametrize(["min_ttl", "wait"], [("2592001", "-1"), ("0", "31"), ("0", "-2")])
def test_arguments_out_of_range(broker, min_ttl, wait):
    told = probe(broker, "token", "sandbox", min_ttl, wait)
    assert (told["result"], told["slug"]) == ("EINVAL", "bad_argument")
    assert broker.requests == []


# the next token

NEXT = TOKEN | {"ust": "canaryNextToken"}
ETAG, SECOND_ETAG = 'W/"0123"', 'W/"4567"'
TOKEN_PATH = "GET /v1/sandbox/token"


def with_etag(token, etag=ETAG):
    return Answer(body=token, headers={"ETag": etag})


def probe_next(broker, *arguments, stop=None):
    """With something to be read from the descriptor if there is a stop."""
    reading, writing = os.pipe()
    try:
        if stop is not None:
            threading.Timer(stop, os.write, (writing, b"x")).start()
        began = time.monotonic()
        told = probe(broker, *arguments, stdin=reading)
        return told, time.monotonic() - began
    finally:
        os.close(reading)
        if stop is None:
            os.close(writing)


def asked(broker):
    """(query, If-None-Match) of each request for a token."""
    return [(request.target.partition("?")[2], request.headers.get("if-none-match"))
            for request in broker.requests if request.method == "GET"]


def test_the_next_token_is_asked_for_by_the_etag(broker):
    broker.answers[TOKEN_PATH] = [with_etag(TOKEN), with_etag(NEXT, SECOND_ETAG)]
    told, _ = probe_next(broker, "next", "sandbox", "30")
    assert (told["result"], told["ust"], told["next"]) == ("0", TOKEN["ust"], NEXT["ust"])
    assert asked(broker) == [("wait=0", None), ("wait=30", ETAG)] and broker.connections == 1


def test_there_is_no_other_token(broker):
    broker.answers[TOKEN_PATH] = [with_etag(TOKEN), Answer(304, headers={"ETag": ETAG})]
    told, _ = probe_next(broker, "next", "sandbox", "30")
    assert (told["result"], told["next"], told["message"], told["slug"]) == ("0", "", "", "")
    assert broker.connections == 1, "a 304 has no body, and the connection goes on"


def test_a_304_that_nobody_asked_for(broker):
    broker.answers[TOKEN_PATH] = Answer(304, headers={"ETag": ETAG})
    for arguments in (["token", "sandbox", "0", "0"], ["next", "sandbox", "0"]):
        assert probe(broker, *arguments)["result"] == "EPROTO"


def test_an_error_while_waiting_for_the_next(broker):
    broker.answers[TOKEN_PATH] = [with_etag(TOKEN), error(503, "no_token", "In words.", retry_after=7)]
    told, _ = probe_next(broker, "next", "sandbox", "30")
    assert (told["result"], told["slug"], told["retry_after"]) == ("EAGAIN", "no_token", "7")


@pytest.mark.parametrize("etag", [None, "none", '"' + "x" * 80 + '"', '"a b"', '"\x01"'])
def test_a_daemon_without_etags_is_asked_once_in_a_wait(broker, etag):
    headers = {} if etag is None else {"ETag": etag}
    broker.answers[TOKEN_PATH] = Answer(body=TOKEN, headers=headers)
    told, seconds = probe_next(broker, "next", "sandbox", "2")
    assert (told["result"], told["next"]) == ("0", "") and seconds >= 2
    assert asked(broker) == [("wait=0", None), ("wait=2", None)]
    broker.answers[TOKEN_PATH] = [Answer(body=TOKEN, headers=headers), Answer(body=NEXT, headers=headers)]
    assert probe_next(broker, "next", "sandbox", "2")[0]["next"] == NEXT["ust"]


def test_the_same_token_under_another_etag_is_no_news(broker):
    broker.answers[TOKEN_PATH] = [with_etag(TOKEN), with_etag(TOKEN, SECOND_ETAG)]
    told, seconds = probe_next(broker, "next", "sandbox", "2")
    assert (told["result"], told["next"]) == ("0", "") and seconds >= 2 and len(broker.requests) == 2


def test_the_next_token_after_a_report(broker):
    """Its answer has no ETag; that of the first question is waited with."""
    broker.answers[REJECTED_PATH] = Answer(body=TOKEN | {"refreshed": True})
    broker.answers[TOKEN_PATH] = [with_etag(TOKEN), with_etag(NEXT, SECOND_ETAG)]
    told, _ = probe_next(broker, "rejected-next", "sandbox", "canaryRejected", "30")
    assert (told["result"], told["next"]) == ("0", NEXT["ust"])
    assert asked(broker) == [("wait=30", None), ("wait=30", ETAG)]


@pytest.mark.parametrize("etag", [True, False])
def test_a_wait_ends_when_the_caller_wants_that(broker, etag):
    """On the daemon, and in the library by itself."""
    broker.answers[TOKEN_PATH] = [with_etag(TOKEN), Answer(hang=True)] if etag else Answer(body=TOKEN)
    told, seconds = probe_next(broker, "next", "sandbox", "30", stop=1)
    assert (told["result"], told["slug"]) == ("EINTR", "stopped") and seconds < 20


def test_a_wait_ends_in_the_middle_of_an_answer(broker):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
    broker.answers[TOKEN_PATH] = [with_etag(TOKEN), Answer(raw=head, hang_behind=True)]
    told, seconds = probe_next(broker, "next", "sandbox", "30", stop=1)
    assert told["result"] == "EINTR" and seconds < 20


# the installed one


def declared():
    return set(re.findall(r"^EQP_BROKER_PUBLIC [^(]*?\b(eqp_broker_\w+)\(", HEADER, re.M))


def test_exactly_what_the_header_declares_is_exported():
    listing = subprocess.run(["nm", "-D", "--defined-only", CLIENT / "libeqp-broker.so.0"],
                             capture_output=True, text=True, check=True).stdout  # fmt: skip
    exported = {line.split()[2].partition("@")[0] for line in listing.splitlines() if line.split()[1] in "TDBR"}
    assert exported == declared()


def test_the_man_page_declares_what_the_header_declares():
    page = (TREE / "doc" / "libeqp-broker.3.scd").read_text()
    synopsis = page.partition("# DESCRIPTION")[0]
    assert set(re.findall(r"\b(eqp_broker_\w+)\(", synopsis)) == declared()
    assert set(re.findall(r"^\*(-E\w+)\*$", page, re.M)) == set(re.findall(r"^ \* +(-E[A-Z]+)  ", HEADER, re.M))


def test_the_example_of_the_man_page_is_the_one_that_is_compiled(broker):
    page = (TREE / "doc" / "libeqp-broker.3.scd").read_text()
    example = re.search(r"^# EXAMPLE\n\n```\n(.*?)^```", page, re.M | re.S)[1].replace("\\\\", "\\")
    source = (TREE / "client" / "example.c").read_text()
    assert example == source[source.index("#include") :]

    broker.answers["GET /v1/production/token"] = Answer(body=TOKEN | {"environment": "production"})
    environment = BARE_ENVIRONMENT | {"EQP_BROKER_ADDRESS": broker.address}
    result = subprocess.run([CLIENT / "client-example"], env=environment, capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"Requests go to {TOKEN['base_url']}/rest/v1/users/MAG123456789\n"


@pytest.mark.parametrize(["compiler", "language", "standard"], [("cc", "c", "c99"), ("c++", "c++", "c++11")])
def test_the_header_stands_alone(compiler, language, standard):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    command = [compiler, "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic",
               "-fsyntax-only", "-I", TREE / "client", "-"]  # fmt: skip
    source = '#include "eqp-broker.h"\nint main(void) { return EQP_BROKER_DEFAULT_TCP[0] != 104; }\n'
    result = subprocess.run(command, input=source, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
