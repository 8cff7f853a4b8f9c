"""eqp-brokerd: twenty hosts with one access key, past the end of a short life of its token, while this and that is killed.

For longer: EQP_FLEET_SECONDS=3600."""

import contextlib
import itertools
import os
import random
import threading
import time

import pytest

from broker import wait_until
from sharing import n_exchanges

N = 20
LIFE = 118  # seconds: the shortest that the hourly budget bears without gaps; it is renewed after 82
SECONDS = int(os.environ.get("EQP_FLEET_SECONDS", LIFE + 7))
SEED = 17


class Watch(threading.Thread):
    """Asks one broker after another, and judges what it gets. gaps: answers without a token, of brokers that had one."""

    def __init__(self, upstream, fleet):
        super().__init__(daemon=True)
        self.upstream, self.fleet = upstream, fleet
        self.away = set()  # those that are just being killed, or have not had a token since
        self.n_lives = [0] * len(fleet)
        self.ends, self.n_answers, self.gaps, self.wrong, self.ended = {}, 0, [], [], threading.Event()

    def run(self):
        while not self.ended.wait(0.05):
            for number, broker in enumerate(self.fleet):
                self.ask(number, broker)

    def ask(self, number, broker):
        was_away, life = number in self.away, self.n_lives[number]
        asked = time.monotonic()
        answer = None
        with contextlib.suppress(OSError, AssertionError):
            answer = broker.get("/v1/sandbox/token?wait=0", timeout=20)
        if answer is None or answer.status != 200:
            if not was_away and life == self.n_lives[number]:
                self.gaps.append((number, answer))
            return
        self.n_answers += 1
        if life == self.n_lives[number]:
            self.away.discard(number)
        token = answer.json()["ust"]
        if token not in self.ends:
            left = self.upstream.token_truth("sandbox", token)
            self.ends[token] = time.monotonic() + (left or 0)
        if asked >= self.ends[token]:
            self.wrong.append((number, token))


def kill(broker, watch, number):
    watch.n_lives[number] += 1
    watch.away.add(number)
    broker.process.kill()
    broker.process.wait()
    broker.start()


@pytest.mark.slow("a life of a token, of 118 s", first=True)
def test_a_fleet(upstream, store, member):
    upstream.settings("sandbox", lifetime_fixed=LIFE)
    moods = random.Random(SEED)
    fleet = [member(store, wait=False, tcp=False) for _ in range(N)]
    for broker in fleet:
        broker.wait_listening(60).wait_valid(timeout=60)
    at_start = n_exchanges(upstream)
    watch = Watch(upstream, fleet)
    watch.start()
    marks = [at_start]  # exchanges when the store goes, and when it is back, in turn

    def without_store(change):
        change()
        marks.append(n_exchanges(upstream))

    turn = [(10, store.restart), (25, lambda: upstream.fault("sandbox", "unavailable")), (40, upstream.clear_faults),
            (50, lambda: without_store(store.kill)), (66, lambda: without_store(store.start))]
    events = [(begin + after, event) for begin in range(0, SECONDS, LIFE + 7) for after, event in turn]
    n_killed, n_alone, began = 0, 0, time.monotonic()
    while (passed := time.monotonic() - began) < SECONDS or events:
        number = moods.randrange(N)
        n_alone += store.process.poll() is not None
        kill(fleet[number], watch, number)
        n_killed += 1
        if events and passed > events[0][0]:
            events.pop(0)[1]()
        watch.ended.wait(2)
    wait_until(lambda: not watch.away, "all of them are back", 120)
    watch.ended.set()
    watch.join()
    marks.append(n_exchanges(upstream))
    n = [after - before for before, after in itertools.pairwise(marks)]
    shared, alone = n[::2], n[1::2]
    print(f"{N} hosts, {time.monotonic() - began:.0f} s, {n_killed} kills: {watch.n_answers} answers, {len(watch.gaps)} gaps, "
          f"{len(watch.wrong)} wrong; {marks[-1]} exchanges: {at_start} at the start, with the store {shared}, without it {alone}")
    assert watch.n_answers > 1000 and n_killed > 10 and len(watch.ends) >= 2
    assert not watch.wrong and not watch.gaps
    assert at_start <= 2 and max(shared) <= 8, "without a store it is one for each host, kill and life"
    assert sum(alone) <= len(alone) * (N + 2) + n_alone
