"""eqpctl key list, check and remove: the key files, whether they work, and away with them."""

import json
import os

import pytest
from fake_broker import Answer, FakeBroker
from key_desk import KeyDesk

SECRETS = {"MAINKEY001": "canary0123456789", "SPAREKEY02": "canary9876543210", "THIRDKEY03": "canary5555555555"}
MAIN, SPARE, THIRD = (f"{id}:{secret}\n" for id, secret in SECRETS.items())


def unseen(result):
    for text in (*SECRETS, *SECRETS.values()):
        assert text not in result.stdout + result.stderr


def listed(desk, *arguments):
    result = desk.run("key", "list", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    unseen(result)
    return {row["file"]: row for row in json.loads(result.stdout)["files"]}


def status(*keys, refused=()):
    environment = {"name": "sandbox", "state": "valid", "keys": list(keys), "key_files_refused": [
        {"file": file, "reason": reason} for file, reason in refused], "exchange_in_flight": False}
    return Answer(body={"environments": [environment]})


# list


def test_the_list_as_a_table(desk):
    desk.put("sandbox.1-main", MAIN)
    desk.put("sandbox.2-spare", SPARE, mode=0o644)
    result = desk.run("key", "list")
    assert result.returncode == 0
    unseen(result)
    head, main, spare, empty, why = result.stdout.splitlines()
    assert head.split() == ["FILE", "MODE", "OWNER", "DAEMON"]
    assert main.split()[:2] == ["sandbox.1-main", "0600"] and main.split()[3] == "-"
    assert spare.split()[:2] == ["sandbox.2-spare", "0644"]
    assert why.startswith("sandbox.2-spare: everybody may read it (mode 0644): chmod")
    assert "No eqp-brokerd answers" in result.stderr


def test_every_fault_has_its_reason(desk):
    desk.put("production", MAIN)
    desk.put("sandbox.a", MAIN)
    desk.put("sandbox.b", MAIN)
    desk.put("sandbox.c", "nocolon\n")
    desk.put("sandbox.d", SPARE, mode=0o660)
    desk.put("sandbox.e", SPARE)
    desk.put("sandbox.f", THIRD)
    desk.put("sandbox.g", "FOURTHKEY4:0123456789\n")
    desk.put("elsewhere", MAIN)
    desk.put("README", "not a key\n")
    desk.put(".sandbox.swp", MAIN)
    os.mkfifo(desk.keys / "sandbox.h", 0o600)
    (desk.keys / "sandbox.i").symlink_to("/etc/hostname")
    (desk.keys / "sandbox.j").symlink_to("sandbox.none")
    rows = listed(desk)
    reasons = {file: row["reason"] for file, row in rows.items()}
    for file, words in {"sandbox.b": "the same key as sandbox.a", "sandbox.c": "no colon", "sandbox.d": "others may write",
                        "sandbox.g": "3 keys already", "elsewhere": "no environment of that name", "README": "its name",
                        "sandbox.h": "not a regular file", "sandbox.i": "leads out of the directory",
                        "sandbox.j": "No such file"}.items():
        assert words in reasons.pop(file), file
    assert reasons == {"production": None, "sandbox.a": None, "sandbox.e": None, "sandbox.f": None}
    assert rows["sandbox.a"]["fit"] is True and rows["sandbox.b"]["fit"] is False


def test_the_links_of_kubernetes_are_followed(desk):
    (desk.keys / "..2026").mkdir()
    (desk.keys / "..2026" / "sandbox").write_text(MAIN)
    (desk.keys / "..2026" / "sandbox").chmod(0o600)
    (desk.keys / "..data").symlink_to("..2026")
    (desk.keys / "sandbox").symlink_to("..data/sandbox")
    rows = listed(desk)
    assert list(rows) == ["sandbox"] and rows["sandbox"]["fit"]


def test_relaxed_as_the_configuration_says():
    with KeyDesk("key_permissions = relaxed") as desk:
        desk.put("sandbox", MAIN, mode=0o644)
        assert listed(desk)["sandbox"]["fit"]


@pytest.mark.parametrize(["name", "files"], [("sandbox", ["sandbox", "sandbox.ci"]), ("sandbox.ci", ["sandbox.ci"]),
                                             ("production", [])])
def test_only_some(desk, name, files):
    for file, key in (("sandbox", MAIN), ("sandbox.ci", SPARE)):
        desk.put(file, key)
    assert list(listed(desk, name)) == files
    assert desk.run("key", "list", "nowhere").returncode == 1


def test_the_daemons_view(desk):
    for name, key in (("sandbox.a", MAIN), ("sandbox.b", SPARE), ("sandbox.c", THIRD), ("sandbox.d", "X:y\n")):
        desk.put(name, key)
    answer = status({"label": "a", "serial": 1, "state": "refused", "cause": "unauthorized", "seen_ago_sec": 720},
                    {"label": "b", "serial": 2, "state": "good", "seen_ago_sec": 60}, refused=[("sandbox.c", "it cannot be opened")])
    with FakeBroker(desk.socket) as broker:
        broker.answers["GET /v1/status"] = answer
        rows = listed(desk)
        result = desk.run("key", "list", "--directory", str(desk.keys.parent / "keys"))
    assert result.returncode == 0
    assert {file: row["daemon"] for file, row in rows.items()} == {
        "sandbox.a": "refused 12min ago: answered 401", "sandbox.b": "good, seen 1min ago", "sandbox.c": "not used", "sandbox.d": "not seen"}
    assert rows["sandbox.c"]["reason"] == "it cannot be opened"


def test_the_daemon_is_not_asked_of_another_directory(desk, tmp_path):
    (tmp_path / "sandbox").write_text(MAIN)
    (tmp_path / "sandbox").chmod(0o600)
    with FakeBroker(desk.socket) as broker:
        assert listed(desk, "--directory", tmp_path)["sandbox"]["daemon"] is None
        assert broker.requests == []


def test_no_file_and_no_directory(desk):
    result = desk.run("key", "list")
    assert (result.returncode, result.stdout) == (0, "")
    assert f"There is no key file in {desk.keys}" in result.stderr
    desk.keys.rmdir()
    assert desk.run("key", "list").returncode == 0


def test_others_may_not_look(desk, stranger):
    desk.put("sandbox", MAIN)
    for verb in ("list", "check"):
        result = desk.run("key", verb, user=stranger, group=stranger, extra_groups=[])
        assert (result.returncode, result.stdout) == (4, ""), verb
        assert "as root" in result.stderr


# check


def test_each_key_is_tried_once(desk):
    for name, key in (("production", THIRD), ("sandbox.a", MAIN), ("sandbox.b", SPARE)):
        desk.put(name, key)
    result = desk.run("key", "check")
    assert (result.returncode, [line.split() for line in result.stdout.splitlines()]) == (
        0, [["production", "good"], ["sandbox.a", "good"], ["sandbox.b", "good"]])
    assert [(trial["arguments"][1], trial["line"]) for trial in desk.trials] == [
        ("production", THIRD), ("sandbox", MAIN), ("sandbox", SPARE)]
    unseen(result)


@pytest.mark.parametrize(["verdict", "words", "code"], [
    (67, "refused", 1), (75, "not now", 3), (76, "odd answer", 1), (78, "not tried", 1), (66, "not tried", 1)])
def test_one_that_does_not_work(desk, verdict, words, code):
    desk.put("sandbox.a", MAIN)
    desk.put("sandbox.b", SPARE)
    desk.verdict(0, "fine", MAINKEY001=(verdict, "why it is so"))
    result = desk.run("key", "check", "sandbox")
    assert result.returncode == code
    a, b = result.stdout.splitlines()
    assert a.split(None, 1)[1].split("  ")[0] == words and a.endswith("why it is so")
    assert b.split() == ["sandbox.b", "good"]


def test_a_refused_one_counts_more_than_one_that_could_not_be_tried(desk):
    desk.put("sandbox.a", MAIN)
    desk.put("sandbox.b", SPARE)
    desk.verdict(67, "refused", MAINKEY001=(75, "not now"))
    assert desk.run("key", "check").returncode == 1


def test_a_file_that_is_not_used_is_not_tried(desk):
    desk.put("sandbox", MAIN, mode=0o666)
    result = desk.run("key", "check")
    assert (result.returncode, desk.trials) == (1, [])
    assert "not tried" in result.stdout and "others may write" in result.stdout


def test_only_one_is_checked(desk):
    desk.put("sandbox.a", MAIN)
    desk.put("sandbox.b", SPARE)
    assert desk.run("key", "check", "sandbox.b").returncode == 0
    assert [trial["line"] for trial in desk.trials] == [SPARE]
    assert desk.run("key", "check", "sandbox.c").returncode == 1
    assert desk.run("key", "check", "production").returncode == 1


# remove


def test_a_person_agrees(desk):
    desk.put("sandbox.a", MAIN)
    desk.put("sandbox.b", SPARE)
    for reply, files in (("n", ["sandbox.a", "sandbox.b"]), ("", ["sandbox.a", "sandbox.b"]), ("y", ["sandbox.b"])):
        with desk.terminal("key", "remove", "sandbox.a") as terminal:
            terminal.expect(f"Remove {desk.keys}/sandbox.a? [y/N] ")
            terminal.type(f"{reply}\n")
            assert terminal.wait() == (0 if reply == "y" else 1)
        assert sorted(desk.files()) == files
    assert "portal" in terminal.screen


def test_nobody_there_to_agree(desk):
    desk.put("sandbox.a", MAIN)
    desk.put("sandbox.b", SPARE)
    result = desk.run("key", "remove", "sandbox.a")
    assert result.returncode == 1 and "--yes" in result.stderr
    assert len(desk.files()) == 2
    assert desk.run("key", "remove", "sandbox.a", "--yes").returncode == 0
    assert desk.files() == {"sandbox.b": SPARE}


def test_the_last_one_is_not_removed_by_accident(desk):
    desk.put("sandbox.a", MAIN)
    desk.put("sandbox.b", SPARE, mode=0o666)  # of no use
    desk.put("production", THIRD)
    with desk.terminal("key", "remove", "sandbox.a") as terminal:
        assert terminal.wait() == 1
        assert "the last key of sandbox" in terminal.screen
    assert len(desk.files()) == 3
    assert desk.run("key", "remove", "sandbox.a", "--yes").returncode == 0
    assert sorted(desk.files()) == ["production", "sandbox.b"]


def test_a_link_is_removed_and_not_what_it_leads_to(desk):
    victim = desk.directory / "victim"
    victim.write_text("stays\n")
    (desk.keys / "sandbox").symlink_to(victim)
    assert desk.run("key", "remove", "--yes", "sandbox").returncode == 0
    assert (desk.files(), victim.read_text()) == ({}, "stays\n")


@pytest.mark.parametrize(["name", "code"], [("sandbox.none", 1), ("../keys", 2), ("", 2)])
def test_a_missing_key(desk, name, code):
    assert desk.run("key", "remove", "--yes", name).returncode == code
