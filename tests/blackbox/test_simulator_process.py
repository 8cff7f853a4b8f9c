"""eqp-simulator as a process: command line, certificates, listeners, signals."""

import json
import os
import re
import resource
import signal
import socket
import ssl
import stat
import subprocess
import time
import urllib.parse

import pytest

from simulator import EXAMPLE_ID, EXAMPLE_SECRET, Simulator

BINARY = os.path.join(os.environ.get("EQP_BUILD_DIR", "."), "simulator", "eqp-simulator")
EX_USAGE, EX_UNAVAILABLE, EX_CONFIG = 64, 69, 78


def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=20, check=False)


def test_help_is_honest():
    done = run("--help")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "error answers are guesses" in text
    for option in ("environment", "any-address", "admin", "tls-directory", "server-name", "keys",
                   "lifetime-max", "lifetime-fixed", "mage-id"):
        assert f"--{option}" in text


def test_the_man_page_has_every_option():
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "doc", "eqp-simulator.1.scd"),
              encoding="utf-8") as page:
        described = set(re.findall(r"^.*\*--([a-z-]+)\*", page.read(), re.MULTILINE))
    assert set(re.findall(r"--([a-z-]+)", run("--help").stdout)) <= described


def test_the_man_page_has_an_example_of_every_fault():
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "doc", "eqp-simulator.1.scd"),
              encoding="utf-8") as page:
        examples = re.findall(r"^\tcurl -d '(.*)' \$A/sandbox/faults$", page.read(), re.MULTILINE)
    names = set()
    with Simulator(["sandbox"]) as simulator:
        for example in examples:
            fault = json.loads(example.replace("\\_", "_"))
            status, answer = simulator.call("POST", "/sandbox/faults", fault)
            assert status == 200, answer
            names.add(answer["fault"])
        _, text = simulator.call("GET", "/")
    assert names == set(re.findall(r"^  ([a-z_0-9]+)", text, re.MULTILINE)) and len(names) == 25


def test_version():
    assert re.fullmatch(r"eqp-simulator \d+\.\d+\.\d+\n", run("--version").stdout)


@pytest.mark.parametrize("arguments, hint", [
    (["--environment", "Sandbox"], "Sandbox"), (["--environment", "a=127.0.0.1"], "127.0.0.1"),
    (["--environment", "a=127.0.0.1:70000"], "70000"), (["--environment", "a=example.com:1"], "example.com"),
    (["--environment", "a", "--environment", "a"], "twice"),
    (["--environment", "a=0.0.0.0:0"], "any-address"),
    (["--environment", "a=[::]:0"], "any-address"), (["--admin", "0.0.0.0:0"], "loopback"),
    (["--any-address", "--admin", "0.0.0.0:0"], "loopback"), (["--admin", "x"], "x"),
    (["--lifetime-max", "0"], "lifetime-max"), (["--lifetime-fixed", "2h"], "2h"),
    (["--mage-id", "a/b"], "mage-id"), (["--mage-id", ""], "mage-id"), (["--server-name", "a b"], "a b"),
    (["extra"], "extra"), (["--nonsense"], "nonsense"),
])
def test_usage_errors(arguments, hint):
    done = run(*arguments)
    assert done.returncode == EX_USAGE
    assert hint in done.stderr and done.stdout == ""


def test_all_options(tmp_path):
    with Simulator(["agency-1", "six=[::1]:0"], keys={"agency-1": [("a", "b")]}, lifetime_max=50,
                   lifetime_fixed=70, mage_id="MAG7", tls_directory=tmp_path / "tls") as simulator:
        assert simulator.urls["six"].startswith("https://[::1]:")
        status, grant = simulator.token("agency-1", "a:b")
        assert (status, grant["mage_id"], grant["expires_in"]) == (200, "MAG7", 70)
        assert simulator.token("six", "a:b")[0] == 401
        assert simulator.ca_file == str(tmp_path / "tls" / "ca.pem")
    assert simulator.process.returncode == 0


def test_every_environment_starts_with_the_documented_key():
    with Simulator(["x", "y"]) as simulator:
        for name in ("x", "y"):
            assert simulator.token(name, f"{EXAMPLE_ID}:{EXAMPLE_SECRET}")[0] == 200


@pytest.mark.parametrize("text", [
    "", "{", "[]", '{"sandbox":{}}', '{"sandbox":[{"id":"a"}]}', '{"x":[{"id":"a:b","secret":"c"}]}',
    '{"x":[{"id":"a","secret":"c"},{"id":"a","secret":"d"}]}',
])
def test_bad_keys_file(tmp_path, text):
    (tmp_path / "keys").write_text(text)
    done = run("--keys", str(tmp_path / "keys"))
    assert done.returncode == EX_CONFIG and "keys" in done.stderr and done.stdout == ""


def test_missing_keys_file(tmp_path):
    assert run("--keys", str(tmp_path / "none")).returncode == EX_CONFIG


def test_a_taken_port_is_an_error():
    with Simulator(["x"]) as simulator:
        port = urllib.parse.urlsplit(simulator.urls["x"]).port
        for arguments in (["--environment", f"y=127.0.0.1:{port}", "--admin", "127.0.0.1:0"],
                          ["--environment", "y=127.0.0.1:0", "--admin", f"127.0.0.1:{port}"]):
            done = run(*arguments)
            assert done.returncode == EX_UNAVAILABLE and str(port) in done.stderr and done.stdout == ""


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_certificates_are_made_kept_and_mended(tmp_path):
    names = ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem"]

    def contents():
        return {name: (tmp_path / name).read_text() for name in names}

    with Simulator(["x"], tls_directory=tmp_path):
        pass
    first = contents()
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert mode(tmp_path / "ca-key.pem") == mode(tmp_path / "server-key.pem") == 0o600

    with Simulator(["x"], tls_directory=tmp_path) as simulator:
        assert contents() == first
        assert simulator.token("x")[0] == 200

    # Another name is wanted: a new server certificate from the same authority.
    with Simulator(["x"], tls_directory=tmp_path, arguments=["--server-name", "eqp.test"]) as simulator:
        second = contents()
        assert second["ca.pem"] == first["ca.pem"] and second["server.pem"] != first["server.pem"]
        context = ssl.create_default_context(cafile=simulator.ca_file)
        port = urllib.parse.urlsplit(simulator.urls["x"]).port
        for name in ("eqp.test", "localhost", "127.0.0.1", "::1"):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
                context.wrap_socket(plain, server_hostname=name).close()

    (tmp_path / "server-key.pem").unlink()
    (tmp_path / "server.pem").write_text("rubbish")
    with Simulator(["x"], tls_directory=tmp_path) as simulator:
        assert contents()["ca.pem"] == first["ca.pem"]
        assert simulator.token("x")[0] == 200


def test_an_unreadable_authority_is_an_error(tmp_path):
    for name in ("ca.pem", "ca-key.pem"):
        (tmp_path / name).write_text("rubbish")
    done = run("--tls-directory", str(tmp_path), "--environment", "x=127.0.0.1:0", "--admin", "127.0.0.1:0")
    assert done.returncode == EX_CONFIG and "ca" in done.stderr
    assert (tmp_path / "ca.pem").read_text() == "rubbish"


def test_strict_verifiers_are_content():
    with Simulator(["x"]) as simulator:
        context = ssl.create_default_context(cafile=simulator.ca_file)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        port = urllib.parse.urlsplit(simulator.urls["x"]).port
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as stream:
                assert stream.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly_whatever_hangs(number):
    simulator = Simulator(["x"]).start()
    directory = os.path.dirname(simulator.ca_file)
    assert mode(directory) == 0o700
    simulator.fault("x", "hang", paths="all")
    connection = simulator.connect("x")
    connection.request("GET", "/rest/v1/x")
    simulator.wait_for(lambda state: state["last"], "x")
    simulator.process.send_signal(number)
    assert simulator.process.wait(20) == 0
    with pytest.raises((ConnectionError, ssl.SSLError)):
        connection.getresponse()
    assert not os.path.exists(directory)
    assert simulator.stderr() == ""
    simulator.stop()


def test_running_out_of_descriptors_is_survived():
    with Simulator(["x"]) as simulator:
        limit = len(os.listdir(f"/proc/{simulator.process.pid}/fd")) + 10
        before = resource.prlimit(simulator.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(simulator.process.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
        port = urllib.parse.urlsplit(simulator.urls["x"]).port
        crowd = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(limit)]
        for one in crowd:
            one.close()
        assert simulator.token("x")[0] == 200


def test_idle_means_idle():
    """No busy loop: with an idle and a hung connection the process uses next to no processor time."""
    with Simulator(["x"]) as simulator:
        idle = simulator.connect("x")
        idle.request("GET", "/rest/v1/x")
        idle.getresponse().read()
        simulator.fault("x", "hang", paths="all")
        hung = simulator.connect("x")
        hung.request("GET", "/rest/v1/x")
        simulator.wait_for(lambda state: len(state["last"]) == 2, "x")

        def ticks():
            with open(f"/proc/{simulator.process.pid}/stat", encoding="ascii") as stat_file:
                fields = stat_file.read().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        before = ticks()
        time.sleep(0.5)  # the thing measured is the passing of time
        assert ticks() - before <= 5
        idle.close()
        hung.close()


def test_the_readiness_line_is_one_line_of_json():
    process = subprocess.Popen([BINARY, "--environment", "x=127.0.0.1:0", "--admin", "[::1]:0"],
                               stdout=subprocess.PIPE, text=True)
    try:
        ready = json.loads(process.stdout.readline())
        assert set(ready) == {"admin", "ca_file", "environments"}
        assert ready["admin"].startswith("http://[::1]:")
        assert os.path.isabs(ready["ca_file"])
    finally:
        process.terminate()
        assert process.stdout.read() == ""
        assert process.wait(20) == 0
        process.stdout.close()


def test_latency():
    with Simulator(["x"]) as simulator:
        simulator.settings("x", latency_ms=150)
        begin = time.monotonic()
        assert simulator.token("x")[0] == 200
        assert time.monotonic() - begin >= 0.15
        connection = simulator.connect("x")
        for _ in range(2):
            connection.request("GET", "/rest/v1/x")
            assert connection.getresponse().read()
        connection.close()
        assert simulator.state("x")["connections"] == 2
