"""Secrets in the whole memory of one of the two processes: in the frontend no access key, at any
time; in the keeper no byte of a request's head.
"""

import base64
import contextlib
import os
import secrets
import signal
import subprocess
import threading
import time

import pytest

import memory
from broker import BARE_ENVIRONMENT, base64_forms, binary, frontend_of, wait_frontend, wait_until
from wire import connect, receive, request

FIRST_ID, SECOND_ID, BAD_ID, TYPED_ID = "CANARY0ID1", "CANARY0ID2", "CANARY0ID3", "CANARY0ID4"

pytestmark = pytest.mark.usefixtures("plain_build")  # a sanitizer's heap keeps what was freed


def search(pid, *texts):
    """Of this process alone."""
    found = {text: [] for text in texts}
    memory.search_one(pid, found)
    return found


def new_secret():
    return secrets.token_hex(20)


def forms(key_id, secret):
    """As bytes: the secret, its base64 wherever it stands in a longer text, and what is sent of ID and secret."""
    both = f"{key_id}:{secret}"
    words = {secret, secret[::-1], both, key_id, base64.b64encode(both.encode()).decode(), *base64_forms(secret)}
    return [word.encode() for word in words]


class Watch(threading.Thread):
    """Looks into each frontend, again and again, for whatever has been told to it so far."""

    def __init__(self, keeper):
        super().__init__()
        self.keeper, self.texts, self.found, self.looked_at, self.n = keeper, [], [], set(), 0
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            self.look()
            time.sleep(0.01)

    def look(self):
        with contextlib.suppress(OSError):  # it has ended
            if frontend := frontend_of(self.keeper):
                found = search(frontend, *list(self.texts))
                self.found += [text for text, places in found.items() if places]
                self.looked_at.add(frontend)
                self.n += 1

    def has(self, pid):
        """The control: is there any of it in that process?"""
        return {text for text, places in search(pid, *self.texts).items() if places}


@pytest.fixture
def watched(upstream, make_broker):
    """(broker, its Watch, add): add(id, secret) has the watch look for one more key."""
    first = new_secret()
    upstream.add_key("sandbox", FIRST_ID, first)
    broker = make_broker(upstream, keys={"sandbox": f"{FIRST_ID}:{first}"}, start=False)
    broker.start(wait=False)
    watch = Watch(broker.process.pid)

    def add(key_id, secret):
        broker.keep_secret(secret)
        watch.texts += forms(key_id, secret)

    add(FIRST_ID, first)
    watch.start()
    yield broker, watch, add
    watch.over.set()
    watch.join()


def test_no_byte_of_a_key_is_ever_in_the_frontend(watched, upstream):
    broker, watch, add = watched
    keeper = broker.process.pid
    wait_until(broker._started, "it has started")
    broker.wait_valid()
    assert watch.has(keeper), "the control: it is found where it is"

    # A spare, one that is refused, one in place of another.
    second, bad = new_secret(), new_secret()
    for key_id, secret in ((SECOND_ID, second), (BAD_ID, bad)):
        add(key_id, secret)
    upstream.add_key("sandbox", SECOND_ID, second)
    broker.write_key("sandbox.2", f"{SECOND_ID}:{second}")
    broker.write_key("sandbox.3", f"{BAD_ID}:{bad}")
    broker.reload()
    upstream.refuse_key("sandbox", FIRST_ID)
    time.sleep(1.1)  # the floor between two exchanges
    broker.refresh()
    broker.write_key("sandbox", f"{BAD_ID}:{bad}")
    broker.reload()
    assert broker.status("sandbox")["keys"]

    # One that is malformed, and one that others may read: their faults are reported.
    third = new_secret()
    add(TYPED_ID, third)
    broker.write_key("sandbox.4", f"{TYPED_ID} {third} {third}")
    broker.write_key("sandbox.5", f"{TYPED_ID}:{third}", mode=0o644)
    broker.reload()
    broker.get("/v1/status")
    for name in ("sandbox.3", "sandbox.4", "sandbox.5"):
        (broker.keys_directory / name).unlink()

    # By eqpctl, which has it tried.
    fourth = new_secret()
    add(TYPED_ID, fourth)
    upstream.add_key("sandbox", TYPED_ID, fourth)
    time.sleep(1.1)
    env = BARE_ENVIRONMENT | {"EQP_BROKERD": binary(), "EQP_BROKER_CONFIG": str(broker.config_path),
                              "EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}"}
    typed = subprocess.run([binary("ctl/eqpctl"), "key", "set", "sandbox.2"], env=env, input=f"{TYPED_ID}:{fourth}",
                           capture_output=True, text=True, timeout=60)
    assert typed.returncode == 0, typed.stderr

    # A frontend that is started by a keeper that has all of them.
    frontend = wait_frontend(keeper)
    os.kill(frontend, signal.SIGKILL)
    wait_frontend(keeper, but=frontend)
    time.sleep(1.1)
    broker.refresh()
    token = broker.token()["ust"].encode()
    n = watch.n
    wait_until(lambda: watch.n > max(n + 2, 20), "a last look, of many", timeout=120)
    assert not watch.found
    assert watch.has(keeper) and len(watch.looked_at) == 2
    assert search(frontend_of(keeper), token)[token], "the control: what it has to have is found in it"


def test_no_byte_of_a_head_is_in_the_keeper(watched):
    broker, _, _ = watched
    wait_until(broker._started, "it has started")
    broker.wait_valid()
    keeper, frontend = broker.process.pid, wait_frontend(broker.process.pid)
    canary = secrets.token_hex(12).encode()
    heads = {
        "a header": request(headers=[b"X-Anything: " + canary], port=broker.port),
        "its name": request(headers=[b"X-" + canary + b": 1"], port=broker.port),
        "a login": request(headers=[b"Authorization: Basic " + base64.b64encode(canary)], port=broker.port),
        "a path": request(target=b"/v1/" + canary, port=broker.port),
        "a query": request(target=b"/v1/sandbox/token?min_ttl=" + canary, port=broker.port),
        "an environment": request(target=b"/v1/" + canary[:8] + b"/token", port=broker.port),
        "a host": request(host=canary, port=broker.port),
        "a browser": request(headers=[b"Origin: http://" + canary], port=broker.port),
        "a client without a name": request(client=b"\x01" + canary, port=broker.port),
        "no HTTP": canary + b" \0\0" + canary + b"\r\n\r\n",
    }
    needles = [canary, base64.b64encode(canary)[:-4], canary[:8]]
    for place in (("127.0.0.1", broker.port), str(broker.socket_path)):
        for what, head in heads.items():
            with connect(place) as stream:
                stream.sendall(head[:-2])
                if what == "a header":
                    wait_until(lambda: search(frontend, canary)[canary], "the control: it is in the frontend")
                with contextlib.suppress(ConnectionError):  # it may have been refused already
                    stream.sendall(head[-2:])
                assert receive(stream, quiet=0.1), what
            found = {text: places for text, places in search(keeper, *needles).items() if places}
            assert not found, (what, place)
    assert frontend_of(keeper) == frontend
