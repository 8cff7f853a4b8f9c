"""eqp-brokerd: units as callers on the unix socket, by the kernel's word on control groups."""

import os
import socket
import subprocess
import sys

import control_groups
import pytest
from broker import binary, run_daemon, standing_still, wait_until
from control_groups import ControlGroups
from simulator import EXAMPLE_KEY

RULES = "allow = unit:deploy.service\nallow = unit:worker@.service"


@pytest.fixture
def groups():
    if (reason := control_groups.obstacle()) is not None:
        pytest.skip(reason)
    with ControlGroups() as groups:
        yield groups


@pytest.fixture
def guarded(groups, upstream, make_broker):
    """A daemon with these rules for sandbox alone."""
    def make(rules=RULES, **more):
        return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, broker="allow = uid:0",
                           environments={"sandbox": rules}, **more).wait_obtained("sandbox", "production")
    return make


def refused(answer):
    return answer[0] == 403 and '"caller_refused"' in answer[1]


@pytest.mark.parametrize("name, allowed", [
    ("deploy.service", True), ("worker@7.service", True), ("deploy.service/.control", True), ("deploy.service/a/b", True),
    ("other.service", False), ("worker.service", False), ("other.service/deploy.service", False), (".", False),
    ("session-1.scope/deploy.service", False), ("inner.slice/deploy.service", True)])
def test_rules_for_units(guarded, groups, stranger, name, allowed):
    broker = guarded()
    if name != ".":
        groups.make(name)
    with groups.caller(name, broker.socket_path, stranger) as caller:
        status, text = answer = caller.ask()
        assert (status == 200 and '"ust"' in text) if allowed else refused(answer), answer
        assert refused(caller.ask("/v1/production/token")), "no rule of its allows a unit"
        if allowed:
            assert refused(caller.ask("/v1/production/token")), "which leaves the connection as it was"
            assert caller.ask()[0] == 200


def test_a_rule_for_all_environments(groups, stranger, upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = unit:deploy.service")
    broker.wait_obtained("sandbox")
    groups.make("deploy.service")
    with groups.caller("deploy.service", broker.socket_path, stranger) as caller:
        assert caller.ask()[0] == 200


def test_a_unit_that_is_started_anew(guarded, groups, stranger):
    """It has another control group of the same name, at once."""
    broker = guarded()
    for _ in range(5):
        groups.make("deploy.service")
        with groups.caller("deploy.service", broker.socket_path, stranger) as caller:
            assert caller.ask()[0] == 200
        groups.remove(groups.path("deploy.service"))


def test_a_process_that_leaves_the_unit(guarded, groups, stranger):
    """The connection is the same, the right is gone within a second or so; and comes back with the process."""
    broker = guarded()
    groups.make("deploy.service")
    groups.make("other.service")
    with groups.caller("deploy.service", broker.socket_path, stranger) as caller:
        assert caller.ask()[0] == 200
        groups.put(caller.process.pid, "other.service")
        wait_until(lambda: refused(caller.ask()), "it is refused outside the unit")
        groups.put(caller.process.pid, "deploy.service")
        # Its connection was closed with the refusal, and the next one is judged anew.
        wait_until(lambda: caller.ask()[0] == 200, "it is let in again")


def test_it_is_the_process_that_connected(guarded, groups, stranger):
    """A process that inherits the connection of one that has ended belongs to no unit by it."""
    broker = guarded()
    groups.make("deploy.service")
    code = "import socket, os, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); " \
           "socket.send_fds(socket.socket(fileno=3), [b'x'], [s.fileno()])"
    ours, its = socket.socketpair()
    with ours, its:
        wrapper = f"echo $$ >{groups.path('deploy.service')}/cgroup.procs && exec setpriv --reuid {stranger} " \
                  f"--regid {stranger} --clear-groups {sys.executable} -c \"$1\" {broker.socket_path} 3<&{its.fileno()}"
        with standing_still(broker.process):
            subprocess.run(["bash", "-c", wrapper, "bash", code], check=True, pass_fds=[its.fileno()], cwd="/")
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        with socket.socket(fileno=fds[0]) as connection:
            connection.sendall(b"GET /v1/sandbox/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 403 ") and b"has ended" in answer, answer


def test_on_tcp_there_are_no_units(guarded, groups, stranger):
    broker = guarded(tcp=True)
    groups.make("deploy.service")
    wrapper = f"echo $$ >{groups.path('deploy.service')}/cgroup.procs && exec setpriv --reuid {stranger} " \
              f"--regid {stranger} --clear-groups curl -sS --noproxy '*' -H 'EQP-Client: x' " \
              f"http://127.0.0.1:{broker.port}/v1/sandbox/token"
    done = subprocess.run(["sh", "-c", wrapper], check=True, capture_output=True, text=True, cwd="/")
    assert '"caller_refused"' in done.stdout


def test_rules_that_come_with_a_reload(guarded, groups, stranger):
    broker = guarded(rules="allow = uid:0")
    groups.make("deploy.service")
    with groups.caller("deploy.service", broker.socket_path, stranger) as caller:
        assert refused(caller.ask())
        broker.environments["sandbox"] = RULES
        broker.write_config()
        broker.reload()
        wait_until(lambda: caller.ask()[0] == 200, "it is let in")


def test_many_units_at_a_time(guarded, groups, stranger):
    """More control groups than there is room for, all of one user's, and the unit among them."""
    broker = guarded()
    groups.make("deploy.service")
    names = [f"other{i}.service" for i in range(40)]
    for name in names:
        groups.make(name)
    with groups.caller("deploy.service", broker.socket_path, stranger) as caller:
        for name in names:
            with groups.caller(name, broker.socket_path, stranger) as other:
                assert refused(other.ask())
        assert caller.ask()[0] == 200


OLD_KERNEL = """#!/usr/bin/python3
import os, errno, seccomp
kernel = seccomp.SyscallFilter(seccomp.ALLOW)
kernel.add_rule(seccomp.ERRNO(errno.ENOTTY), "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xffffffff, 0xc040ff0b))
kernel.load()
os.execv({daemon!r}, ["eqp-brokerd"] + os.sys.argv[1:])
"""


@pytest.fixture
def old_kernel(tmp_path, monkeypatch):
    """The daemon runs as on a kernel before 6.13."""
    pytest.importorskip("seccomp")
    script = tmp_path / "daemon" / "eqp-brokerd"
    script.parent.mkdir()
    script.write_text(OLD_KERNEL.format(daemon=os.path.abspath(binary())))
    script.chmod(0o755)
    monkeypatch.setenv("EQP_BUILD_DIR", str(tmp_path))


def test_a_kernel_that_does_not_tell(old_kernel, stranger, upstream, make_broker):
    """It is said at the start, with the line of the rule, and to a caller that is refused."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = uid:0\nallow = unit:deploy.service")
    broker.wait_obtained("sandbox")
    line = broker.config().splitlines().index("allow = unit:deploy.service") + 1
    warning = broker.log(f"{broker.config_path}:{line}: this kernel does not tell which unit .*it takes Linux 6.13", priority=4)
    assert len(warning) == 1 and "LoadCredential=" in warning[0], broker.text()
    result = subprocess.run(["curl", "-sS", "--unix-socket", broker.socket_path, "http://localhost/v1/sandbox/token"],
                            user=stranger, group=stranger, extra_groups=[], capture_output=True, text=True, cwd="/", check=True)
    assert '"caller_refused"' in result.stdout and "it takes Linux 6.13" in result.stdout, result.stdout
    assert broker.token()["ust"], "a caller that another rule allows is let in as ever"


def test_check_says_that_the_kernel_does_not_tell(old_kernel, tmp_path):
    config = tmp_path / "eqp-brokerd.conf"
    config.write_text("[environment sandbox]\nallow = any\nallow = unit:deploy.service\n")
    result = run_daemon("--check", "--config", config)
    assert result.returncode == 0 and f"{config}:3: this kernel does not tell which unit" in result.stderr, result
    config.write_text("[environment sandbox]\nallow = any\n")
    assert "kernel" not in run_daemon("--check", "--config", config).stderr


def test_check_says_that_there_is_no_tree(groups, tmp_path):
    config = tmp_path / "eqp-brokerd.conf"
    config.write_text("[environment sandbox]\nallow = unit:deploy.service\n")
    hidden = "mount -t tmpfs none /sys/fs/cgroup && exec \"$0\" --check --config \"$1\""
    result = subprocess.run(["unshare", "--mount", "sh", "-c", hidden, binary(), config], capture_output=True, text=True)
    assert result.returncode == 0 and f"{config}:2: no tree of control groups" in result.stderr, result


def test_check_says_nothing_where_the_kernel_tells(groups, tmp_path):
    config = tmp_path / "eqp-brokerd.conf"
    config.write_text("[environment sandbox]\nallow = unit:deploy.service\n")
    result = run_daemon("--check", "--config", config)
    assert result.returncode == 0 and "kernel" not in result.stderr, result
