"""eqp-brokerd as a container has it: as the first process, with keys that come late and are swapped under load."""

import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest

from broker import BARE_ENVIRONMENT, STARTED, binary, standing_still, wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY

MANY = 100  # files of settings: so many take a while to read
AT_ONCE = 3.5  # s: a process that waits for others while it ends does so for 4 s at least


# ---- signals ----

def holds_signals(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return int(lines["SigBlk"], 16) & (1 << signal.SIGTERM - 1)


def asked_while_it_starts(place, number):
    """Starts the daemon with much to read before there is a loop, and sends it the signal as soon as it is that program
    and holds signals back. If there was a loop before we came to look, it is done again."""
    folder = pathlib.Path(f"{place.config_path}.d")
    folder.mkdir()
    for name in range(MANY):
        (folder / f"{name:03}.conf").write_text("# nothing\n" * 20000)

    def in_time():
        place.start(wait=False)
        wait_until(lambda: holds_signals(place.process), "signals are held back", interval=0.0005)
        with standing_still(place.process):
            if len(place.log(STARTED)) == place.n_starts:
                place.send(number)
                return True
        place.process.kill()
        place.process.wait()
        return False

    wait_until(in_time, "a signal before there is a loop")
    return place


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_while_it_starts(upstream, make_broker, number):
    place = asked_while_it_starts(make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False), number)
    assert place.wait() == 0, "not killed, and not forgotten"
    assert place.log("^stopped$")


def test_asked_to_reload_while_it_starts(upstream, make_broker):
    place = asked_while_it_starts(make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False), signal.SIGHUP)
    place.wait_log("configuration and keys read again")
    place.wait_valid()


def as_first_process(place):
    """In a namespace of processes of its own; returns its number outside."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a namespace of processes")
    with open(place.stderr_path, "wb") as stderr:
        outside = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", binary(), "--config", place.config_path],
                                   env=BARE_ENVIRONMENT, stdin=subprocess.DEVNULL, stderr=stderr)
    place.wait_log("eqp-brokerd .* started")
    (inside,) = pathlib.Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text().split()
    return outside, int(inside)


def ended_in(outside, inside, number):
    """How many seconds it takes to its end; a machine that does something else as well may add some, but not each time."""
    asked = time.monotonic()
    os.kill(inside, number)
    assert outside.wait(60) == 0
    return time.monotonic() - asked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_process_ends_at_once(upstream, make_broker, number):
    place = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False)

    def ends():
        outside, inside = as_first_process(place)
        place.wait_valid()
        os.kill(inside, signal.SIGHUP)
        place.wait_log("configuration and keys read again")
        with place.connection() as connection, place.connection("tcp") as another:
            assert connection.ask("GET", "/livez").status == another.ask("GET", "/livez").status == 200
            return ended_in(outside, inside, number)
    assert any(ends() < AT_ONCE for _ in range(3)), "idle connections do not hold it up"


def test_the_first_process_ends_with_an_exchange_under_way(upstream, make_broker):
    upstream.fault("sandbox", "hang")
    place = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False)

    def ends():
        wait_until(lambda: upstream.state("sandbox")["connections"] == 0, "nobody asks")
        outside, inside = as_first_process(place)
        wait_until(lambda: upstream.state("sandbox")["connections"] > 0, "it asks")
        return ended_in(outside, inside, signal.SIGTERM)
    assert any(ends() < AT_ONCE for _ in range(3))
    upstream.clear_faults()


def test_one_token_as_the_first_process(upstream, make_broker):
    """As an init container: a hanging upstream, and the pod is taken away."""
    upstream.fault("sandbox", "hang")
    place = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False)
    if os.geteuid() != 0:
        pytest.skip("needs root: a namespace of processes")
    outside = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", binary(), "--config", place.config_path,
                                "--once", "sandbox"], env=BARE_ENVIRONMENT, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_until(lambda: upstream.state("sandbox")["connections"] > 0, "it asks")
    (inside,) = pathlib.Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text().split()
    os.kill(int(inside), signal.SIGTERM)
    assert outside.wait(60) == 128 + signal.SIGTERM, "which is not what it returns when the exchange has timed out"
    assert outside.stdout.read() == b""
    outside.stdout.close()
    upstream.clear_faults()


# ---- keys ----

@pytest.mark.parametrize("attempt", range(5))
def test_a_mount_that_appears_whole(upstream, make_broker, tmp_path, attempt):
    """mkdir -p and a file, as fast as can be, where only a folder far above was there at the start."""
    late = tmp_path / "run" / "secrets" / "eqp-broker"
    place = make_broker(upstream, start=False)
    place.write_config(place.config().replace(str(place.keys_directory), str(late)))
    place.start()
    time.sleep(0.04 * attempt)  # at different moments of the wait for quiet
    for folder in (late.parents[1], late.parents[0], late):
        folder.mkdir()
        time.sleep(0.02 * attempt)
    place.write_key("sandbox", EXAMPLE_KEY, to=late)
    place.wait_valid()
    place.write_key("production", EXAMPLE_KEY, to=late)
    place.wait_valid("production")


class Volume:
    """A secret volume as a kubelet fills it: all files change at once, by one link."""

    def __init__(self, place):
        self.keys, self.place, self.number = place.keys_directory, place, 0

    def publish(self, **files):
        self.number += 1
        folder = self.keys / f"..2026_{self.number}"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o400)
            self.place.keep_secret(*text.split(":"))
        (self.keys / "..data_tmp").symlink_to(folder.name)
        (self.keys / "..data_tmp").rename(self.keys / "..data")
        for name in files:
            if not (self.keys / name).is_symlink():
                (self.keys / name).symlink_to(f"..data/{name}")
        if self.number > 1:
            shutil.rmtree(self.keys / f"..2026_{self.number - 1}")


def test_swaps_under_load_show_no_gap(upstream, make_broker):
    place = make_broker(upstream)
    volume = Volume(place)
    volume.publish(sandbox=EXAMPLE_KEY)
    place.wait_valid()
    failures, served, over = [], [0], threading.Event()

    def load():
        while not over.is_set():
            try:
                answer = place.get("/v1/sandbox/token?wait=0")
            except OSError as error:
                failures.append(error)
                continue
            served[0] += 1
            if answer.status != 200:
                failures.append(answer)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        old = EXAMPLE_ID
        for number in range(3):
            new = f"ROTATED{number}"
            upstream.add_key("sandbox", new, f"rotated-secret-{number}")
            upstream.refuse_key("sandbox", old)  # it is regenerated: the old pair stops working at once
            volume.publish(sandbox=f"{new}:rotated-secret-{number}")
            upstream.wait_for(lambda state, new=new: state["last"] and state["last"][-1]["key_id"] == new and
                              state["last"][-1]["status"] == 200, "sandbox")
            old = new
        wait_until(lambda: served[0] > 100, "requests")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not failures
    wait_until(lambda: len(place.log("the upstream accepts the access key")) == 4, "a line for each key")
    assert not place.log(priority=3)
