"""Every variable that our programs, or the libraries in them, ask the environment for is one that somebody has
decided about: doc/internals/environment.md lists them."""

import pathlib
import re
import socket
import subprocess

import pytest

from broker import BARE_ENVIRONMENT, binary
from people import run_as
from simulator import EXAMPLE_KEY
from wire import get

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "doc" / "internals" / "environment.md"


def listed():
    """Names, and beginnings of names, from the first column of the tables."""
    rows = re.findall(r"^\| ([^|]+) \|", PAGE.read_text(), re.M)
    return {name for row in rows for name in re.split(", ", row)} - {"variable", "---"}


def is_listed(name, names):
    return any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in names)


@pytest.fixture
def record(tmp_path):
    """The variables that make a program record, and what was recorded."""
    tmp_path.chmod(0o777)
    path = tmp_path / "names"
    path.touch()
    path.chmod(0o666)
    yield {"LD_PRELOAD": binary("tests/security/getenv-recorder.so"), "EQP_RECORD": str(path)}
    names = set(path.read_text().split("\n")) - {""}
    print(" ".join(sorted(names)))
    assert names, "the control: something was asked for"
    assert sorted(name for name in names if not is_listed(name, listed())) == []


def test_the_daemon(plain_build, upstream, make_broker, users, record):
    group, _ = users.group("environment")
    member = users.user("of-environment", [group])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, env=record,
                         broker=f"allow = user:root\nallow = group:{group}").wait_valid()
    for place in (("127.0.0.1", broker.port), str(broker.socket_path)):
        assert run_as(member, get, place)[0] == 200
    for path in ("/v1/status", "/metrics", "/readyz"):
        broker.get(path)
    broker.reload()
    broker.refresh()
    broker.write_key("sandbox", "WRONGKEY01:00112233445566778899")
    broker.stop()


@pytest.mark.parametrize("proxy", ["http://user:word@127.0.0.1:1", "https://127.0.0.1:1", "socks5://127.0.0.1:1"])
def test_the_daemon_behind_a_proxy(plain_build, upstream, make_broker, record, proxy):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=record | {"https_proxy": proxy})
    broker.wait_status("sandbox", lambda status: status["last_trouble"])


def test_the_daemon_in_a_unit(plain_build, upstream, make_broker, record, tmp_path):
    """With all that a service manager tells."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        more = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "FDSTORE": "8", "WATCHDOG_USEC": "60000000",
                "CREDENTIALS_DIRECTORY": str(tmp_path), "JOURNAL_STREAM": "1:1", "INVOCATION_ID": "0" * 32}
        make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=record | more).wait_valid().stop()


def test_the_other_ways_to_run_it(plain_build, upstream, make_broker, record):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False)
    for arguments in (["--check"], ["--once", "sandbox"], ["--try-key", "sandbox"], ["--version"], ["--help"]):
        subprocess.run([binary(), "--config", broker.config_path, *arguments], env=BARE_ENVIRONMENT | record,
                       input=EXAMPLE_KEY, text=True, capture_output=True, timeout=60, check=False)


def test_eqpctl_and_the_library(plain_build, upstream, make_broker, record):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    environment = BARE_ENVIRONMENT | record | {"EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}",
                                               "EQP_BROKER_CONFIG": str(broker.config_path), "EQP_BROKERD": binary()}
    for arguments in (["status"], ["token", "sandbox"], ["refresh", "sandbox"], ["ready"], ["live"], ["doctor"],
                      ["key", "list"], ["key", "check"], ["exec", "sandbox", "--", "/bin/true"], ["--help"], ["reload"]):
        subprocess.run([binary("ctl/eqpctl"), *arguments], env=environment, capture_output=True, timeout=60, check=False)
    subprocess.run([binary("client/client-probe"), "a.client", "live"], env=environment, capture_output=True,
                   timeout=60, check=False)
