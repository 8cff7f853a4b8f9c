"""Callers, at the daemon as it runs: real users, on TCP and on the unix socket."""

import socket
import struct
import time

import pytest

from broker import free_port, standing_still, wait_until
from people import ROOT, STRANGER, connect_as, run_as
from simulator import EXAMPLE_KEY
from wire import get, parse, receive, request

TOKEN = "/v1/sandbox/token"


def places(broker):
    return ("127.0.0.1", broker.port), str(broker.socket_path)


def test_right_user_gets_it_wrong_one_does_not(broker, alice, mallory):
    for place in places(broker):
        for person in (ROOT, alice):
            status, _, body = run_as(person, get, place)
            assert status == 200 and b'"ust"' in body, (person, place)
        for person in (mallory, STRANGER):
            status, slug, body = run_as(person, get, place)
            assert (status, slug) == (403, "caller_refused"), (person, place)
            assert b'"ust"' not in body and person.name.encode() not in body


def test_ipv6(upstream, make_broker, alice, mallory):
    try:
        port = free_port(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("this host has no IPv6")
    make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"production": None},
                broker=f"listen = [::1]:{port}\nallow = user:root\nallow = user:{alice.name}").wait_valid()
    assert run_as(alice, get, ("::1", port))[0] == 200
    assert run_as(mallory, get, ("::1", port))[:2] == (403, "caller_refused")


def test_unprivileged_daemon(upstream, make_broker, alice, mallory):
    """As it runs in the unit: its own user, no capability. It still knows every TCP caller."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, uid=54322,
                         broker=f"allow = user:{alice.name}")
    place = "127.0.0.1", broker.port
    wait_until(lambda: run_as(alice, get, place)[0] == 200, "alice has a token")
    assert run_as(mallory, get, place)[:2] == (403, "caller_refused")
    assert run_as(ROOT, get, place)[:2] == (403, "caller_refused"), "the rules name alice alone"


def test_refused_connection_is_closed_after_the_answer(broker, mallory):
    """One who has no right anywhere keeps no connection; bytes that it sent behind it are not read."""
    with connect_as(mallory, ("127.0.0.1", broker.port)) as stream:
        stream.sendall(request(port=broker.port) * 3)
        replies = parse(receive(stream, quiet=5))
    assert [reply.slug for reply in replies] == ["caller_refused"]


def test_half_gone_caller_is_not_root(upstream, broker, mallory):
    """mallory sends a request and is gone before the daemon looks: her socket then reads as uid 0, and root
    may use everything. The request must have no effect."""
    place = "127.0.0.1", broker.port
    refresh = request(b"POST", b"/v1/sandbox/refresh", [b"Content-Length: 0", b"Connection: close"],
                      port=broker.port)

    with connect_as(ROOT, place) as stream:  # the control: root's goes through
        stream.sendall(refresh)
        assert parse(receive(stream, quiet=8))[0].status == 200
    granted = upstream.state("sandbox")["requests"]["granted"]
    time.sleep(1.1)  # the floor between two exchanges

    n_before = len(broker.log("caller_unknown"))
    with standing_still(broker.process):
        for linger in (None, 0):
            for _ in range(10):
                stream = connect_as(mallory, place)
                stream.sendall(refresh)
                if linger is not None:
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, linger))
                stream.close()
    wait_until(lambda: len(broker.log("caller_unknown")) > n_before, "it was refused")
    assert run_as(ROOT, get, place, "/livez")[0] == 200
    assert upstream.state("sandbox")["requests"]["granted"] == granted


def test_dead_request_does_not_run_as_who_has_its_port_now(upstream, broker, mallory):
    """mallory sends a request and resets; root connects from the same port before the daemon accepts either."""
    place = "127.0.0.1", broker.port
    refresh = request(b"POST", b"/v1/sandbox/refresh", [b"Content-Length: 0", b"Connection: close"],
                      port=broker.port)
    granted = upstream.state("sandbox")["requests"]["granted"]
    time.sleep(1.1)  # the floor between two exchanges
    with standing_still(broker.process):
        dead = connect_as(mallory, place, bind=("127.0.0.1", 0))
        own = dead.getsockname()
        dead.sendall(refresh)
        dead.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        dead.close()
        alive = connect_as(ROOT, place, bind=own)
    with alive:
        alive.sendall(request(port=broker.port))
        assert parse(receive(alive))[0].status == 200, "root's own connection is served"
    broker.log()  # the request was carried out
    assert upstream.state("sandbox")["requests"]["granted"] == granted, "mallory's request ran as root"


def test_passed_descriptor_stays_who_made_it(broker, alice, mallory):
    """Identity is that of a connection. A process that passes an open one on has lent out its right, on purpose; and
    one that gets it from a stranger has the stranger's."""
    place = "127.0.0.1", broker.port
    ask = request(port=broker.port)
    for maker, holder, status in ((alice, mallory, 200), (mallory, alice, 403)):
        with connect_as(maker, place) as stream:
            def use():
                stream.sendall(ask)
                return parse(receive(stream, quiet=2))[0].status
            assert run_as(holder, use) == status
    with connect_as(alice, str(broker.socket_path)) as stream:
        assert run_as(mallory, lambda: (stream.sendall(ask), parse(receive(stream))[0].status)[1]) == 200


def test_supplementary_groups(upstream, make_broker, users, mallory):
    """By the kernel on the unix socket, by the user database on TCP."""
    group, gid = users.group("team")
    member = users.user("member", [group])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker=f"allow = user:root\nallow = group:{group}").wait_valid()
    tcp, unix = places(broker)
    assert gid in member.groups
    for place in (tcp, unix):
        assert run_as(member, get, place)[0] == 200
        assert run_as(mallory, get, place)[:2] == (403, "caller_refused")
    # A process that has the group although the user database does not say so: known on the unix socket only.
    mallory_in = type(mallory)("mallory-in", mallory.uid, mallory.gid, [gid])
    assert run_as(mallory_in, get, unix)[0] == 200
    assert run_as(mallory_in, get, tcp)[:2] == (403, "caller_refused")
    # A process that gave the group up, the other way round.
    member_out = type(member)("member-out", member.uid, member.gid, [])
    assert run_as(member_out, get, unix)[:2] == (403, "caller_refused")
    # Somebody who is not in the user database has no groups on TCP, and the kernel's on the unix socket.
    unlisted = type(member)("unlisted", 54323, gid)
    assert run_as(unlisted, get, tcp)[:2] == (403, "caller_refused")
    assert run_as(unlisted, get, unix)[0] == 200


def test_primary_group_on_tcp(upstream, make_broker, users, mallory):
    one = users.user("primary")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker=f"allow = user:root\nallow = gid:{one.gid}").wait_valid()
    for place in places(broker):
        assert run_as(one, get, place)[0] == 200
        assert run_as(mallory, get, place)[:2] == (403, "caller_refused")


def test_health_check_first_costs_no_right(upstream, make_broker, users):
    """Health paths need no right, so groups are not asked for; the next request on the connection has them."""
    group, _ = users.group("well")
    member = users.user("healthy", [group])
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker=f"allow = user:root\nallow = group:{group}").wait_valid()
    with connect_as(member, ("127.0.0.1", broker.port)) as stream:
        stream.sendall(request(target=b"/livez", port=broker.port) + request(port=broker.port))
        assert [reply.status for reply in parse(receive(stream, n=2))] == [200, 200]
