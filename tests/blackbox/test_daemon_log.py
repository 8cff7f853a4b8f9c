"""eqp-brokerd: the log on standard error, as text and as JSON, its levels, and readers that do not read."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess

import pytest

from broker import BARE_ENVIRONMENT, binary, run_daemon, wait_until
from local_keys import BODY, LocalKey, basic, session_path
from simulator import EXAMPLE_KEY

EVENTS = dict(re.findall(r'#define EVENT_(\w+) +"([0-9a-f]{32})"',
                         (pathlib.Path(__file__).parents[2] / "daemon" / "base" / "events.h").read_text()))
LEVELS = ("error", "warning", "notice", "info", "debug")


def records(text):
    """The records of a log of JSON lines, each of which must be what it ought to be."""
    found = []
    for line in text.splitlines():
        record = json.loads(line)
        assert list(record)[:3] == ["time", "level", "message"], line
        assert set(record) <= {"time", "level", "message", "message_id", "environment", "key", "client", "uid", "unit"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["time"]), line
        assert record["level"] in LEVELS and all(isinstance(value, str) for value in record.values())
        assert record.get("message_id") in (None, *EVENTS.values())
        found.append(record)
    return found


@pytest.fixture
def json_broker(upstream, make_broker):
    return make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}, arguments=["--log-format", "json"]).wait_valid()


def event(broker, name):
    return [record for record in records(broker.text()) if record.get("message_id") == EVENTS[name]]


def test_json_lines(json_broker):
    token = json_broker.get("/v1/sandbox/token", {"EQP-Client": "nightly"}).json()["ust"]
    new = event(json_broker, "TOKEN_OBTAINED")
    assert [(record["level"], record["environment"], record["key"]) for record in new] == [("info", "sandbox", "1-main")]
    assert new[0]["message"].startswith("new token (key 1-main, first)")
    handed = event(json_broker, "TOKEN_HANDED_OUT")
    assert [(record["client"], record["uid"], record["environment"]) for record in handed] == \
        [("nightly", str(os.geteuid()), "sandbox")]
    assert json_broker.stop() == 0
    assert event(json_broker, "STOPPED") and token not in json_broker.text()


def test_local_keys_have_events_of_their_own(upstream, make_broker):
    """With texts of their own: a right for the caller does not help a program with a wrong secret."""
    reports, real = LocalKey("reports"), LocalKey("real", token="real")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, local=[reports, real], arguments=["--log-format", "json"]).wait_valid()
    reports.token(broker)
    real.token(broker)
    for headers in (basic(reports.id, "wrong"), {"Authorization": "Bearer nobodys"}, {}):
        broker.request("POST", session_path(), {"EQP-Client": None} | headers, BODY, via="tcp")
    broker.get("/sandbox/rest/v1/users/MAG1", {"EQP-Client": None, "Authorization": "Bearer nobodys"}, via="tcp")
    assert broker.get("/v1/sandbox/token", reports.basic).status == 403
    assert broker.stop() == 0
    for name, said in (("OPAQUE_HANDED_OUT", ["opaque token handed out"]), ("TOKEN_HANDED_OUT", ["token handed out"]),
                       ("LOCAL_KEY_REFUSED", ["local_key_refused", "bearer_unknown"]), ("CALLER_REFUSED", ["caller_refused"])):
        messages = [record["message"] for record in event(broker, name)]
        assert len(messages) == len(said) and all(word in message for word, message in zip(said, messages)), (name, messages)


def test_the_times_go_on(json_broker):
    times = [record["time"] for record in records(json_broker.text())]
    assert len(times) > 3 and times == sorted(times)


def test_the_environment_names_a_form_and_the_option_goes_first(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"EQP_BROKER_LOG_FORMAT": "json"}).wait_valid()
    assert records(broker.text())
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"EQP_BROKER_LOG_FORMAT": "json"},
                         arguments=["--log-format=text"]).wait_valid()
    assert all(re.match(r"<\d>", line) for line in broker.text().splitlines())
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"EQP_BROKER_LOG_FORMAT": ""}).wait_valid()
    assert broker.log("new token", priority=6)


def test_a_form_that_there_is_not():
    for more in ({"env": {"EQP_BROKER_LOG_FORMAT": "xml"}}, {}):
        result = run_daemon("--check", *([] if more else ["--log-format", "xml"]), **more)
        assert result.returncode == 78 and "is auto, text or json, not 'xml'" in result.stderr
    assert run_daemon("--check", "--log-format", "auto", env={"EQP_BROKER_LOG_FORMAT": "xml"}).returncode == 0


def test_a_mistake_in_the_configuration_as_json(tmp_path):
    path = tmp_path / "caf\udce9\n\"quoted\".conf"
    path.write_text("[broker]\nmetrics = perhaps\n")
    result = run_daemon("--config", path, "--log-format", "json")
    assert result.returncode == 78
    (record,) = records(result.stderr)
    assert record["level"] == "error" and record["message_id"] == EVENTS["SETTINGS_BAD"]
    assert f"{tmp_path}/caf\\xe9\n\"quoted\".conf:2: metrics = perhaps" in record["message"]
    result = run_daemon("--config", path)
    assert f"{tmp_path}/caf\\xe9?\"quoted\".conf:2: " in result.stderr
    assert len(result.stderr.splitlines()) == 1, "no name of a file makes a second line"


def test_json_where_the_journal_could_be_had(make_broker, upstream):
    """The container's stderr may be a journal's stream, and still be wanted as JSON."""
    place = make_broker(upstream, start=False)
    with open(place.stderr_path, "wb") as stderr:
        status = os.fstat(stderr.fileno())
        stream = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        subprocess.run([binary(), "--once", "sandbox", "--config", place.config_path, "--log-format", "json"],
                       env=BARE_ENVIRONMENT | stream, stderr=stderr, check=False, timeout=20)
    assert records(place.text())[-1]["message"].startswith("no token")


def test_a_terminal_gets_no_prefixes(tmp_path):
    master, slave = pty.openpty()
    (tmp_path / "bad").write_text("nonsense\n")
    result = subprocess.run([binary(), "--config", tmp_path / "bad"], env=BARE_ENVIRONMENT, stderr=slave, check=False,
                            timeout=20)
    os.close(slave)
    said = os.read(master, 4096).decode()
    os.close(master)
    assert result.returncode == 78 and said.startswith(f"{tmp_path}/bad:1: ")


# ---- levels ----

def test_keys_are_everyday_life(json_broker):
    assert [(record["level"], record["message"]) for record in event(json_broker, "KEYS_LOADED")] == \
        [("info", "access keys, in the order in which they are tried: 1-main")]
    assert [(record["level"], record["key"]) for record in event(json_broker, "KEY_PROVEN")] == [("info", "1-main")]
    json_broker.write_key("sandbox.2-spare", "OTHER1234:other-secret")
    wait_until(lambda: len(event(json_broker, "KEYS_LOADED")) == 2, "the spare key is told")
    assert event(json_broker, "KEYS_LOADED")[1]["message"].endswith(": 1-main, 2-spare")
    json_broker.send(signal.SIGHUP)
    wait_until(lambda: event(json_broker, "RELOADED"), "reloaded")
    assert len(event(json_broker, "KEYS_LOADED")) == 2, "told when they change"
    for path in list(json_broker.keys_directory.iterdir()):
        path.unlink()
    wait_until(lambda: "notice" in [record["level"] for record in event(json_broker, "KEYS_LOADED")], "no key any more")
    assert "no access key" in event(json_broker, "KEYS_LOADED")[-1]["message"]


def test_trouble_that_passes_is_a_warning(make_broker, upstream):
    upstream.fault("sandbox", "unavailable", count=1)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    assert broker.log("no new token", priority=4)
    assert not broker.log(priority=3)


@pytest.mark.parametrize("fault, more", [("not_json", {}), ("status", {"status": 404})])
def test_trouble_that_does_not_pass_is_an_error(make_broker, upstream, fault, more):
    upstream.fault("sandbox", fault, **more)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    broker.wait_log("no new token")
    assert broker.log("no new token", priority=3)


def test_key_files(make_broker, upstream):
    broker = make_broker(upstream, broker="", start=False)
    broker.keys_directory.rmdir()
    broker.start()
    assert broker.log(f"key directory {broker.keys_directory} is not used: .*No such file", priority=4), "it may come"
    broker.keys_directory.mkdir(mode=0o700)
    broker.write_key("sandbox", "no colon")
    broker.wait_log("sandbox is not used")
    assert broker.log("sandbox is not used", priority=3), "somebody has to correct it"


# ---- readers that do not read ----

def started_with(place, stderr, *arguments):
    return subprocess.Popen([binary(), "--config", str(place.config_path), *arguments], env=BARE_ENVIRONMENT,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)


def flood(place, n=300):
    """Each request says something: another name each time. Every one must be answered."""

    def listens():
        with contextlib.suppress(OSError), place.connect():
            return True

    wait_until(listens, "it listens")
    place.wait_valid()
    for i in range(n):
        assert place.get("/v1/sandbox/token", {"EQP-Client": f"client-{i}-" + "x" * 40}).status == 200


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_reads(make_broker, upstream, kind, form):
    place = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False)
    if kind == "pipe":
        reader, writer = (os.fdopen(fd, mode, buffering=0) for fd, mode in zip(os.pipe(), ("rb", "wb")))
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        read = reader.read
    else:
        reader, writer = socket.socketpair()
        writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
        read = reader.recv
    place.process = started_with(place, writer, "--log-format", form)
    writer.close()
    flood(place)
    wait_until(lambda: int(re.search(r"^eqp_broker_log_dropped_total (\d+)$", place.get("/metrics").body.decode(),
                                     re.M)[1]) > 100, "what is dropped is counted")
    place._settle()
    received = read(1 << 20)
    place.get("/v1/sandbox/token", {"EQP-Client": "the-last-one"})
    place._settle()
    place.process.send_signal(signal.SIGTERM)
    assert place.process.wait(20) == 0
    while more := read(1 << 20):
        received += more
    reader.close()
    text = received.decode()
    assert "the-last-one" in text, "there is room again"
    if form == "json":
        assert len(records(text)) >= 2
    else:
        assert text.endswith("\n") and all(re.match(r"<\d>[^<>]*$", line) for line in text.splitlines())
    place.stderr_path.touch()
