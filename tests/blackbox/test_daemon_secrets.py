"""eqp-brokerd: no key and no token anywhere but where they belong. (Broker itself looks through the log of every
daemon of every test, and through every status that a test reads.)"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from broker import BARE_ENVIRONMENT, Broker, base64_forms, open_files, wait_frontend, wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

SPARE = ("SPAREKEY02", "fedcba98765432100123456789abcdef")
PROBE = """
import os, sys
pid = sys.argv[1]
for name in ("mem", "environ", "maps", "auxv", "io", "fd/0", "exe"):
    try:
        (os.readlink if name in ("exe", "fd/0") else open)(f"/proc/{pid}/{name}")
        print("open:", name)
    except PermissionError:
        print("closed:", name)
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
print("traced" if libc.ptrace(PTRACE_SEIZE, int(pid), 0, 0) == 0 else "not traced")
"""


def test_the_check_itself_finds_what_it_looks_for(make_broker):
    broker = make_broker(start=False)
    broker.keep_secret(EXAMPLE_SECRET)
    broker.check_text("nothing", "a text")
    for text in (f"x{EXAMPLE_SECRET}y", base64.b64encode(EXAMPLE_KEY.encode()).decode(),
                 base64.b64encode(b"xy" + EXAMPLE_SECRET.encode() + b"zzz").decode(), next(base64_forms(EXAMPLE_SECRET))):
        with pytest.raises(AssertionError):
            broker.check_text(text, "a text")


@pytest.fixture(scope="module")
def lived(session_simulator):
    """A daemon that has been through much, talkative, with the tokens it had."""
    session_simulator.reset()
    session_simulator.add_key("sandbox", *SPARE)
    keys = {"sandbox.1": EXAMPLE_KEY, "sandbox.3": "half a key 0123456789abcdef",
            "production": "WRONGKEY01:00112233445566778899"}
    with Broker(session_simulator, arguments=["--verbose"], keys=keys) as broker:
        live(broker.wait_valid(), session_simulator)
        yield broker


def test_an_echo_of_another_key_is_not_shown(upstream, make_broker):
    """The main key's words in the answer to the spare's request, too plain to be taken for a token."""
    main = "MAINKEY", "plain-secret"
    upstream.add_key("sandbox", *main)
    upstream.add_key("sandbox", *SPARE)
    broker = make_broker(upstream, keys={"sandbox.1": ":".join(main)}).wait_valid()
    upstream.fault("sandbox", "status", status=400, code=7, message="not %s:%s" % main, key=SPARE[0],
                   headers={f"X-{main[0]}": "1"})
    broker.write_key("sandbox.2", ":".join(SPARE))
    status = broker.wait_status("sandbox", lambda status: status["last_unknown_answer"])
    odd = status["last_unknown_answer"]
    assert odd["message"] == "not [hidden]:[hidden]" and "x-[hidden]" in odd["header_names"]
    assert "plain-secret" not in json.dumps(status) and "MAINKEY" not in json.dumps(status)


def live(broker, upstream):
    # An upstream that echoes what it was sent.
    for message in (f"Key {EXAMPLE_ID} with {EXAMPLE_SECRET} is bad.", f"{EXAMPLE_KEY} {EXAMPLE_SECRET.upper()}",
                    "Authorization: Basic " + base64.b64encode(EXAMPLE_KEY.encode()).decode()):
        upstream.fault("sandbox", "status", status=400, code=7, message=message, count=1)
        assert broker.refresh()["outcome"] == "granted"
        odd = broker.status("sandbox")["last_unknown_answer"]
        assert odd["code"] == 7 and "[hidden]" in odd["message"]
    token = broker.token()["ust"]
    upstream.fault("sandbox", "status", status=404, message=f"Session {token} is gone", count=1)
    assert broker.post("/v1/sandbox/token/rejected", {"ust": token}).json()["refreshed"] is True
    assert broker.status("sandbox")["last_unknown_answer"]["message"] == "Session [hidden] is gone"
    upstream.fault("sandbox", "bad_utf8", count=1)
    assert broker.refresh()["outcome"] == "granted"
    assert broker.status("sandbox")["exchanges"]["malformed"] == 1
    broker.post("/v1/sandbox/token/rejected", {"ust": broker.token()["ust"]})
    basic = "Basic " + base64.b64encode(EXAMPLE_KEY.encode()).decode()
    session = broker.post("/sandbox/rest/v1/app/session/token", {"grant_type": "session"}, {"Authorization": basic})
    assert session.status == 200
    broker.write_key("sandbox.2", ":".join(SPARE))
    upstream.regenerate("sandbox")
    for key in (EXAMPLE_KEY, "NEWWRONG01:ffeeddccbbaa99887766"):
        n_refused = broker.status("sandbox")["exchanges"]["key_refused"]
        broker.write_key("sandbox.1", key)
        broker.wait_status("sandbox", lambda status: status["exchanges"]["key_refused"] > n_refused)
    assert broker.status("sandbox")["keys"][0]["state"] == "refused"
    broker.token()
    assert token in broker.secrets and EXAMPLE_SECRET in broker.secrets and SPARE[1] in broker.secrets


def both(broker):
    """The numbers of its processes."""
    return broker.process.pid, wait_frontend(broker.process.pid)


@pytest.mark.slow("the memory of all processes, searched")
def test_no_secret_where_everybody_may_look(lived):
    for path in ("/v1/status", "/metrics", "/readyz", "/livez", "/v1/production/token?wait=0", "/nonsense"):
        lived.check_text(lived.get(path).body.decode(), path)
    for pid in both(lived):
        process = pathlib.Path("/proc") / str(pid)
        for name in ("cmdline", "comm", "status") + (("environ", "maps") if os.geteuid() == 0 else ()):
            lived.check_text((process / name).read_bytes().decode(errors="replace"), name)
    lived.check_text(lived.text(), "the log")
    assert len(lived.log()) > 10


def test_no_secret_in_a_file(lived):
    """None but the key files themselves: nothing is written to disk, no matter under what name."""
    if os.geteuid() != 0:
        pytest.skip("needs root: nobody else may look at the daemon's descriptors")
    regular = [target for target in open_files(lived.process) if target.startswith("/") and not target.startswith("/dev/")
               and "memfd:" not in target
               and target != f"/proc/{lived.process.pid}/mountinfo"]  # which tells of mounts
    assert set(regular) <= {str(lived.stderr_path)}, regular


def test_nothing_is_left_of_refused_clients_headers(broker):
    """Secrets that people send by mistake are not logged either."""
    broker.keep_secret("mysecretpassword", "MyTokenMyToken12")
    for headers in ({"Authorization": "Basic " + base64.b64encode(b"me:mysecretpassword").decode()},
                    {"Authorization": "Bearer MyTokenMyToken12"}, {"Cookie": "MyTokenMyToken12"},
                    {"Origin": "MyTokenMyToken12"}, {"EQP-Client": "MyTokenMyToken12!"}, {"Host": "MyTokenMyToken12"}):
        broker.get("/v1/sandbox/token", headers, via="tcp")
        broker.get("/v1/sandbox/MyTokenMyToken12", headers, via="tcp")
    broker.get("/v1/sandbox/token?MyTokenMyToken12=1")
    broker.post("/v1/sandbox/token/rejected", '{"ust": "MyTokenMyToken12"}')
    broker.check_text(broker.text(), "the log")


def test_no_core(broker):
    for pid in both(broker):
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits)


def is_sanitized(broker):
    return b"libasan" in pathlib.Path(f"/proc/{broker.process.pid}/maps").read_bytes()


@pytest.fixture
def own_uid(stranger):
    """Somebody who is not root runs the daemon and the prober."""
    return stranger


def probe(pid, uid=None):
    identity = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    result = subprocess.run([sys.executable, "-c", PROBE, str(pid)], capture_output=True, text=True,
                            check=True, env=BARE_ENVIRONMENT, cwd="/", **identity)
    return set(result.stdout.splitlines())


def test_another_process_of_the_same_user_sees_nothing(upstream, make_broker, own_uid):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, uid=own_uid).wait_valid()
    for pid in both(broker):
        seen = probe(pid, own_uid)
        assert seen == {f"closed: {name}" for name in ("mem", "environ", "maps", "auxv", "io", "fd/0", "exe")} | {"not traced"}


def test_the_probe_itself_can_see(own_uid):
    """So that "nothing" above means something: an ordinary process of that user is open to that user."""
    process = subprocess.Popen(["sleep", "60"], user=own_uid, group=own_uid, extra_groups=[], stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: pathlib.Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n", "it runs")
        result = subprocess.run([sys.executable, "-c", PROBE, str(process.pid)], capture_output=True, text=True, check=True,
                                user=own_uid, group=own_uid, extra_groups=[], cwd="/")
        assert "open: mem" in result.stdout and "open: environ" in result.stdout
    finally:
        process.kill()
        process.wait()


def memory_of(broker):
    """All that is readable of the memory of both processes; root only."""
    return [place for pid in both(broker) for place in memory_of_one(pid)]


def memory_of_one(pid):
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            place, flags = line.split()[:2]
            if flags.startswith("rw") and "[v" not in line:
                start, end = (int(part, 16) for part in place.split("-"))
                if end - start > 1 << 28:
                    continue
                memory.seek(start)
                try:
                    found.append((line.split()[-1], memory.read(end - start)))
                except OSError:
                    pass
    return found


def test_where_tokens_are_in_memory(broker, stranger):
    """A token that was let go is not to be found any more; the one in hand is."""
    if is_sanitized(broker):
        pytest.skip("AddressSanitizer keeps freed memory as it was")
    try:
        memory_of(broker)
    except PermissionError:
        pytest.skip("root may not read other processes' memory here")
    old = broker.token()["ust"]
    for via in ("unix", "tcp"):
        for _ in range(3):
            broker.token(via=via)
    broker.refresh()
    new = broker.token()["ust"]
    assert new != old
    # Buffers of connections are written over in time; those of the old token's are closed.
    wait_until(lambda: not [place for place, data in memory_of(broker) if old.encode() in data],
               "the old token is gone from memory")
    assert [place for place, data in memory_of(broker) if new.encode() in data]
