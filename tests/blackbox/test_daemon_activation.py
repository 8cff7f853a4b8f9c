"""eqp-brokerd with sockets that are passed to it: which it takes, and what it says of the others."""

import socket
import subprocess
import uuid

from broker import BARE_ENVIRONMENT, Connection, binary, open_files, pass_sockets, run_daemon
from simulator import EXAMPLE_KEY
from test_daemon_callers import as_user


def test_tcp_and_unix(activated, sockets):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))
    for via in ("tcp", "unix"):
        assert broker.token(via=via)["ust"]
    assert broker.log(f"^listening on 127.0.0.1:{broker.port}$", priority=6)
    assert broker.log(f"^listening on {sockets.path}$", priority=6)
    assert len(broker.log("they take the place of 'listen ='", priority=6)) == 1
    assert not broker.log("127.0.0.1:1$"), "none of the configuration"


def test_the_address_and_port_count_that_the_socket_has(activated, sockets):
    """Against DNS rebinding, the Host must be where the request came in."""
    broker = activated(("listen", sockets.tcp()))
    headers = {"EQP-Client": "a", "Host": "127.0.0.1:9377"}
    assert broker.get("/v1/status", headers, via="tcp").error() == (403, "host_refused")
    headers["Host"] = f"localhost:{broker.port}"
    assert broker.get("/v1/status", headers, via="tcp").status == 200


def test_ipv6(activated, sockets):
    listener = sockets.tcp6()
    broker = activated(("listen", listener))
    port = listener.getsockname()[1]
    with socket.create_connection(("::1", port)) as stream:
        answer = Connection(stream, f"[::1]:{port}").ask("GET", "/v1/sandbox/token", {"EQP-Client": "a"})
    assert answer.status == 200
    assert broker.log(rf"^listening on \[::1\]:{port}$")


def test_ipv4_on_a_socket_of_ipv6(activated, sockets, stranger):
    """[::ffff:127.0.0.1] is 127.0.0.1: such a listening socket is loopback, and its callers are known."""
    listener = sockets.mapped()
    broker = activated(("listen", listener))
    broker.port = listener.getsockname()[1]
    for host in ("127.0.0.1", "::ffff:127.0.0.1"):
        with socket.create_connection((host, broker.port)) as stream:
            answer = Connection(stream, f"127.0.0.1:{broker.port}").ask("GET", "/v1/sandbox/token", {"EQP-Client": "a"})
        assert answer.status == 200
    assert as_user(stranger, broker, "tcp")[0] == 403
    assert broker.log(f"refused uid {stranger}")


def test_an_abstract_unix_socket(activated, sockets):
    name = f"eqp-test-{uuid.uuid4().hex}"
    broker = activated(("listen", sockets.unix(f"\0{name}")))
    assert broker.token()["ust"]
    assert broker.log(f"^listening on @{name}$")


def test_callers_are_known_as_ever(activated, sockets, stranger):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))
    for via in ("tcp", "unix"):
        status, body = as_user(stranger, broker, via)
        assert (status, b'"caller_refused"' in body) == (403, True)
    assert broker.log(f"refused uid {stranger}")


def test_beyond_loopback_is_refused(activated, sockets):
    broker = activated(("listen", sockets.tcp("0.0.0.0")), ("listen", sockets.unix()))
    assert broker.log("'listen' from the service manager is not used: it listens beyond loopback", priority=3)
    assert broker.token()["ust"]


def test_a_socket_without_a_place_is_closed_and_logged(activated, sockets, tmp_path):
    with open(tmp_path / "file", "w+") as file, socket.socket() as unconnected, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        broker = activated(("file", file), ("tcp", unconnected), ("datagrams", datagrams),
                           ("route", sockets.netlink(0)), ("listen", sockets.unix()))
    for name in ("file", "tcp", "datagrams", "route"):
        assert broker.log(f"the descriptor '{name}' from the service manager is not used: ", priority=3)
    assert broker.token()["ust"]
    assert str(tmp_path / "file") not in open_files(broker.process)


def test_nothing_that_was_passed_but_useless(upstream, make_broker, tmp_path):
    """Then it listens where the configuration says."""
    with open(tmp_path / "file", "w+") as file:
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, passed=[("x", file)]).wait_valid()
    assert broker.token(via="tcp")["ust"] and not broker.log("take the place")


def test_for_another_process_they_are_none_of_its_business(upstream, make_broker, sockets):
    """The variables are somebody else's: LISTEN_PID is not its own."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"LISTEN_FDS": "1", "LISTEN_PID": "1"}).wait_valid()
    assert broker.token(via="tcp")["ust"]


def test_an_announcement_that_makes_no_sense(make_broker, sockets):
    broker = make_broker(start=False)
    command, more = pass_sockets([binary(), "--config", str(broker.config_path)], [("a", sockets.tcp())])
    environment = BARE_ENVIRONMENT | more.pop("env") | {"LISTEN_FDNAMES": "a:b:c"}
    result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=20, **more)
    assert result.returncode == 70 and "the service manager passes nonsense" in result.stderr


def test_checking_takes_nothing(activated, sockets):
    """--check of a unit's ExecStartPre= must leave the sockets alone."""
    listener = sockets.tcp()
    broker = activated(("listen", listener))
    result = run_daemon("--config", broker.config_path, "--check", env={"LISTEN_FDS": "1"})
    assert result.returncode == 0
    assert broker.token(via="tcp")["ust"]


def test_a_reload_leaves_them_as_they_are(activated, sockets):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))
    broker.broker_lines = f"listen = {broker.directory}/new.sock"
    broker.write_config()
    broker.reload()
    assert broker.token(via="tcp")["ust"] and broker.token()["ust"]
    assert not (broker.directory / "new.sock").exists()
    assert len(broker.log("^listening on")) == 2
