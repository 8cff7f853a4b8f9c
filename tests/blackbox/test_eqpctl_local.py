"""eqpctl local ... with a real daemon, and clients that use what it prints."""

import calendar
import contextlib
import errno
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from broker import BARE_ENVIRONMENT, binary, free_port, silent_users, wait_until
from fake_broker import Answer, FakeBroker
from local_keys import BODY, LocalKey, basic, session_path
from simulator import EXAMPLE_KEY

EQPCTL = binary("ctl/eqpctl")
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}  # a process that is traced cannot look for them
ALLOW = "GET /rest/v1/reports/**"
ADD = ("local", "add", "reports", "--environment", "sandbox", "--allow", ALLOW)


def environment(broker):
    return BARE_ENVIRONMENT | {"EQP_BROKERD": binary(), "EQP_BROKER_CONFIG": str(broker.config_path),
                               "EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}", "LC_ALL": "C.UTF-8"}


def eqpctl(broker, *arguments, code=0, env=None, **more):
    result = subprocess.run([EQPCTL, *arguments], env=environment(broker) | (env or {}), stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=60, **more)
    assert result.returncode == code, result
    return result


def pair_of(broker, result):
    """ID and secret, as they are printed; nobody else is to print the latter."""
    match = re.fullmatch(r"application ID:     (\S+)\napplication secret: ([0-9a-f]{64})\n", result.stdout)
    assert match, result
    assert match[2] not in result.stderr
    broker.keep_secret(match[2])
    return match[1], match[2]


def add(broker, *more, **how):
    return pair_of(broker, eqpctl(broker, *ADD, "--caller", "uid:0", *more, **how))


def file_of(broker, name="reports"):
    return broker.directory / "eqp-brokerd.conf.d" / f"local-{name}.conf"


def status_of(broker, id, secret):
    return broker.request("POST", session_path(), {"EQP-Client": None} | basic(id, secret), BODY, via="tcp").status


@pytest.fixture
def broker(upstream, make_broker):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()


def test_from_nothing_to_a_token(broker):
    result = eqpctl(broker, *ADD, "--caller", "uid:0", "--expires", "2097-06-30")
    id, secret = pair_of(broker, result)
    assert re.fullmatch(r"lk-reports-[0-9a-f]{6}", id)
    assert result.stderr.endswith(f"{file_of(broker)} is written, and the daemon has taken it up.\nThe secret is shown this once.\n")
    # As people do it, with curl.
    answer = subprocess.run(["curl", "-sS", "-u", f"{id}:{secret}", "-H", "Content-Type: application/json", "-d", BODY,
                             f"http://127.0.0.1:{broker.port}{session_path()}"], capture_output=True, text=True, check=True)
    token = json.loads(answer.stdout)["ust"]
    broker.keep_secret(token)
    assert token.startswith("eqpl1.reports.")
    # And as a Python program does: the token from one URL, the rest below the same one.
    base = f"http://127.0.0.1:{broker.port}/sandbox/rest/v1"
    request = urllib.request.Request(f"{base}/app/session/token", BODY.encode(), basic(id, secret) | {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        token = json.load(reply)["ust"]
    broker.keep_secret(token)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{base}/reports/metrics", headers={"Authorization": f"Bearer {token}"}), timeout=20)
    assert (refused.value.code, refused.value.headers["EQP-Error"]) == (404, "gateway_off"), "the token is known"


def test_its_file(broker):
    id, secret = add(broker, "--allow", "POST,PUT /rest/v1/products/packages/*", "--expires", "2097-06-30")
    path = file_of(broker)
    assert path.stat().st_mode & 0o7777 == 0o640
    lines = path.read_text().splitlines()
    assert lines[1:] == ["[local reports]", "environment = sandbox", f"id = {id}",
                         f"secret_sha256 = {hashlib.sha256(secret.encode()).hexdigest()}", "caller = uid:0", f"allow = {ALLOW}",
                         "allow = POST,PUT /rest/v1/products/packages/*", "expires = 2097-06-30"]
    assert lines[0].startswith("# Made by eqpctl local.")
    assert secret not in path.read_text() and os.listdir(path.parent) == [path.name]


@pytest.mark.usefixtures("stranger")
def test_the_daemon_gets_to_it_whatever_our_umask(broker):
    """The daemon is another user than root, who has such a umask where the host is hardened."""
    add(broker, umask=0o077)
    path = file_of(broker)
    assert path.parent.stat().st_mode & 0o7777 == 0o755 and path.stat().st_mode & 0o7777 == 0o640


def test_real_tokens(broker):
    id, secret = pair_of(broker, eqpctl(broker, "local", "add", "ci", "--environment", "sandbox", "--real", "--caller", "any"))
    answer = broker.request("POST", session_path(), {"EQP-Client": None} | basic(id, secret), BODY, via="tcp")
    assert answer.json()["ust"] == broker.token()["ust"]


def test_print_changes_nothing(broker):
    result = eqpctl(broker, *ADD, "--print")
    section, words = result.stdout, result.stderr
    secret = re.search(r"^[0-9a-f]{64}$", words, re.M)[0]
    assert secret not in section and f"secret_sha256 = {hashlib.sha256(secret.encode()).hexdigest()}" in section
    assert not file_of(broker).parent.exists() and not broker.status("sandbox")["local_keys"]
    # It is what a configuration management puts there.
    broker.keep_secret(secret)
    broker.config_path.write_text(broker.config() + section)
    broker.reload()
    assert status_of(broker, re.search(r"^id = (.*)$", section, re.M)[1], secret) == 200


def test_print_needs_no_daemon(broker):
    broker.stop()
    assert "[local reports]" in eqpctl(broker, *ADD, "--print").stdout


def test_list(broker):
    assert eqpctl(broker, "local", "list").stdout == "There is no local key. See: eqpctl local add --help\n"
    id, secret = add(broker)
    other, _ = pair_of(broker, eqpctl(broker, "local", "add", "ci", "--environment", "sandbox", "--real", "--caller", "any"))
    result = eqpctl(broker, "local", "list")
    rows = [re.split(r" {2,}", line) for line in result.stdout.splitlines()]
    assert rows == [["NAME", "ENVIRONMENT", "ID", "TOKEN", "CALLER", "EXPIRES"], ["ci", "sandbox", other, "real", "any", "-"],
                    ["reports", "sandbox", id, "opaque", "uid:0", "-"]]
    assert json.loads(eqpctl(broker, "local", "list", "--json").stdout)[1] == {
        "name": "reports", "environment": "sandbox", "id": id, "token": "opaque", "callers": ["uid:0"], "allow": [ALLOW],
        "expires": None, "old_until": None}
    broker.check_text(result.stdout, "the list")


def test_rotate(broker):
    id, old = add(broker)
    file_of(broker).write_text(file_of(broker).read_text() + "# for the monthly report\n")
    result = eqpctl(broker, "local", "rotate", "reports")
    same, new = pair_of(broker, result)
    assert same == id and new != old
    assert [status_of(broker, id, secret) for secret in (old, new)] == [200, 200]
    until = re.search(r"The one from before is good until (\S+)\.\n", result.stderr)[1]
    assert 23.9 * 3600 < calendar.timegm(time.strptime(until, "%Y-%m-%dT%H:%M:%SZ")) - time.time() <= 24 * 3600 + 1
    text = file_of(broker).read_text()
    assert text.endswith(f"caller = uid:0\nallow = {ALLOW}\n# for the monthly report\n") and file_of(broker).stat().st_mode & 0o777 == 0o640
    assert broker.status("sandbox")["local_keys"][0]["rotating"] is True
    # Once more: of two there is no place for a third.
    _, newest = pair_of(broker, eqpctl(broker, "local", "rotate", "reports"))
    assert [status_of(broker, id, secret) for secret in (old, new, newest)] == [401, 200, 200]
    assert file_of(broker).read_text().count("secret_sha256_old") == 1


def test_rotate_changes_nobodys_rights(broker, stranger):
    """The unit may name another user for the daemon, to whom the file was opened."""
    add(broker)
    path = file_of(broker)
    os.chown(path, stranger, stranger + 1)
    path.chmod(0o604)
    pair_of(broker, eqpctl(broker, "local", "rotate", "reports"))
    status = path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (stranger, stranger + 1, 0o604)


def test_remove(broker):
    id, secret = add(broker)
    token = broker.request("POST", session_path(), {"EQP-Client": None} | basic(id, secret), BODY, via="tcp").json()["ust"]
    result = eqpctl(broker, "local", "remove", "reports")
    assert result.stdout == "The local key reports is removed. Its secret and its tokens no longer work.\n"
    assert status_of(broker, id, secret) == 401 and not file_of(broker).exists()
    answer = broker.get("/sandbox/rest/v1/reports", {"EQP-Client": None, "Authorization": f"Bearer {token}"}, via="tcp")
    assert answer.status == 401
    assert "is not in a file that eqpctl has made" in eqpctl(broker, "local", "remove", "reports", code=1).stderr


# ---- what is refused ----

@pytest.mark.parametrize("arguments, words", [
    (("local", "add"), "the name of a local key is missing"), (("local", "rotate"), "the name of a local key is missing"),
    (("local", "add", "a b", "--environment", "sandbox", "--real"), "no name of a local key"),
    (("local", "add", "x", "--real"), "--environment is missing"), (("local", "add", "x", "--environment", "sandbox"), "--allow is missing"),
    ((*ADD, "--allow", "GET /rest/v2/x"), "--allow 'GET /rest/v2/x': "), ((*ADD, "--allow", "reports"), "--allow 'reports': "),
    ((*ADD, "--caller", "root"), "--caller root: "), ((*ADD, "--caller", "unit:x.service"), "--caller unit:x.service: "),
    ((*ADD, "--expires", "tomorrow"), "--expires takes a day"), ((*ADD, "--expires", "2020-01-01"), "2020-01-01 is over already"),
    (("local", "list", "x"), "one argument too many"), (("local",), "needs a second word")])
def test_nonsense(broker, arguments, words):
    assert words in eqpctl(broker, *arguments, code=2).stderr


@pytest.mark.parametrize("arguments, words", [
    (("local", "add", "x", "--environment", "sandbx", "--real", "--caller", "any"), "There is no environment 'sandbx'"),
    ((*ADD, "--caller", "user:no-such-user"), "--caller user:no-such-user: there is no such user on this host"),
    ((*ADD, "--caller", "user:nobody"), "--caller user:nobody: there is no such user on this host"),
    ((*ADD, "--caller", "group:no-such-group"), "--caller group:no-such-group: there is no such group on this host"),
    (("local", "rotate", "x"), "There is no local key x"), (("local", "remove", "x"), "is not in a file that eqpctl has made")])
def test_a_missing_one(broker, arguments, words):
    assert words in eqpctl(broker, *arguments, code=1).stderr


@pytest.mark.parametrize("caller", ["user:silent-one", "group:silent-ones"])
def test_a_user_database_that_is_silent_is_no_reason_not_to_write(plain_build, broker, caller):
    pair_of(broker, eqpctl(broker, *ADD, "--caller", caller, env=silent_users(errno.ENOENT)))
    assert f"caller = {caller}\n" in file_of(broker).read_text()


def test_a_rule_for_a_user_that_is_gone_takes_nothing_else_down(broker):
    """As it is with the daemon: the rule gives nothing, and all else can be changed."""
    path = broker.config_path
    path.write_text(path.read_text().replace("[broker]\n", "[broker]\nallow = user:was-here-once\n", 1))
    add(broker)
    assert "reports" in eqpctl(broker, "local", "list").stdout
    assert "sandbox" in eqpctl(broker, "key", "list").stdout
    eqpctl(broker, "local", "rotate", "reports")
    eqpctl(broker, "local", "remove", "reports")


def test_a_gateway_that_is_off_is_told_of(broker):
    said = "gateway = yes into [environment sandbox]"
    assert said in eqpctl(broker, *ADD, "--caller", "uid:0").stderr
    eqpctl(broker, "local", "remove", "reports")
    assert said not in eqpctl(broker, "local", "add", "other", "--environment", "sandbox", "--real", "--caller", "uid:0").stderr
    broker.environments["sandbox"] = "gateway = yes"
    broker.write_config()
    assert said not in eqpctl(broker, *ADD, "--caller", "uid:0").stderr


def test_a_name_that_is_taken(broker):
    id, secret = add(broker)
    assert "There is a local key reports already" in eqpctl(broker, *ADD, "--caller", "any", code=1).stderr
    assert status_of(broker, id, secret) == 200


def test_a_key_that_stands_elsewhere_is_not_ours_to_change(broker):
    broker.local = [LocalKey("reports", allow=[ALLOW])]
    broker.write_config()
    broker.reload()
    for verb in ("rotate", "remove"):
        assert "change it where its section [local reports] stands" in eqpctl(broker, "local", verb, "reports", code=1).stderr


def test_a_caller_is_demanded_where_nobody_holds_the_port(broker):
    """A user who takes the port while the daemon is down collects the secret."""
    result = eqpctl(broker, *ADD, code=1)
    assert "While the daemon is down, another user can listen on its TCP port" in result.stderr and not file_of(broker).exists()
    broker.stop()
    assert "While the daemon is down" in eqpctl(broker, *ADD, code=1).stderr, "nobody knows"


def test_no_caller_is_demanded_where_the_manager_holds_the_port(upstream, make_broker, tmp_path):
    with socket.socket() as held, socket.socket(socket.AF_UNIX) as local:
        port = free_port()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        local.bind(str(tmp_path / "socket"))
        for listening in (held, local):
            listening.listen()
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, passed=[("tcp", held), ("unix", local)])
        broker.port, broker.socket_path = port, tmp_path / "socket"
        broker.wait_valid()
        id, secret = pair_of(broker, eqpctl(broker, *ADD))
        assert broker.status()["port_held"] is True
        assert status_of(broker, id, secret) == 200


def test_without_a_daemon(broker):
    broker.stop()
    result = eqpctl(broker, *ADD, "--caller", "uid:0")
    id, secret = pair_of(broker, result)
    assert "No daemon runs: the key is good once it does." in result.stderr
    broker.start()
    broker.wait_valid()
    assert status_of(broker, id, secret) == 200
    broker.stop()
    assert eqpctl(broker, "local", "remove", "reports").stdout == f"{file_of(broker)} is removed. No daemon runs.\n"


def test_a_mistake_elsewhere_leaves_all_as_it_was(broker):
    """A file that the daemon would not take is not left behind."""
    other = broker.directory / "eqp-brokerd.conf.d" / "zz.conf"
    other.parent.mkdir()
    id, secret = add(broker)
    before = file_of(broker).read_text()
    # eqpctl reads what stands there now, and finds it good; the daemon reads it later.
    program = broker.directory / "brokerd"
    program.write_text(f"#!/bin/sh\n{binary()} \"$@\" || exit\necho '[broker]\nnonsense = 1' > {other}\n")
    program.chmod(0o755)
    for arguments in (("local", "rotate", "reports"), ("local", "add", "more", *ADD[3:], "--caller", "any")):
        other.unlink(missing_ok=True)
        result = subprocess.run([EQPCTL, *arguments], env=environment(broker) | {"EQP_BROKERD": str(program)}, capture_output=True,
                                text=True, timeout=60)
        assert (result.returncode, result.stdout) == (1, "") and "nonsense" in result.stderr, result
    assert file_of(broker).read_text() == before and not file_of(broker, "more").exists()
    assert status_of(broker, id, secret) == 200


def test_a_user_who_may_not_write_there(broker, stranger):
    result = eqpctl(broker, *ADD, "--caller", "any", code=1, user=stranger, group=stranger, extra_groups=[])
    assert result.stdout == "" and "Run this as root." in result.stderr


# ---- a secret that nobody gets to see ----

@pytest.fixture(params=["a full disk", "a reader that went"])
def lost_output(request):
    if request.param == "a full disk":
        end = os.open("/dev/full", os.O_WRONLY)
    else:
        other, end = os.pipe()
        os.close(other)
    yield end
    os.close(end)


def unseen(broker, output, *arguments, before=(), env=None):
    """The words on stderr."""
    result = subprocess.run([*before, EQPCTL, *arguments], env=environment(broker) | (env or {}), stdin=subprocess.DEVNULL,
                            stdout=output, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert result.returncode == 1 and result.stderr.count("The answer could not be written: ") == 1, result
    return result.stderr


def test_a_rotation_that_nobody_sees_is_taken_back(broker, lost_output):
    """Else the natural second try throws the secret in use away, as there is no place for a third."""
    id, old = add(broker)
    before = file_of(broker).read_text()
    said = unseen(broker, lost_output, "local", "rotate", "reports")
    assert said.endswith(f"{file_of(broker)} is as it was before. The daemon is asked to go by that ...\n"
                         "eqpctl: The secret stays as it was.\n")
    assert file_of(broker).read_text() == before
    assert broker.status("sandbox")["local_keys"][0]["rotating"] is False
    _, new = pair_of(broker, eqpctl(broker, "local", "rotate", "reports"))
    assert [status_of(broker, id, secret) for secret in (old, new)] == [200, 200]


def test_a_key_that_nobody_sees_is_not_made(broker, lost_output):
    said = unseen(broker, lost_output, *ADD, "--caller", "uid:0")
    assert said.endswith(f"{file_of(broker)} is removed again. The daemon is asked to go by that ...\neqpctl: The key is not made.\n")
    assert not file_of(broker).exists() and not broker.status("sandbox")["local_keys"]
    id, secret = add(broker)
    assert status_of(broker, id, secret) == 200


def test_a_rotation_that_cannot_be_taken_back(broker, lost_output):
    """It says how to get there, and that is true."""
    if subprocess.run(["strace", "-V"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs strace")
    id, old = add(broker)
    renames = "rename,renameat,renameat2"
    said = unseen(broker, lost_output, "local", "rotate", "reports", env=TRACED, before=[
        "strace", "-qq", "-o", "/dev/null", "-e", f"trace={renames}", "-e", f"inject={renames}:error=EIO:when=2"])
    assert "stays as it was" not in said and "put the value of secret_sha256_old in its place" in said
    text = file_of(broker).read_text()
    value = re.search(r"^secret_sha256_old = (\S+)$", text, re.M)[1]
    file_of(broker).write_text(re.sub(r"^secret_sha256 = .*$", f"secret_sha256 = {value}", text, flags=re.M))
    broker.reload()
    _, new = pair_of(broker, eqpctl(broker, "local", "rotate", "reports"))
    assert [status_of(broker, id, secret) for secret in (old, new)] == [200, 200]


class Held(Answer):
    """To a reload: the answer is held back until the gate is opened."""
    def __init__(self):
        super().__init__(body={"reloaded": True, "environments": []})
        self.gate = threading.Event()

    def bytes(self):
        self.gate.wait(60)
        return super().bytes()


@contextlib.contextmanager
def reloading(broker, *answers):
    """A stand-in for the daemon, which answers reloads like this."""
    with FakeBroker(unix_path=broker.directory / "reloading.sock") as fake:
        fake.answers["POST /v1/reload"] = list(answers)
        yield fake


@contextlib.contextmanager
def rotating(broker, fake, output=subprocess.PIPE):
    """While it waits for the first answer."""
    with subprocess.Popen([EQPCTL, "local", "rotate", "reports"], env=environment(broker) | {"EQP_BROKER_ADDRESS": fake.address},
                          stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: fake.requests or process.poll() is not None, "it asks for a reload")
            yield process
        finally:
            process.kill()


def test_an_order_to_end_waits_until_the_secret_is_shown(broker):
    id, old = add(broker)
    answer = Held()
    with reloading(broker, answer) as fake, rotating(broker, fake) as process:
        process.send_signal(signal.SIGTERM)
        answer.gate.set()
        out, words = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    _, new = pair_of(broker, subprocess.CompletedProcess([], 0, out, words))
    broker.reload()
    assert [status_of(broker, id, secret) for secret in (old, new)] == [200, 200]


def test_an_order_to_end_does_not_keep_it_from_taking_back(broker, lost_output):
    """As with a pipeline that is ended as a whole: its reader is gone by then."""
    add(broker)
    before, answer = file_of(broker).read_text(), Held()
    with reloading(broker, answer) as fake, rotating(broker, fake, lost_output) as process:
        process.send_signal(signal.SIGTERM)
        answer.gate.set()
        _, words = process.communicate(timeout=60)
        assert len(fake.requests) == 2, "the daemon is told of it"
    assert process.returncode == 1 and words.endswith("The secret stays as it was.\n")
    assert file_of(broker).read_text() == before


def test_the_second_wait_can_be_broken_off(broker, lost_output):
    add(broker)
    before, answer = file_of(broker).read_text(), Held()
    with reloading(broker, answer, Answer(hang=True)) as fake, rotating(broker, fake, lost_output) as process:
        answer.gate.set()
        wait_until(lambda: len(fake.requests) == 2 or process.poll() is not None, "it asks once more")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
    assert file_of(broker).read_text() == before


# ---- a power failure ----

def with_folder_unsynced(broker, *arguments, when):
    """With the sync of the folder failing, which is the nth one of the program's own."""
    if subprocess.run(["strace", "-V"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs strace")
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", f"inject=fsync:error=EIO:when={when}", EQPCTL,
                           *arguments], env=environment(broker) | TRACED, capture_output=True, text=True, timeout=60, check=False)


def test_a_removal_that_may_not_last_is_told(broker):
    """Else a secret that leaked is good again, and nobody knows."""
    id, secret = add(broker)
    result = with_folder_unsynced(broker, "local", "remove", "reports", when=1)
    assert result.returncode == 1 and "reports.conf is removed, but may come back after a power failure: " in result.stderr, result
    assert "is removed. Its secret and its tokens no longer work." in result.stdout
    assert status_of(broker, id, secret) == 401 and not file_of(broker).exists()


def test_a_secret_that_may_not_last_is_told(broker):
    id, old = add(broker)
    result = with_folder_unsynced(broker, "local", "rotate", "reports", when=2)
    assert result.returncode == 0 and "reports.conf is written, but may not outlive a power failure: " in result.stderr, result
    _, new = pair_of(broker, result)
    assert [status_of(broker, id, secret) for secret in (old, new)] == [200, 200]


def test_the_secret_is_nowhere_else(plain_build, broker, tmp_path):
    """Neither in an argument nor in the environment of any program that is started."""
    trace = tmp_path / "trace"
    if subprocess.run(["strace", "-V"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs strace")
    result = subprocess.run(["strace", "-f", "-v", "-s", "4096", "-e", "trace=execve,openat,write", "-o", trace, EQPCTL, *ADD, "--caller",
                             "uid:0"], env=environment(broker), capture_output=True, text=True, timeout=60, check=True)
    _, secret = pair_of(broker, result)
    lines = [line for line in pathlib.Path(trace).read_text().splitlines() if secret in line]
    assert len(lines) == 1 and "write(1, " in lines[0], lines
