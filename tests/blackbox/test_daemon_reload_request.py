"""eqp-brokerd: POST /v1/reload, the client library's call and eqpctl's verb for it."""

import contextlib
import os
import signal
import subprocess
import threading

import pytest

from broker import BARE_ENVIRONMENT, binary, wait_until
from simulator import EXAMPLE_KEY
from test_daemon_callers import as_user

RELOAD = "/v1/reload"


def eqpctl(broker, *arguments, address=None, **more):
    environment = BARE_ENVIRONMENT | {"EQP_BROKER_ADDRESS": address or f"unix:{broker.socket_path}"}
    return subprocess.run([binary("ctl/eqpctl"), *arguments], env=environment, capture_output=True, text=True,
                          timeout=30, cwd="/", **more)


@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_the_answer_comes_when_it_is_done(broker, via):
    broker.environments["agency"] = "base_url = https://localhost:1"
    broker.write_config()
    answer = broker.post(RELOAD, via=via)
    assert answer.status == 200
    assert answer.json() == {"reloaded": True, "environments": ["production", "sandbox", "agency"]}
    assert broker.get("/v1/agency/token?wait=0").error() == (503, "no_token"), "it is there already"
    assert broker.log(f"a reload is asked for by uid {os.geteuid()}", priority=6)
    assert broker.log("configuration and keys read again", priority=6)


def test_keys_are_read_again(upstream, make_broker):
    broker = make_broker(upstream)
    with open(broker.keys_directory / "sandbox", "w") as file:  # opened, and not closed: the watch says nothing
        os.fchmod(file.fileno(), 0o600)
        file.write(EXAMPLE_KEY)
        file.flush()
        assert broker.post(RELOAD).status == 200
        broker.wait_valid()


def test_a_mistake_is_told_with_its_place(broker):
    broker.broker_lines = "nonsense = 1"
    broker.write_config()
    line = broker.config().splitlines().index("nonsense = 1") + 1
    answer = broker.post(RELOAD)
    assert answer.error() == (422, "reload_failed")
    assert answer.json()["message"].startswith(f"{broker.config_path}:{line}: ")
    assert broker.log("not reloaded, the old configuration stands: .*nonsense", priority=3)
    assert broker.token()["ust"]


def test_a_listener_that_cannot_be_had_is_told(broker):
    path = broker.directory / "missing" / "a" / "b.sock"
    broker.broker_lines = f"listen = {path}"
    broker.write_config()
    answer = broker.post(RELOAD)
    assert answer.error() == (422, "reload_failed")
    assert answer.json()["message"].startswith(f"cannot listen on {path}: ")


def test_groups_and_users_are_looked_up_again(broker):
    broker.broker_lines = "allow = user:no-such-user-here"
    broker.write_config()
    assert broker.post(RELOAD).status == 200
    assert broker.log("there is no such user")


def test_many_at_once_are_all_answered(broker):
    """In the middle of requests that wait for a token, and of signals."""
    answers, threads = [], []
    for n in range(40):
        request = broker.post if n % 4 else broker.get
        path = RELOAD if n % 4 else "/v1/production/token?wait=1"
        threads.append(threading.Thread(target=lambda ask=request, path=path: answers.append(ask(path).status)))
    for thread in threads:
        thread.start()
        broker.send(signal.SIGHUP)
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] * 30 + [503] * 10


def test_the_caller_goes_before_the_answer(broker):
    for _ in range(20):
        with broker.connect() as stream:
            stream.sendall(b"POST /v1/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    broker.wait_log("read again", 1)
    assert broker.token()["ust"]


def test_its_form(broker):
    assert broker.get(RELOAD).error() == (405, "method_not_allowed")
    assert broker.get(RELOAD).headers["Allow"] == "POST"
    assert broker.post(RELOAD + "?x=1").error() == (400, "bad_request")
    assert broker.post(RELOAD + "/x").error() == (404, "unknown_path")
    assert broker.post(RELOAD, headers={"EQP-Client": None}, via="tcp").error() == (403, "client_header_missing")
    assert broker.post(RELOAD, headers={"Origin": "http://localhost"}, via="tcp").error() == (403, "browser_refused")
    assert not broker.log("read again|asked for")


@pytest.mark.parametrize("via", ["unix", "tcp"])
@pytest.mark.parametrize("lines, sandbox, expected", [
    ("", "", 403), ("allow = any", "", 403), ("allow = any", "operators = any", 403),
    ("operators = uid:54321", "", 200), ("operators = uid:54321", "operators = uid:0", 200)])
def test_callers_that_may(upstream, make_broker, stranger, via, lines, sandbox, expected):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=lines, environments={"sandbox": sandbox})
    status, body = as_user(stranger, broker, via, RELOAD, "POST")
    assert (status, b'"caller_refused"' in body) == (expected, expected == 403)
    assert bool(broker.log("read again")) == (expected == 200)


def test_root_and_the_daemons_own_user_always_may(upstream, make_broker, stranger):
    broker = make_broker(upstream, uid=stranger, broker="allow = uid:1\noperators = uid:1")
    for via in ("unix", "tcp"):
        assert as_user(stranger, broker, via, RELOAD, "POST")[0] == 200
        assert broker.post(RELOAD, via=via).status == 200
        assert broker.get("/v1/status", via=via).error() == (403, "caller_refused"), "that is all he may"


def test_an_operator_by_his_group(upstream, make_broker):
    broker = make_broker(upstream, broker="operators = group:daemon")
    assert as_user(1, broker, "tcp", RELOAD, "POST", gid=54321)[0] == 200, "the user database tells"
    assert as_user(54321, broker, "unix", RELOAD, "POST", gid=1)[0] == 200
    assert as_user(54321, broker, "unix", RELOAD, "POST")[0] == 403


def test_the_end_comes_first(upstream, make_broker):
    """Asked for on a connection that was there before the daemon was asked to stop."""
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": "exchange_timeout = 1min"})

    def is_told():
        """A connection that is idle, as the other one is, has half a second; a busy machine may miss that now and then."""
        with broker.connect() as waiting, broker.connection() as other:
            waiting.sendall(b"GET /v1/sandbox/token?wait=30 HTTP/1.1\r\nHost: a\r\n\r\n")
            broker.wait_connections(2)
            assert other.ask("GET", "/livez").status == 200
            broker.send(signal.SIGTERM)
            wait_until(lambda: not broker.socket_path.exists(), "it is stopping")
            answer = None
            with contextlib.suppress(ConnectionError):
                answer = other.ask("POST", RELOAD)
            broker.send(signal.SIGTERM)
        assert broker.wait() == 0
        if answer is None:
            broker.start()
            return False
        assert answer.error() == (503, "stopping") and answer.retry_after == 1
        return True

    wait_until(is_told, "an answer")


# eqpctl


def test_eqpctl_reload(broker, stranger):
    result = eqpctl(broker, "reload")
    assert (result.returncode, result.stdout, result.stderr) == (0, "reloaded\n", "")

    refused = eqpctl(broker, "reload", user=stranger, group=stranger, extra_groups=[])
    assert (refused.returncode, refused.stdout) == (4, "")

    broker.write_config("[broker]\n\nmetrics = perhaps\n")
    failed = eqpctl(broker, "reload", address=f"http://127.0.0.1:{broker.port}")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith(f"eqpctl: {broker.config_path}:3: ")
    assert broker.token()["ust"]

    broker.stop()
    assert eqpctl(broker, "reload").returncode == 5
