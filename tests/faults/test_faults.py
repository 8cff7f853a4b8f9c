"""Every call of the daemon into the kernel or a library fails, once, somewhere in its life.

The life: start, serve on TCP and on the unix socket, get a new token on demand, take up another key, reload a
good and a bad configuration, stop. One run for each call that can fail; see faults.c. Whatever fails:

- no crash, no report of a sanitizer (so no leak either), no hang;
- no answer is wrong: a token that is handed out is one that the upstream granted, an error says so;
- a start that cannot be made ends with an exit code that says why, and with words;
- one failure is got over: at the end of the life a token is served on each socket that could be opened.

Each single call fails in its turn; with --every N each N-th.
"""

import concurrent.futures
import contextlib
import http.client
import pathlib
import signal
import tempfile

import pytest

import broker as broker_module
from broker import REPORTS, Broker, wait_until
from simulator import EXAMPLE_KEY

KINDS = ("memory", "socket", "file", "loop", "json", "http", "curl")
SIDES = {"keeper": "EQP_FAULT", "frontend": "EQP_FAULT_FRONTEND"}
START_CODES = (69, 70, 77, 78)
NONE = {("keeper", "http"), ("frontend", "curl")}  # the other process has that library
BROKEN = (OSError, http.client.HTTPException, AssertionError)


class Faulty(Broker):
    """A daemon with a failure built in."""

    def __init__(self, upstream, side, fault):
        self.side = side
        self.report_paths = {side: tempfile.mktemp(prefix="eqp-fault-") for side in SIDES}
        env = {f"{SIDES[side]}_REPORT": path for side, path in self.report_paths.items()}
        env |= {SIDES[side]: fault} if fault else {}
        # A lost wake-up of an exchange costs its time-out: short ones, as nothing is learned from waiting.
        times = "connect_timeout = 2s\nexchange_timeout = 3s\n"
        super().__init__(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}, start=False, env=env,
                         environments={"sandbox": times})

    def report(self):
        """{side: {word: value}}; empty if that process did not come to an end of its own."""
        return {side: dict(line.split() for line in pathlib.Path(path).read_text("ascii").splitlines())
                for side, path in self.report_paths.items()}

    def _end(self):
        super()._end()
        for path in self.report_paths.values():
            pathlib.Path(path).unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def with_faults():
    plain = broker_module.binary
    broker_module.binary = lambda name="tests/faults/eqp-brokerd-faults": plain(name)
    yield
    broker_module.binary = plain


class Life:
    """One daemon from start to end, and what was wrong with it."""

    def __init__(self, upstream, side, fault):
        self.upstream, self.fault, self.wrong = upstream, fault, []
        self.daemon = Faulty(upstream, side, fault)

    def check(self, truth, what):
        if not truth:
            self.wrong.append(what)

    def ask(self, path, via, method="GET", body=None):
        """None: no answer came, as a connection may be what the failure cost."""
        try:
            answer = self.daemon.request(method, path, via=via, body=body)
        except BROKEN as error:
            return None if not isinstance(error, AssertionError) else self.wrong.append(f"{path}: {error}")
        if answer.status == 200 and path.endswith("/token"):
            token = answer.json()["ust"]
            self.daemon.keep_secret(token)
            self.check(self.is_good(token), f"{path}: a token that the upstream does not know")
        elif answer.status >= 400:
            answer.error()
        return answer

    def is_good(self, token):
        return self.upstream.request("sandbox", "GET", "/rest/v1/users/MAG123456789",
                                     headers={"Authorization": f"Bearer {token}"})[0] == 200

    def serves(self, via):
        answer = self.ask("/v1/sandbox/token?wait=1", via)
        return answer is not None and answer.status == 200

    def live(self):
        daemon = self.daemon
        daemon.start(wait=False)
        try:
            wait_until(lambda: daemon.process.poll() is not None or
                       self.answers(), "an answer", 60)
        except AssertionError as error:
            self.wrong.append(str(error))
        if daemon.process.poll() is None:
            self.middle()
        code = daemon.stop()
        if code != 0:
            self.check(code in START_CODES and "started" not in daemon.text(), f"exit code {code}")
            self.check(daemon.text().strip(), "ended without a word")
        return self

    def answers(self):
        return any(self.ask("/livez", via) for via in ("unix", "tcp"))

    def middle(self):
        daemon = self.daemon
        for via in ("tcp", "unix"):
            self.ask("/v1/sandbox/token?wait=5", via)
        for path in ("/v1/status", "/metrics", "/readyz", "/v1/nowhere/token"):
            self.ask(path, "tcp")
        self.ask("/v1/sandbox/refresh", "unix", "POST")
        daemon.write_key("sandbox.2-spare", EXAMPLE_KEY.replace("82", "28"))
        daemon.write_config("[broker]\nno_such_key = 1\n")
        self.reload()
        daemon.write_config()
        self.reload()
        for via in ("unix", "tcp"):
            try:
                wait_until(lambda via=via: self.serves(via), f"a token on {via} after all", 60, interval=0.1)
            except AssertionError as error:
                self.check(False, str(error))

    def reload(self):
        """Its line in the log may be what failed: then a moment must do."""
        n = len(self.daemon.log("configuration and keys read again|not reloaded"))
        self.daemon.send(signal.SIGHUP)
        with contextlib.suppress(AssertionError):
            self.daemon.wait_log("configuration and keys read again|not reloaded", n + 1, timeout=2)


def live(upstream, side="keeper", fault=None):
    life = Life(upstream, side, fault)
    try:
        life.live()
        text, report = life.daemon.text(), life.daemon.report()
        life.check(not any(word in text for word in REPORTS), "a sanitizer's report")
    except Exception as error:  # whatever it is, the fault is to be named with it
        life.wrong.append(f"{type(error).__name__}: {error}")
        text, report = life.daemon.text(), {}
    finally:
        life.daemon.__exit__(None, None, None)
    return life.wrong, text, report


@pytest.fixture(scope="session")
def counts(upstream):
    """How many calls of each kind each process makes in a life in which nothing fails."""
    wrong, text, report = live(upstream)
    assert not wrong, (wrong, text)
    return {side: {kind: int(report[side][kind]) for kind in KINDS} for side in SIDES}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_one_call_fails(upstream, counts, side, kind, request):
    n_calls = counts[side][kind]
    if (side, kind) in NONE:
        assert n_calls == 0, counts
        return
    assert n_calls > 0, counts
    faults = [f"{kind}:{n}" for n in range(1, n_calls + 1, request.config.getoption("--every"))]
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        ends = list(pool.map(lambda fault: (fault, *live(upstream, side, fault)), faults))
    ends = [(fault, wrong, text, report.get(side, {}).get("failed")) for fault, wrong, text, report in ends]
    happened = {failed for *_, failed in ends if failed}
    print(f"{side}, {kind}: {len(faults)} of {n_calls} calls failed in turn, {len(happened)} functions")
    bad = [f"{fault} ({failed or '?'}): {wrong}\n{text}" for fault, wrong, text, failed in ends if wrong]
    assert not bad, f"{len(bad)} of {len(faults)}\n" + "\n".join(bad)
    assert happened, "no call failed: the counts are of another life"
