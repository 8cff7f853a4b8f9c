"""Where the secrets lie in the daemon's memory, how long, and who can read them there."""

import base64
import ctypes
import os
import re
import subprocess
import sys
import time

import pytest

import memory
from broker import base64_forms, wait_until
from local_keys import LocalKey
from people import Person, connect_as, run_as, running_as
from wire import connect, parse, receive, request

KEY_ID = "CANARY0ID7"
KEY_SECRET = "ca4a12b8e07c5d6f9103e2b7a6c85d4f0e1b2c3d"
DAEMON_UID = 54322

pytestmark = pytest.mark.usefixtures("plain_build")


@pytest.fixture
def canary(upstream, make_broker, alice):
    """A daemon of its own user, as in the unit, with a key that is nowhere else."""
    upstream.add_key("sandbox", KEY_ID, KEY_SECRET)
    broker = make_broker(upstream, keys={"sandbox": f"{KEY_ID}:{KEY_SECRET}"}, uid=DAEMON_UID,
                         broker=f"allow = user:root\nallow = user:{alice.name}\noperators = user:root")
    return broker.wait_valid()


def is_secret_memory(mapping):
    """Not swapped (lo), not dumped (dd), empty in a forked child (wf)."""
    return {"lo", "dd", "wf"} <= mapping[4] and mapping[3] == ""


def words(places):
    return [f"{address:x} in {mapping[2]} {mapping[3] or 'anonymous'} {sorted(mapping[4])}" for address, mapping in places]


def test_control_a_careless_program_is_found_out(tmp_path):
    """The search itself: it finds a secret on a heap, in memory that is neither locked nor kept out of dumps."""
    code = "import sys; s = ''.join(reversed(sys.argv[1])); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, KEY_SECRET[::-1]], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        places = memory.search(process.pid, KEY_SECRET.encode())[KEY_SECRET.encode()]
        process.stdin.close()
    assert places and not any(is_secret_memory(mapping) for _, mapping in places)


def test_key_lies_in_its_one_place(canary):
    pid = canary.process.pid
    secret = KEY_SECRET.encode()
    coded = base64.b64encode(f"{KEY_ID}:{KEY_SECRET}".encode())
    pair = f"{KEY_ID}:{KEY_SECRET}".encode()
    for _ in range(3):
        canary.refresh()
        time.sleep(1.1)  # the floor between two exchanges
    found = wait_gone(pid, coded, coded[8:40])
    places = memory.search(pid, secret)[secret]
    assert len(places) == 1 and is_secret_memory(places[0][1]), words(places)
    for text in (coded, pair, *(form.encode() for form in base64_forms(KEY_SECRET))):
        assert memory.search(pid, text)[text] == [], f"{text!r}: {words(memory.search(pid, text)[text])}"
    assert not any(found.values())


def wait_gone(pid, *texts):
    """libcurl lets go of a connection a moment after the answer."""
    def gone():
        found = memory.search(pid, *texts)
        return found if not any(found.values()) else None
    try:
        return wait_until(gone, "it is gone")
    except AssertionError:
        found = memory.search(pid, *texts)
        raise AssertionError({text: words(places) for text, places in found.items()}) from None


def test_token_lies_in_secret_memory_only_and_goes(canary, alice):
    """The one in hand: in secret memory. An old one: nowhere, though it was handed out in every form, and
    connections it went over are still open."""
    pid, place, port = canary.process.pid, ("127.0.0.1", canary.port), canary.port
    old = canary.token()["ust"].encode()
    streams = [connect_as(alice, place) for _ in range(4)] + [connect(str(canary.socket_path))]
    try:
        asks = [request(port=port), request(headers=[b"Accept: text/plain"], port=port),
                request(b"POST", b"/v1/sandbox/token/rejected", [b"Content-Length: 11"], b'{"ust":"x"}', port=port),
                request(b"POST", b"/sandbox/rest/v1/app/session/token",
                        [b"Authorization: Basic YTpi", b"Content-Length: 24"], b'{"grant_type":"session"}', port=port),
                request(port=port)]
        for stream, ask in zip(streams, asks):
            stream.sendall(ask)
            assert old in receive(stream, quiet=0.2)
        places = memory.search(pid, old)[old]
        assert places and all(is_secret_memory(mapping) for _, mapping in places), words(places)

        time.sleep(1.1)
        canary.refresh()
        new = canary.token()["ust"].encode()
        assert new != old
        wait_gone(pid, old)
        assert memory.search(pid, new)[new], "the control: the new one is found"
        # One that was reported: it came in the body of a request.
        time.sleep(1.1)
        body = b'{"ust":"' + new + b'"}'
        streams[0].sendall(request(b"POST", b"/v1/sandbox/token/rejected", [b"Content-Length: %d" % len(body)], body,
                                   port=port))
        assert parse(receive(streams[0], quiet=2))[0].status == 200
        assert canary.token()["ust"].encode() != new, "the control: the report was acted on"
        wait_gone(pid, new)
    finally:
        for stream in streams:
            stream.close()


def test_a_client_id_and_secret_of_its_own_do_not_stay(canary):
    """The key that an unchanged client sends is not ours to keep."""
    pid, place = canary.process.pid, ("127.0.0.1", canary.port)
    pair = b"someapp:someones-real-secret-0815"
    coded = base64.b64encode(pair)
    with connect(place) as stream:
        stream.sendall(request(b"POST", b"/sandbox/rest/v1/app/session/token",
                               [b"Authorization: Basic " + coded, b"Content-Length: 24"], b'{"grant_type":"session"}',
                               port=canary.port))
        assert parse(receive(stream, quiet=0.3))[0].status == 200
        wait_gone(pid, pair, b"someones-real-secret-0815", coded)


def test_a_local_secret_does_not_stay(canary):
    """It is compared by its hash. Its token is known by its MAC."""
    pid, place, key = canary.process.pid, ("127.0.0.1", canary.port), LocalKey("reports", allow=["GET /rest/v1/reports/**"])
    canary.local = [key]
    canary.write_config()
    canary.reload()
    pair = f"{key.id}:{key.secret}".encode()
    coded = base64.b64encode(pair)
    with connect(place) as stream:
        stream.sendall(request(b"POST", b"/sandbox/rest/v1/app/session/token",
                               [b"Authorization: Basic " + coded, b"Content-Length: 24"], b'{"grant_type":"session"}',
                               port=canary.port, client=None))
        reply = parse(receive(stream, quiet=0.3))[0]
        assert reply.status == 200
        token = re.search(rb'"ust":"(eqpl1[^"]+)"', reply.body)[1]
        wait_gone(pid, pair, key.secret.encode(), coded, token)
        stream.sendall(request(target=b"/sandbox/rest/v1/reports", headers=[b"Authorization: Bearer " + token], port=canary.port,
                               client=None))
        assert parse(receive(stream, quiet=0.3))[0].status == 404
        wait_gone(pid, token)
    # The secret of tokens comes from the access key here, as nobody keeps it: no copy of that is left.
    places = memory.search(pid, KEY_SECRET.encode())[KEY_SECRET.encode()]
    assert places and all(is_secret_memory(mapping) for _, mapping in places), words(places)


def test_replaced_key_goes(canary, upstream):
    new_secret = "0123" + KEY_SECRET[4:][::-1]
    upstream.regenerate("sandbox", KEY_ID, new_secret)
    canary.write_key("sandbox", f"{KEY_ID}:{new_secret}")
    wait_until(lambda: memory.search(canary.process.pid, new_secret.encode())[new_secret.encode()], "the new key is in")
    wait_gone(canary.process.pid, KEY_SECRET.encode())


def test_key_of_a_removed_environment_goes(canary):
    other = "0ther-secret-of-an-agency-77"
    canary.environments["agency"] = "base_url = https://localhost:1"
    canary.write_key("agency", f"AGENCY:{other}")
    canary.write_config()
    canary.reload()
    assert memory.search(canary.process.pid, other.encode())[other.encode()], "the control"
    del canary.environments["agency"]
    canary.write_config()
    canary.reload()
    wait_gone(canary.process.pid, other.encode())


# ---- who can read it ----

def attach(pid):
    """As a debugger does; the error, or 0."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, pid, 0, 0) < 0:
        return ctypes.get_errno()
    os.waitpid(pid, 0)
    libc.ptrace(17, pid, 0, 0)
    return 0


def read_memory(pid):
    try:
        with open(f"/proc/{pid}/maps") as maps:
            start = int(maps.readline().split("-")[0], 16)
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
            file.seek(start)
            return "read" if file.read(16) else "nothing"
    except PermissionError:
        return "refused"


def read_by_call(pid):
    """process_vm_readv(2)"""
    class Iovec(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(8)
    here = Iovec(ctypes.addressof(buffer), 8)
    there = Iovec(1, 8)  # an address that cannot be read: EFAULT if it may, EPERM if it may not
    libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    return ctypes.get_errno()


def take_descriptor(pid):
    """pidfd_getfd(2): the listening socket would let its holder play the daemon."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(434, pid, 0)
    fd = libc.syscall(438, pidfd, 0, 0)
    return "taken" if fd >= 0 else "refused"


def read_file(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except PermissionError:
        return None


def sleep_forever():
    time.sleep(100)


def test_nobody_but_root_reads_the_process(canary, mallory):
    """The control is a process of the same user that does not forbid it."""
    same = Person("same", DAEMON_UID, DAEMON_UID)
    with running_as(same, sleep_forever) as open_pid:
        wait_until(lambda: run_as(same, read_memory, open_pid) == "read", "the control")
        assert run_as(same, attach, open_pid) == 0
        assert run_as(same, read_by_call, open_pid) == 14
        assert run_as(same, take_descriptor, open_pid) == "taken"
        assert run_as(same, read_file, f"/proc/{open_pid}/environ")
    for pid in memory.processes(canary.process.pid):
        for person in (same, mallory):
            assert run_as(person, read_memory, pid) == "refused"
            assert run_as(person, attach, pid) == 1
            assert run_as(person, read_by_call, pid) == 1
            assert run_as(person, take_descriptor, pid) == "refused"
            assert run_as(person, read_file, f"/proc/{pid}/environ") is None
    assert canary.get("/livez").status == 200
