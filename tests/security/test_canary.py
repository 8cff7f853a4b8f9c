"""Canaries: an ID, a secret and tokens that occur nowhere else. Everything that the daemon does is done, at full
verbosity; then they are looked for wherever they could have got to.
"""

import base64
import contextlib
import os
import pathlib
import re
import resource
import signal
import subprocess

import pytest

from broker import BARE_ENVIRONMENT, START_TIMEOUT, Broker, base64_forms, binary, open_files, wait_until
from people import ROOT, Person, run_as
from simulator import EXAMPLE_KEY
from wire import get, talk

KEY_ID = "CANARY0ID7"
KEY_SECRET = "ca4a12b8e07c5d6f9103e2b7a6c85d4f0e1b2c3d"
CLIENT_SECRET = "the-clients-own-secret-4711"
UID = 54322


class Core(Broker):
    """A daemon that may dump core as far as its starter is concerned, into its own directory."""

    def start(self, wait=True):
        def before():
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        cores = self.directory / "cores"
        cores.mkdir(exist_ok=True)
        cores.chmod(0o777)
        identity = {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}
        with open(self.stderr_path, "ab") as stderr, open(self.directory / "stdout", "ab") as stdout:
            self.process = subprocess.Popen([binary(), "--verbose", "--config", str(self.config_path)],
                                            env=BARE_ENVIRONMENT | self.env, stdin=subprocess.DEVNULL, stdout=stdout,
                                            stderr=stderr, cwd=cores, preexec_fn=before, **identity)
        self.n_starts = 0
        if wait:
            wait_until(self._started, "the daemon has started", START_TIMEOUT)
        return self

    def cores(self):
        return sorted(path.name for path in (self.directory / "cores").iterdir())


def forms(*texts):
    """The texts, and what of their base64 does not depend on what stands before."""
    for text in texts:
        yield text
        yield text[::-1]
        yield text.encode().hex()
        yield from (form for form in base64_forms(text) if len(form) > 8)
    yield base64.b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode()


def check(where, data, canaries):
    data = data if isinstance(data, bytes) else data.encode()
    for canary in canaries:
        assert canary.encode() not in data, f"{canary!r} in {where}: ...{context(data, canary.encode())!r}..."


def context(data, canary):
    at = data.find(canary)
    return data[max(0, at - 60):at + len(canary) + 20]


FAULTS = [("refuse", {}), ("refuse", {"status": 403}), ("throttle", {"retry_after": 1}), ("unavailable", {"html": True}),
          ("status", {"status": 400}), ("redirect", {"location": "https://localhost/elsewhere"}), ("truncate", {}),
          ("reset", {}), ("wrong_types", {}), ("missing_field", {"field": "ust"}), ("giant", {"bytes": 100000}),
          ("bad_utf8", {}), ("not_json", {}), ("lifetime", {"expires_in": -1}), ("bad_ust", {"ust": "a b"}),
          ("wrong_certificate", {}), ("reset_on_accept", {}), ("garbage", {})]


def move(broker, upstream, n):
    """Another name of the upstream is another upstream: its first exchange is a need, of which an hour has more than
    of an operator's wishes. Waits for its token."""
    host = ("127.0.0.1", "localhost")[n % 2]
    broker.environments["sandbox"] = f"base_url = {upstream.urls['sandbox'].replace('localhost', host)}"
    broker.write_config()
    broker.reload()
    broker.wait_valid()


def use_everything(broker, upstream, alice):
    """Every endpoint, right and wrong; every error of the upstream; keys, reloads. Returns (tokens, answers in
    which no secret may be)."""
    tokens, answers = set(), []
    place, unix = ("127.0.0.1", broker.port), str(broker.socket_path)

    def take_token():
        tokens.add(broker.token()["ust"])

    take_token()
    basic = {"Authorization": "Basic " + base64.b64encode(f"{KEY_ID}:{CLIENT_SECRET}".encode()).decode()}
    for where in (place, unix):
        for path in ("/v1/status", "/livez", "/readyz", "/metrics", "/v1/none/token", "/nothing", "/v1/sandbox/token?x=1",
                     "/v1/sandbox/token?min_ttl=99999999", f"/v1/{KEY_ID}/token", f"/{KEY_SECRET}"):
            answers.append(get(where, path)[2])
        for body in (b'{"ust":"' + KEY_SECRET.encode() + b'"}', KEY_SECRET.encode(), b'{"ust":1}', b"{", b"x" * 9000):
            reply = get(where, "/v1/sandbox/token/rejected", method="POST", body=body)
            answers.append(reply[2] if reply[0] != 200 else b"")
        for body in (b'{"grant_type":"session"}', b'{"grant_type":"x"}', b"{"):
            reply = get(where, "/sandbox/rest/v1/app/session/token", basic, "POST", body)
            answers.append(reply[2] if reply[0] != 200 else b"")
        for headers in ({"Host": "evil.test"}, {"Origin": KEY_SECRET}, {"Via": KEY_SECRET}, {"EQP-Client": KEY_SECRET + "!"},
                        {"Accept": KEY_SECRET}):
            reply = get(where, headers=headers)
            answers.append(reply[2] if reply[0] != 200 else b"")
    answers.append(run_as(Person("stranger", 61234, 61234), get, place)[2])
    talk(place, b"\0\1\2" + KEY_SECRET.encode(), patience=0.2)

    for n, (name, parameters) in enumerate(FAULTS):
        # Nasty upstream: it sends what it was sent back, where it can.
        upstream.fault("sandbox", name, count=1, **parameters)
        move(broker, upstream, n)
        answers.append(broker.get("/v1/status").body)
        assert upstream.state("sandbox")["faults"] == [], "it acted"
    answer = broker.post("/v1/sandbox/refresh", timeout=60)
    answers.append(answer.body)
    assert answer.status == 200
    take_token()
    reported = broker.token()["ust"]
    broker.post("/v1/sandbox/token/rejected", {"ust": reported})
    take_token()

    # Keys: bad ones beside the good one, unreadable ones, a new one.
    n = len(broker.log("sandbox"))
    broker.write_key("sandbox.2-bad", f"{KEY_ID}{KEY_SECRET}")
    broker.write_key("sandbox.3-open", f"{KEY_ID}:{KEY_SECRET}x", mode=0o644)
    broker.write_key("production.1", f"{KEY_ID}:{KEY_SECRET}\n{KEY_SECRET}")
    broker.write_key("production.2", f":{KEY_SECRET}")
    wait_until(lambda: len(broker.log("sandbox")) > n, "bad keys are told of")
    good = broker.config()
    broker.write_config(good + f"[broker]\nno_such_key = {KEY_SECRET[:4]}\n")
    broker.reload(good=False)
    broker.write_config(good)
    broker.reload()
    answers.append(broker.get("/v1/status").body)
    return tokens, answers


@pytest.mark.parametrize("end", [
    pytest.param(signal.SIGTERM, marks=pytest.mark.slow("all that it leaves behind, searched")),
    signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT, signal.SIGBUS])
def test_canaries_stay_put(upstream, make_broker, alice, end):
    upstream.add_key("sandbox", KEY_ID, KEY_SECRET)
    broker = make_broker(upstream, cls=Core, keys={"sandbox": f"{KEY_ID}:{KEY_SECRET}"}, uid=UID,
                         broker=f"allow = user:root\nallow = user:{alice.name}\noperators = user:root",
                         env={"ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0"}).wait_valid()  # to die as others do
    first = broker.token()["ust"]
    tokens, answers = {first}, []
    if end == signal.SIGTERM:  # once is enough
        more, answers = use_everything(broker, upstream, alice)
        tokens |= more
        assert len(tokens) >= 3
    pid = broker.process.pid
    status = {name: pathlib.Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ", "status", "maps")}
    status["cmdline"] += " ".join(["", *open_files(broker.process)]).encode()
    assert re.search(rb"(?m)^CoreDumping:\s*0", status["status"])

    broker.send(end)
    broker.process.wait(60)
    assert broker.process.returncode == (0 if end == signal.SIGTERM else -end)
    assert broker.cores() == [], "no core"

    canaries = set(forms(KEY_SECRET, *tokens)) | {KEY_ID, CLIENT_SECRET, *base64_forms(CLIENT_SECRET)}
    # They are found where they are: else the search would prove nothing.
    check_control(canaries, (broker.keys_directory / "sandbox").read_bytes())
    for name, data in status.items():
        check(f"/proc/PID/{name}", data, canaries)
    for answer in answers:
        # An ID that a caller chose for a name is no secret of ours: but no answer repeats it either.
        check("an answer", answer, canaries - {KEY_ID})
    for path in broker.directory.rglob("*"):
        if path.is_file() and path.parent != broker.keys_directory:
            check(str(path), path.read_bytes(), canaries)
    for folder in ("/run", "/var/tmp", "/dev/shm", "/var/lib"):
        for path in pathlib.Path(folder).glob("*eqp*"):
            for path, data in files_below(path):
                check(str(path), data, canaries)
    log = broker.text()
    assert "sandbox" in log and (end != signal.SIGTERM or len(broker.log(priority=7)) > 0 or "<7>" not in log)


def files_below(folder):
    """(path, content) of each; some are other tests', which take them away."""
    for place, _, names in os.walk(folder):
        for path in (pathlib.Path(place) / name for name in names):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    yield path, path.read_bytes()


def check_control(canaries, data):
    with pytest.raises(AssertionError):
        check("the key file", data, canaries)


def test_control_another_program_would_dump_core(tmp_path):
    """The machine writes core files to the directory a program runs in; ours would, too, if it did not forbid it."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith(("|", "/")):
        pytest.skip(f"core files go elsewhere here ({pattern}): their absence above proves little")
    tmp_path.chmod(0o777)
    resource_limit = "ulimit -c unlimited && exec sleep 100"
    with subprocess.Popen(["/bin/sh", "-c", resource_limit], cwd=tmp_path) as process:
        wait_until(lambda: pathlib.Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n", "it sleeps")
        process.send_signal(signal.SIGABRT)
    assert [path.name for path in tmp_path.iterdir()], "a core file"


def test_limits_cannot_be_lifted_from_outside(upstream, make_broker):
    """Another process of the same user may lower the daemon's limits, but not lift them."""
    broker = make_broker(upstream, cls=Core, keys={"sandbox": EXAMPLE_KEY}, uid=UID)
    pid, without_limit = broker.process.pid, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

    def lift():
        try:
            resource.prlimit(pid, resource.RLIMIT_CORE, without_limit)
            return "lifted"
        except PermissionError:
            return "refused"

    assert run_as(Person("same", UID, UID), lift) == "refused"
    run_as(ROOT, lift)  # which works where root has CAP_SYS_RESOURCE
    broker.send(signal.SIGABRT)
    assert broker.process.wait(60) == -signal.SIGABRT
    assert broker.cores() == []


def test_libcurl_and_tls_give_nothing_away(upstream, make_broker, tmp_path):
    """Variables with which libcurl's users and OpenSSL write down what is sent, or the keys of the session."""
    upstream.add_key("sandbox", KEY_ID, KEY_SECRET)
    directory = tmp_path / "logs"
    directory.mkdir()
    directory.chmod(0o777)
    env = {"SSLKEYLOGFILE": str(directory / "keys"), "CURL_VERBOSE": "1", "CURL_DEBUG": "all", "CURL_TRACE": "all",
           "CURL_LOG_FILE": str(directory / "log"), "OPENSSL_TRACE": "ALL", "GNUTLS_DEBUG_LEVEL": "99",
           "MALLOC_TRACE": str(directory / "malloc")}
    broker = make_broker(upstream, cls=Core, keys={"sandbox": f"{KEY_ID}:{KEY_SECRET}"}, env=env,
                         broker="allow = user:root").wait_valid()
    broker.refresh()
    canaries = set(forms(KEY_SECRET, broker.token()["ust"])) | {KEY_ID}
    check("stderr", broker.text(), canaries)
    for path in directory.iterdir():
        check(path.name, path.read_bytes(), canaries)
        assert path.name != "keys" or not path.read_bytes(), \
            "SSLKEYLOGFILE: whoever reads it and the wire has the key"


def test_check_prints_no_secret(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": f"{KEY_ID}:{KEY_SECRET}"}, start=False)
    result = subprocess.run([binary(), "--check", "--verbose", "--config", broker.config_path], capture_output=True,
                            env=BARE_ENVIRONMENT)
    assert result.returncode == 0 and b"keys_directory" in result.stdout
    check("--check", result.stdout + result.stderr, set(forms(KEY_SECRET)) | {KEY_ID})
