"""A right that ends must end: also on a connection that is kept, for a user who is removed, and for the next user with
that number.

The user database's answer is remembered for a minute where it gives a right, and for 5 s where it does not. The minute
passes while the other tests run: conftest.py puts the first test here in front of all, and the last one behind all.
"""

import os
import time

import pytest

from broker import Broker, wait_until
from people import ROOT, Task, connect_as, run_as
from simulator import EXAMPLE_KEY, Simulator
from wire import get, parse, receive, request

remembered = pytest.mark.slow("what the user database says is remembered for a minute", first=True)
REMEMBERED = 60
REMEMBERED_REFUSAL = 5


class Scene:
    """A daemon that serves a group, and people who leave it and join it."""

    def __init__(self, users):
        self.users = users
        self.group, _ = users.group("leaving")
        self.leaver, self.removed = (users.user(name, [self.group]) for name in ("leaver", "removed"))
        self.joiner = users.user("joiner")
        # A number that useradd does not choose for anybody else while nobody has it.
        self.gone = users.user("gone-a-while", uid=200_000 + os.getpid() % 100_000)
        self.simulator = Simulator()
        self.broker = self.task = None

    def __enter__(self):
        self.simulator.start()
        self.broker = Broker(self.simulator, keys={"sandbox": EXAMPLE_KEY},
                             broker=f"allow = user:root\nallow = group:{self.group}\n"
                                    f"allow = user:{self.gone.name}").__enter__().wait_valid()
        self.place = "127.0.0.1", self.broker.port
        return self

    def __exit__(self, *error):
        if self.task:
            self.task.kill()
        self.broker.__exit__(*error)
        self.simulator.stop()

    def ask(self, person):
        return run_as(person, get, self.place)[0]


@pytest.fixture(scope="session")
def scene(users):
    with Scene(users) as scene:
        yield scene


def keep_asking(stream, port, until):
    """The statuses of requests on one connection, which would be closed if it idled for 30 s."""
    statuses = []
    while True:
        stream.sendall(request(port=port))
        replies = parse(receive(stream, quiet=0.5))
        statuses.append(replies[0].status if replies else None)
        now = time.monotonic()
        if now > until or statuses[-1] != 200:
            return statuses
        time.sleep(min(10, until + 0.5 - now))


@remembered
def test_rights_at_first(scene):
    stream = connect_as(scene.leaver, scene.place)
    assert [scene.ask(person) for person in (scene.leaver, scene.removed, scene.joiner)] == [200, 200, 403]
    assert scene.ask(scene.gone) == 200
    scene.asked = time.monotonic()
    scene.task = Task(scene.leaver, keep_asking, stream, scene.broker.port, scene.asked + REMEMBERED + 1)
    stream.close()

    scene.users.leave(scene.leaver, scene.group)
    scene.users.remove(scene.removed)
    scene.users.remove(scene.gone)
    scene.heir = scene.users.user("heir-a-while", uid=scene.gone.uid)
    assert [scene.ask(person) for person in (scene.leaver, scene.removed)] == [200, 200], "the control: it is remembered"


def test_a_new_member_is_let_in_within_seconds(scene):
    """Also while alice goes on asking, which must not make the refusal younger each time."""
    asked = time.monotonic()
    assert scene.ask(scene.joiner) == 403
    scene.users.join(scene.joiner, scene.group)
    wait_until(lambda: scene.ask(scene.joiner) == 200, "the joiner gets a token", REMEMBERED / 2)
    took = time.monotonic() - asked
    assert took < REMEMBERED / 2, f"{took:.1f} s, where {REMEMBERED_REFUSAL} s would do"


@remembered
def test_rights_a_minute_later(scene):
    statuses = scene.task.result()
    assert statuses[0] == 200, "the control"
    assert statuses[-1] == 403, f"a kept connection must not keep the right alive: {statuses}"
    for person, status in ((scene.leaver, 403), (scene.removed, 403)):
        wait_until(lambda: scene.ask(person) == status, f"{person} gets {status}")
    assert scene.ask(scene.heir) == 403, "the name in the rule is gone: its number gives nothing"
    assert scene.broker.log(f"user:{scene.gone.name} is gone")
    assert run_as(ROOT, get, scene.place)[0] == 200, "the other rules hold"
