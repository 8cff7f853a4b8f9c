"""Groups that somebody else has to pay for: a great many of them, and those of a great many users."""

import contextlib
import os
import re
import socket
import time

import pytest

from broker import binary, wait_until
from people import Person, Task, run_as, running_as
from simulator import EXAMPLE_KEY
from wire import connect, get, parse, receive, request

MOST = range(100_000, 100_000 + 65_536)  # NGROUPS_MAX: a user who makes a user namespace may have so many
pytestmark = pytest.mark.alone


def resident_kib(broker):
    with open(f"/proc/{broker.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def ask_without_end(place):
    """A connection and a request each, and does not wait for the answer."""
    os.nice(19)
    ask = request()
    while True:
        with contextlib.suppress(OSError):
            with connect(place, 1) as stream:
                stream.sendall(ask)
                stream.recv(1)


def medians(place):
    """In ms, of requests on new connections."""
    took = []
    for _ in range(200):
        before = time.monotonic()
        assert get(place)[0] == 200
        took.append((time.monotonic() - before) * 1000)
        time.sleep(0.002)
    return sorted(took)[100]


@pytest.fixture
def team(upstream, make_broker, users):
    """A daemon that serves a group of one: broker.member."""
    group, gid = users.group("team-of-one")
    member = users.user("of-the-team", [group])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=f"allow = user:root\nallow = group:{group}")
    broker.member, broker.gid = member, gid
    return broker.wait_valid()


def test_connections_with_many_groups_cost_no_memory(plain_build, team):
    person = Person("many", 61000, 61000, MOST)
    before = resident_kib(team)

    def hold():
        streams = [team.connect() for _ in range(60)]
        for stream in streams[:4]:
            with contextlib.suppress(TimeoutError):
                stream.settimeout(1)
                stream.sendall(request())
                stream.recv(1)
        return resident_kib(team)

    assert run_as(person, hold) - before < 4096, "256 KiB for each would be 15 MiB"


def test_a_member_of_many_groups_is_judged_by_them(team):
    place = str(team.socket_path)
    member = Person("member", 61000, 61000, [*MOST[1:], team.gid])
    for _ in range(3):
        assert run_as(member, get, place)[0] == 200
        assert run_as(Person("other", 61001, 61001, MOST), get, place)[:2] == (403, "caller_refused")


def test_many_groups_do_not_hold_up_others(plain_build, team):
    """Nine users, each with 65,536 groups, connect and ask as fast as they can."""
    place = str(team.socket_path)
    calm = run_as(team.member, medians, place)
    with contextlib.ExitStack() as stack:
        for uid in range(61000, 61009):
            stack.enter_context(running_as(Person("many", uid, uid, MOST), ask_without_end, place))
        time.sleep(0.5)

        def is_fair():
            median = run_as(team.member, medians, place)
            print(f"median under attack: {median:.2f} ms, before it {calm:.2f} ms")
            return median < 15 + 3 * calm
        assert any(is_fair() for _ in range(5))
        # Nor do they keep each other from their turn.
        patient = Person("patient", 61010, 61010, [*MOST[1:], team.gid])
        assert run_as(patient, get, place)[0] == 200


@pytest.mark.parametrize("range_of", [100_000, 7_900], ids=["of one owner", "beside the member"])
def test_unknown_users_do_not_keep_a_member_out(plain_build, upstream, make_broker, users, range_of):
    """600 uids that the user database takes 200 ms each to know nothing of; a member who comes after them, then again."""
    group, _ = users.group(f"slow-{range_of}")
    member = users.user(f"waits-{range_of}", [group])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker=f"allow = user:root\nallow = group:{group}\nmax_connections = 750",
                         env={"LD_PRELOAD": binary("tests/security/slow-users.so"), "SLOW_USERS_FROM": "7900"})
    broker.wait_valid()
    place, ask = ("127.0.0.1", broker.port), request(port=broker.port)

    def flood(uids):
        """Each of them asks, and comes back when it was refused."""
        streams = {}
        while True:
            for uid in uids:
                if uid not in streams:
                    os.setegid(uid)
                    os.seteuid(uid)
                    with contextlib.suppress(OSError):
                        streams[uid] = socket.create_connection(place, 1)
                        streams[uid].sendall(ask)
                        streams[uid].setblocking(False)
                    os.seteuid(0)
            for uid, stream in list(streams.items()):
                with contextlib.suppress(BlockingIOError):
                    with contextlib.suppress(ConnectionError):
                        stream.recv(65536)
                    stream.close()
                    del streams[uid]
            time.sleep(0.01)

    flooders = [Task(Person("root", 0, 0), flood, range(range_of + n, range_of + 600, 4)) for n in range(4)]
    try:
        wait_until(lambda: re.search(rb"eqp_broker_connections [3-7]\d\d", broker.get("/metrics").body), "many wait")
        for _ in range(2):
            began = time.monotonic()
            status, slug, _ = run_as(member, get, place)
            print(f"{status} after {time.monotonic() - began:.2f} s")
            assert (status, slug) == (200, None)
            assert time.monotonic() - began < 4
    finally:
        for flooder in flooders:
            flooder.kill()
