"""eqpctl key ... with a real daemon, real trials and the simulator: the reports are true."""

import os
import re
import subprocess
import time

import pytest

from broker import BARE_ENVIRONMENT, Broker, binary, free_port
from simulator import EXAMPLE_KEY, Simulator

EQPCTL = binary("ctl/eqpctl")
OTHER, THIRD = "SECONDKEY2:fedcba9876543210", "THIRDKEY33:00112233445566778899"
BAD = "WRONGKEY99:nothing0fthesort"


@pytest.fixture
def simulator():
    pairs = [tuple(key.split(":")) for key in (EXAMPLE_KEY, OTHER, THIRD)]
    with Simulator(["sandbox"], keys={"sandbox": pairs}) as simulator:
        yield simulator


@pytest.fixture
def broker(simulator, make_broker):
    return make_broker(simulator)


def eqpctl(broker, *arguments, key="", **more):
    env = BARE_ENVIRONMENT | {"EQP_BROKERD": binary(), "EQP_BROKER_CONFIG": str(broker.config_path),
                              "EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}"} | more.pop("env", {})
    broker.keep_secret(*key.split(":"))
    result = subprocess.run([EQPCTL, *arguments], env=env, input=key, capture_output=True, text=True, timeout=60, **more)
    broker.check_text(result.stdout + result.stderr, "eqpctl's output")
    return result


def exchanges(simulator):
    return simulator.state("sandbox")["requests"]["token"]


def test_from_no_key_to_a_token(broker):
    result = eqpctl(broker, "key", "set", "sandbox.1-main", key=EXAMPLE_KEY)
    assert (result.returncode, result.stderr) == (0, "Trying the key at the EQP API ...\n")
    assert result.stdout.splitlines() == [
        "The key works. It is of the account MAG123456789.", f"{broker.keys_directory}/sandbox.1-main is written.",
        "The daemon has taken it up and tried it: it works, and is in use."]
    assert broker.token()["ust"]
    *file, state = eqpctl(broker, "key", "list").stdout.splitlines()[1].split(None, 3)
    assert file == ["sandbox.1-main", "0600", "root"] and re.fullmatch(r"good, seen \d+s ago, in use", state)


def test_a_rotation(broker):
    eqpctl(broker, "key", "set", "sandbox", key=EXAMPLE_KEY)
    broker.wait_valid()
    result = eqpctl(broker, "key", "set", "sandbox", key=OTHER)
    assert (result.returncode, result.stdout.splitlines()[1:]) == (0, [
        f"{broker.keys_directory}/sandbox is replaced.",
        "The daemon has taken it up and tried it: it works, and is in use."])
    assert [(key["label"], key["state"]) for key in broker.status("sandbox")["keys"]] == [("", "good")]
    result = eqpctl(broker, "key", "set", "sandbox", key=OTHER)
    assert result.returncode == 0 and "it held this key before" in result.stdout


def test_a_spare_is_tried_at_once(broker, simulator):
    eqpctl(broker, "key", "set", "sandbox.1", key=EXAMPLE_KEY)
    before = exchanges(simulator)
    result = eqpctl(broker, "key", "set", "sandbox.2", key=OTHER)
    assert result.returncode == 0 and result.stdout.splitlines()[2].startswith(
        "The daemon has taken it up and tried it: it works"), result
    assert exchanges(simulator) == before + 2, "one by key set, one by the daemon"
    assert [key["state"] for key in broker.status("sandbox")["keys"]] == ["good", "good"]


def test_a_bad_spare_is_told_of(broker):
    eqpctl(broker, "key", "set", "sandbox.1", key=EXAMPLE_KEY)
    token = broker.token()["ust"]
    result = eqpctl(broker, "key", "set", "--untested", "sandbox.2", key=BAD)
    assert result.returncode == 1 and "the EQP API refused it (" in result.stderr, result
    status = broker.status("sandbox")
    assert [(key["state"], key.get("cause")) for key in status["keys"]] == [("good", None), ("refused", "unauthorized")]
    assert broker.token()["ust"] == token and status["failures_in_row"] == 0, "it is nobody's trouble yet"
    assert "warning  the key 2 is refused" in eqpctl(broker, "status").stdout


def test_a_file_that_is_just_dropped_leads_to_the_same_knowledge(broker):
    broker.write_key("sandbox.1", EXAMPLE_KEY)
    broker.wait_valid()
    broker.write_key("sandbox.2", BAD)
    broker.write_key("sandbox.3", OTHER)
    broker.wait_status("sandbox", lambda status: [key["state"] for key in status["keys"]] == ["good", "refused", "good"])
    states = [line.split(None, 3)[3] for line in eqpctl(broker, "key", "list").stdout.splitlines()[1:]]
    assert all(re.fullmatch(pattern, state) for pattern, state in zip(
        [r"good, seen \d+s ago", r"refused \d+s ago: answered 401", r"good, seen \d+s ago, in use"], states)), states


def test_a_bad_key_never_gets_there(broker, simulator):
    before = exchanges(simulator)
    result = eqpctl(broker, "key", "set", "sandbox", key=BAD)
    assert result.returncode == 1 and result.stderr.count("refuses") == 1
    assert list(broker.keys_directory.iterdir()) == []
    assert exchanges(simulator) == before + 1


def test_a_bad_key_untested_is_told_of(broker):
    eqpctl(broker, "key", "set", "sandbox", key=EXAMPLE_KEY)
    result = eqpctl(broker, "key", "set", "--untested", "sandbox", key=BAD)
    assert result.returncode == 1, result
    assert "the EQP API refused it" in result.stderr and "The key from before stays in use until this one works." in result.stderr
    assert ": answered 401" in eqpctl(broker, "key", "list").stdout
    # The way back.
    result = eqpctl(broker, "key", "set", "sandbox", key=EXAMPLE_KEY)
    assert result.returncode == 0, result
    assert re.search(r"good, seen \d+s ago, in use$", eqpctl(broker, "key", "list").stdout.splitlines()[1])


def test_an_upstream_that_is_down(simulator):
    with Broker(simulator, start=False) as broker:
        broker.environments["sandbox"] = f"base_url = https://localhost:{free_port()}"
        broker.write_config()
        result = eqpctl(broker, "key", "set", "sandbox", key=EXAMPLE_KEY)
        assert result.returncode == 3 and "Nothing was written" in result.stderr
        assert eqpctl(broker, "key", "set", "--untested", "sandbox", key=EXAMPLE_KEY).returncode == 0
        result = eqpctl(broker, "key", "check")
        assert (result.returncode, result.stdout.split("  ")[1]) == (3, "not now")


def test_a_daemon_that_may_not_read_it(simulator, make_broker, stranger):
    """The directory is root's, the daemon is not: the file is written, and of no use."""
    broker = make_broker(simulator, uid=stranger)
    os.chown(broker.keys_directory, 0, 0)
    broker.keys_directory.chmod(0o755)
    begin = time.monotonic()
    result = eqpctl(broker, "key", "set", "sandbox", key=EXAMPLE_KEY)
    assert result.returncode == 1 and "does not use the file: it cannot be opened: Permission denied" in result.stderr
    assert time.monotonic() - begin < 10, "it does not take the whole wait to see that"
    os.chown(broker.keys_directory, stranger, stranger)
    assert eqpctl(broker, "key", "set", "sandbox", key=EXAMPLE_KEY).returncode == 0
    broker.wait_log("new token")


def test_an_environment_that_the_daemon_does_not_know_yet(broker, simulator):
    broker.environments["agency"] = f"base_url = {simulator.urls['sandbox']}"
    broker.write_config()
    result = eqpctl(broker, "key", "set", "agency", key=EXAMPLE_KEY)
    assert result.returncode == 1 and "eqpctl reload" in result.stderr
    broker.reload()
    broker.wait_valid("agency")


def test_check_asks_once_for_each(make_broker, simulator):
    """The daemon itself tries spares that it finds at its start half a minute later."""
    broker = make_broker(simulator, keys={"sandbox.a": EXAMPLE_KEY, "sandbox.b": BAD, "sandbox.c": OTHER}).wait_valid()
    before = exchanges(simulator)
    result = eqpctl(broker, "key", "check")
    assert result.returncode == 1
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["good", "refused", "good"]
    assert exchanges(simulator) == before + 3


def test_removing_the_key_in_use(broker):
    broker.write_key("sandbox.a", EXAMPLE_KEY)
    broker.write_key("sandbox.b", OTHER)
    broker.wait_status("sandbox", lambda status: len(status["keys"]) == 2 and status["state"] == "valid")
    assert eqpctl(broker, "key", "remove", "--yes", "sandbox.a").returncode == 0
    broker.wait_status("sandbox", lambda status: [key["label"] for key in status["keys"]] == ["b"])


# the account


@pytest.fixture
def other_account(broker):
    """The daemon serves tokens of one account; in its configuration there is already the upstream of another."""
    eqpctl(broker, "key", "set", "sandbox", key=EXAMPLE_KEY)
    broker.wait_valid()
    with Simulator(["sandbox"], keys={"sandbox": [tuple(OTHER.split(":"))]}, mage_id="MAG2") as other:
        broker.environments["sandbox"] = f"base_url = {other.urls['sandbox']}\nca_file = {other.ca_file}"
        broker.write_config()
        yield broker


def test_a_key_of_another_account_never_gets_there(other_account):
    broker = other_account
    result = eqpctl(broker, "key", "set", "sandbox", key=OTHER)
    assert (result.returncode, result.stdout) == (1, "")
    assert "of the account MAG2, but the daemon serves tokens of MAG123456789 for sandbox" in result.stderr
    assert (broker.keys_directory / "sandbox").read_text().strip() == EXAMPLE_KEY
    assert broker.token()["mage_id"] == "MAG123456789"


def test_a_new_account(other_account):
    broker = other_account
    broker.reload()
    result = eqpctl(broker, "key", "set", "sandbox", "--new-account", key=OTHER)
    assert (result.returncode, result.stdout.splitlines()) == (0, [
        "The key works. It is of the account MAG2.", f"{broker.keys_directory}/sandbox is replaced.",
        "The account of sandbox is now MAG2.", "The daemon has taken it up and tried it: it works, and is in use."]), result
    assert broker.token()["mage_id"] == "MAG2"


# the way through a proxy

NOBODY = "http://127.0.0.1:1"


@pytest.mark.parametrize("verb", [("set", "sandbox.2-new"), ("check", "sandbox")])
def test_a_key_is_tried_through_the_daemon_s_proxy(simulator, make_broker, verb):
    """Which is not there, so it cannot be overlooked."""
    if os.geteuid() != 0:
        pytest.skip("needs root: what the daemon was started with is nobody else's business")
    broker = make_broker(simulator, keys={"sandbox": EXAMPLE_KEY}, env={"https_proxy": NOBODY})
    result = eqpctl(broker, "key", *verb, key=OTHER)
    assert result.returncode == 3 and "127.0.0.1 port 1" in result.stdout + result.stderr


def test_a_proxy_that_the_daemon_has_not_is_not_used(broker):
    if os.geteuid() != 0:
        pytest.skip("needs root: what the daemon was started with is nobody else's business")
    result = eqpctl(broker, "key", "set", "sandbox", key=EXAMPLE_KEY, env={"https_proxy": NOBODY, "ALL_PROXY": NOBODY})
    assert result.returncode == 0 and "The key works." in result.stdout


def test_without_a_daemon_the_proxy_is_one_s_own(simulator, make_broker):
    broker = make_broker(simulator, start=False)
    result = eqpctl(broker, "key", "set", "sandbox", key=EXAMPLE_KEY, env={"https_proxy": NOBODY})
    assert result.returncode == 3 and "127.0.0.1 port 1" in result.stderr
