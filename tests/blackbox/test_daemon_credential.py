"""The broker as a source of credentials: the file that a unit with LoadCredential=NAME:SOCKET finds."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from broker import PATIENT, STRANGER, frontend_of, standing_still, wait_frontend, wait_until
from credential_client import MIB, address, ask, load, read_all
from simulator import EXAMPLE_KEY

UNIT = "deploy.service"  # as load() calls itself
RULES = "allow = uid:0\nallow = unit:deploy.service\nallow = unit:worker@.service"


@pytest.fixture(autouse=True)
def as_manager():
    if os.geteuid() != 0:
        pytest.skip("needs root: the service manager is uid 0")


@pytest.fixture
def source():
    """The socket of the service manager, which everybody may connect to: the caller must decide."""
    with tempfile.TemporaryDirectory(prefix="eqp-") as directory, socket.socket(socket.AF_UNIX) as listening:
        os.chmod(directory, 0o755)
        path = os.path.join(directory, "credential.sock")
        listening.bind(path)
        os.chmod(path, 0o666)
        listening.listen(128)
        yield listening


@pytest.fixture
def giving(upstream, make_broker, source):
    """A daemon with a token for the sandbox, and two rules for units."""
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES,
                       passed=[("credential", source)]).wait_valid()


def refusals(broker):
    return broker.log("no (token|credential) for", priority=4)


def wait_accepted(source):
    """Nobody is in the queue any more, which is the same here as in the daemon."""
    wait_until(lambda: not select.select([source], [], [], 0)[0], "all are accepted")


def metric(broker, name):
    answer = broker.get("/metrics")
    return int(next(line.split()[1] for line in answer.body.decode().splitlines() if line.startswith(name + " ")))


def test_a_unit_finds_the_bare_token(giving, source):
    ust = giving.token()["ust"]
    assert load(source).decode() == ust
    assert load(source, "worker@7.service").decode() == ust
    assert giving.log("sandbox: token given to unit deploy.service as credential 'eqp'$", priority=6)
    assert refusals(giving) == []


def test_the_name_says_environment_and_form(upstream, make_broker, source):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, broker=RULES,
                         passed=[("credential", source)]).wait_valid("sandbox").wait_valid("production")
    tokens = {name: broker.token(name)["ust"] for name in ("sandbox", "production")}
    assert tokens["sandbox"] != tokens["production"]
    for environment, ust in tokens.items():
        for name in (environment, f"eqp.{environment}"):
            assert load(source, credential=name).decode() == ust
            content = json.loads(load(source, credential=f"{name}.json"))
            assert content["ust"] == ust and content["environment"] == environment
            assert set(content) == {"mage_id", "ust", "expires_in", "expires_at", "environment", "base_url"}


def test_one_environment_needs_no_name(giving, source):
    """Rules allow production as well, but there is no key for it."""
    ust = giving.token()["ust"]
    for name in ("eqp", "token", "EQP_TOKEN", "my token"):
        assert load(source, credential=name).decode() == ust
    assert json.loads(load(source, credential="eqp.json"))["ust"] == ust


def test_of_several_environments_one_must_be_named(upstream, make_broker, source):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, broker=RULES,
                         environments={"production": "allow = unit:worker@.service"},
                         passed=[("credential", source)]).wait_valid("sandbox").wait_valid("production")
    assert load(source, "worker@1.service") is None
    [line] = refusals(broker)
    assert "worker@1.service" in line and "production, sandbox" in line
    assert "LoadCredential=eqp.production:" in line
    assert load(source).decode() == broker.token()["ust"]  # this one may use the sandbox only
    assert load(source, credential="production") is None
    assert "to use production: add allow = unit:deploy.service to [environment production]" in refusals(broker)[1]


def test_without_any_key_the_refusal_says_where_to_put_one(upstream, make_broker, source):
    broker = make_broker(upstream, broker=RULES, passed=[("credential", source)])
    assert load(source) is None
    assert f"(production, sandbox) has an access key: put a key file into {broker.keys_directory}" in \
        refusals(broker)[0]


@pytest.mark.parametrize("unit, credential, why", [
    ("other.service", "eqp", r"no rule allows it anything: add allow = unit:other.service to \[broker\] of"),
    ("other.service", "sandbox", r"no rule allows it to use sandbox: add allow = unit:other.service to \[broker\] of"),
    ("worker@.socket", "eqp", None),
    ("worker@1.socket", "eqp", "no rule allows it"),
    ("worker.service", "eqp", "no rule allows it"),
    (UNIT, "eqp.staging", "'eqp.staging' begins with eqp. and names no environment: there are production, sandbox"),
    (UNIT, "eqp.Sandbox", "names no environment"),
    (UNIT, "production", "no access key: run 'eqpctl key set production', or put a key file production into"),
])
def test_a_refused_unit_does_not_start(giving, source, unit, credential, why):
    if why is None:  # a template never runs
        assert read_all(ask(source, address(unit, credential))) == b""
        return
    content = read_all(ask(source, address(unit, credential)))
    assert len(content) > MIB
    assert content.startswith(b"eqp-brokerd gives no token: ")
    assert content.split(b"\n", 1)[1].strip(b"\0") == b""
    giving.check_text(content[:2000].decode(), "a refusal")
    [line] = giving.wait_log(f"no token for unit {unit} as credential '{credential}': ")
    assert giving.log(why, priority=4) == [line]


@pytest.mark.parametrize("name", [
    None,
    "\0unit/deploy.service/eqp",
    "\0x/unit/deploy.service",
    "\0x/unit/deploy.service/",
    "\0x/unit/deploy/eqp",
    "\0x/unit/deploy.service/eqp/more",
    "\0x/user/deploy.service/eqp",
    "\0x/unit/deploy.service\0/eqp",
    "\0x/unit/deploy.service/eqp\n",
])
def test_other_addresses_get_nothing(giving, source, name):
    assert read_all(ask(source, name)) == b""
    [line] = refusals(giving)
    assert line.startswith("no credential for a process of uid 0: its address does not say for which unit")


def test_a_path_is_no_manager_s_address(giving, source):
    with tempfile.TemporaryDirectory() as directory:
        assert read_all(ask(source, os.path.join(directory, "unit"))) == b""
    assert len(refusals(giving)) == 1


def test_somebody_else_gets_nothing(giving, source):
    """Anybody can bind the address that the manager would."""
    code = ("import socket, sys\n"
            "s = socket.socket(socket.AF_UNIX)\n"
            "s.bind('\\0' + sys.argv[2])\n"
            "s.connect(sys.argv[1])\n"
            "print(len(s.recv(100)))\n")
    result = subprocess.run([sys.executable, "-c", code, source.getsockname(), address(UNIT, "eqp")[1:]],
                            user=STRANGER, group=STRANGER, extra_groups=[], cwd="/", capture_output=True,
                            text=True, timeout=20)
    assert result.stdout == "0\n", result.stderr
    assert refusals(giving) == [f"no credential for a process of uid {STRANGER}: only the service manager may "
                                "ask for credentials"]


def test_rules_for_callers_are_none_for_units(upstream, make_broker, source):
    """The manager is uid 0, no matter which user the unit has."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = uid:0\nallow = gid:0",
                         passed=[("credential", source)]).wait_valid()
    assert load(source) is None
    assert "no rule allows it" in refusals(broker)[0]


def test_any_is_every_unit(upstream, make_broker, source):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = any",
                         passed=[("credential", source)]).wait_valid()
    assert load(source, "anything.service").decode() == broker.token()["ust"]


def test_a_rule_for_a_unit_lets_nobody_in_over_http(upstream, make_broker, source):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = unit:deploy.service",
                         passed=[("credential", source)])
    assert broker.get("/v1/sandbox/token", {"EQP-Client": UNIT}).error() == (403, "caller_refused")
    assert load(source)


def test_waits_for_the_first_token(upstream, make_broker, source):
    upstream.settings("sandbox", latency_ms=1000)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES,
                         passed=[("credential", source)])
    content = load(source)
    assert content.decode() == broker.wait_valid().token()["ust"]


@pytest.mark.slow("the wait for a token, three times")
def test_says_why_there_is_no_token(upstream, make_broker, source):
    upstream.fault("sandbox", "refuse")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES,
                         passed=[("credential", source)])
    assert load(source) is None
    assert broker.log("sandbox: no token for unit deploy.service .*access keys? refused", priority=4)


def test_a_client_that_goes_away_while_waiting_is_forgotten(upstream, make_broker, source):
    upstream.settings("sandbox", latency_ms=1000)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES,
                         passed=[("credential", source)])
    for _ in range(100):  # more than there is room for
        ask(source, address(UNIT, "eqp")).close()
    assert load(source).decode() == broker.wait_valid().token()["ust"]
    assert refusals(broker) == []


def test_more_than_there_is_room_for_wait_in_the_queue(upstream, make_broker, source):
    upstream.settings("sandbox", latency_ms=1000)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES,
                         passed=[("credential", source)])
    streams = [ask(source, address(UNIT, f"c{i}")) for i in range(100)]
    contents = {read_all(stream).decode() for stream in streams}
    assert contents == {broker.wait_valid().token()["ust"]}
    assert metric(broker, "eqp_broker_credentials_given_total") == 100


def test_a_reader_who_does_not_read_is_left(giving, source):
    """A refusal is longer than what the kernel holds."""
    before = len(os.listdir(f"/proc/{giving.process.pid}/fd"))  # an exchange may be about to close its own
    streams = [ask(source, address("other.service", "eqp")) for _ in range(10)]
    wait_until(lambda: len(refusals(giving)) == 10, "ten refusals")
    assert load(source)  # others are served meanwhile
    wait_until(lambda: len(os.listdir(f"/proc/{giving.process.pid}/fd")) <= before, "they are left")
    for stream in streams:
        stream.close()


def test_a_socket_that_was_left_waiting_holds_no_later_frontend(giving, source):
    """Its flags are those of all processes that have it, this one among them."""
    giving.crashed = None
    before = wait_frontend(giving.process.pid)
    os.kill(before, signal.SIGSTOP)
    source.setblocking(True)
    os.kill(before, signal.SIGKILL)
    frontend = wait_frontend(giving.process.pid, but=before)
    for _ in range(2):
        assert load(source).decode() == giving.token()["ust"]
    assert frontend_of(giving.process.pid) == frontend


def test_said_once_for_a_unit_and_its_token(giving, source):
    for _ in range(3):  # the manager asks again for each command of the unit
        assert load(source)
    assert load(source, "worker@7.service")
    assert len(giving.log("token given to unit deploy.service")) == 1
    giving.post("/v1/sandbox/refresh")
    assert load(source).decode() == giving.token()["ust"]
    assert len(giving.log("token given to unit deploy.service")) == 2
    assert len(giving.log("token given to unit worker@7.service")) == 1


def test_a_flood_of_refusals_leaves_the_log_readable(giving, source):
    for _ in range(150):
        read_all(ask(source, None))
    assert 100 < len(refusals(giving)) < 150
    assert metric(giving, "eqp_broker_credentials_refused_total") == 150


def test_counted(giving, source):
    for _ in range(3):
        load(source)
    load(source, "other.service")
    read_all(ask(source, None))
    assert metric(giving, "eqp_broker_credentials_given_total") == 3
    assert metric(giving, "eqp_broker_credentials_refused_total") == 2


def test_rules_count_at_once_after_a_reload(giving, source):
    assert load(source, "other.service") is None
    giving.broker_lines = "allow = uid:0\nallow = unit:other.service"
    giving.write_config()
    giving.reload()
    assert load(source, "other.service").decode() == giving.token()["ust"]
    assert load(source) is None


def test_a_waiting_caller_is_judged_by_the_new_rules(upstream, make_broker, source):
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES,
                         passed=[("credential", source)])
    waiting = ask(source, address(UNIT, "eqp"))
    waiting_elsewhere = ask(source, address(UNIT, "sandbox"))
    wait_accepted(source)
    broker.broker_lines = "allow = uid:0"
    broker.write_config()
    broker.reload()
    assert len(read_all(waiting)) > MIB and len(read_all(waiting_elsewhere)) > MIB
    assert len(refusals(broker)) == 2


def test_an_environment_that_goes_is_let_go(upstream, make_broker, source):
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"agency": EXAMPLE_KEY}, broker=RULES,
                         environments={"agency": f"base_url = {upstream.urls['sandbox']}"},
                         passed=[("credential", source)])
    waiting = ask(source, address(UNIT, "agency"))
    wait_accepted(source)
    del broker.environments["agency"]
    broker.write_config()
    broker.reload()
    assert len(read_all(waiting)) > MIB


def test_a_stop_answers_who_waits_and_leaves_the_socket(upstream, make_broker, source):
    with standing_still(upstream.process):
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES, passed=[("credential", source)],
                             environments={"sandbox": PATIENT})
        waiting = ask(source, address(UNIT, "eqp"))
        wait_accepted(source)
        broker.send(signal.SIGTERM)
        wait_until(lambda: not broker.socket_path.exists(), "the daemon accepts no more")
        queued = ask(source, address(UNIT, "eqp"))
    received = []
    reader = threading.Thread(target=lambda: received.append(read_all(queued)))
    reader.start()
    content = read_all(waiting).decode()
    assert 0 < len(content) < MIB
    broker.keep_secret(content)
    assert broker.wait() == 0
    broker.start()  # the next one finds the queue as it was
    reader.join(60)
    assert received and 0 < len(received[0]) < MIB


def test_a_stop_does_not_wait_for_ever(upstream, make_broker, source):
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES,
                         passed=[("credential", source)])
    waiting, stuck = ask(source, address(UNIT, "eqp")), ask(source, address("other.service", "eqp"))
    wait_accepted(source)
    begin = time.monotonic()
    broker.send(signal.SIGTERM)
    assert len(read_all(waiting)) > MIB
    assert broker.wait() == 0
    assert 3 < time.monotonic() - begin < 14, "less than the exchange, which takes 20 s to fail"
    stuck.close()


def test_no_source_without_a_socket(broker):
    assert not broker.log("credential")


def test_a_token_about_to_end_is_renewed_first(upstream, make_broker, source):
    """The file will not change, so it is to hold a token that is good for a minute."""
    upstream.settings("sandbox", lifetime_fixed=65)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES,
                         passed=[("credential", source)]).wait_valid()
    first = broker.token()["ust"]
    assert load(source).decode() == first
    wait_until(lambda: broker.token()["expires_in"] < 60, "the token has less than a minute left")
    renewed = load(source).decode()
    assert renewed != first and renewed == broker.token()["ust"]


def test_tokens_that_never_last_a_minute_are_given_as_they_are(upstream, make_broker, source):
    upstream.settings("sandbox", lifetime_fixed=30)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES,
                         passed=[("credential", source)]).wait_valid()
    assert load(source).decode() == broker.token()["ust"]


def test_a_token_about_to_end_is_better_than_none(upstream, make_broker, source):
    upstream.settings("sandbox", lifetime_fixed=12)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES, environments={"sandbox": PATIENT},
                         passed=[("credential", source)]).wait_valid()
    broker.environments["sandbox"] = PATIENT + "\nlifetime = 1h"
    broker.write_config()
    broker.reload()  # now nobody can know that none lasts a minute
    with standing_still(upstream.process):
        token = broker.token()
        begin = time.monotonic()
        assert load(source).decode() == token["ust"], "no other one can have come"
        assert time.monotonic() - begin < 20, "a token is given while it lives, so within 12 s"
