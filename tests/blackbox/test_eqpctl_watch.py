"""eqpctl watch: each new token goes to a file and to a command, whole, soon, and to nobody else."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from broker import free_port, is_running, wait_until
from fake_broker import TOKEN, Answer, FakeBroker, error
from simulator import EXAMPLE_KEY

EQPCTL = pathlib.Path(os.environ["EQP_BUILD_DIR"]) / "ctl" / "eqpctl"
PASSED_ON = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN")) or k == "PATH"}
TOKEN_PATH = "GET /v1/sandbox/token"
SOMEBODY, THEIR_GROUP = 54321, 54322
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}  # a process that is traced cannot look for them
REPORTS = ("Sanitizer", "runtime error:")


class Watch:
    """One that runs. Its end is checked: exit code 0, and no token in what it said."""

    def __init__(self, directory, address, *arguments, code=0, **more):
        self.log_path, self.code, self.secrets = directory / "watch.log", code, {TOKEN["ust"]}
        env = PASSED_ON | {"EQP_BROKER_ADDRESS": address} | more.pop("env", {})
        self.arguments = [str(argument) for argument in arguments]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*more.pop("before", []), EQPCTL, "watch", *self.arguments], env=env, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log, cwd=directory, **more)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        with self.process.stdout:
            if kind is not None:
                self.process.kill()
                self.process.wait()
                print(self.log())
                return
            self.stop()

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        assert code == self.code, self.log()
        assert not any(secret in self.log() for secret in self.secrets)
        assert not any(word in self.log() for word in REPORTS), self.log()

    def wait(self):
        """Until it ends by itself."""
        self.process.wait(60)
        self.stop()

    def log(self):
        return self.log_path.read_text()

    def wait_log(self, pattern, n=1, timeout=30):
        wait_until(lambda: len(re.findall(pattern, self.log(), re.M)) >= n or self.process.poll() is not None,
                   f"{n} of {pattern!r}", timeout)
        assert len(re.findall(pattern, self.log(), re.M)) >= n, self.log()


@pytest.fixture
def watch(tmp_path):
    def start(address, *arguments, **more):
        return Watch(tmp_path, getattr(address, "address", address), *arguments, **more)

    return start


@pytest.fixture
def fake():
    with FakeBroker() as fake:
        fake.answers[TOKEN_PATH] = tokens("canaryFirst")
        yield fake


def tokens(*names):
    """Answers with these tokens; then there is no other one, for as long as the test lasts."""
    return [Answer(body=TOKEN | {"ust": name}, headers={"ETag": f'"{number}"'}) for number, name in enumerate(names)] + [
        Answer(hang=True)]


def wait_content(path, content):
    wait_until(lambda: path.exists() and path.read_text() == content, f"{path} has it")


def real_token(broker):
    return broker.token()["ust"] + "\n"


def address_of(broker):
    return f"unix:{broker.socket_path}"


def status_of(path):
    status = os.stat(path)
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


# tokens of a real daemon


def test_the_first_token_and_each_new_one(broker, watch, tmp_path):
    path, ran = tmp_path / "token", tmp_path / "ran"
    script = f'printf "%s %s %s\\n" "$EQP_TOKEN" "$EQP_MAGE_ID" "$EQP_BASE_URL" >>{ran}; cat {path} >>{ran}'
    seen = []
    with watch(address_of(broker), "sandbox", "--file", path, "--", "sh", "-c", script) as watching:
        for n in range(1, 4):
            token = broker.token()
            seen += [f"{token['ust']} {token['mage_id']} {token['base_url']}", token["ust"]]
            wait_content(path, token["ust"] + "\n")
            watching.wait_log("^eqpctl: sh ended with exit code 0.$", n)
            assert ran.read_text().splitlines() == seen
            watching.secrets.add(token["ust"])
            broker.refresh()
        wait_content(path, real_token(broker))
        command_line = pathlib.Path(f"/proc/{watching.process.pid}/cmdline").read_bytes()
        assert not any(secret.encode() in command_line for secret in watching.secrets)
    assert status_of(path) == (os.geteuid(), os.getegid(), 0o600)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["ran", "token", "watch.log"]


def test_it_survives_restarts_of_the_daemon(upstream, make_broker, watch, tmp_path):
    broker, path = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid(), tmp_path / "token"
    with watch(address_of(broker), "sandbox", "--file", path) as watching:
        wait_content(path, real_token(broker))
        for n in range(1, 3):
            broker.stop()
            watching.wait_log("^eqpctl: Waiting for a token of sandbox.$", n)
            broker.start().wait_valid()
            wait_content(path, real_token(broker))
            watching.wait_log("^eqpctl: The broker answers again for sandbox.$", n)
        assert watching.log().count("Waiting for") == 2, "it is said once"


def test_the_daemon_is_not_there_at_the_start(upstream, make_broker, watch, tmp_path):
    broker, path = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False), tmp_path / "token"
    with watch(address_of(broker), "sandbox", "--file", path) as watching:
        watching.wait_log("No eqp-brokerd answers at .*\n.*\neqpctl: Waiting for a token of sandbox")
        time.sleep(3)  # for some more attempts
        assert not path.exists() and watching.log().count("Waiting for") == 1
        broker.start().wait_valid()
        wait_content(path, real_token(broker))


def test_there_is_no_token_at_the_start(upstream, make_broker, watch, tmp_path):
    broker, path = make_broker(upstream), tmp_path / "token"
    with watch(address_of(broker), "sandbox", "--file", path) as watching:
        watching.wait_log("Waiting for a token of sandbox")
        broker.write_key("sandbox", EXAMPLE_KEY)
        broker.wait_valid()
        wait_content(path, real_token(broker))


@pytest.mark.slow("two waits of 30 s", first=True)
def test_idle_it_asks_every_30_s_and_sleeps(broker, watch, tmp_path):
    path = tmp_path / "token"

    def wakes(pid):
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])

    def requests():
        text = broker.get("/metrics").body.decode()
        return int(re.search(r"^eqp_broker_requests_total (\d+)", text, re.M)[1])

    with watch(address_of(broker), "sandbox", "--file", path) as watching:
        wait_content(path, real_token(broker))
        wait_until(lambda: not is_running(watching.process.pid), "it sleeps")
        first, second = requests(), requests()
        woken = wakes(watching.process.pid)
        time.sleep(65)
        asked, woken = requests() - second - (second - first), wakes(watching.process.pid) - woken
    print(f"{asked} requests and {woken} wakes in 65 s")
    assert 1 <= asked <= 3 and woken < 40


# its requests, and how often


def test_it_waits_with_the_etag(fake, watch, tmp_path):
    fake.answers[TOKEN_PATH] = tokens("canaryFirst", "canarySecond")
    with watch(fake, "sandbox", "--file", tmp_path / "token"):
        wait_content(tmp_path / "token", "canarySecond\n")
        wait_until(lambda: len(fake.requests) == 3, "it waits again")
    assert [(request.target, request.headers.get("if-none-match")) for request in fake.requests] == [
        ("/v1/sandbox/token?wait=2", None), ("/v1/sandbox/token?wait=30", '"0"'), ("/v1/sandbox/token?wait=30", '"1"')]


AT_ONCE = {
    "unchanged": Answer(304),
    "no-etag": Answer(body=TOKEN),
    "another-etag": Answer(body=TOKEN, headers={"ETag": '"9"'}),
    "no-token": error(503, "no_token", "In words."),
    "internal": error(500, "internal", "In words."),
    "dropped": Answer(drop=True),
    "no-http": Answer(raw=b"220 mail.example ESMTP\r\n"),
}


def test_a_daemon_that_answers_at_once_is_asked_seldom(watch, tmp_path):
    with contextlib.ExitStack() as stack:
        fakes, began = {}, time.monotonic()
        for name, answer in AT_ONCE.items():
            fake = fakes[name] = stack.enter_context(FakeBroker())
            fake.answers[TOKEN_PATH] = [tokens(TOKEN["ust"])[0], answer]
            stack.enter_context(watch(fake, "sandbox", "--file", tmp_path / name))
        for name in AT_ONCE:
            wait_content(tmp_path / name, TOKEN["ust"] + "\n")
        time.sleep(6)
        asked = {name: len(fake.requests) for name, fake in fakes.items()}
        most = 2 + time.monotonic() - began
        # A connection that breaks is tried twice each time.
        assert all(2 <= n <= (2 * (most - 1) if name == "dropped" else most) for name, n in asked.items()), asked


def test_the_pause_that_the_daemon_asks_for(fake, watch, tmp_path):
    fake.answers[TOKEN_PATH] = [error(503, "no_token", "In words.", retry_after=3), *tokens("canaryFirst")]
    began = time.monotonic()
    with watch(fake, "sandbox", "--file", tmp_path / "token") as watching:
        wait_content(tmp_path / "token", "canaryFirst\n")
        assert time.monotonic() - began >= 3
        assert "In words." in watching.log() and "answers again" in watching.log()


@pytest.mark.parametrize(["answer", "code"], [
    (error(403, "caller_refused", "You may not."), 4),
    (error(404, "unknown_environment", "There is no such environment."), 1),
    (error(400, "bad_request", "That is no request."), 2),
])  # fmt: skip
def test_trouble_that_does_not_pass(fake, watch, tmp_path, answer, code):
    """At the start it is somebody's mistake; later on it may be a reload's, and passes."""
    fake.answers[TOKEN_PATH] = answer
    with watch(fake, "sandbox", "--file", tmp_path / "token", code=code) as watching:
        watching.wait()
        assert answer.body["message"] in watching.log()
    fake.answers[TOKEN_PATH] = [tokens("canaryFirst")[0], answer, *tokens("canarySecond")]
    with watch(fake, "sandbox", "--file", tmp_path / "token"):
        wait_content(tmp_path / "token", "canarySecond\n")


# the file


class Reader(threading.Thread):
    """Looks at a directory and at its file `token` all the time."""

    def __init__(self, directory):
        super().__init__()
        self.directory, self.over = directory, threading.Event()
        self.texts, self.modes, self.names = [], set(), set()

    def run(self):
        while not self.over.is_set():
            for entry in self.directory.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    self.modes.add(stat.S_IMODE(entry.lstat().st_mode))
                    self.names.add(entry.name)
            with contextlib.suppress(FileNotFoundError):
                text = (self.directory / "token").read_text()
                if self.texts[-1:] != [text]:
                    self.texts.append(text)

    def __enter__(self):
        self.mask = os.umask(0)
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        os.umask(self.mask)

    def check(self, tokens_of):
        order = [tokens_of.index(text.rstrip("\n")) for text in self.texts]  # fails for what is no whole token
        assert order == sorted(order)
        assert not any(mode & 0o077 for mode in self.modes), self.modes
        assert [entry.name for entry in self.directory.iterdir()] == ["token"]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "of-the-file").mkdir()
    return tmp_path / "of-the-file"


def test_a_reader_sees_whole_tokens_only(fake, watch, place):
    names = [letter * 4096 for letter in "abcdefghijklmnopqrst"]
    fake.answers[TOKEN_PATH] = tokens(*names)
    with Reader(place) as reader, watch(fake, "sandbox", "--file", place / "token"):
        wait_content(place / "token", names[-1] + "\n")
    reader.check(names)
    assert len(reader.texts) > 5


def test_the_same_in_slow_motion(fake, watch, place):
    """Each step of the write takes long enough to be seen."""
    strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null"]
    if shutil.which("strace") is None or subprocess.run([*strace, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("strace cannot be used here")
    names = ["canaryFirst", "canarySecond"]
    fake.answers[TOKEN_PATH] = tokens(*names)
    slowly = [*strace, "-e", "trace=openat,write,fchmod,fsync,rename,renameat,renameat2", "-e",
              "inject=write,fchmod,fsync,rename,renameat,renameat2:delay_enter=200000"]
    with Reader(place) as reader, watch(fake, "sandbox", "--file", place / "token", before=slowly, env=TRACED):
        wait_content(place / "token", "canarySecond\n")
    reader.check(names)
    assert any(name.startswith(".eqp-token-") for name in reader.names), "it was slow enough"


@pytest.mark.parametrize(["mode", "bits"], [("0640", 0o640), ("440", 0o440), ("0660", 0o660), ("0400", 0o400)])
def test_the_mode(fake, watch, tmp_path, mode, bits):
    path = tmp_path / "token"
    fake.answers[TOKEN_PATH] = tokens("canaryFirst", "canarySecond")
    with watch(fake, "sandbox", "--file", path, "--mode", mode):
        wait_content(path, "canarySecond\n")
        assert stat.S_IMODE(path.stat().st_mode) == bits


@pytest.mark.parametrize("form", ["json", "header", "env"])
def test_the_format(fake, watch, tmp_path, form):
    with watch(fake, "sandbox", "--file", "token", "--format", form):  # relative
        printed = subprocess.run([EQPCTL, "token", "sandbox", "--format", form], capture_output=True, text=True, check=True,
                                 env=PASSED_ON | {"EQP_BROKER_ADDRESS": fake_once(fake)}, timeout=30).stdout
        wait_content(tmp_path / "token", printed)


def fake_once(fake):
    """So that another client gets the first token as well."""
    wait_until(lambda: len(fake.requests) >= 2, "watch has it and waits")
    fake.answers[TOKEN_PATH] = tokens("canaryFirst")
    return fake.address


@pytest.fixture
def root():
    if os.geteuid() != 0:
        pytest.skip("needs root: files of others, mounts")


@pytest.fixture
def their_place(root):
    """Where somebody else may write, and get to."""
    with tempfile.TemporaryDirectory(prefix="eqp-") as name:
        os.chown(name, SOMEBODY, THEIR_GROUP)
        yield pathlib.Path(name)


@pytest.mark.usefixtures("root")
def test_owner_and_group_stay(fake, watch, tmp_path):
    path = tmp_path / "token"
    path.write_text("older")
    os.chown(path, SOMEBODY, THEIR_GROUP)
    path.chmod(0o644)
    with watch(fake, "sandbox", "--file", path, "--mode", "0640"):
        wait_content(path, "canaryFirst\n")
    assert status_of(path) == (SOMEBODY, THEIR_GROUP, 0o640)


def test_an_owner_that_this_user_cannot_keep(fake, their_place):
    path = their_place / "token"
    path.write_text("older")
    with Watch(their_place, fake.address, "sandbox", "--file", path, user=SOMEBODY, group=THEIR_GROUP, extra_groups=[]) as watching:
        watching.wait_log("token is of user 0 and group 0, and a new file cannot be given to them: .*Run this as one who may")
        assert path.read_text() == "older" and sorted(entry.name for entry in their_place.iterdir()) == ["token", "watch.log"]
        path.unlink()
        wait_content(path, "canaryFirst\n")
        watching.wait_log("token is written again")
    assert status_of(path) == (SOMEBODY, THEIR_GROUP, 0o600)


@pytest.mark.usefixtures("root")
def test_a_file_of_somebody_else_where_everybody_may_write(fake, watch, tmp_path):
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o1777)
    (place / "token").write_text("mine")
    os.chown(place / "token", SOMEBODY, THEIR_GROUP)
    with watch(fake, "sandbox", "--file", place / "token") as watching:
        watching.wait_log("is somebody else's, in a directory where everybody may write")
    assert (place / "token").read_text() == "mine"


@pytest.mark.usefixtures("root")
def test_a_file_of_somebody_else_where_a_group_may_write(fake, watch, tmp_path):
    """Its owner may have put it into the place of ours."""
    place = tmp_path / "shared"
    place.mkdir()
    os.chown(place, 0, THEIR_GROUP)
    place.chmod(0o2775)
    (place / "token").write_text("mine")
    os.chown(place / "token", SOMEBODY, THEIR_GROUP)
    with watch(fake, "sandbox", "--file", place / "token") as watching:
        watching.wait_log("is somebody else's, in a directory where a group may write")
        assert (place / "token").read_text() == "mine"
        (place / "token").unlink()
        wait_content(place / "token", "canaryFirst\n")
    assert status_of(place / "token") == (0, THEIR_GROUP, 0o600)


@pytest.mark.parametrize("whose", [SOMEBODY, 0])
def test_a_file_of_the_directory_s_owner_where_a_group_may_write(fake, watch, their_place, whose):
    """Or one's own."""
    their_place.chmod(0o2775)
    path = their_place / "token"
    path.write_text("older")
    os.chown(path, whose, THEIR_GROUP)
    with watch(fake, "sandbox", "--file", path):
        wait_content(path, "canaryFirst\n")
    assert status_of(path) == (whose, THEIR_GROUP, 0o600)


def test_no_link_is_followed_or_replaced(fake, watch, tmp_path):
    target, link = tmp_path / "target", tmp_path / "token"
    target.write_text("precious")
    link.symlink_to(target)
    with watch(fake, "sandbox", "--file", link) as watching:
        watching.wait_log("is a symbolic link, and none is followed. Name the file itself.")
    assert target.read_text() == "precious" and link.is_symlink()


def test_places_that_are_no_files(fake, watch, tmp_path):
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "plain").touch()
    for place, words in (("directory", "is there, and is no file"), ("fifo", "is there, and is no file"),
                         ("directory/", "is a directory"), ("directory/..", "is a directory"),
                         ("none/token", "No such file or directory. Make its directory first"),
                         ("plain/token", "is no directory")):
        fake.answers[TOKEN_PATH] = tokens("canaryFirst")
        with watch(fake, "sandbox", "--file", tmp_path / place if not place.endswith("/") else f"{tmp_path}/{place}") as one:
            one.wait_log(re.escape(words))


def test_a_directory_that_comes_later(fake, watch, tmp_path):
    path = tmp_path / "later" / "token"
    with watch(fake, "sandbox", "--file", path) as watching:
        watching.wait_log("Make its directory first")
        time.sleep(2)
        path.parent.mkdir()
        wait_content(path, "canaryFirst\n")
        assert watching.log().count("Make its directory first") == 1, "it is said once"


def test_a_directory_that_may_not_be_written_to(fake, their_place):
    with Watch(their_place, fake.address, "sandbox", "--file", "/etc/eqp-no-such-token", user=SOMEBODY, group=THEIR_GROUP,
               extra_groups=[]) as watching:
        watching.wait_log("/etc/eqp-no-such-token cannot be written: Permission denied.*allowed to write to its directory")


@pytest.mark.usefixtures("root")
def test_a_full_disk(fake, watch, tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", place], capture_output=True).returncode != 0:
        pytest.skip("no mounts here")
    try:
        path, filler = place / "token", place / "filler"
        path.write_text("older")
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        ran = tmp_path / "ran"
        with watch(fake, "sandbox", "--file", path, "--", "touch", ran) as watching:
            watching.wait_log("token cannot be written: No space left on device. Make room there.")
            time.sleep(2)
            assert path.read_text() == "older" and sorted(entry.name for entry in place.iterdir()) == ["filler", "token"]
            assert watching.log().count("No space left") == 1 and not ran.exists(), "the command is for after the file"
            filler.unlink()
            wait_content(path, "canaryFirst\n")
            watching.wait_log("token is written again")
            wait_until(ran.exists, "the command is run")
    finally:
        subprocess.run(["umount", place], check=True)


def test_the_remains_of_one_that_was_killed(fake, watch, tmp_path):
    left, young = tmp_path / ".eqp-token-0123456789abcdef", tmp_path / ".eqp-token-fedcba9876543210"
    other = tmp_path / ".eqp-token-0123"
    for path in (left, young, other):
        path.touch(0o600)
    for path in (left, other):
        os.utime(path, (time.time() - 3600,) * 2)
    with watch(fake, "sandbox", "--file", tmp_path / "token"):
        wait_content(tmp_path / "token", "canaryFirst\n")
    assert (left.exists(), young.exists(), other.exists()) == (False, True, True)


# the command


def test_a_slow_command_and_a_burst(fake, watch, tmp_path):
    """Never two at a time, and after it the newest one only; the file does not wait."""
    names = [f"canaryNumber{n}" for n in range(6)]
    fake.answers[TOKEN_PATH] = tokens(*names)
    ran, go, path = tmp_path / "ran", tmp_path / "go", tmp_path / "token"
    script = f'echo "begin $EQP_TOKEN" >>{ran}; while ! [ -e {go} ]; do sleep 0.1; done; echo end >>{ran}'
    with watch(fake, "sandbox", "--file", path, "--", "sh", "-c", script) as watching:
        wait_content(path, names[-1] + "\n")
        wait_until(lambda: ran.exists() and ran.read_text(), "the command runs")
        assert ran.read_text() == f"begin {names[0]}\n"
        go.touch()
        watching.wait_log("exit code 0", 2)
    assert ran.read_text().splitlines() == [f"begin {names[0]}", "end", f"begin {names[-1]}", "end"]


def test_a_failing_command_does_not_end_it(fake, watch, tmp_path):
    fake.answers[TOKEN_PATH] = tokens("canaryFirst")
    with watch(fake, "sandbox", "--", "sh", "-c", "exit 7") as watching:
        watching.wait_log("^eqpctl: sh ended with exit code 7.$")
    with watch(fake_again(fake), "sandbox", "--", "sh", "-c", "kill -USR1 $$") as watching:
        watching.wait_log("^eqpctl: sh was ended by signal 10 ")
    with watch(fake_again(fake), "sandbox", tmp_path / "none") as watching:
        watching.wait_log("none cannot be run: No such file or directory")
        assert watching.process.poll() is None


def fake_again(fake, *names):
    fake.answers[TOKEN_PATH] = tokens(*(names or ["canaryFirst"]))
    return fake


@pytest.mark.parametrize("script", ["sleep 1000", "trap '' TERM; while :; do sleep 1; done", "(trap '' TERM; sleep 1000) & wait"])
def test_a_command_that_does_not_end(fake, watch, tmp_path, script):
    pids = tmp_path / "pids"
    fake.answers[TOKEN_PATH] = tokens("canaryFirst")
    with watch(fake, "sandbox", "--timeout", "4", "--", "sh", "-c", f"echo $$ >>{pids}; {script}") as watching:
        watching.wait_log("^eqpctl: sh has not ended within 4s, and is asked to end.\neqpctl: sh was ended by signal (15|9)")
        wait_gone(int(pids.read_text()))


def wait_gone(group):
    """No process of the group is there."""
    def gone():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, 0)
            return False
        return True

    wait_until(gone, "the group is gone")


def test_the_surroundings_of_the_command(fake, watch, tmp_path):
    """Its streams, descriptors and signals are those of watch, but for standard input."""
    script = ("import json, os, sys; print(json.dumps([sys.argv[1], dict(os.environ), os.readlink('/proc/self/fd/0'),"
              "sorted(os.listdir('/proc/self/fd'), key=int)[:-1]]))")
    # Python has some signals ignored; the shell leaves them as they are. 32 and 33 are libc's own.
    command = ["sh", "-c", 'exec "$0" -c "$1" "$(grep ^Sig[BI] /proc/self/status)"', sys.executable, script]
    plain = subprocess.run(command, env=PASSED_ON, capture_output=True, check=True, stdin=subprocess.DEVNULL,
                           cwd=tmp_path).stdout
    env = {"EQP_TOKEN": "of somebody else", "NOTIFY_SOCKET": str(tmp_path / "none")}
    with watch(fake, "sandbox", "--once", "--", *command, env=env) as watching:
        told = watching.process.stdout.read()
        watching.wait()
    found, expected = json.loads(told), json.loads(plain)
    for signals in (found, expected):
        signals[0] = [int(line.split()[1], 16) & ~(3 << 31) for line in signals[0].splitlines()]
    expected[1] |= {"EQP_TOKEN": "canaryFirst", "EQP_MAGE_ID": TOKEN["mage_id"], "EQP_BASE_URL": TOKEN["base_url"],
                    "EQP_BROKER_ADDRESS": fake.address}
    assert found == expected


# its end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_at_once(fake, watch, tmp_path, number):
    pids = tmp_path / "pids"
    fake.answers[TOKEN_PATH] = tokens("canaryFirst")
    with watch(fake, "sandbox", "--file", tmp_path / "token", "--", "sh", "-c", f"echo $$ >{pids}; sleep 1000") as watching:
        wait_until(lambda: pids.exists() and pids.read_text().strip(), "it runs")
        wait_until(lambda: len(fake.requests) == 2, "it waits for the next token")
        began = time.monotonic()
        watching.stop(number)
        assert time.monotonic() - began < 10
    wait_gone(int(pids.read_text()))


def test_a_signal_while_it_waits_for_the_daemon(watch, tmp_path):
    with watch(f"http://127.0.0.1:{free_port()}", "sandbox", "--file", tmp_path / "token") as watching:
        watching.wait_log("Waiting for", timeout=30)
        time.sleep(3)  # its pauses are of seconds by now
        began = time.monotonic()
        watching.stop()
        assert time.monotonic() - began < 10


def test_once(fake, watch, tmp_path):
    path = tmp_path / "token"
    with watch(fake, "sandbox", "--once", "--file", path, "--", "sh", "-c", f"cp {path} {path}.copy") as watching:
        watching.wait()
    assert (tmp_path / "token.copy").read_text() == "canaryFirst\n" and len(fake.requests) == 1
    with watch(fake_again(fake), "sandbox", "--once", "--", "false", code=1) as watching:
        watching.wait()
    with watch(fake_again(fake), "sandbox", "--once", "--", tmp_path / "none", code=1) as watching:
        watching.wait()
    with watch(fake_again(fake), "sandbox", "--once", "--file", tmp_path / "none" / "token", "--", "touch",
               tmp_path / "ran", code=1) as watching:
        watching.wait()
    assert not (tmp_path / "ran").exists()


def test_once_and_told_to_end_before(watch, tmp_path):
    with watch(f"http://127.0.0.1:{free_port()}", "sandbox", "--once", "--file", tmp_path / "token", code=1) as watching:
        watching.wait_log("Waiting for")


@pytest.mark.usefixtures("root", "plain_build")
def test_nothing_is_left_of_earlier_tokens(fake, watch, tmp_path):
    """In its memory, that is; the latest one is there, by which the next one is told apart."""
    names = ["canary" + letter * 50 for letter in "abc"]
    fake.answers[TOKEN_PATH] = tokens(*names)
    with watch(fake, "sandbox", "--file", tmp_path / "token", "--format", "json", "--", "true") as watching:
        wait_until(lambda: (tmp_path / "token").exists() and names[-1] in (tmp_path / "token").read_text(), "the last one")
        watching.wait_log("exit code 0")
        wait_until(lambda: len(fake.requests) > len(names) and not is_running(watching.process.pid), "it waits")
        memory = memory_of(watching.process.pid)
        assert [name for name in names if name.encode() in memory] == names[-1:]


def memory_of(pid):
    found = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            begin, end = (int(number, 16) for number in line.split()[0].split("-"))
            if "rw" in line.split()[1]:
                with contextlib.suppress(OSError):
                    memory.seek(begin)
                    found += memory.read(end - begin)
    return found


def test_it_tells_the_service_manager(fake, watch, tmp_path):
    """Once the first token is where it belongs, and the command has ended."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        script = f"cp {tmp_path}/token {tmp_path}/copy"
        with watch(fake, "sandbox", "--file", tmp_path / "token", "--", "sh", "-c", script, env=env):
            assert manager.recv(100) == b"READY=1"
            assert (tmp_path / "copy").read_text() == "canaryFirst\n"


@pytest.mark.parametrize(["arguments", "culprit"], [
    ([], "the name of an environment is missing"),
    (["sandbox"], "name a --file, or a command to run"),
    (["sandbox", "--"], "name a --file, or a command to run"),
    (["sandbox", "--file", ""], "--file"),
    (["sandbox", "--file", "x", "--mode", "0644"], "'0644'"),
    (["sandbox", "--file", "x", "--mode", "0200"], "'0200'"),
    (["sandbox", "--file", "x", "--mode", "rw"], "'rw'"),
    (["sandbox", "--file", "x", "--mode", "00600"], "'00600'"),
    (["sandbox", "--file", "x", "--format", "xml"], "'xml'"),
    (["sandbox", "--mode", "0600", "--", "true"], "--mode and --format are of a --file"),
    (["sandbox", "--format", "json", "--", "true"], "--mode and --format are of a --file"),
    (["sandbox", "--file", "x", "--timeout", "5"], "--timeout is of a command"),
    (["sandbox", "--timeout", "0", "--", "true"], "'0'"),
    (["sandbox", "--timeout", "86401", "--", "true"], "'86401'"),
    (["Sandbox", "--", "true"], "1 to 32"),
])  # fmt: skip
def test_usage(fake, arguments, culprit):
    result = subprocess.run([EQPCTL, "watch", *arguments], env=PASSED_ON | {"EQP_BROKER_ADDRESS": fake.address},
                            capture_output=True, text=True, timeout=30)
    assert result.returncode == 2 and culprit in result.stderr, result
    assert fake.requests == []
