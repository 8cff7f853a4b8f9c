"""eqp-brokerd: nobody reads what it says. A datagram socket queues a few messages, of all who write to it; then it is
full, and a program that waits for room stands still with it."""

import contextlib
import socket
import struct
import subprocess
import time

import pytest

import broker as broker_module
from broker import wait_until
from simulator import EXAMPLE_KEY

FILLER = b"X_FILLER=1\n"


class Reader:
    """A socket that is read only when it is told to."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)

    def fill(self):
        """From as many sockets as it takes: each may have so much on the way and no more."""
        n_sent = 1
        while n_sent > 0:
            n_sent = 0
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
                other.setblocking(False)
                while True:
                    other.sendto(FILLER, self.path)
                    n_sent += 1

    def read(self):
        """The log since the last time."""
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, _, _, _ = self.socket.recvmsg(65536, 1024)
                if data != FILLER:
                    said.append(data)
        return said


# the service manager


@pytest.fixture
def manager(tmp_path):
    manager = Reader(tmp_path / "notify")
    manager.env = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"}
    yield manager
    manager.socket.close()


def hears(manager, word, heard=()):
    """Waits for it, and returns all that came meanwhile, behind what was read before."""
    heard = list(heard)

    def found():
        heard.extend(manager.read())
        return any(message.startswith(word) for message in heard)

    wait_until(found, word)
    return heard


def test_a_manager_that_hangs_at_start(upstream, make_broker, manager):
    manager.fill()
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    assert broker.token()["ust"]
    hears(manager, b"READY=1")
    hears(manager, b"WATCHDOG=1")


def test_a_manager_that_hangs_later(upstream, make_broker, manager):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    hears(manager, b"READY=1")
    manager.fill()
    broker.reload()
    broker.refresh()
    assert broker.token()["ust"]
    heard = hears(manager, b"READY=1")  # the reload's, which counts only after this one if Type= is notify-reload
    assert any(word.startswith(b"RELOADING=1\nMONOTONIC_USEC=") for word in heard[:heard.index(b"READY=1")])


def test_a_manager_that_misses_a_meal_gets_the_next_one_soon(upstream, make_broker, manager):
    """One that hangs just then, or whose queue somebody fills, is not to take the loop for one that hangs."""
    limit = 4.0
    manager.env["WATCHDOG_USEC"] = str(int(limit * 1e6))
    make_broker(upstream, env=manager.env)
    hears(manager, b"READY=1")

    def in_time():
        hears(manager, b"WATCHDOG=1")
        fed = time.monotonic()
        while time.monotonic() < fed + 0.8 * limit:  # the next one is due before that
            manager.fill()
            time.sleep(0.02)
        hears(manager, b"WATCHDOG=1")
        return time.monotonic() - fed < 0.95 * limit

    wait_until(in_time, "the next message in time, unless the machine is busy just then")


def test_sessions_are_kept_once_it_reads_again(upstream, make_broker, manager):
    manager.env["EQP_BROKER_BOOT_ID"] = "0" * 31 + "1"
    broker = make_broker(upstream, env=manager.env)
    hears(manager, b"READY=1")
    manager.fill()
    broker.write_key("sandbox", EXAMPLE_KEY)
    line = broker.wait_valid().wait_log("would not survive a restart")[0]
    assert "the knowledge of keys and budgets" in line, line
    # Nothing happens any more, but that the service manager reads again.
    heard = manager.read()  # it may speak in the middle of this
    hears(manager, b"FDSTORE=1\nFDNAME=sessions-1\n", heard)
    broker.wait_log("the service manager has all again")
    assert len(broker.log("would not survive a restart")) <= 3  # once for each text, not with each attempt


def test_sessions_that_are_not_let_go_at_once_are_later(upstream, make_broker, manager):
    """There is room for a few only: old ones would take the place of those to come."""
    manager.env["EQP_BROKER_BOOT_ID"] = "0" * 31 + "1"
    broker = make_broker(upstream, env=manager.env)
    hears(manager, b"READY=1")
    broker.write_key("sandbox", EXAMPLE_KEY)
    hears(manager, b"FDSTOREREMOVE=1\nFDNAME=sessions-1")
    broker.wait_valid()
    manager.fill()
    broker.refresh()
    broker.wait_log("would not survive a restart")
    heard = manager.read()  # it may speak in the middle of this
    broker.refresh()
    hears(manager, b"FDSTOREREMOVE=1\nFDNAME=sessions-2", heard)


def test_a_session_that_is_gone_is_let_go_later(upstream, make_broker, manager):
    """Nothing happens any more, but that the service manager reads again."""
    manager.env["EQP_BROKER_BOOT_ID"] = "0" * 31 + "1"
    broker = make_broker(upstream, keys={"agency": EXAMPLE_KEY}, env=manager.env,
                         environments={"agency": f"base_url = {upstream.urls['sandbox']}"})
    hears(manager, b"FDSTOREREMOVE=1\nFDNAME=sessions-1")
    broker.wait_valid("agency")
    time.sleep(0.5)
    manager.read()
    manager.fill()
    del broker.environments["agency"]
    broker.write_config()
    broker.reload()
    time.sleep(0.5)
    heard = manager.read()
    assert not [message for message in heard if b"FDNAME=sessions" in message]
    hears(manager, b"FDSTOREREMOVE=1\nFDNAME=sessions-2", heard)


def test_an_end_that_nobody_hears_of(upstream, make_broker, manager):
    broker = make_broker(upstream, env=manager.env)
    manager.fill()
    assert broker.stop() == 0


# the journal


def entry(data):
    """An entry of the journal's protocol, whose fields are told with their length here."""
    fields = {}
    while data:
        name, _, rest = data.partition(b"\n")
        length, = struct.unpack("<Q", rest[:8])
        assert rest[8 + length:9 + length] == b"\n", data
        fields[name.decode()] = rest[8:8 + length].decode()
        data = rest[9 + length:]
    return fields


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """A journal of the daemon's own, in a mount namespace."""
    alone = ["unshare", "--mount", "sh", "-c"]
    if subprocess.run([*alone, "mount -t tmpfs none /run"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root, and the right to mount")
    folder = tmp_path / "journal"
    folder.mkdir()
    command = tmp_path / "eqp-brokerd"
    command.write_text(f"""#!/bin/sh
exec unshare --mount sh -ec '
    mount -t tmpfs none /run
    mkdir -p /run/systemd/journal
    mount --bind {folder} /run/systemd/journal
    export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)
    exec {broker_module.binary()} "$@"' sh "$@"
""")
    command.chmod(0o755)
    monkeypatch.setattr(broker_module, "binary", lambda name="": str(command))
    reader = Reader(folder / "socket")
    yield reader
    reader.socket.close()


def begin(make_broker, upstream):
    """Its words are in no file that could be waited for."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False)
    broker.start(wait=False)
    return broker.wait_listening().wait_valid()


def dropped(broker):
    line = next(line for line in broker.get("/metrics").body.decode().splitlines()
                if line.startswith("eqp_broker_log_dropped_total "))
    return int(line.split()[1])


def test_a_journal_that_hangs(upstream, make_broker, journal):
    journal.fill()
    broker = begin(make_broker, upstream)
    assert broker.token()["ust"]
    broker._settle()
    before = dropped(broker)
    assert before >= 3, "listening, started, the key, the token: nobody has read it"
    assert journal.read() == []
    broker.refresh()
    broker._settle()
    said = [entry(data) for data in journal.read()]
    assert dropped(broker) == before, "it reads again, and is told again"
    fields = next(fields for fields in said if "new token" in fields["MESSAGE"])
    assert fields["PRIORITY"] == "6" and fields["SYSLOG_IDENTIFIER"] == "eqp-brokerd"
    assert fields["EQP_ENVIRONMENT"] == "sandbox" and fields["MESSAGE"].startswith("sandbox: ")
    assert len(fields["MESSAGE_ID"]) == 32
    assert not broker.text()
