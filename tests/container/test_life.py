"""From the start to the end of a broker in its container."""

import json
import os
import pathlib
import signal
import socket
import threading
import time

from broker import wait_frontend, wait_until
from machine import run
from pod import BROKER_UID, socket_in
from simulator import EXAMPLE_KEY


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


def test_it_runs_as_nobody_in_particular_and_may_do_nothing(served):
    for pid in (served.pid(), wait_frontend(served.pid())):
        status = status_of(pid)
        assert status["Uid"].split() == status["Gid"].split() == [str(BROKER_UID)] * 4
        assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == "0" * 16
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
    assert status["NSpid"].split()[-1] != "1" and status["PPid"] == str(served.pid())
    mounts = pathlib.Path(f"/proc/{served.pid()}/mounts").read_text().splitlines()
    root = next(line.split() for line in mounts if line.split()[1] == "/")
    assert "ro" in root[3].split(",")


def test_nothing_is_written_into_its_root(served):
    changed = served.podman("diff", served.container("broker")).stdout.split("\n")
    made_by_podman = ("/etc", "/run", "/proc", "/sys", "/dev", "/upstream", "/tmp", "/var")
    assert [line for line in changed if line and not line[2:].startswith(made_by_podman)] == []


AT_ONCE = 3.5  # s: a process that waits for others while it ends does so for 4 s at least


def test_asked_to_stop_it_is_gone_at_once(served, measured):
    code, took = served.stop()
    measured(f"from SIGTERM to the end of the process: {took:.3f} s")
    assert code == 0
    assert took < AT_ONCE


def test_a_connection_that_is_kept_for_later_does_not_hold_it_up(served, measured):
    with served.connection() as idle:
        assert idle.ask("GET", "/livez").status == 200
        code, took = served.stop()
    measured(f"the same with an idle connection: {took:.3f} s")
    assert code == 0
    assert took < AT_ONCE


def test_an_interrupt_ends_it_too(served):
    served.podman("kill", "--signal=INT", served.container("broker"))
    assert served.podman("wait", served.container("broker")).stdout.strip() == "0"


def test_a_hangup_reads_the_settings_again(served):
    served.settings.write_text(served.settings.read_text() + "[broker]\nmetrics = no\n")
    assert served.get("/metrics").status == 200
    served.podman("kill", "--signal=HUP", served.container("broker"))
    wait_until(lambda: served.get("/metrics").status == 404, "the new settings")
    assert served.is_ready()


def test_orphans_of_the_first_process_do_not_pile_up(served):
    """An orphan becomes the child of the first process of its container, which must not keep it as a zombie."""
    children = pathlib.Path(f"/proc/{served.pid()}/task/{served.pid()}/children")
    # A shell of the host, in the broker's process namespace: when it ends, its child is an orphan.
    run("nsenter", "-t", served.pid(), "-p", "sh", "-c", "sleep 60 >/dev/null 2>&1 & exit 0")
    frontend = str(wait_frontend(served.pid()))
    orphans = wait_until(lambda: [int(pid) for pid in children.read_text().split() if pid != frontend], "the orphan")
    for orphan in orphans:
        os.kill(orphan, signal.SIGTERM)
    wait_until(lambda: children.read_text().split() == [frontend], "its burial")


def test_a_frontend_that_is_killed_is_buried_and_replaced(served):
    token = served.get("/v1/sandbox/token").json()["ust"]
    children = pathlib.Path(f"/proc/{served.pid()}/task/{served.pid()}/children")
    first = wait_frontend(served.pid())
    os.kill(first, signal.SIGKILL)
    assert served.get("/v1/sandbox/token").json()["ust"] == token
    second = wait_frontend(served.pid(), but=first)
    wait_until(lambda: children.read_text().split() == [str(second)], "its burial")


def test_a_restarted_pod_serves_again(served):
    first = served.get("/v1/sandbox/token").json()["ust"]
    served.stop()
    served.podman("start", served.container("broker"))
    served.wait_ready()
    assert served.get("/v1/sandbox/token").json()["ust"] != first
    assert served.simulator.state("sandbox")["requests"]["granted"] == 2


def test_it_is_ready_at_once_when_the_upstream_answers_at_once(pod, measured):
    pod.write_key("sandbox", EXAMPLE_KEY)
    begin = time.monotonic()
    pod.start_broker()
    started = time.monotonic()
    pod.wait_ready()
    ready = time.monotonic()
    measured(f"from podman run to its return {started - begin:.3f} s, from there to ready {ready - started:.3f} s")
    # Nearly all of it is podman's own.
    assert ready - started < 5


def test_it_tells_the_service_manager_outside_when_it_has_started(pod, tmp_path):
    """As a quadlet with Notify=true has it: podman passes the word on, but only after the first answer."""
    pod.simulator.fault("sandbox", "hang", count=1)
    pod.write_key("sandbox", EXAMPLE_KEY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(120)
        said = []

        def listen():
            while "READY=1" not in said:
                said.extend(manager.recv(4096).decode().splitlines())

        listener = threading.Thread(target=listen)
        listener.start()
        # With --sdnotify=container, even a detached podman comes back after the word only.
        starter = threading.Thread(target=lambda: pod.start_broker(
            options=("--sdnotify=container",), environment={"NOTIFY_SOCKET": str(tmp_path / "notify")}))
        starter.start()
        wait_until(lambda: pod.simulator.state("sandbox")["requests"]["token"] == 1, "the exchange")
        assert "READY=1" not in said
        pod.simulator.clear_faults("sandbox")
        listener.join(120)
        starter.join(120)
    assert "READY=1" in said
    assert any(line.startswith("MAINPID=") for line in said)


def test_each_line_of_its_log_is_an_object(served):
    served.get("/v1/sandbox/token")
    lines = [json.loads(line) for line in wait_until(
        lambda: "handed out" in served.log() and served.log().splitlines(), "who got the token")]
    assert all(isinstance(line, dict) and line["message"] for line in lines)
    assert (lines[-1]["environment"], lines[-1]["client"], lines[-1]["uid"]) == ("sandbox", "test", "0")
    assert EXAMPLE_KEY.split(":")[1] not in served.log()


def test_names_are_resolved_inside(pod):
    """The image has what getaddrinfo() needs: the upstream is found by a name that only a DNS server knows."""
    asked = []
    server = dns_server(pod.pid("upstream"), asked)
    resolver = pod.directory / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:2\n")
    pod.settings.write_text(pod.settings.read_text().replace("//localhost:", "//upstream.test:"))
    pod.write_key("sandbox", EXAMPLE_KEY)
    try:
        pod.start_broker(options=(f"--volume={resolver}:/etc/resolv.conf:ro",)).wait_ready()
    finally:
        server.close()
    assert b"upstream" in asked[0]


def dns_server(pid, asked):
    """A DNS server in the network of that process, to which every name is 127.0.0.1; closing ends it."""
    server = socket_in(pid, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    server.bind(("127.0.0.1", 53))

    def serve():
        try:
            while True:
                query, client = server.recvfrom(512)
                if not query:
                    return
                asked.append(query)
                end = query.index(b"\0", 12) + 5
                is_a = query[end - 4:end - 2] == b"\0\1"
                answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1" if is_a else b""
                server.sendto(query[:2] + b"\x81\x80\0\1\0" + bytes([is_a]) + b"\0\0\0\0" + query[12:end] + answer,
                              client)
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
    return server
