"""Rights: rules of every kind, in all and per environment; and that nobody learns of more than they may
use."""

import contextlib
import json
import os
import stat
import time

import pytest

from broker import run_daemon, wait_until
from people import ROOT, STRANGER, Person, connect_as, run_as
from simulator import EXAMPLE_KEY
from wire import get, parse, receive, request, talk

KEYS = {"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}


def status_of(person, place, target, method="GET"):
    return run_as(person, get, place, target, method=method)[0]


@pytest.fixture(scope="module")
def cast(users):
    """Everybody whom the rules below name, and somebody whom none does."""
    group, gid = users.group("rulers")
    return {"user": users.user("ruser"), "group": users.user("rgroup", [group]), "name": group, "gid": gid,
            "uid": Person("ruid", 71001, 71001), "gid person": Person("rgid", 71002, 71003), "other": STRANGER}


@pytest.mark.parametrize("kind", ["user", "uid", "group", "gid", "any"])
def test_each_kind_of_rule(upstream, make_broker, cast, kind):
    rule = {"user": f"user:{cast['user'].name}", "uid": "uid:71001", "group": f"group:{cast['name']}",
            "gid": "gid:71003", "any": "any"}[kind]
    allowed = {"user": {"user"}, "uid": {"uid"}, "group": {"group"}, "gid": {"gid person"},
               "any": {"user", "uid", "group", "gid person", "other"}}[kind]
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker=f"allow = {rule}\noperators = user:root").wait_obtained()
    for who in ("user", "uid", "group", "gid person", "other"):
        answer = run_as(cast[who], get, str(broker.socket_path))
        assert (answer[0] == 200) == (who in allowed), (who, answer)
        if kind in ("user", "uid", "any"):
            answer = run_as(cast[who], get, ("127.0.0.1", broker.port))
            assert (answer[0] == 200) == (who in allowed), (who, answer)
        assert status_of(cast[who], str(broker.socket_path), "/v1/sandbox/refresh", "POST") == 403


def test_rules_per_environment(upstream, make_broker, alice, mallory):
    """A list in [environment X] stands instead of that in [broker], not beside it."""
    broker = make_broker(upstream, keys=KEYS, broker=f"allow = user:{alice.name}\noperators = user:root",
                         environments={"production": f"allow = user:{mallory.name}\n"
                                                     f"operators = user:{mallory.name}"})
    broker.wait_obtained("sandbox", "production")
    for place in ("127.0.0.1", broker.port), str(broker.socket_path):
        assert status_of(alice, place, "/v1/sandbox/token") == 200
        assert status_of(alice, place, "/v1/production/token") == 403
        assert status_of(mallory, place, "/v1/sandbox/token") == 403
        assert status_of(mallory, place, "/v1/production/token") == 200
        assert status_of(ROOT, place, "/v1/production/token") == 403, "root may operate sandbox, no more"
        assert status_of(alice, place, "/v1/reload", "POST") == 403, "she may use an environment"
        assert status_of(mallory, place, "/v1/reload", "POST") == 403, "the right is for one environment, not the broker"
        assert status_of(ROOT, place, "/v1/reload", "POST") == 200
        for person, environment, status in ((alice, "sandbox", 403), (alice, "production", 403),
                                            (mallory, "sandbox", 403), (ROOT, "production", 403)):
            assert status_of(person, place, f"/v1/{environment}/refresh", "POST") == status
    assert status_of(mallory, str(broker.socket_path), "/v1/production/refresh", "POST") == 200
    assert status_of(ROOT, str(broker.socket_path), "/v1/sandbox/refresh", "POST") == 200


def test_every_route_of_the_environment_is_behind_the_rules(broker, alice, mallory, upstream):
    place = "127.0.0.1", broker.port
    routes = [("GET", "/v1/sandbox/token", b"", {}), ("HEAD", "/v1/sandbox/token", b"", {}),
              ("GET", "/v1/sandbox/token?min_ttl=7000", b"", {}),
              ("POST", "/v1/sandbox/token/rejected", b'{"ust":"x"}', {}),
              ("POST", "/sandbox/rest/v1/app/session/token", b'{"grant_type":"session"}',
               {"Authorization": "Basic YTpi"}), ("GET", "/v1/status", b"", {})]
    before = upstream.state("sandbox")["requests"]["token"]
    for method, path, body, headers in routes:
        for person, status in ((alice, 200), (mallory, 403)):
            answer = run_as(person, get, place, path, headers, method, body) if method != "HEAD" else \
                run_as(person, head, place, path)
            if person is alice and "min_ttl" in path:
                continue  # it would ask the upstream for a new one
            assert answer[0] == status, (person, method, path, answer)
    assert upstream.state("sandbox")["requests"]["token"] <= before + 1


def head(place, path):
    return [reply.status for reply in talk(place, request(b"HEAD", path.encode(), [b"Connection: close"],
                                                          port=place[1]), head_only=True)]


def test_status_shows_what_one_may_use(upstream, make_broker, alice, mallory):
    broker = make_broker(upstream, keys={**KEYS, "production.2-spare": "B1:" + "5" * 40},
                         broker="allow = user:root",
                         environments={"sandbox": f"allow = user:{alice.name}\noperators = user:root",
                                       "production": "allow = user:root\noperators = user:root"})
    place = str(broker.socket_path)

    def names(person):
        status, _, body = run_as(person, get, place, "/v1/status")
        if status != 200:
            return status
        assert (b"production" in body) == (person is ROOT), "not in any corner of the answer"
        return {row["name"] for row in json.loads(body)["environments"]}

    assert names(ROOT) == {"sandbox", "production"}, "the control"
    assert names(alice) == {"sandbox"}
    assert names(mallory) == 403
    # A closed environment looks the same whether it is configured or has a key or neither.
    assert run_as(mallory, get, place, "/v1/production/token")[1:] == \
        run_as(mallory, get, place, "/v1/no-such/token")[1:]


NAMES = [("broker", "allow", "user:no-such-user-here", "user"),
         ("broker", "operators", "group:no-such-group-here", "group"),
         ("environment sandbox", "allow", "group:no-such-group-here", "group"),
         ("environment sandbox", "operators", "user:no-such-user-here", "user")]


@pytest.mark.parametrize("section, key, rule, what", NAMES)
def test_unknown_name_is_an_error_of_a_check(tmp_path, section, key, rule, what):
    config = tmp_path / "conf"
    config.write_text(f"[{section}]\n{key} = {rule}\n")
    result = run_daemon("--check", "--config", config)
    assert result.returncode == 78, result.stderr
    assert rule in result.stderr and f"there is no such {what}" in result.stderr and key in result.stderr


@pytest.mark.parametrize("rule", ["uid:65534", "gid:4294967295", "uid:-1", "everybody", "user:", "uid:1x"])
def test_rules_that_are_none_stop_the_start(tmp_path, rule):
    config = tmp_path / "conf"
    config.write_text(f"[broker]\nallow = {rule}\n")
    assert run_daemon("--config", config).returncode == 78


def test_unknown_name_takes_nothing_else_down(upstream, make_broker, alice, mallory):
    """Neither the start nor a reload: the rule gives nothing, the others hold, and the log says so."""
    lines = f"allow = user:no-such-user-here\nallow = user:{alice.name}\noperators = group:no-such-group-here"
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=lines)
    place = str(broker.socket_path)
    wait_until(lambda: status_of(alice, place, "/v1/sandbox/token") == 200, "alice has a token")
    assert status_of(mallory, place, "/v1/sandbox/token") == 403
    said = "allow = user:no-such-user-here: there is no such user", "operators = group:no-such-group-here: there is no"
    assert [len(broker.log(words)) for words in said] == [1, 1]
    broker.broker_lines = f"allow = user:no-such-user-here\nallow = user:{mallory.name}"
    broker.write_config()
    broker.reload()
    assert [status_of(person, place, "/v1/sandbox/token") for person in (alice, mallory)] == [403, 200]


@pytest.mark.slow("a refusal counts for 5 s")
def test_a_name_that_comes_is_noticed_on_a_connection_that_is_kept(upstream, make_broker, users):
    """Of a caller with another right, and nobody else asks meanwhile."""
    name, gid = users.coming("late"), 700_000 + os.getpid() % 100_000
    broker = make_broker(upstream, keys=KEYS, broker="allow = uid:71078",
                         environments={"production": f"allow = group:{name}"})
    broker.wait_obtained("sandbox", "production")
    with connect_as(Person("early", 71078, 71078, [gid]), str(broker.socket_path)) as kept:
        def ask():
            kept.sendall(request(target=b"/v1/production/token"))
            return parse(receive(kept))[0].status
        begin = time.monotonic()
        wait_until(lambda: ask() == 200 or time.monotonic() > begin + 11, "many refusals", 15, 1)
        users.group("late", gid)
        wait_until(lambda: ask() == 200, "the group is there", 14, 0.5)


@pytest.mark.parametrize("kind", ["user", "group"])
def test_the_next_owner_of_a_number_inherits_no_right_at_a_reload(upstream, make_broker, users, alice, kind):
    """The name in the rule is gone, its number is somebody else's by now. It is none that useradd chooses: another
    worker's user would get it."""
    if kind == "user":
        gone = users.user(f"gone-{kind}", uid=400_000 + os.getpid() % 100_000)
        rule, place_of = f"user:{gone.name}", ("unix", "tcp")
    else:
        group, gid = users.group("gone", 500_000 + os.getpid() % 100_000)
        gone = users.user(f"gone-{kind}", [group])
        rule, place_of = f"group:{group}", ("unix",)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker=f"allow = {rule}\nallow = user:{alice.name}\nallow = user:root").wait_valid()
    places = {"unix": str(broker.socket_path), "tcp": ("127.0.0.1", broker.port)}
    kept = connect_as(gone, places["unix"])
    kept.sendall(request())
    assert parse(receive(kept))[0].status == 200, "the control"
    if kind == "user":
        users.remove(gone)
        heir = users.user("heir-user", uid=gone.uid)
        assert heir.uid == gone.uid
    else:
        users.remove_group(group)
        heir = users.user("heir-group", [users.group("heirs", gid)[0]])
        assert gid in heir.groups
    broker.reload()
    for name in place_of:
        assert status_of(heir, places[name], "/v1/sandbox/token") == 403, name
        assert status_of(alice, places[name], "/v1/sandbox/token") == 200, "the other rules hold"
    kept.sendall(request())
    assert parse(receive(kept))[0].status == 403, "nor on a connection from before"
    kept.close()
    assert broker.log("there is no such " + kind)
    broker.stop()
    broker.start()
    broker.wait_valid()
    assert status_of(heir, places["unix"], "/v1/sandbox/token") == 403
    assert status_of(alice, places["unix"], "/v1/sandbox/token") == 200



def test_reload_takes_a_right_away_from_open_connections(broker, alice):
    with connect_as(alice, ("127.0.0.1", broker.port)) as tcp, connect_as(alice, broker.socket_path) as unix:
        def ask():
            for stream in (tcp, unix):
                stream.sendall(request(port=broker.port))
            return [parse(receive(stream, quiet=0.3))[0].status for stream in (tcp, unix)]
        assert ask() == [200, 200]
        broker.broker_lines = "allow = user:root"
        broker.write_config()
        broker.reload()
        assert ask() == [403, 403]


def test_missing_default_group_is_no_error(upstream, make_broker, mallory):
    """The default list names the group eqp-broker, which this host may not have."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    for place in ("127.0.0.1", broker.port), str(broker.socket_path):
        assert status_of(ROOT, place, "/v1/sandbox/token") == 200
        assert status_of(mallory, place, "/v1/sandbox/token") == 403


def test_reload_forgets_the_groups_of_who_is_gone(upstream, make_broker, users, alice):
    """On TCP they come from the user database; a user who is removed leaves them to nobody."""
    group, _ = users.group("team")
    gone = users.user("gone-from-team", [group], uid=600_000 + os.getpid() % 100_000)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker=f"allow = group:{group}\nallow = user:{alice.name}\nallow = user:root").wait_valid()
    place = "127.0.0.1", broker.port
    assert status_of(gone, place, "/v1/sandbox/token") == 200, "the control"
    users.remove(gone)
    heir = users.user("heir-of-team", uid=gone.uid)
    assert status_of(heir, place, "/v1/sandbox/token") == 200, "the control: it is remembered"
    broker.reload()
    assert status_of(heir, place, "/v1/sandbox/token") == 403


def fence(broker):
    status = broker.socket_path.lstat()
    return stat.S_IMODE(status.st_mode), status.st_gid


@pytest.mark.parametrize("change", ["gone", "renumbered"])
@pytest.mark.parametrize("uid", [None, 54322], ids=["root", "unprivileged"])
def test_socket_group_is_not_inherited(upstream, make_broker, users, tmp_path, uid, change):
    """The name of the socket's group goes, or has another number, which a daemon without privileges may not give
    away: the old number loses its access, and the reload does its other work."""
    group, gid = users.group(f"fence-{uid}-{change}")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o001 == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(0o711)
    place = tmp_path / "place"
    place.mkdir()
    os.chown(place, uid or 0, gid)
    place.chmod(0o2755)  # a file that is made in it has the group, also by a user who is not in it
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, uid=uid, unix=False,
                         broker=f"listen = {place}/broker.sock\nallow = any\nsocket_mode = 0660\nsocket_group = {group}")
    broker.socket_path = place / "broker.sock"
    heir = Person("heir", 71005, 71005, [gid])
    wait_until(lambda: status_of(heir, str(broker.socket_path), "/v1/sandbox/token") == 200, "the control")
    assert fence(broker) == (0o660, gid)
    kept = connect_as(heir, broker.socket_path)
    kept.sendall(request())
    assert kept.recv(4096).startswith(b"HTTP/1.1 200"), "the control"
    if change == "renumbered":
        users.renumber_group(group, gid + 1000)
    else:
        users.remove_group(group)
    broker.reload()
    mode, owner = fence(broker)
    assert owner != gid or mode & 0o070 == 0, (oct(mode), owner)
    with pytest.raises(AssertionError, match="PermissionError"):
        status_of(heir, str(broker.socket_path), "/v1/sandbox/token")
    with kept, contextlib.suppress(ConnectionError):
        kept.sendall(request())
        assert not kept.recv(4096), "it was opened by a right that is gone"
    assert broker.log("read again"), "the rest of the reload took place"
