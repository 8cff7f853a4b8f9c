"""The life of the programs under valgrind: no read of what was never written or is freed, and no leak.

AddressSanitizer, under which all tests run, does not see the first kind, and does not see into libraries.
"""

import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import re
import signal
import subprocess

import pytest

import broker as black_box
from broker import BARE_ENVIRONMENT, wait_forwarder, wait_frontend, wait_until
from conftest import DAEMON, MISTAKES
from local_keys import LocalKey
from simulator import EXAMPLE_ID, EXAMPLE_KEY, Simulator

SECOND_KEY = ("AQ99SECOND", "5ec07d8820c99614d65f923df7660276f20e029d")
PATIENCE = 180  # seconds: everything takes twenty times as long, on a machine that may be busy besides


class Broker(black_box.Broker):
    """One that is given time."""

    def connect(self, via="unix", timeout=PATIENCE, source=None):
        return super().connect(via, max(timeout, PATIENCE), source)

    def request(self, *words, **more):
        """The answer in the end: a frontend that takes too long, as under valgrind it may, is replaced."""
        ask = super().request

        def answer():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return ask(*words, **more)
            return None
        return wait_until(answer, "an answer", PATIENCE)

    def stop(self, number=signal.SIGTERM, timeout=PATIENCE):
        return super().stop(number, timeout)


def run(program, *arguments, text=""):
    """(exit code, stdout), where the code is not memcheck's."""
    result = subprocess.run([program, *map(str, arguments)], env=BARE_ENVIRONMENT, input=text,
                            capture_output=True, text=True, timeout=PATIENCE)
    assert result.returncode != MISTAKES, result.stderr
    return result.returncode, result.stdout


@pytest.mark.parametrize("mistake, code", [("none", 0), ("unset", MISTAKES), ("freed", MISTAKES),
                                           ("forgotten", MISTAKES)])
def test_mistakes_are_found(watched, mistake, code):
    result = subprocess.run([watched("tests/memcheck/memcheck-broken"), mistake], env=BARE_ENVIRONMENT,
                            capture_output=True, timeout=PATIENCE)
    assert result.returncode == code, result.stderr


def test_mistakes_of_the_frontend_are_found(upstream, watched, tmp_path):
    """By its exit code, of which the keeper tells."""
    script = tmp_path / "frontend"
    script.write_text(f"#!/bin/sh\nexec {watched('tests/memcheck/memcheck-broken')} unset\n")
    script.chmod(0o755)
    broker = Broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"EQP_FRONTEND_PROGRAM": str(script)}, start=False)
    broker.start(wait=False)
    broker.wait_log(f"the frontend ended with exit code {MISTAKES}", timeout=PATIENCE)
    with pytest.raises(AssertionError):
        broker.stop()
    broker._end()


def reload(broker, good=True):
    """By request, which is answered after the reload is done."""
    assert broker.post("/v1/reload").status == (200 if good else 422)


def test_a_day_of_the_daemon(upstream):
    """Start, tokens, a refresh, a report, good and bad settings, another key, many callers, stop."""
    upstream.reset()
    with Broker(upstream, keys={"sandbox": EXAMPLE_KEY}) as broker:
        broker.wait_valid(timeout=PATIENCE)
        for via in ("unix", "tcp"):
            broker.token(via=via)
            assert broker.get("/v1/sandbox/token", {"Accept": "text/plain"}, via=via).status == 200
            assert broker.get("/nonsense", via=via).status == 404
        broker.refresh()
        reported = broker.post("/v1/sandbox/token/rejected", {"ust": broker.token()["ust"]})
        assert reported.status == 200
        assert broker.get("/readyz").status in (200, 503) and broker.get("/metrics").status == 200

        broker.write_config("[broker]\nno such line\n")
        reload(broker, good=False)
        broker.environments["sandbox"] = "allow = any"
        broker.write_config()
        reload(broker)

        upstream.add_key("sandbox", *SECOND_KEY)
        broker.write_key("sandbox.2-spare", ":".join(SECOND_KEY))
        upstream.delete_key("sandbox", EXAMPLE_ID)
        broker.wait_status("sandbox", lambda status: len(status["keys"]) == 2, PATIENCE)
        broker.refresh()

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda i: broker.token(via=("unix", "tcp")[i % 2]), range(64)))
        broker.raw(b"GET /livez HTTP/1.1\r\nHost: \x01\r\nX: " + b"a" * 70000 + b"\r\n\r\n")


GATEWAY = """gateway = yes
[gateway sandbox]
deny = any * /rest/v1/users/*/keys/**
allow = any GET,POST /rest/v1/**
"""


TRANSIENT = (0, 502, 503, 504)  # 0: it was cut off


def pass_on(broker, path, headers=None, body=None, via="unix"):
    """The status of a request that is passed on."""
    with broker.connect(via) as stream:
        connection = black_box.Connection(stream, "localhost" if via == "unix" else f"localhost:{broker.port}")
        try:
            connection.request("GET" if body is None else "POST", path, body, {"EQP-Client": "memcheck"} | (headers or {}))
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return 0
    return answer.status


def passed(broker, path, **more):
    """The same in the end: a forwarder that takes too long, as under valgrind it may, is replaced."""
    return wait_until(lambda: (status := pass_on(broker, path, **more)) not in TRANSIENT and status, "an answer", PATIENCE)


def test_a_day_of_the_gateway(upstream):
    """Requests that are passed on, refused, sent again with another token, and cut off; a local key; large bodies; a
    forwarder that takes the place of another; a reload."""
    upstream.reset()
    key = LocalKey("reports", allow=["GET /rest/v1/reports/**", "GET /rest/v1/users/{mage_id}"], caller=["any"])
    path = "/sandbox/rest/v1/users/MAG123456789"
    with Broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": GATEWAY}, local=[key]) as broker:
        broker.wait_valid(timeout=PATIENCE)
        for via in ("unix", "tcp"):
            assert passed(broker, path, via=via) == 200
            assert passed(broker, "/sandbox/rest/v1/nothing/there", via=via) in (200, 404)
            assert passed(broker, f"{path}/keys", via=via) == 403
            assert passed(broker, "/sandbox/rest/v1/a//b", via=via) == 400
            assert passed(broker, "/sandbox/rest/v1/products/packages", body=b"[" + b" " * 20_000 + b"]", via=via) >= 200
            assert passed(broker, "/sandbox/rest/v1/files/uploads", body=b"x" * 300_000, via=via) >= 200
        opaque = key.token(broker).json()["ust"]
        broker.keep_secret(opaque)
        bearer = {"Authorization": f"Bearer {opaque}"}
        assert passed(broker, path, headers=bearer, via="tcp") == 200
        assert passed(broker, "/sandbox/rest/v1/products", headers=bearer, via="tcp") == 403

        upstream.revoke("sandbox")
        assert passed(broker, path) == 200, "with another token"
        for fault in ("cut", "garbage", "not_json"):
            upstream.fault("sandbox", fault, path="/rest/v1/users/**")
            assert pass_on(broker, path) in (200, *TRANSIENT)
            upstream.clear_faults("sandbox")

        os.kill(wait_forwarder(broker.process.pid, timeout=PATIENCE), signal.SIGKILL)
        assert passed(broker, path) == 200, "by another forwarder"
        reload(broker)
        assert passed(broker, path) == 200
    upstream.reset()


def test_a_frontend_takes_the_place_of_another(upstream):
    upstream.reset()
    with Broker(upstream, keys={"sandbox": EXAMPLE_KEY}) as broker:
        broker.wait_valid(timeout=PATIENCE)
        first = wait_frontend(broker.process.pid, timeout=PATIENCE)
        assert b"valgrind" in pathlib.Path(f"/proc/{first}/cmdline").read_bytes()
        os.kill(first, signal.SIGKILL)
        assert broker.token()["ust"]
        assert wait_frontend(broker.process.pid, but=first, timeout=PATIENCE)


def connections(broker):
    """How many are open, the one that asks included."""
    return int(re.search(rb"^eqp_broker_connections (\d+)$", broker.get("/metrics").body, re.M)[1])


def test_callers_who_wait_and_go(upstream):
    """No token comes; some callers lose patience, and the daemon ends with some still there."""
    upstream.reset()
    upstream.fault("sandbox", "hang")
    broker = Broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"production": None})
    with broker:
        streams = [broker.connect() for _ in range(8)]
        for stream in streams:
            stream.sendall(b"GET /v1/sandbox/token?wait=30 HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: connections(broker) == 9, "all are in", PATIENCE)
        for stream in streams[:4]:
            stream.close()
        wait_until(lambda: connections(broker) == 5, "four are gone", PATIENCE)
        assert broker.stop(timeout=PATIENCE) == 0, broker.text()
        for stream in streams[4:]:
            stream.close()
    upstream.reset()


def test_an_upstream_that_answers_nonsense():
    """Each environment has its own way of going wrong."""
    faults = {"prose": "not_json", "short": "truncate", "full": "throttle", "noise": "garbage",
              "typed": "wrong_types"}
    with Simulator(tuple(faults)) as upstream:
        for environment, fault in faults.items():
            upstream.fault(environment, fault)
        with Broker(upstream, keys=dict.fromkeys(faults, EXAMPLE_KEY)) as broker:
            for environment in faults:
                broker.wait_status(environment, lambda status: status["last_trouble"], PATIENCE)
                assert broker.get(f"/v1/{environment}/token?wait=0").status == 503


def test_starts_that_fail(upstream, watched):
    broker = Broker(upstream, keys={"sandbox": "no key"}, start=False)
    daemon = watched(DAEMON)
    assert run(daemon, "--check", "--config", broker.config_path)[0] == 0
    broker.write_config("[broker]\nlisten = 192.0.2.1:1\n")
    assert run(daemon, "--config", broker.config_path)[0] == 78
    broker._end()


def test_one_token_and_out(upstream, watched):
    upstream.reset()
    broker = Broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False)
    code, out = run(watched(DAEMON), "--config", broker.config_path, "--once", "sandbox",
                    "--format", "raw")
    assert code == 0 and len(out) > 10
    broker._end()


def test_eqpctl(upstream, watched):
    upstream.reset()
    eqpctl = watched("ctl/eqpctl")
    with Broker(upstream, keys={"sandbox": EXAMPLE_KEY}) as broker:
        broker.wait_valid(timeout=PATIENCE)
        for arguments in (("token", "sandbox"), ("status",), ("status", "--json"), ("refresh", "sandbox"),
                          ("ready",), ("live",), ("exec", "sandbox", "--", "true")):
            code, _ = run(eqpctl, "--address", f"unix:{broker.socket_path}", *arguments)
            assert code in (0, 1), arguments
