"""eqp-brokerd: keys that come, change, go, are refused and come back, while it runs."""

import concurrent.futures
import os
import resource
import shutil
import subprocess
import time

import pytest

import broker as broker_module
from broker import PATIENT, standing_still, wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

SPARE = ("SPAREKEY02", "fedcba98765432100123456789abcdef")
SPARE_KEY = ":".join(SPARE)


@pytest.fixture
def upstream(upstream):
    """With two good keys."""
    upstream.add_key("sandbox", *SPARE)
    return upstream


def counted(upstream, environment="sandbox"):
    return upstream.state(environment)["requests"]


def states(status):
    return {key["label"]: key["state"] for key in status["keys"]}


# coming and going


def test_a_dropped_file_is_used_at_once(upstream, make_broker):
    broker = make_broker(upstream)
    assert broker.status("sandbox")["state"] == "no_key"
    answer = broker.get("/v1/sandbox/token?wait=0")
    assert answer.error() == (503, "no_token") and str(broker.keys_directory) in answer.json()["message"]
    broker.write_key("sandbox.main", EXAMPLE_KEY)
    broker.wait_valid()
    assert broker.status("sandbox")["token"]["key"] == "main"
    assert broker.get("/v1/production/token?wait=0").error() == (503, "no_token")


def test_a_request_waits_for_the_token_of_a_dropped_file(upstream, make_broker):
    broker = make_broker(upstream, environments={"sandbox": PATIENT})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with standing_still(upstream.process):
            broker.write_key("sandbox", EXAMPLE_KEY)
            broker.wait_status("sandbox", lambda status: status["exchange_in_flight"])
            token = pool.submit(broker.token, query="?wait=30", timeout=60)
            broker.wait_connections(1)
        assert token.result()["ust"]


def test_less_than_a_second_is_at_once(upstream, make_broker):
    """The spare's turn comes when a second has passed since the refused one's."""
    broker = make_broker(upstream, keys={"sandbox.1-main": "WRONGKEY99:canary0123456789a", "sandbox.2-spare": SPARE_KEY})
    broker.wait_valid()
    assert broker.log("refused the access key .*, next attempt at once$") and not broker.log(" in 0s")


def test_written_in_place_as_an_editor_may(upstream, make_broker):
    broker = make_broker(upstream)
    path = broker.keys_directory / "sandbox"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(fd, EXAMPLE_ID.encode())  # seen or not: half a key is none
    os.fsync(fd)
    os.write(fd, f":{EXAMPLE_SECRET}\n".encode())
    os.close(fd)
    broker.wait_valid()
    assert counted(upstream)["refused"] == 0


def test_the_token_outlives_its_key_file(broker, upstream):
    """For as long as somebody may be about to put another one there."""
    ust = broker.token()["ust"]
    (broker.keys_directory / "sandbox").unlink()
    broker.wait_status("sandbox", lambda status: status["keys"] == [])
    assert broker.token()["ust"] == ust
    assert broker.status("sandbox")["next_refresh_in_sec"] is None
    assert broker.post("/v1/sandbox/refresh").error() == (503, "no_token")
    broker.write_key("sandbox.other", SPARE_KEY)
    broker.wait_status("sandbox", lambda status: states(status) == {"other": "good"})
    assert not broker.log("its token is dropped") and counted(upstream)["token"] == 2


@pytest.mark.slow("ten seconds without a key file")
def test_without_a_key_file_for_10_s_it_is_off(broker):
    ust, began = broker.token()["ust"], time.monotonic()
    (broker.keys_directory / "sandbox").unlink()
    broker.wait_log("sandbox: there is no access key any more: its token is dropped$")
    assert 9.9 <= time.monotonic() - began <= 25
    status = broker.status("sandbox")
    assert (status["state"], status["token"], status["configured"]) == ("no_key", None, False)
    assert broker.get("/v1/sandbox/token?wait=0").error() == (503, "no_token")
    broker.write_key("sandbox", EXAMPLE_KEY)
    assert broker.wait_valid().token()["ust"] != ust


# trial before trust


def test_a_replaced_key_is_tried_and_then_used(broker, upstream):
    old = broker.token()["ust"]
    broker.write_key("sandbox", SPARE_KEY)
    wait_until(lambda: broker.token()["ust"] != old, "the new key's token")
    assert [entry["key_id"] for entry in upstream.state("sandbox")["last"]] == [EXAMPLE_ID, SPARE[0]]
    status = broker.status("sandbox")
    assert states(status) == {"": "good"} and "kept_old" not in status["keys"][0]
    assert broker.log(r"the upstream accepts the access key \(no label\): it works")


def test_a_replaced_key_that_is_refused_leaves_the_old_one(broker, upstream):
    old = broker.token()["ust"]
    broker.write_key("sandbox", "WRONGKEY01:0123456789abcdef")
    status = broker.wait_status("sandbox", lambda status: states(status) == {"": "refused"})
    assert status["keys"][0]["kept_old"] is True
    assert status["state"] == "valid" and broker.token()["ust"] == old
    # The old key, of which no file is left, still gets tokens.
    assert broker.refresh()["outcome"] == "granted"
    assert upstream.state("sandbox")["last"][-1]["key_id"] == EXAMPLE_ID
    assert broker.token()["ust"] != old


def test_a_trial_that_nobody_answers_is_made_again(broker, upstream):
    upstream.fault("sandbox", "unavailable")
    broker.write_key("sandbox", SPARE_KEY)
    status = broker.wait_status("sandbox", lambda status: status["exchanges"]["unavailable"] >= 1)
    assert states(status) == {"": "untried"} and status["keys"][0]["kept_old"] is True
    assert status["keys"][0]["seen_at"] is None
    assert status["state"] == "valid"
    upstream.clear_faults()
    # In two minutes, or when the next grant shows that the upstream answers again.
    assert broker.refresh()["outcome"] == "granted"
    status = broker.wait_status("sandbox", lambda status: states(status) == {"": "good"})
    assert "kept_old" not in status["keys"][0]
    assert [entry["key_id"] for entry in upstream.state("sandbox")["last"]] == [
        EXAMPLE_ID, SPARE[0], EXAMPLE_ID, SPARE[0]]


def test_a_file_that_becomes_unusable_leaves_the_old_key(broker):
    broker.write_key("sandbox", "no colon")
    status = broker.wait_status("sandbox", lambda status: status["key_files_refused"])
    assert "stays in use" in status["key_files_refused"][0]["reason"]
    assert states(status) == {"": "good"}
    assert broker.refresh()["outcome"] == "granted"


def test_a_key_regenerated_in_the_portal_interrupts_nothing(broker, upstream):
    old = broker.token()["ust"]
    new_secret = upstream.regenerate("sandbox")
    assert broker.token()["ust"] == old
    bearer = {"Authorization": "Bearer " + old}
    assert upstream.request("sandbox", "GET", "/rest/v1/x", headers=bearer)[0] == 200
    broker.write_key("sandbox", f"{EXAMPLE_ID}:{new_secret}")
    wait_until(lambda: broker.token()["ust"] != old, "the new secret's token")
    assert counted(upstream)["refused"] == 0, "the dead secret was not even tried"


def test_the_same_content_again_is_tried(broker, upstream):
    """Somebody wants to know. It stays good meanwhile; and what was only read again is not tried."""
    broker.write_key("sandbox", EXAMPLE_KEY + "\n")
    wait_until(lambda: counted(upstream)["granted"] == 2, "the trial")
    for _ in range(3):
        broker.reload()
        time.sleep(0.4)
    status = broker.status("sandbox")
    assert counted(upstream)["token"] == 2 and states(status) == {"": "good"} and "kept_old" not in status["keys"][0]


# refused keys


def test_failover_to_the_spare(upstream, make_broker):
    upstream.refuse_key("sandbox")
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY, "sandbox.2-spare": SPARE_KEY}).wait_valid()
    status = broker.status("sandbox")
    assert states(status) == {"1-main": "refused", "2-spare": "good"}
    assert status["keys"][0]["cause"] == "unauthorized" and status["keys"][0]["seen_ago_sec"] < 20
    assert "cause" not in status["keys"][1]
    assert status["token"]["key"] == "2-spare"
    assert status["exchanges"]["key_refused"] == 1 and status["exchanges"]["granted"] == 1
    assert broker.log(r"sandbox: .*refused the access key \(key 1-main\)", priority=3)
    upstream.accept_key("sandbox")

    # It is passed over from now on; but an operator's refresh tries it as well.
    assert broker.refresh() | {"expires_in": 0, "expires_at": ""} == {
        "environment": "sandbox", "refreshed": True, "outcome": "granted", "key": "2-spare", "mage_id": "MAG123456789",
        "message": "a new token is in hand", "expires_in": 0, "expires_at": ""}
    status = broker.wait_status("sandbox", lambda status: states(status) == {"1-main": "good", "2-spare": "good"})
    assert status["token"]["key"] == "1-main"


def test_all_keys_refused(upstream, make_broker):
    """It goes on trying, and what is new is tried at once."""
    upstream.fault("sandbox", "refuse")
    broker = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY, "sandbox.2": SPARE_KEY})
    status = broker.wait_status("sandbox", lambda status: set(states(status).values()) == {"refused"})
    assert status["state"] == "no_token" and [key["cause"] for key in status["keys"]] == 2 * ["unauthorized"]
    answer = broker.get("/v1/sandbox/token?wait=0")
    assert answer.error() == (503, "no_token") and 1 <= answer.retry_after <= 115
    wait_until(lambda: counted(upstream)["token"] >= 4, "each is asked again")
    ids = [entry["key_id"] for entry in upstream.state("sandbox")["last"]]
    assert ids[:4] == 2 * [EXAMPLE_ID, SPARE[0]]
    upstream.clear_faults()
    broker.write_key("sandbox.2", SPARE_KEY)
    began = time.monotonic()
    broker.wait_status("sandbox", lambda status: states(status)["2"] == "good")
    assert time.monotonic() - began < 5


def test_a_refused_refresh_says_so(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox.main": EXAMPLE_KEY}).wait_valid()
    ust = broker.token()["ust"]
    upstream.refuse_key("sandbox")
    answer = broker.refresh()
    assert (answer["outcome"], answer["refreshed"], answer["key"]) == ("key_refused", False, "main")
    assert answer["expires_in"] > 7000 and "401" in answer["message"]
    assert broker.token()["ust"] == ust


# the directory


def test_absent_at_the_start_and_made_later(upstream, make_broker, tmp_path):
    late = tmp_path / "a" / "b" / "keys"
    broker = make_broker(upstream, start=False)
    broker.write_config(broker.config().replace(str(broker.keys_directory), str(late)))
    broker.start()
    assert broker.get("/v1/sandbox/token?wait=0").error() == (503, "no_token")
    assert broker.log("keys.*cannot be opened|cannot be opened")
    late.parent.mkdir(parents=True)
    late.mkdir()
    broker.write_key("sandbox", EXAMPLE_KEY, to=late)
    broker.wait_valid()


def test_removed_and_made_again(broker, upstream):
    with standing_still(broker.process):  # a daemon that sees it empty first drops the key
        shutil.rmtree(broker.keys_directory)
    broker.wait_log("cannot be opened: No such file")
    assert states(broker.status("sandbox")) == {"": "good"}, "the keys read before stay in use"
    assert broker.refresh()["outcome"] == "granted"
    broker.keys_directory.mkdir(mode=0o700)
    broker.write_key("sandbox.again", SPARE_KEY)
    broker.wait_status("sandbox", lambda status: states(status) == {"again": "good"})
    assert broker.refresh()["key"] == "again"


def test_renamed_and_replaced(broker):
    aside = broker.directory / "keys.old"
    broker.keys_directory.rename(aside)
    broker.keys_directory.mkdir(mode=0o700)
    broker.write_key("sandbox.new", SPARE_KEY)
    broker.wait_status("sandbox", lambda status: states(status) == {"new": "good"})
    broker.write_key("sandbox.old", EXAMPLE_KEY, to=aside)  # nobody looks there any more
    broker.write_key("sandbox.third", EXAMPLE_KEY)
    broker.wait_status("sandbox", lambda status: states(status) == {"new": "good", "third": "good"})


def test_swapped_as_kubernetes_does(upstream, make_broker):
    broker = make_broker(upstream)
    keys = broker.keys_directory

    def publish(version, text):
        folder = keys / f"..{version}"
        folder.mkdir()
        (folder / "sandbox").write_text(text)
        (folder / "sandbox").chmod(0o400)
        broker.keep_secret(*text.split(":"))
        (keys / "..data_tmp").symlink_to(folder.name)
        (keys / "..data_tmp").rename(keys / "..data")

    publish("2026_01", EXAMPLE_KEY)
    (keys / "sandbox").symlink_to("..data/sandbox")
    broker.wait_valid()
    old = broker.token()["ust"]
    publish("2026_02", SPARE_KEY)
    shutil.rmtree(keys / "..2026_01")
    wait_until(lambda: broker.token()["ust"] != old, "the new key's token")
    assert upstream.state("sandbox")["last"][-1]["key_id"] == SPARE[0]


def test_read_again_on_sighup(upstream, make_broker, tmp_path):
    broker = make_broker(upstream)
    broker.write_config(broker.config().replace(str(broker.keys_directory), str(tmp_path)))
    broker.write_key("sandbox", EXAMPLE_KEY, to=tmp_path)
    assert broker.status("sandbox")["keys"] == []
    broker.reload()
    broker.wait_valid()
    # And from now on that one is watched.
    broker.write_key("sandbox", SPARE_KEY, to=tmp_path)
    wait_until(lambda: counted(upstream)["granted"] == 2, "the trial")


def test_credentials_of_the_service_manager(upstream, make_broker, tmp_path):
    """Its directory counts when nothing else is set and a key file is in it."""
    broker = make_broker(upstream, start=False, env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    broker.write_config(broker.config().replace(f"keys_directory = {broker.keys_directory}\n", ""))
    broker.write_key("sandbox", EXAMPLE_KEY, 0o400, to=tmp_path)
    broker.start().wait_valid()
    assert broker.log(f"keys are in {tmp_path}$")
    status = broker.get("/v1/status").json()
    assert (status["keys_directory"], status["keys_are_credentials"]) == (str(tmp_path), True)


def test_credentials_that_hold_no_key_do_not_count(upstream, make_broker, tmp_path):
    broker = make_broker(upstream, start=False, env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    broker.write_config(broker.config().replace(f"keys_directory = {broker.keys_directory}\n", ""))
    (tmp_path / "Certificate").write_text("x")
    broker.start()
    assert broker.log("keys are in /etc/eqp-broker/keys$")


def test_other_credentials_are_nobody_s_business(upstream, make_broker, tmp_path):
    """The manager's directory is the unit's, not only the keys': a file that is no key is not complained of."""
    broker = make_broker(upstream, start=False, env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    broker.write_config(broker.config().replace(f"keys_directory = {broker.keys_directory}\n", ""))
    for name in ("ca.pem", "Certificate", "keys_ca.pem", "motd", "a_b_c", "x" * 200):
        (tmp_path / name).write_text("x")
    broker.write_key("sandbox", EXAMPLE_KEY, 0o400, to=tmp_path)
    broker.start().wait_valid()
    assert not broker.log("is not used")
    assert broker.status("sandbox")["key_files_refused"] == []
    assert "add LoadCredential=production:FILE" in broker.status("production")["why"]
    # A bad key is still told of.
    broker.write_key("sandbox.2-spare", "no key", 0o400, to=tmp_path)
    broker.wait_log("sandbox.2-spare is not used: ")


def test_a_directory_as_a_credential(upstream, make_broker, tmp_path):
    """The manager calls its files NAME_FILE."""
    broker = make_broker(upstream, start=False, env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    broker.write_config(broker.config().replace(f"keys_directory = {broker.keys_directory}\n", ""))
    broker.write_key("sandbox_1-main", EXAMPLE_KEY, 0o400, to=tmp_path)
    broker.write_key("sandbox_2-spare", SPARE_KEY, 0o400, to=tmp_path)
    broker.start().wait_valid()
    assert states(broker.status("sandbox")) == {"1-main": "good", "2-spare": "untried"}
    broker.write_key("sandbox.1-main", "OTHER:8820c99614d65f923df7660276f20e029d73e2cb", 0o400, to=tmp_path)
    broker.wait_log("sandbox_1-main is not used: another file gives a key of this name")


def test_an_underscore_makes_no_key_elsewhere(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "sandbox_old": SPARE_KEY}).wait_valid()
    assert broker.log("sandbox_old is not used: its name is not ENVIRONMENT")


# when descriptors are short


def free_descriptors(pid):
    """The numbers that the next ones would get."""
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return [number for number in range(len(taken) + 16) if number not in taken]


@pytest.mark.parametrize("left", range(3))
def test_without_descriptors_the_keys_stay_and_changes_count_later(upstream, make_broker, left):
    if os.geteuid() != 0:
        pytest.skip("needs root: it looks at another process's descriptors and changes its limit")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    pid, limits = broker.process.pid, resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE)
    with broker.connection() as connection:
        def settled():
            """Through some turns of the loop, which has nothing more to close."""
            before = free_descriptors(pid)
            assert all(connection.ask("GET", "/livez").status == 200 for _ in range(5))
            return before if before == free_descriptors(pid) else None

        resource.prlimit(pid, resource.RLIMIT_NOFILE, (wait_until(settled, "no change")[left], limits[1]))
        broker.write_key("sandbox.spare", SPARE_KEY)
        if left < 2:
            broker.wait_log("Too many open files")
        rows = connection.ask("GET", "/v1/status").json()["environments"]
        assert next(row["keys"] for row in rows if row["name"] == "sandbox")[0]["state"] == "good"
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    broker.wait_status("sandbox", lambda status: states(status) == {"": "good", "spare": "good"}, timeout=15)


# the target of the path


def use_directory(broker, path):
    broker.write_config(broker.config().replace(str(broker.keys_directory), str(path)))
    broker.start().wait_valid()


def wait_labels(broker, *labels):
    broker.wait_status("sandbox", lambda status: sorted(states(status)) == sorted(labels), timeout=15)


@pytest.fixture
def places(upstream, make_broker, tmp_path):
    """A broker that is not started yet, and two directories, each with a key of its own, named after it."""
    broker = make_broker(upstream, start=False)
    for name, key in (("one", EXAMPLE_KEY), ("two", SPARE_KEY)):
        (tmp_path / name / "keys").mkdir(parents=True)
        broker.write_key(f"sandbox.{name}", key, to=tmp_path / name / "keys")
    return broker, tmp_path


def point(link, target):
    """As ln -sfn does, at once."""
    aside = link.parent / f".{link.name}.new"
    aside.symlink_to(target)
    aside.rename(link)


def test_the_directory_is_a_link_that_is_turned(places):
    broker, place = places
    point(place / "link", "one/keys")
    use_directory(broker, place / "link")
    point(place / "link", "two/keys")
    wait_labels(broker, "two")
    # And the files there are watched from now on, in the place of those from before.
    broker.write_key("sandbox.old", EXAMPLE_KEY, to=place / "one" / "keys")
    broker.write_key("sandbox.new", EXAMPLE_KEY, to=place / "two" / "keys")
    wait_labels(broker, "two", "new")


def test_a_link_in_the_middle_by_way_of_another(places):
    broker, place = places
    (place / "deep").mkdir()
    point(place / "deep" / "second", place / "one")
    point(place / "first", "deep/../deep/./second")
    use_directory(broker, place / "first" / "keys")
    point(place / "deep" / "second", "../two")
    wait_labels(broker, "two")
    point(place / "deep" / "second", "nowhere")
    broker.wait_log("cannot be opened: No such file")
    assert sorted(states(broker.status("sandbox"))) == ["two"]
    (place / "one").rename(place / "deep" / "nowhere")
    wait_labels(broker, "one")


def test_a_parent_is_swapped(places):
    broker, place = places
    point(place / "current", "one")
    (place / "one").rename(place / "here")
    use_directory(broker, place / "here" / "keys")
    with standing_still(broker.process):
        (place / "here").rename(place / "before")
        (place / "two").rename(place / "here")
    wait_labels(broker, "two")
    broker.write_key("sandbox.new", EXAMPLE_KEY, to=place / "here" / "keys")
    wait_labels(broker, "two", "new")


def test_a_key_file_is_a_link(places):
    """To a file elsewhere, which is replaced; which is written; and to another."""
    broker, place = places
    (place / "store").mkdir()
    broker.write_key("a", EXAMPLE_KEY, to=place / "store")
    (place / "keys").mkdir()
    point(place / "keys" / "sandbox", "../store/a")
    use_directory(broker, place / "keys")

    def used():
        return broker.status("sandbox")["exchanges"]["granted"]

    before = used()
    broker.write_key("a", SPARE_KEY, to=place / "store")
    wait_until(lambda: used() == before + 1, "the replaced file's token")
    (place / "store" / "a").write_text(EXAMPLE_KEY)
    wait_until(lambda: used() == before + 2, "the written file's token")
    broker.write_key("b", SPARE_KEY, to=place / "store")
    point(place / "store" / "link", "b")
    point(place / "keys" / "sandbox", "../store/link")
    wait_until(lambda: used() == before + 3, "the other file's token")
    (place / "store" / "b").chmod(0o666)
    broker.wait_status("sandbox", lambda status: status["key_files_refused"])


@pytest.fixture
def inside(places, monkeypatch):
    """Runs a command where the broker is, in a name space of its own for mounts."""
    broker, place = places
    alone = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*alone, "mount", "--bind", "/", "/mnt"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root, and the right to mount")
    command = place / "eqp-brokerd"
    command.write_text(f'#!/bin/sh\nexec {" ".join(alone)} {broker_module.binary()} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setattr(broker_module, "binary", lambda name="": str(command))
    return lambda *words: subprocess.run(["nsenter", f"--mount=/proc/{broker.process.pid}/ns/mnt", *words], check=True)


def test_a_mount_over_the_directory(places, inside):
    broker, place = places
    use_directory(broker, place / "one" / "keys")
    inside("mount", "--bind", place / "two" / "keys", place / "one" / "keys")
    wait_labels(broker, "two")
    broker.write_key("sandbox.new", EXAMPLE_KEY, to=place / "two" / "keys")
    wait_labels(broker, "two", "new")
    inside("umount", place / "one" / "keys")
    wait_labels(broker, "one")


def test_a_mount_over_a_key_file(places, inside):
    """As a container gets it. Changes of the file that are made outside are no news of the directory inside."""
    broker, place = places
    broker.write_key("outside", SPARE_KEY, to=place)
    use_directory(broker, place / "one" / "keys")

    def wait_granted(n, what):
        wait_until(lambda: broker.status("sandbox")["exchanges"]["granted"] == n, what)

    inside("mount", "--bind", place / "outside", place / "one" / "keys" / "sandbox.one")
    wait_granted(2, "the mounted file's token")
    (place / "outside").write_text(EXAMPLE_KEY)
    wait_granted(3, "the written file's token")
    inside("umount", place / "one" / "keys" / "sandbox.one")
    (place / "outside").write_text("nobody's business any more")
    time.sleep(2)  # a second until a mount counts
    assert broker.status("sandbox")["key_files_refused"] == []


def refresh(broker):
    broker.refresh()


def report(broker):
    assert broker.post("/v1/sandbox/token/rejected", {"ust": broker.token()["ust"]}).status == 200


def demand(broker):
    least = broker.token()["expires_in"] + 1
    assert broker.token(query=f"?min_ttl={least}&wait=20")["expires_in"] >= least


@pytest.mark.parametrize("ask", [refresh, report, demand])
def test_without_watches_the_keys_are_read_before_an_exchange(upstream, make_broker, unwatched, ask):
    """The key of before is not even asked."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    wait_until(lambda: broker.token()["expires_in"] < 7198, "an exchange would be made at once, and is of use")
    broker.write_key("sandbox", SPARE_KEY)
    ask(broker)
    status = broker.wait_status("sandbox", lambda status: states(status) == {"": "good"})
    assert "kept_old" not in status["keys"][0]
    assert [entry["key_id"] for entry in upstream.state("sandbox")["last"]][:2] == [EXAMPLE_ID, SPARE[0]]
    assert len(broker.log("cannot watch all .*; they are read again every 30 s")) == 1


def test_without_watches_the_keys_are_read_before_an_exchange_that_is_due(upstream, make_broker, unwatched):
    upstream.fault("sandbox", "unavailable")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})

    def at_rest():
        status = broker.status("sandbox")
        return not status["exchange_in_flight"] and status["exchanges"]["unavailable"]

    wait_until(lambda: at_rest() >= 2, "the next attempt is some seconds away")
    with standing_still(broker.process):
        n = counted(upstream)["token"]
        broker.write_key("sandbox", SPARE_KEY)
    wait_until(lambda: counted(upstream)["token"] > n, "the next attempt")
    assert upstream.state("sandbox")["last"][n]["key_id"] == SPARE[0]
