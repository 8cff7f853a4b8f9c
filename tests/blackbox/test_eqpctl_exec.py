"""eqpctl exec: a command gets a token in its environment, and is otherwise as if it had been run by itself."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest
from fake_broker import TOKEN, Answer, FakeBroker, error

EQPCTL = pathlib.Path(os.environ["EQP_BUILD_DIR"]) / "ctl" / "eqpctl"
PASSED_ON = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN")) or k == "PATH"}

# A process's account of itself: arguments, environment, descriptors, signals, limits.
TELL = """
import json, os, signal, resource, sys
print(json.dumps({
    "arguments": sys.argv[1:],
    "environment": dict(os.environ),
    "descriptors": sorted(f"{fd} {os.readlink('/proc/self/fd/' + fd)}" for fd in os.listdir("/proc/self/fd")
                          if os.path.exists("/proc/self/fd/" + fd)),
    "signals": [line for line in open("/proc/self/status") if line.startswith(("SigBlk", "SigIgn", "SigCgt"))],
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "dumpable": os.access("/proc/self/mem", os.R_OK),
    "pid": os.getpid(),
}))
"""


@pytest.fixture
def broker():
    with FakeBroker() as broker:
        broker.answers["GET /v1/sandbox/token"] = Answer(body=TOKEN)
        yield broker


def environment(broker, **more):
    return PASSED_ON | {"EQP_BROKER_ADDRESS": broker.address} | more


def run(broker, *arguments, **more):
    return subprocess.run([EQPCTL, "exec", *arguments], env=environment(broker, **more.pop("env", {})),
                          capture_output=True, text=True, timeout=30, **more)


def tell(command, **more):
    with subprocess.Popen([*command, sys.executable, "-c", TELL, "-a", "", "two words"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, **more) as process:
        told = json.loads(process.communicate(timeout=30)[0])
    assert told.pop("pid") == process.pid
    return told


def test_the_command_gets_the_token_and_nothing_else_is_changed(broker):
    env = environment(broker, EQP_TOKEN="of somebody else", OTHER="kept")
    with_token = tell([EQPCTL, "exec", "sandbox", "--"], env=env)
    by_itself = tell([], env=env)
    assert with_token["environment"] == by_itself["environment"] | {
        "EQP_TOKEN": TOKEN["ust"], "EQP_MAGE_ID": TOKEN["mage_id"], "EQP_BASE_URL": TOKEN["base_url"]}
    for what in ("arguments", "signals", "core", "dumpable"):
        assert with_token[what] == by_itself[what], what
    assert [fd.split()[0] for fd in with_token["descriptors"]] == [fd.split()[0] for fd in by_itself["descriptors"]]


def test_ignored_signals_and_closed_descriptors_stay_so(broker):
    def before():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.close(0)

    script = 'kill -TERM $$; echo alive; [ -e /proc/$$/fd/0 ] || echo closed'
    for command in ([EQPCTL, "exec", "sandbox", "--"], []):
        result = subprocess.run([*command, "sh", "-c", script], env=environment(broker), stdout=subprocess.PIPE,
                                timeout=30, preexec_fn=before)
        assert result.stdout.split() == [b"alive", b"closed"], command


def test_the_exit_code_is_the_command_s(broker):
    assert run(broker, "sandbox", "--", "sh", "-c", "exit 42").returncode == 42
    assert run(broker, "sandbox", "--", "sh", "-c", "kill -KILL $$").returncode == -signal.SIGKILL


def test_standard_streams_are_the_command_s(broker):
    result = run(broker, "sandbox", "--", "sh", "-c", "cat; echo to stderr >&2", input="through\n")
    assert (result.stdout, result.stderr) == ("through\n", "to stderr\n")


def test_options_of_the_command_are_left_to_it(broker):
    for arguments in (["sandbox", "--", "echo", "--min-ttl", "1"], ["sandbox", "echo", "--min-ttl", "1"],
                      ["--", "sandbox", "echo", "--min-ttl", "1"]):
        result = run(broker, *arguments)
        assert (result.returncode, result.stdout) == (0, "--min-ttl 1\n"), arguments
    assert run(broker, "sandbox", "--", "echo", "--", "-x").stdout == "-- -x\n"
    assert run(broker, "sandbox", "echo", "--", "-x").stdout == "-- -x\n"


@pytest.mark.parametrize("arguments", [["--min-ttl", "600", "--wait=0", "sandbox"],
                                       ["sandbox", "--min-ttl=600", "--wait", "0"]])
def test_the_token_lives_as_long_as_is_asked(broker, arguments):
    assert run(broker, *arguments, "--", "true").returncode == 0
    assert [request.target for request in broker.requests] == ["/v1/sandbox/token?min_ttl=600&wait=0"]


@pytest.mark.parametrize(["answer", "code"], [
    (error(503, "no_token", "There is no token yet.", retry_after=5), 3),
    (error(403, "caller_refused", "You may not."), 4),
    (error(404, "unknown_environment", "There is no such environment."), 1),
])  # fmt: skip
def test_without_a_token_nothing_is_run(broker, tmp_path, answer, code):
    broker.answers["GET /v1/sandbox/token"] = answer
    result = run(broker, "sandbox", "--", "touch", str(tmp_path / "ran"))
    assert (result.returncode, result.stdout) == (code, "")
    assert answer.body["message"] in result.stderr
    assert not (tmp_path / "ran").exists()


def test_without_a_daemon_nothing_is_run(tmp_path):
    command = [EQPCTL, "exec", "--address", f"unix:{tmp_path}/none", "sandbox", "touch", tmp_path / "ran"]
    assert subprocess.run(command, env=PASSED_ON, capture_output=True, timeout=30).returncode == 5
    assert not (tmp_path / "ran").exists()


def test_a_command_that_cannot_be_run(broker, tmp_path):
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    for command, code, reason in ((tmp_path / "none", 127, "No such file"), ("eqp-no-such-program", 127, "No such"),
                                  (tmp_path / "plain", 126, "Permission denied"), (tmp_path, 126, "Permission")):
        result = run(broker, "sandbox", "--", command)
        assert (result.returncode, result.stdout) == (code, "")
        assert str(command) in result.stderr and reason in result.stderr
        assert TOKEN["ust"] not in result.stderr


@pytest.mark.parametrize(["arguments", "culprit"], [
    ([], "the name of an environment is missing"),
    (["sandbox"], "the command to run is missing"),
    (["sandbox", "--"], "the command to run is missing"),
    (["sandbox", "--min-ttl", "soon", "true"], "--min-ttl"),
])  # fmt: skip
def test_usage(broker, arguments, culprit):
    result = run(broker, *arguments)
    assert result.returncode == 2
    assert culprit in result.stderr
    assert broker.requests == []
