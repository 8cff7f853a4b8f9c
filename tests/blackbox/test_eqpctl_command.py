"""eqpctl's command line: usage, --help and the man page, where it looks for a daemon, and a stdout that is full."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from fake_broker import TOKEN, Answer, FakeBroker

BUILD = pathlib.Path(os.environ["EQP_BUILD_DIR"])
EQPCTL = BUILD / "ctl" / "eqpctl"
HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "doc" / "eqpctl.1.scd"
BARE_ENVIRONMENT = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))}
VERBS = ["token", "exec", "watch", "status", "refresh", "reload", "ready", "live", "key set", "key list", "key check",
         "key remove", "gateway explain", "local add", "local list", "local rotate", "local remove", "doctor"]


def eqpctl(*arguments, **env):
    return subprocess.run([EQPCTL, *arguments], env=BARE_ENVIRONMENT | env, capture_output=True, timeout=30, text=True)


@pytest.mark.parametrize(
    ["arguments", "culprit"],
    [
        ([], "a verb is missing"),
        (["tokn"], "did you mean token?"),
        (["--nope", "live"], "--nope"),
        (["live", "--json"], "--json"),
        (["live", "sandbox"], "'sandbox'"),
        (["ready", "sandbox"], "'sandbox'"),
        (["reload", "sandbox"], "'sandbox'"),
        (["token"], "the name of an environment is missing"),
        (["refresh"], "the name of an environment is missing"),
        (["token", "sandbox", "production"], "'production'"),
        (["token", "Sandbox"], "1 to 32 of a-z 0-9 -"),
        (["token", "../livez"], "1 to 32 of a-z 0-9 -"),
        (["token", "metrics"], "environment"),
        (["token", "x" * 33], "1 to 32"),
        (["refresh", ""], "1 to 32"),
        (["token", "--min-ttl", "10min", "sandbox"], "'10min'"),
        (["token", "--min-ttl", "-1", "sandbox"], "'-1'"),
        (["token", "--min-ttl", "2592001", "sandbox"], "'2592001'"),
        (["token", "--min-ttl", "99999999999999999999", "sandbox"], "'99999999999999999999'"),
        (["token", "--wait", "31", "sandbox"], "'31'"),
        (["token", "--wait", "", "sandbox"], "''"),
        (["token", "--format", "xml", "sandbox"], "'xml'"),
        (["status", "--json", "--watch"], "--watch"),
        (["--address", "http://192.0.2.1:9377", "live"], "--address"),
        (["--address", "http://localhost.example.com:9377", "live"], "--address"),
        (["--address", "http://user@127.0.0.1:9377", "live"], "--address"),
        (["--address", "http://127.0.0.1:9377@192.0.2.1", "live"], "--address"),
        (["--address", "http://127.0.0.1:9377/x", "live"], "--address"),
        (["--address", "http://127.0.0.1", "live"], "--address"),
        (["--address", "http://127.0.0.1:0", "live"], "--address"),
        (["--address", "http://127.0.0.1:65536", "live"], "--address"),
        (["--address", "https://127.0.0.1:9377", "live"], "--address"),
        (["--address", "unix:relative.sock", "live"], "--address"),
        (["--address", "unix:/" + "x" * 108, "live"], "--address"),
        (["--address", "", "live"], "--address"),
    ],
)
def test_a_line_that_makes_no_sense_names_the_culprit(arguments, culprit):
    result = eqpctl(*arguments, EQP_BROKER_ADDRESS="unix:/nowhere/at.all")
    assert (result.returncode, result.stdout) == (2, ""), result
    assert culprit in result.stderr


def test_an_address_of_the_environment_that_makes_no_sense():
    result = eqpctl("live", EQP_BROKER_ADDRESS="127.0.0.1:9377")
    assert (result.returncode, result.stdout) == (2, "")
    assert "EQP_BROKER_ADDRESS" in result.stderr


def test_the_version():
    result = eqpctl("--version")
    assert result.returncode == 0
    assert re.fullmatch(r"eqpctl \d+\.\d+\.\d+\n", result.stdout)


# help and man page


def options_of_help(*verb):
    result = eqpctl(*verb, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    return set(re.findall(r"^ +(?:-.,)? *(--[a-z-]+)(=[A-Z]+)?", result.stdout, re.M))


def options_of_page(text):
    return {
        (option, "=" + argument if argument else "")
        for option, argument in re.findall(r"^(?:\*-.\*, )?\*(--[a-z-]+)\*(?:=_([A-Z]+)_)?$", text, re.M)
    }


def test_the_man_page_tells_the_options_that_help_tells():
    sections = dict(re.findall(r"^#+ ([^\n]+)\n(.*?)(?=^#|\Z)", PAGE.read_text(), re.M | re.S))
    common = options_of_page(sections["OPTIONS FOR ALL VERBS"])
    assert options_of_help() == common
    for verb in VERBS:
        assert options_of_help(*verb.split()) == options_of_page(sections[verb]) | common, verb
    listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +[a-z]", eqpctl("--help").stdout, re.M)
    assert listed == VERBS == [name for name in sections if name.islower()]


def test_the_man_page_tells_the_exit_codes():
    section = re.search(r"^# EXIT CODES\n(.*?)^# ", PAGE.read_text(), re.M | re.S)[1]
    assert re.findall(r"^\*(\d+)\*$", section, re.M) == list("012345")


# output


@pytest.mark.parametrize("arguments", [["token", "sandbox"], ["live"], ["status"], ["status", "--json"]])
def test_an_answer_that_cannot_be_written_is_a_failure(arguments):
    with FakeBroker() as broker, open("/dev/full", "w") as full:
        broker.answers["GET /v1/sandbox/token"] = Answer(body=TOKEN)
        broker.answers["GET /livez"] = Answer(body={"live": True})
        broker.answers["GET /v1/status"] = Answer(body={"environments": [{"name": "sandbox"}]})
        env = BARE_ENVIRONMENT | {"EQP_BROKER_ADDRESS": broker.address}
        result = subprocess.run([EQPCTL, *arguments], env=env, stdout=full, stderr=subprocess.PIPE, timeout=30)
    assert result.returncode == 1
    assert b"could not be written" in result.stderr


# the usual places

# Runs in name spaces of its own: an empty /run, and a loopback interface with free ports.
USUAL_PLACES = """
import fcntl, pathlib, socket, struct, subprocess, sys
from fake_broker import Answer, FakeBroker

probe = socket.socket()
fcntl.ioctl(probe, 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS: up, running

def live(expected):
    result = subprocess.run([sys.argv[1], "live"], env={}, capture_output=True, text=True, timeout=30)
    assert result.returncode == expected, (expected, result)
    return result.stderr

told = live(5)
assert "unix:/run/eqp-broker/eqp-broker.sock (No such file" in told, told
assert "http://127.0.0.1:9377 (Connection refused)" in told, told

with FakeBroker(port=9377) as tcp:
    tcp.answers["GET /livez"] = Answer(body={"live": True})
    live(0)
    assert len(tcp.requests) == 1
    path = pathlib.Path("/run/eqp-broker/eqp-broker.sock")
    path.parent.mkdir()
    with FakeBroker(path) as unix:
        unix.answers["GET /livez"] = Answer(body={"live": True})
        live(0)
        assert (len(unix.requests), len(tcp.requests)) == (1, 1)
    told = live(5)  # the socket of a daemon that is gone: who is on the port now is not asked
    assert "unix:/run/eqp-broker/eqp-broker.sock: Connection refused" in told, told
    assert len(tcp.requests) == 1
    path.unlink()
    live(0)
    assert len(tcp.requests) == 2
print("all well")
"""


@pytest.mark.skipif(BARE_ENVIRONMENT != {}, reason="the sanitizers' settings are not passed on")
def test_the_unix_socket_is_tried_first_then_tcp():
    spaces = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*spaces, "true"], capture_output=True).returncode != 0:
        pytest.skip("no user name spaces here")
    script = 'mount -t tmpfs tmpfs /run && exec "$0" -c "$1" "$2"'
    result = subprocess.run([*spaces, "sh", "-c", script, sys.executable, USUAL_PLACES, EQPCTL],
                            env={"PYTHONPATH": str(HERE), "PATH": os.environ["PATH"]},
                            capture_output=True, text=True, timeout=60)  # fmt: skip
    assert (result.returncode, result.stdout) == (0, "all well\n"), result.stderr


@pytest.mark.parametrize("verb", ["token", "refresh", "exec"])
def test_a_name_that_is_near_one(broker, verb):
    """The daemon is asked for those that this user may know of."""
    command = ["true"] if verb == "exec" else []
    result = eqpctl(verb, "sandbx", *command, EQP_BROKER_ADDRESS=f"unix:{broker.socket_path}")
    assert result.returncode == 1
    assert "there is no environment 'sandbx'" in result.stderr and result.stderr.endswith("Did you mean sandbox?\n")
