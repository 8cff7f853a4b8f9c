"""eqpctl key set: a key is asked for without being seen, tried, and written whole or not at all."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
from fake_broker import Answer, FakeBroker, error
from key_desk import EQPCTL, ID, KEY, SECRET, TRACED, KeyDesk, answer

LIBC = re.search(r"(/\S+/libc\.so\.6)$", pathlib.Path("/proc/self/maps").read_text(), re.M)[1]
OTHER = "SECONDKEY2:fedcba9876543210\n"


def unseen(*texts):
    for text in texts:
        assert SECRET not in text and ID not in text, text


# from standard input


def test_a_key_from_standard_input_is_tried_and_written(desk):
    result = desk.run("key", "set", "sandbox.ci", input=KEY)
    assert (result.returncode, result.stdout.splitlines()) == (0, [
        "The key works.", f"{desk.keys}/sandbox.ci is written.", "No daemon runs: it will use the key when it starts."])
    unseen(result.stdout, result.stderr)
    assert desk.files() == {"sandbox.ci": KEY}
    assert (desk.keys / "sandbox.ci").stat().st_mode & 0o7777 == 0o600
    trial, = desk.trials
    assert trial["arguments"] == ["--try-key", "sandbox"]
    assert trial["line"] == KEY
    unseen(trial["parent"], *trial["environment"].values())
    assert trial["open"] == ["0", "1", "2", "3", "4"], "3 and 4 are its own"


@pytest.mark.parametrize("text", [KEY, KEY.strip(), KEY.replace("\n", "\r\n")])
def test_line_ends_do_not_matter(desk, text):
    assert desk.run("key", "set", "sandbox", input=text).returncode == 0
    assert desk.files() == {"sandbox": KEY}


@pytest.mark.parametrize(["text", "words"], [
    ("", "empty"), (SECRET, "no colon"), (KEY + OTHER, "more than one line"), (f"{ID} {SECRET}", "space"),
    (f":{SECRET}", "before the colon"), (f"{ID}:" + "s" * 1025, "1024"), (SECRET * 1000, "too long"),
    (f'"{ID}:{SECRET}"\n', "quotes around it: write it without quotes"),
    (KEY.encode("utf-16-le").decode(), "UTF-16: save it as plain ASCII text")],
    ids=lambda value: value[:12])
def test_text_that_is_no_key_is_not_written(desk, text, words):
    result = desk.run("key", "set", "sandbox", input=text)
    assert (result.returncode, result.stdout) == (1, "")
    assert words in result.stderr
    unseen(result.stderr)
    assert (desk.files(), desk.trials) == ({}, [])


# the verdict


def test_a_refused_key_is_not_written(desk):
    desk.put("sandbox", OTHER)
    desk.verdict(67, "the EQP API refused the key (401)")
    result = desk.run("key", "set", "sandbox", input=KEY)
    assert (result.returncode, result.stdout) == (1, "")
    assert "refused the key (401)" in result.stderr and "Nothing was written" in result.stderr
    assert "memory" not in result.stderr, "remarks before the verdict are not it"
    assert desk.files() == {"sandbox": OTHER}


@pytest.mark.parametrize(["verdict", "code", "words"], [
    (75, 3, "Try again later"), (76, 1, "neither yes nor no"), (77, 1, "could not be tried"),
    (78, 1, "could not be tried"), (70, 1, "could not be tried")])
def test_a_key_that_could_not_be_tried_is_not_written(desk, verdict, code, words):
    desk.verdict(verdict, "why it is so")
    result = desk.run("key", "set", "sandbox", input=KEY)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr and "why it is so" in result.stderr and "Nothing was written" in result.stderr
    assert desk.files() == {}


@pytest.fixture
def impatient_desk():
    """Its program does not end, though it has a second for the exchange."""
    with KeyDesk(settings="[environment sandbox]\nexchange_timeout = 1s") as desk:
        desk.verdict(0, "hang")
        yield desk


def assert_gone(pid):
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.slow("a trial has 11 s for its verdict")
def test_a_trial_without_end_is_ended(impatient_desk):
    desk = impatient_desk
    begin = time.monotonic()
    result = desk.run("key", "set", "sandbox", input=KEY)
    assert 10 < time.monotonic() - begin < 30
    assert (result.returncode, result.stdout) == (3, "")
    assert "said nothing for 11s, and was killed" in result.stderr and "Nothing was written" in result.stderr
    assert_gone(desk.trials[0]["pid"])
    assert desk.files() == {}


@pytest.mark.slow("a trial has 11 s for its verdict")
def test_after_a_trial_without_end_a_person_is_asked(impatient_desk):
    desk = impatient_desk
    with desk.terminal("key", "set", "sandbox", timeout=40) as terminal:
        answer(terminal)
        terminal.expect("was killed")
        assert terminal.echoes()
        terminal.expect("Write the key untested? [y/N] ")
        assert_gone(desk.trials[0]["pid"])
        terminal.type("y\n")
        assert terminal.wait() == 0
    assert desk.files() == {"sandbox": KEY}


def test_untested_writes_without_asking_anybody(desk):
    desk.verdict(67, "refused")
    result = desk.run("key", "set", "--untested", "sandbox", input=KEY)
    assert (result.returncode, desk.files(), desk.trials) == (0, {"sandbox": KEY}, [])


def test_without_the_program_nothing_is_tried(desk):
    result = desk.run("key", "set", "sandbox", "--directory", desk.keys, input=KEY,
                      env={"EQP_BROKERD": str(desk.directory / "none")})
    assert result.returncode == 1
    assert "none cannot be run: No such file" in result.stderr and "Nothing was written" in result.stderr
    assert desk.files() == {}


# the place


@pytest.mark.parametrize(["name", "code", "words"], [
    ("sandbx", 1, "did you mean sandbox?"), ("v1", 2, "ENVIRONMENT.LABEL"), ("Sandbox", 2, "ENVIRONMENT.LABEL"),
    ("../sandbox", 2, "ENVIRONMENT.LABEL"), ("sandbox.", 2, "ENVIRONMENT.LABEL"), ("sandbox.a/b", 2, "ENVIRONMENT"),
    (".sandbox", 2, "ENVIRONMENT.LABEL"), ("sandbox.-x", 2, "ENVIRONMENT.LABEL")])
def test_names_that_no_key_can_have(desk, name, code, words):
    result = desk.run("key", "set", "--", name, input=KEY)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr
    assert (desk.files(), desk.trials) == ({}, [])


def test_a_fourth_key_is_refused_before_it_is_asked_for(desk):
    for n in "abc":
        desk.put(f"sandbox.{n}", f"KEY{n}:secretsecret\n")
    with desk.terminal("key", "set", "sandbox.d") as terminal:
        assert terminal.wait() == 1
        assert "3 key files already" in terminal.screen and "Application ID" not in terminal.screen
    assert len(desk.files()) == 3
    assert desk.run("key", "set", "sandbox.c", input=KEY).returncode == 0, "replacing one is fine"
    assert desk.run("key", "set", "production", input=KEY).returncode == 0, "another environment has room"


def test_the_same_key_twice_is_refused_before_it_is_tried(desk):
    desk.put("sandbox.1-main", KEY)
    result = desk.run("key", "set", "sandbox.2-spare", input=KEY)
    assert (result.returncode, result.stdout) == (1, "")
    assert "the same key as sandbox.1-main" in result.stderr
    assert (list(desk.files()), desk.trials) == (["sandbox.1-main"], [])


def test_a_key_is_replaced_as_a_whole(desk):
    old = desk.put("sandbox", OTHER, mode=0o640)
    with old.open() as reader:
        result = desk.run("key", "set", "sandbox", input=KEY)
        assert reader.read() == OTHER, "the old file was not written into"
    assert f"{desk.keys}/sandbox is replaced." in result.stdout
    assert desk.files() == {"sandbox": KEY}
    assert old.stat().st_mode & 0o7777 == 0o600
    assert "it held this key before" in desk.run("key", "set", "sandbox", input=KEY).stdout


def test_a_link_is_replaced_and_not_followed(desk):
    victim = desk.directory / "victim"
    victim.write_text("not a key\n")
    (desk.keys / "sandbox").symlink_to(victim)
    assert desk.run("key", "set", "sandbox", input=KEY).returncode == 0
    assert not (desk.keys / "sandbox").is_symlink()
    assert (victim.read_text(), desk.files()) == ("not a key\n", {"sandbox": KEY})


def test_the_directory_is_made_if_there_is_none(desk):
    desk.keys.rmdir()
    assert desk.run("key", "set", "sandbox", input=KEY).returncode == 0
    assert desk.keys.stat().st_mode & 0o7777 == 0o700
    assert desk.files() == {"sandbox": KEY}


def test_another_directory(desk, tmp_path):
    other = tmp_path / "deep" / "er"
    result = desk.run("key", "set", "sandbox", "--directory", other, input=KEY)
    assert result.stdout.splitlines() == ["The key works.", f"{other}/sandbox is written."]
    assert (desk.files(), (other / "sandbox").read_text()) == ({}, KEY)


@pytest.mark.usefixtures("stranger")
def test_what_is_made_above_it_is_open_whatever_our_umask(desk, tmp_path):
    other = tmp_path / "deep" / "er" / "keys"
    assert desk.run("key", "set", "sandbox", "--directory", other, input=KEY, umask=0o077).returncode == 0
    assert [path.stat().st_mode & 0o7777 for path in (other.parent.parent, other.parent, other, other / "sandbox")] == [
        0o755, 0o755, 0o700, 0o600]


def test_a_configuration_with_a_mistake(desk):
    desk.config.write_text("[broker]\nkeys_directry = /nowhere\n")
    result = desk.run("key", "set", "sandbox", input=KEY)
    assert result.returncode == 1
    assert "eqp-brokerd.conf:2" in result.stderr and "--directory" in result.stderr
    result = desk.run("key", "set", "sandbox", "--directory", desk.keys, input=KEY)
    assert (result.returncode, desk.files()) == (0, {"sandbox": KEY})


# trouble with the disk; all of it as root, or in name spaces where one is


def test_owner_and_group_are_the_directory_s(desk, stranger):
    os.chown(desk.keys, stranger, stranger + 1)
    assert desk.run("key", "set", "sandbox", input=KEY).returncode == 0
    status = (desk.keys / "sandbox").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (stranger, stranger + 1, 0o600)


def test_somebody_else_is_told_to_be_root(desk, stranger):
    result = desk.run("key", "set", "sandbox", input=KEY, user=stranger, group=stranger, extra_groups=[])
    assert (result.returncode, result.stdout, desk.files()) == (4, "", {})
    assert "Permission denied" in result.stderr and "as root" in result.stderr
    assert desk.trials == []
    desk.keys.chmod(0o755)
    result = desk.run("key", "set", "sandbox", input=KEY, user=stranger, group=stranger, extra_groups=[])
    assert (result.returncode, desk.files(), desk.trials) == (4, {}, [])


def test_the_owner_need_not_be_root(desk, stranger):
    os.chown(desk.keys, stranger, stranger)
    result = desk.run("key", "set", "sandbox", input=KEY, user=stranger, group=stranger, extra_groups=[])
    assert (result.returncode, desk.files()) == (0, {"sandbox": KEY}), result.stderr


@pytest.fixture
def mount(desk, stranger):
    """Mounts something over the directory of the keys, for one command in a name space of its own."""
    def run(script, *arguments):
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                   f'cd / && {script} && "$@"; code=$?; ls -A "$KEYS" >&2; exit $code', "sh", EQPCTL, *arguments]
        return subprocess.run(command, env=desk.env | {"KEYS": str(desk.keys)}, input=KEY, capture_output=True,
                              text=True, timeout=60)
    return run


def test_a_full_disk(desk, mount):
    full = 'mount -t tmpfs -o size=4k tmpfs "$KEYS" && head -c 4096 /dev/zero >"$KEYS"/.fill'
    result = mount(full, "key", "set", "sandbox")
    assert result.returncode == 1
    assert "No space left on device. Make room there." in result.stderr
    assert result.stderr.splitlines()[-1] == ".fill", "nothing was left behind"


def test_a_read_only_disk(desk, mount):
    desk.put("sandbox", OTHER)
    read_only = 'mount --bind "$KEYS" "$KEYS" && mount -o remount,bind,ro "$KEYS"'
    result = mount(read_only, "key", "set", "sandbox")
    assert result.returncode == 1
    assert "Read-only file system" in result.stderr
    assert (desk.files(), desk.trials) == ({"sandbox": OTHER}, [])


@pytest.fixture
def with_users(desk, mount):
    """The same where there is a user eqp-broker of the groups 54398, its own, and 54397."""
    etc = desk.directory / "etc"  # laid over /etc as a whole: a mount on a file goes when somebody replaces that file
    etc.mkdir()
    for name, line in (("passwd", "eqp-broker:x:54399:54398::/:/usr/sbin/nologin\n"),
                       ("group", "eqp-broker:x:54398:\nkeyreaders:x:54397:eqp-broker\n")):
        (etc / name).write_text(pathlib.Path("/etc", name).read_text() + line)
    return lambda *arguments: mount(f"mount -t overlay -o lowerdir={etc}:/etc overlay /etc", *arguments)


def test_a_directory_that_is_made_belongs_to_the_daemon_s_user(desk, with_users):
    desk.keys.rmdir()
    result = with_users("key", "set", "sandbox")
    assert result.returncode == 0, result.stderr
    for path, mode in ((desk.keys, 0o700), (desk.keys / "sandbox", 0o600)):
        status = path.stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (54399, 54398, mode)


@pytest.mark.parametrize("owner, group, mode", [(0, 54397, 0o640), (0, 54398, 0o600), (0, 0, 0o600), (54399, 54397, 0o600)],
                         ids=["a group for it", "the callers' group", "root's", "the daemon's own"])
def test_a_daemon_that_gets_at_its_keys_by_a_group_gets_at_the_new_one(desk, with_users, owner, group, mode):
    os.chown(desk.keys, owner, group)
    desk.keys.chmod(0o750)
    old = desk.put("sandbox", OTHER, mode=0o640)
    os.chown(old, owner, group)
    result = with_users("key", "set", "sandbox")
    status = (desk.keys / "sandbox").stat()
    assert (result.returncode, status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, owner, group, mode), result.stderr
    closed = f"The user eqp-broker may not read it: chown eqp-broker {desk.keys}/sandbox, unless" in result.stderr
    assert closed is (owner == 0 and group != 54397), "of no use without it"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is needed")
def test_files_of_a_killed_one_are_removed_once_they_are_old(desk):
    before_the_name = "inject=renameat,renameat2:signal=KILL"
    killed = subprocess.run(["strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=renameat,renameat2",
                             "-e", before_the_name, EQPCTL, "key", "set", "--untested", "sandbox"],
                            env=desk.env | TRACED, input=KEY, capture_output=True, text=True, timeout=60)
    assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), killed
    (left, text), = desk.files().items()
    assert left.startswith(".new-") and text == KEY

    result = desk.run("key", "set", "--untested", "production", input=OTHER)
    assert (result.returncode, result.stderr) == (0, ""), "somebody may be writing it"
    old = time.time() - 601
    others = [desk.put(".new-0123456789abcdef", KEY, mode=0o640), desk.put(".new-0123456789abcde", KEY),
              desk.put(".newer", KEY)]
    for path in (*others, desk.keys / left):
        os.utime(path, (old, old))
    assert "key_leftover" in [finding["id"] for finding in
                              json.loads(desk.run("doctor", "--json").stdout)["findings"]]
    result = desk.run("key", "set", "--untested", "production", input=OTHER)
    assert result.returncode == 0 and "the files of an earlier key set that was killed: 1 file." in result.stderr
    assert set(desk.files()) == {"production", *(path.name for path in others)}


# the daemon's view of it


def row(key_state, serial, key={}, **more):
    key = {"label": "", "serial": serial, "state": key_state, "trial_in_sec": None} | key
    environment = {"name": "sandbox", "state": "valid", "keys": [key] if serial else [], "key_files_refused": [],
                   "exchange_in_flight": False, "last_trouble": None, "token": {"key": "", "mage_id": "MAG1"}}
    return Answer(body={"environments": [environment | more]})


TRIAL = {"trial_in_sec": 0}
DOWN = {"key": "", "message": "it is down"}


@pytest.mark.parametrize(["before", "after", "code", "words"], [
    ([row("", 0)], [row("", 0), row("untried", 1, exchange_in_flight=True), row("good", 1)], 0,
     "tried it: it works, and is in use."),
    ([row("good", 4)], [row("good", 4), row("untried", 5, TRIAL), row("good", 5)], 0, "it works, and is in use."),
    ([row("", 0)], [row("untried", 2, TRIAL), row("good", 2, token={"key": "a"})], 0, "it works and stands by."),
    ([row("", 0)], [row("untried", 1, state="waiting", token=None, failures_in_row=1, last_trouble=DOWN)], 0,
     "has not tried it yet: it is down. It goes on trying to get a token."),
    ([row("good", 1)], [row("untried", 2, {"trial_in_sec": 115}, last_trouble=DOWN)], 0,
     "has not tried it yet: it is down. It will in 1min 55s."),
    ([row("good", 1)], [row("untried", 2, {"trial_in_sec": 600}, exchanges={"trial_last_hour": 4}, last_trouble=DOWN)],
     0, "keys were tried 4 times within the hour, which is the most. It will in 10min."),
    ([row("", 0)], [row("", 0, key_files_refused=[{"file": "sandbox", "reason": "it cannot be opened"}])], 1,
     "The daemon does not use the file: it cannot be opened."),
    ([row("good", 4)], [row("refused", 5, {"cause": "unauthorized", "trial_in_sec": 86400, "kept_old": True},
                            last_trouble={"key": "", "message": "the key was refused"})], 1,
     "the EQP API refused it (the key was refused). It will try again in 1d. "
     "The key from before stays in use until this one works."),
    ([row("good", 4)], [row("refused", 5, {"cause": "unauthorized"}, last_trouble={"key": "b", "message": "x"})], 1,
     "the EQP API refused it.\n"),
    ([row("good", 4)], [row("refused", 5, {"cause": "outdone"}, last_trouble={"key": "", "message": "HTTP 403"})], 1,
     "it obtained no token, where another key did (HTTP 403)."),
    ([row("good", 4)], [row("refused", 5, {"cause": "other_account"})], 1, "it is of another account and is not used"),
])
def test_the_daemon_s_view_is_told(desk, before, after, code, words):
    with FakeBroker(desk.socket) as broker:
        broker.answers["GET /v1/status"] = before + after
        result = desk.run("key", "set", "sandbox", "--untested", input=KEY)
    assert result.returncode == code, result
    assert words in result.stdout + result.stderr
    assert desk.files() == {"sandbox": KEY}


def test_a_key_that_was_there_is_tried_anew(desk):
    """The state from before is no answer: that of the exchange that the writing causes counts."""
    desk.put("sandbox", KEY)
    with FakeBroker(desk.socket) as broker:
        before = row("refused", 4, {"cause": "unauthorized", "trial_in_sec": 86000}, exchanges={"total": 1})
        broker.answers["GET /v1/status"] = [before, before, row("refused", 4, TRIAL, exchanges={"total": 1}),
                                            row("good", 4, exchanges={"total": 2})]
        result = desk.run("key", "set", "sandbox", "--untested", input=KEY)
    assert result.returncode == 0 and "it works, and is in use." in result.stdout, result


def test_a_daemon_that_may_not_be_asked_is_no_failure(desk):
    with FakeBroker(desk.socket) as broker:
        broker.answers["GET /v1/status"] = error(403, "caller_refused", "You may not.")
        result = desk.run("key", "set", "sandbox", "--untested", input=KEY)
    assert (result.returncode, desk.files()) == (0, {"sandbox": KEY})
    assert "You may not." in result.stderr


# the account


def serving(mage_id, token=True):
    return row("good", 4, account=mage_id, token={"key": "", "mage_id": mage_id} if mage_id and token else None)


def granted(mage_id, key=""):
    return Answer(body={"refreshed": True, "outcome": "granted", "key": key, "message": "a new token is in hand",
                        "mage_id": mage_id, "expires_in": 7200})


TAKEN_UP = row("good", 5)


@pytest.fixture
def daemon(desk):
    """One that serves tokens of the account MAG1; trials find that a key is of MAG2."""
    desk.verdict(0, "the key obtained a token", account="MAG2\n")
    with FakeBroker(desk.socket) as broker:
        broker.answers["GET /v1/status"] = serving("MAG1")
        broker.answers["POST /v1/sandbox/refresh"] = granted("MAG2")
        yield broker


def refreshes(broker):
    return [request.target for request in broker.requests if request.method == "POST"]


def test_the_account_is_told(desk):
    desk.verdict(0, "the key obtained a token", account="MAG1\n")
    result = desk.run("key", "set", "sandbox", input=KEY)
    assert result.stdout.splitlines()[0] == "The key works. It is of the account MAG1."
    assert desk.run("key", "check").stdout.split() == ["sandbox", "good", "account", "MAG1"]


@pytest.mark.parametrize("printed", ["", "\n", "MAG1", "MAG1\nmore\n", "two words\n", "\x1b[31m\n", "M" * 65 + "\n",
                                     'M"\n'])
def test_text_that_is_no_account_is_none(desk, printed):
    """An eqp-brokerd of another version may print anything."""
    desk.verdict(0, "the key obtained a token", account=printed)
    result = desk.run("key", "set", "sandbox", input=KEY)
    assert (result.returncode, result.stdout.splitlines()[0]) == (0, "The key works.")


def test_a_key_of_another_account_is_not_written(desk, daemon):
    desk.put("sandbox", OTHER)
    result = desk.run("key", "set", "sandbox", input=KEY)
    assert (result.returncode, result.stdout, desk.files()) == (1, "", {"sandbox": OTHER})
    assert "of the account MAG2, but the daemon serves tokens of MAG1 for sandbox" in result.stderr
    assert "nothing was written" in result.stderr and "--new-account" in result.stderr
    assert refreshes(daemon) == []
    unseen(result.stderr)


def test_the_account_is_known_without_a_token(desk, daemon):
    daemon.answers["GET /v1/status"] = serving("MAG1", token=False)
    result = desk.run("key", "set", "sandbox", input=KEY)
    assert (result.returncode, result.stdout, desk.files()) == (1, "", {})
    assert "of the account MAG2, but the daemon serves tokens of MAG1 for sandbox" in result.stderr


def test_another_account_untested(desk, daemon):
    daemon.answers["GET /v1/status"] = [serving("MAG1"), TAKEN_UP]
    result = desk.run("key", "set", "sandbox", "--untested", input=KEY)
    assert (result.returncode, desk.files(), refreshes(daemon)) == (0, {"sandbox": KEY}, []), result
    assert "MAG" not in result.stdout + result.stderr


@pytest.mark.parametrize("status", [serving("MAG2"), serving(None), row("", 0, token=None), error(403, "caller_refused", "No.")],
                         ids=["the same", "no token", "no environment", "not allowed"])
def test_an_account_that_fits_or_may_fit(desk, daemon, status):
    daemon.answers["GET /v1/status"] = [status, status, status, TAKEN_UP]
    result = desk.run("key", "set", "sandbox", input=KEY)
    assert (result.returncode, desk.files()) == (0, {"sandbox": KEY}), result
    assert refreshes(daemon) == []


def test_another_directory_has_nothing_to_do_with_the_daemon_s_account(desk, daemon, tmp_path):
    assert desk.run("key", "set", "sandbox", "--directory", tmp_path, input=KEY).returncode == 0
    result = desk.run("key", "set", "sandbox", "--directory", tmp_path / "x", "--new-account", input=KEY)
    assert (result.returncode, result.stdout) == (2, "") and "the daemon's own keys" in result.stderr
    assert not (tmp_path / "x").exists() and daemon.requests == []


def test_a_new_account(desk, daemon):
    daemon.answers["GET /v1/status"] = [serving("MAG1"), serving("MAG1"), TAKEN_UP]
    result = desk.run("key", "set", "sandbox", "--new-account", input=KEY)
    assert (result.returncode, result.stdout.splitlines()) == (0, [
        "The key works. It is of the account MAG2.", f"{desk.keys}/sandbox is written.",
        "The account of sandbox is now MAG2.", "The daemon has taken it up and tried it: it works, and is in use."]), result
    assert refreshes(daemon) == ["/v1/sandbox/refresh?account=new"]
    assert desk.files() == {"sandbox": KEY}


def test_a_new_account_untested(desk, daemon):
    daemon.answers["GET /v1/status"] = [serving("MAG1"), TAKEN_UP]
    result = desk.run("key", "set", "sandbox", "--new-account", "--untested", input=KEY)
    assert result.returncode == 0 and "The account of sandbox is now MAG2." in result.stdout
    assert desk.trials == []


@pytest.mark.parametrize(["answer", "code", "words"], [
    (granted("MAG1", "1-main"), 1, ["still MAG1, by its key sandbox.1-main", "this key is of MAG2",
                                    "key check sandbox"]),
    (Answer(body={"refreshed": False, "outcome": "unavailable", "message": "it is down"}), 1, ["no token: it is down"]),
    (error(403, "caller_refused", "This user may not refresh sandbox."), 4, ["may not refresh sandbox"]),
    (error(400, "bad_request", "This path takes no query."), 2, ["takes no query"])],
    ids=["another key comes first", "no token", "not an operator", "an older daemon"])
def test_a_new_account_that_does_not_come(desk, daemon, answer, code, words):
    daemon.answers["POST /v1/sandbox/refresh"] = answer
    daemon.answers["GET /v1/status"] = [serving("MAG1"), serving("MAG1"), TAKEN_UP]
    result = desk.run("key", "set", "sandbox", "--new-account", input=KEY)
    assert (result.returncode, desk.files()) == (code, {"sandbox": KEY}), result
    assert all(word in result.stderr for word in words), result.stderr
    assert "is now" not in result.stdout


def test_a_new_account_without_a_daemon(desk):
    result = desk.run("key", "set", "sandbox", "--new-account", input=KEY)
    assert (result.returncode, result.stderr.splitlines()[1:]) == (0, [])
    assert result.stdout.splitlines()[2:] == ["No daemon runs: it will use the key when it starts.",
                                              "If it then goes by the account from before, do this again."]


@pytest.mark.parametrize("more", [[], ["--new-account"]])
def test_the_account_of_the_configuration_holds(more):
    with KeyDesk(settings="[environment sandbox]\naccount = MAG1") as desk:
        desk.verdict(0, "the key obtained a token", account="MAG2\n")
        result = desk.run("key", "set", "sandbox", *more, input=KEY)
        assert (result.returncode, result.stdout, desk.files()) == (1, "", {})
        assert "of the account MAG2, but the configuration has account = MAG1 for sandbox" in result.stderr
        assert "nothing was written" in result.stderr and "new-account" not in result.stderr
        desk.verdict(0, "the key obtained a token", account="MAG1\n")
        assert desk.run("key", "set", "sandbox", *more, input=KEY).returncode == 0


# nobody sees it


def test_no_process_has_the_key_in_its_arguments_or_environment(desk):
    """Every process that is started, by the kernel's own account."""
    strace = ["strace", "-f", "-qq", "-s", "4096", "-v", "-e", "trace=execve,write,openat,sendto,sendmsg"]
    try:
        subprocess.run([*strace, "true"], capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("strace cannot be used here")
    log = desk.directory / "strace"
    result = subprocess.run([*strace, "-o", log, EQPCTL, "key", "set", "sandbox"],
                            env=desk.env | TRACED, input=KEY, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    text = log.read_text(errors="replace")
    assert "--try-key" in text
    assert [line for line in text.splitlines() if "execve" in line and (SECRET in line or ID in line)] == []
    ours = text.splitlines()[0].split()[0]
    carriers = [line for line in text.splitlines() if SECRET in line and line.startswith(ours)]
    # Into the pipe to the trial, and into the file that is renamed.
    assert len(carriers) == 2 and all(" write(" in line for line in carriers), carriers


def test_a_set_user_id_program_does_not_run_what_the_environment_names(desk, stranger):
    program = desk.directory / "eqpctl"
    program.write_bytes(EQPCTL.read_bytes())
    os.chown(program, stranger, stranger)
    program.chmod(0o4755)
    # It does not look for its library beside itself either, so that goes where the system's are.
    libraries = pathlib.Path(os.path.realpath(LIBC)).parent
    overlay = f"lowerdir={EQPCTL.parent.parent}/client:{libraries}"
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
               f'mount -t overlay -o {overlay} overlay {libraries} && exec "$@"', "sh", program, "key", "list"]
    result = subprocess.run(command, env=desk.env, capture_output=True, text=True, timeout=60)
    if "overlay" in result.stderr:
        pytest.skip(f"no overlay here: {result.stderr}")
    assert result.returncode == 1
    assert "/bin/eqp-brokerd cannot be run" in result.stderr and str(desk.program) not in result.stderr
