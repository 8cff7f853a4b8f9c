"""The two ways to share a broker with an application in a container of its own, as another user."""

import json
import pathlib
import re

import pytest

from broker import wait_until
from pod import APP_UID
from simulator import EXAMPLE_KEY

TCP = ("curl", "-sS", "-H", "EQP-Client: app", "http://127.0.0.1:9377/v1/sandbox/token")
UNIX = ("curl", "-sS", "--unix-socket", "/run/eqp-broker/eqp-broker.sock", "http://localhost/v1/sandbox/token")
BY_SOCKET = ("--config", "/etc/eqp-broker/shared-socket.conf")
GROUP = 1600
ONLY_APP = f"[broker]\nallow = uid:{APP_UID}\n"


@pytest.fixture
def volume(pod):
    name = pod.container("socket")
    pod.podman("volume", "create", name)
    yield name
    pod.podman("rm", "--force", "--time=0", "--depend", pod.container("broker"), check=False)
    pod.podman("volume", "rm", "--force", name)


@pytest.fixture
def by_socket(pod, volume):
    """A broker on a socket in a volume; returns what runs an application that has the volume and nothing else."""
    pod.write_key("sandbox", EXAMPLE_KEY)

    def start(settings="", options=()):
        pod.settings.write_text(pod.settings.read_text() + settings)
        pod.start_broker(*BY_SOCKET, options=("--volume", f"{volume}:/run/eqp-broker", *options))
        wait_until(lambda: pod.eqpctl("ready").returncode == 0, "a token")

    def ask(uid=APP_UID, groups=()):
        options = ["--network=none", f"--volume={volume}:/run/eqp-broker:ro", *(f"--group-add={gid}" for gid in groups)]
        return pod.app(*UNIX, uid=uid, options=options, check=False)

    ask.start = start
    return ask


def is_token(result):
    return result.returncode == 0 and "ust" in json.loads(result.stdout)


# one network

def test_beside_it_on_one_network_another_user_gets_the_token(served):
    assert json.loads(served.app(*TCP).stdout)["environment"] == "sandbox"
    assert re.search(rf"\b{APP_UID}\b.*\bapp\b|\bapp\b.*\b{APP_UID}\b", served.log()), "nobody noted who got it"


def test_eqpctl_needs_no_address_there(served):
    token = served.podman("run", "--rm", f"--network=container:{served.container('upstream')}", "--user=1500:1500",
                          "--entrypoint=/usr/bin/eqpctl", "localhost/eqp-broker", "token", "sandbox").stdout
    assert token.strip() == served.get("/v1/sandbox/token").json()["ust"]


def test_on_one_network_a_rule_tells_users_apart(pod):
    pod.settings.write_text(pod.settings.read_text() + ONLY_APP)
    pod.write_key("sandbox", EXAMPLE_KEY)
    pod.start_broker().wait_ready()
    assert "ust" in json.loads(pod.app(*TCP).stdout)
    assert json.loads(pod.app(*TCP, uid=APP_UID + 1).stdout)["error"] == "caller_refused"


def test_it_can_be_reached_on_loopback_only(served):
    """Nothing else is open, whatever addresses the pod has."""
    listening = [line.split() for name in ("tcp", "tcp6", "udp", "udp6")
                 for line in pathlib.Path(f"/proc/{served.pid()}/net/{name}").read_text().splitlines()[1:]]
    # As the kernel writes them: 127.0.0.1 of little-endian machines; 0A is LISTEN.
    open_to = {row[1].split(":")[0] for row in listening if row[3] == "0A"}
    assert open_to == {"0100007F"}


@pytest.mark.parametrize("address", ["0.0.0.0:9377", "[::]:9377", "10.1.2.3:9377"])
def test_there_is_no_setting_to_open_it_to_the_network(pod, address):
    pod.settings.write_text(f"[broker]\nlisten = {address}\n")
    result = pod.run("broker", "localhost/eqp-broker", detach=False, check=False, options=(
        "--network=none", f"--volume={pod.settings}:/etc/eqp-broker/eqp-brokerd.conf.d/test.conf:ro"))
    assert result.returncode == 78
    assert "loopback only" in result.stderr and address in result.stderr


# one volume

def test_with_the_volume_and_without_any_network_another_user_gets_the_token(by_socket):
    by_socket.start()
    assert is_token(by_socket())


def test_the_volume_alone_decides_about_tcp_as_well(by_socket, pod):
    """A container that shares the network but not the volume finds nothing there."""
    by_socket.start()
    assert pod.app(*TCP, check=False).returncode == 7  # curl: could not connect


def test_on_the_socket_a_rule_tells_users_apart(by_socket):
    by_socket.start(ONLY_APP)
    assert is_token(by_socket())
    assert json.loads(by_socket(uid=APP_UID + 1).stdout)["error"] == "caller_refused"


def test_a_restarted_broker_is_found_through_the_same_volume(by_socket, pod):
    by_socket.start()
    assert is_token(by_socket())
    assert pod.stop()[0] == 0
    assert by_socket().returncode == 7
    pod.podman("start", pod.container("broker"))
    wait_until(lambda: pod.eqpctl("ready").returncode == 0, "a token")
    assert is_token(by_socket())


def test_killed_it_leaves_a_socket_that_its_successor_replaces(by_socket, pod):
    by_socket.start()
    pod.podman("kill", "--signal=KILL", pod.container("broker"))
    pod.podman("wait", pod.container("broker"))
    pod.podman("start", pod.container("broker"))
    wait_until(lambda: pod.eqpctl("ready").returncode == 0, "a token")
    assert is_token(by_socket())


def test_the_sockets_mode_and_group_say_who_gets_to_it(by_socket):
    """With the user's rule open, the kernel itself turns away who is not in the group."""
    by_socket.start(f"[broker]\nsocket_mode = 0660\nsocket_group = {GROUP}\n", options=(f"--group-add={GROUP}",))
    assert is_token(by_socket(groups=(GROUP,)))
    assert by_socket().returncode == 7
