"""eqp-brokerd: the mode and the group of the unix sockets that it makes: a fence in front of the rules."""

import os
import shutil
import socket
import stat
import subprocess

import pytest

from broker import BARE_ENVIRONMENT
from simulator import EXAMPLE_KEY

GROUP, OTHER_GROUP = 54400, 54401
CURL_CANNOT_CONNECT = 7


def fence(path):
    """(mode, gid) of the socket."""
    status = os.lstat(path)
    assert stat.S_ISSOCK(status.st_mode)
    return stat.S_IMODE(status.st_mode), status.st_gid


def ask(broker, uid, *groups):
    """Asks for a token as this user: (curl's exit code, HTTP status)."""
    result = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", broker.socket_path,
                             "http://localhost/v1/sandbox/token"], user=uid, group=uid, extra_groups=list(groups),
                            env=BARE_ENVIRONMENT, capture_output=True, text=True, check=False, timeout=20)
    return result.returncode, int(result.stdout)


def test_everybody_may_connect_by_default(upstream, make_broker, stranger):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = any").wait_valid()
    assert fence(broker.socket_path) == (0o666, os.getegid())
    assert ask(broker, stranger) == (0, 200)


def test_a_group(upstream, make_broker, stranger):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker=f"allow = any\nsocket_mode = 0660\nsocket_group = {GROUP}").wait_valid()
    assert fence(broker.socket_path) == (0o660, GROUP)
    assert ask(broker, stranger, GROUP) == (0, 200)
    assert ask(broker, stranger, OTHER_GROUP) == (CURL_CANNOT_CONNECT, 0)
    assert ask(broker, stranger) == (CURL_CANNOT_CONNECT, 0)


def test_a_user_who_may_connect_still_needs_a_rule(upstream, make_broker, stranger):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker=f"allow = uid:0\nsocket_mode = 0660\nsocket_group = {GROUP}").wait_valid()
    assert ask(broker, stranger, GROUP) == (0, 403)


def test_two_users_share_a_folder(upstream, make_broker, stranger, tmp_path):
    """As in a pod: the broker is one user, the application another, and a group of theirs owns the volume."""
    daemon = 54322
    volume = tmp_path / "volume"
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and stat.S_IMODE(folder.stat().st_mode) == 0o700:
            folder.chmod(0o711)
    volume.mkdir()
    os.chown(volume, daemon, GROUP)
    volume.chmod(0o2750)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, uid=daemon, unix=False,
                         broker=f"listen = {volume}/broker.sock\nsocket_mode = 0660\nallow = uid:{stranger}\nallow = uid:0")
    broker.wait_obtained()
    broker.socket_path = volume / "broker.sock"
    assert fence(broker.socket_path) == (0o660, GROUP), "the folder hands its group on"
    assert ask(broker, stranger, GROUP) == (0, 200)
    assert ask(broker, stranger) == (CURL_CANNOT_CONNECT, 0)


def test_a_group_that_the_daemon_is_not_in(upstream, make_broker, stranger):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, uid=stranger, start=False,
                         broker=f"socket_group = {GROUP}")
    broker.start(wait=False)
    assert broker.wait() == 77
    assert broker.log("only a member of the group may give it the socket", priority=3)
    assert not broker.socket_path.exists()


def test_a_reload_moves_the_fence(upstream, make_broker, stranger):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = any").wait_valid()
    inode = os.lstat(broker.socket_path).st_ino
    with broker.connection() as connection:
        broker.broker_lines = f"allow = any\nsocket_mode = 0600\nsocket_group = {GROUP}"
        broker.write_config()
        broker.reload()
        assert fence(broker.socket_path) == (0o600, GROUP)
        assert ask(broker, stranger, GROUP) == (CURL_CANNOT_CONNECT, 0)
        broker.broker_lines = "allow = any"
        broker.write_config()
        broker.reload()
        assert connection.ask("GET", "/v1/sandbox/token").status == 200, "who is in stays in"
    assert fence(broker.socket_path) == (0o666, os.getegid()), "the group is the kernel's choice again"
    assert os.lstat(broker.socket_path).st_ino == inode, "it is the same socket"
    assert ask(broker, stranger) == (0, 200)


def test_a_reload_that_cannot_leaves_all_as_it_was(upstream, make_broker, stranger):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, uid=stranger, broker="allow = any").wait_obtained()
    broker.broker_lines = f"allow = any\nsocket_mode = 0600\nsocket_group = {GROUP}"
    broker.write_config()
    line = broker.reload(good=False)
    assert "only a member of the group" in line
    assert fence(broker.socket_path) == (0o666, stranger)


@pytest.mark.parametrize("what", ["link", "file"])
def test_a_file_in_its_place_is_not_touched(upstream, make_broker, what):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    bystander = broker.directory / "bystander"
    bystander.write_text("")
    bystander.chmod(0o640)
    broker.socket_path.unlink()
    if what == "link":
        broker.socket_path.symlink_to(bystander)
    else:
        bystander.rename(broker.socket_path)
        bystander = broker.socket_path
    broker.broker_lines = "socket_mode = 0777"
    broker.write_config()
    broker.reload()
    assert stat.S_IMODE(bystander.stat().st_mode) == 0o640
    assert broker.stop() == 0
    assert bystander.exists() and broker.socket_path.exists()


def test_without_its_group_nobody_has_the_groups_bits(upstream, make_broker, stranger):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker="allow = any\nsocket_mode = 0660\nsocket_group = no-such-group-here").wait_valid()
    assert fence(broker.socket_path) == (0o600, os.getegid())
    assert ask(broker, stranger, os.getegid()) == (CURL_CANNOT_CONNECT, 0)
    assert broker.log("socket_group = no-such-group-here: there is no such group")


def test_a_socket_that_was_removed_is_made_again(broker):
    for remove in (broker.socket_path.unlink, lambda: broker.socket_path.rename(broker.directory / "elsewhere")):
        with broker.connection() as connection:
            assert connection.ask("GET", "/livez").status == 200
            remove()
            with pytest.raises(FileNotFoundError):
                broker.connect()
            broker.reload()
            assert broker.get("/livez").status == 200
            assert connection.ask("GET", "/livez").status == 200, "what was accepted stays"
    n = len(broker.log("listening on"))
    broker.reload()
    assert len(broker.log("listening on")) == n, "once"


def test_so_is_one_in_whose_place_somebody_left_another(broker):
    """As a second daemon that was killed."""
    broker.socket_path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(broker.socket_path))
        other.listen(1)
        broker.reload()
        assert len(broker.log(f"listening on {broker.socket_path}")) == 1, "it is in use"
    with pytest.raises(ConnectionRefusedError):
        broker.connect()
    broker.reload()
    assert broker.get("/livez").status == 200


def test_its_folder_is_made_for_everybody(broker):
    """Whatever the umask, with which a hardened system starts its daemons."""
    folder = broker.directory / "new"
    broker.stop()
    broker.broker_lines = f"listen = {folder}/broker.sock"
    broker.write_config()
    mask = os.umask(0o077)
    try:
        broker.start()
    finally:
        os.umask(mask)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    shutil.rmtree(folder)
    broker.reload()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "broker.sock").stat().st_mode) == 0o666
