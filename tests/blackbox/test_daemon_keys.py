"""eqp-brokerd: which key files are used and which are refused, with what words."""

import os

import pytest

from broker import Broker, wait_until
from simulator import EXAMPLE_KEY, Simulator

OTHER = "SECONDKEY2:fedcba9876543210"
THIRD = "THIRDKEY33:00112233445566778899"
FOURTH = "FOURTHKEY4:99887766554433221100"
CURE = "APPLICATION_ID:APPLICATION_SECRET"


def pair(key):
    return tuple(key.split(":", 1))


ALL_PAIRS = [pair(key) for key in (EXAMPLE_KEY, OTHER, THIRD, FOURTH)]


@pytest.fixture(scope="module")
def simulator():
    with Simulator(["sandbox", "production"], keys={"sandbox": ALL_PAIRS, "production": ALL_PAIRS}) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def keyed(simulator):
    """A daemon with a good key in production; sandbox is the tests' own."""
    with Broker(simulator, keys={"production.1-main": EXAMPLE_KEY}) as broker:
        yield broker.wait_valid("production")


@pytest.fixture
def clean(keyed):
    """The same, with an empty sandbox before and after."""
    yield keyed
    for path in keyed.keys_directory.iterdir():
        if path.name != "production.1-main":
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    keyed.wait_status("sandbox", lambda status: not status["key_files_refused"] and not status["keys"])


def refusal(broker, file):
    """Waits until this file is refused, and returns why."""
    def find():
        rows = broker.status("sandbox")["key_files_refused"]
        return next((row["reason"] for row in rows if row["file"] == file), None)

    reason = wait_until(find, f"{file} is refused")
    broker.wait_log(rf"key file {broker.keys_directory}/{file} is not used: ")
    assert broker.status("production")["state"] == "valid", "one bad file never takes down a good one"
    assert broker.status("sandbox")["keys"] == []
    return reason


def states(status):
    return [(key["label"], key["state"]) for key in status["keys"]]


def wait_used(broker, label="", proven=False):
    """Waits until sandbox has just this key. A token may still live from another test, so it is no proof; nor is the
    key's trial awaited, of which there are four an hour."""
    broker.wait_status("sandbox", lambda status: states(status) in ([(label, "good")], [(label, "untried")])
                       and not status["key_files_refused"])
    if proven:
        assert broker.refresh()["outcome"] == "granted"


@pytest.mark.parametrize("text, words", [
    ("", "empty"), ("\n", "empty"), ("nocolonatall", "no colon"), ("AQ17NZ49WC 8820c99614d65f92", "space"),
    ("AQ17NZ49WC:abcdefgh\nSECONDKEY2:ijklmnop\n", "more than one line"), ("AQ17NZ49WC:abcdefgh\n\n", "more than one line"),
    (":8820c99614d65f923df7", "before the colon"), ("AQ17NZ49WC:", "behind the colon"),
    ("AQ17NZ49WC:abc\tdefgh", "tab"), ("AQ17NZ49WC:abc\x01defgh", "control character"),
    ("AQ17NZ49WC:abc\x7fdefgh", "control character"), ("AQ17NZ49WC:abc\0defgh", "NUL"),
    (b"\xef\xbb\xbfAQ17NZ49WC:abcdefgh", "byte order mark"), ("AQ17NZ49WC:geheimä", "ASCII"),
    ("I" * 257 + ":abcdefgh", "256"), ("AQ17NZ49WC:" + "s" * 1025, "1024"), ("x" * 5000, "too long"),
    ("AQ17NZ49WC:abcdefgh\r\nx", "more than one line"), ('"AQ17NZ49WC:abcdefgh"', "without quotes"),
    ("AQ17NZ49WC:abcdefgh\n".encode("utf-16"), "UTF-16: save it as plain ASCII text")], ids=lambda value: repr(value)[:40])
def test_contents_that_are_no_key(clean, text, words):
    clean.write_key("sandbox", text)
    reason = refusal(clean, "sandbox")
    assert words in reason and (CURE in reason or "save it" in reason or "plain text" in reason), reason


@pytest.mark.parametrize("text", [EXAMPLE_KEY, EXAMPLE_KEY + "\n", EXAMPLE_KEY + "\r\n"])
def test_contents_that_are_one(clean, text):
    clean.write_key("sandbox", text)
    wait_used(clean, proven=True)


def test_a_secret_may_have_colons(clean, simulator):
    simulator.replace_keys("sandbox", [("COLONKEY01", "a:b:c:defgh")])
    clean.write_key("sandbox", "COLONKEY01:a:b:c:defgh")
    wait_used(clean, proven=True)
    simulator.reset()


@pytest.mark.parametrize("mode, words", [
    (0o620, "others may write"), (0o602, "others may write"), (0o666, "others may write"), (0o644, "everybody may read"),
    (0o604, "everybody may read"), (0o664, "others may write")])
def test_modes_that_are_too_open(clean, mode, words):
    clean.write_key("sandbox", EXAMPLE_KEY, mode)
    reason = refusal(clean, "sandbox")
    assert words in reason and f"{mode:04o}" in reason and "chmod 0600" in reason
    (clean.keys_directory / "sandbox").chmod(0o640)
    wait_used(clean)  # a change of mode is noticed too


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_modes_that_are_fine(clean, mode):
    clean.write_key("sandbox", EXAMPLE_KEY, mode)
    wait_used(clean)


@pytest.mark.parametrize("mode, used", [(0o644, True), (0o444, True), (0o664, False), (0o646, False)])
def test_relaxed(upstream, make_broker, mode, used):
    broker = make_broker(upstream, broker="key_permissions = relaxed")
    broker.write_key("sandbox", EXAMPLE_KEY, mode)
    if used:
        broker.wait_valid()
    else:
        assert "others may write" in refusal_alone(broker, "sandbox")


def refusal_alone(broker, file):
    status = broker.wait_status("sandbox", lambda status: status["key_files_refused"])
    return next(row["reason"] for row in status["key_files_refused"] if row["file"] == file)


def test_a_fourth_key(clean):
    for n, key in enumerate((EXAMPLE_KEY, OTHER, THIRD, FOURTH), 1):
        clean.write_key(f"sandbox.{n}", key)
    status = clean.wait_status("sandbox", lambda status: len(status["keys"]) == 3 and status["key_files_refused"])
    assert [key["label"] for key in status["keys"]] == ["1", "2", "3"]
    assert status["key_files_refused"][0]["file"] == "sandbox.4"
    assert "3 keys already" in status["key_files_refused"][0]["reason"]
    (clean.keys_directory / "sandbox.2").unlink()  # makes room
    clean.wait_status("sandbox", lambda status: [key["label"] for key in status["keys"]] == ["1", "3", "4"])


def test_the_same_key_twice(clean):
    clean.write_key("sandbox.a", EXAMPLE_KEY)
    clean.write_key("sandbox.b", EXAMPLE_KEY + "\n")
    status = clean.wait_status("sandbox", lambda status: status["key_files_refused"] and status["keys"])
    assert status["key_files_refused"] == [
        {"file": "sandbox.b", "reason": status["key_files_refused"][0]["reason"]}]
    assert "same key as sandbox.a" in status["key_files_refused"][0]["reason"]
    assert [key["label"] for key in status["keys"]] == ["a"]


def test_an_environment_that_is_not_known(clean):
    clean.write_key("agency", EXAMPLE_KEY)
    reason = refusal(clean, "agency")
    assert "no environment of that name" in reason and "[environment agency]" in reason


@pytest.mark.parametrize("name", ["Sandbox", "sandbox.", "sandbox..a", "sandbox.-a", "sandbox.a b", "1sandbox", "v1",
                                  "sandbox.key~", "-", "sand_box", "sandbox.ä", "metrics", "s" * 33])
def test_names_that_are_none(clean, name):
    clean.write_key(name, EXAMPLE_KEY)
    shown = "".join(c if " " < c < "\x7f" else "?" * len(c.encode()) for c in name)
    rows = wait_until(lambda: clean.status("sandbox")["key_files_refused"], "it is refused")
    assert rows[0]["file"] == shown
    assert "its name is not ENVIRONMENT or ENVIRONMENT.LABEL" in rows[0]["reason"] or "no environment" in rows[0]["reason"]


@pytest.mark.parametrize("name", [".sandbox", ".sandbox.swp", "..data"])
def test_hidden_names_are_none_of_ours(clean, name):
    (clean.keys_directory / name).write_text(EXAMPLE_KEY)
    clean.reload()
    assert clean.status("sandbox")["keys"] == [] and clean.status("sandbox")["key_files_refused"] == []


def test_a_fifo_does_not_stop_the_daemon(clean):
    os.mkfifo(clean.keys_directory / "sandbox", 0o600)
    assert "not a regular file" in refusal(clean, "sandbox")


def test_a_device_is_no_key_file(clean):
    (clean.keys_directory / "sandbox").symlink_to("/dev/zero")
    assert refusal(clean, "sandbox")


def test_a_directory_is_none_of_ours(clean):
    (clean.keys_directory / "sandbox").mkdir()
    clean.reload()
    assert clean.status("sandbox")["keys"] == [] and clean.status("sandbox")["key_files_refused"] == []
    (clean.keys_directory / "sandbox.link").symlink_to("sandbox")
    assert "not a regular file" in refusal(clean, "sandbox.link")


def test_a_dangling_link(clean):
    (clean.keys_directory / "sandbox").symlink_to("nowhere")
    assert "cannot be opened" in refusal(clean, "sandbox")


def test_a_file_that_the_daemon_may_not_read(simulator, stranger, make_broker):
    simulator.reset()
    broker = make_broker(simulator, uid=stranger)
    broker.write_key("production", EXAMPLE_KEY)
    broker.wait_valid("production")
    broker.write_key("sandbox", EXAMPLE_KEY)
    broker.wait_valid("sandbox")
    os.chown(broker.keys_directory / "sandbox", 0, 0)
    (broker.keys_directory / "sandbox").chmod(0o600)
    status = broker.wait_status("sandbox", lambda status: status["key_files_refused"])
    reason = status["key_files_refused"][0]["reason"]
    assert "Permission denied" in reason and "let the daemon's user read it" in reason
    assert "stays in use" in reason and states(status) == [("", "good")]


def test_a_refusal_is_logged_once(clean):
    clean.write_key("sandbox", "nocolonatall")
    refusal(clean, "sandbox")
    n = len(clean.log("sandbox is not used: it has no colon"))
    clean.reload()
    clean.reload()
    assert len(clean.log("sandbox is not used: it has no colon")) == n


def test_too_many_files(clean):
    for n in range(300):
        (clean.keys_directory / f"junk-{n}").write_text("x")
    rows = wait_until(lambda: len(rows := clean.status("sandbox")["key_files_refused"]) > 50 and rows, "they are refused")
    assert len(rows) < 300
    assert clean.status("production")["state"] == "valid"
