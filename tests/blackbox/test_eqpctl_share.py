"""eqpctl status, eqpctl doctor and eqp-brokerd --check on the store of shared sessions."""

import os
import subprocess

import pytest

from authorities import Authority
from broker import BARE_ENVIRONMENT, binary, free_port, run_daemon, wait_until
from lying_proxy import LyingProxy, with_clock
from sharing import told, wait_told
from stores import ACL, share
from test_eqpctl_doctor import doctor

PASSWORD = "a-password-of-the-store-0123456789"
SHORT = ("SHORTKEY03", "fedcba98765432100123456789abcde")  # 31 characters


def status(broker, *arguments):
    """In one line."""
    result = subprocess.run([binary("ctl/eqpctl"), "status", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            env=BARE_ENVIRONMENT | {"EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}"}, timeout=60)
    assert result.returncode == 0, result
    broker.check_text(result.stdout, "the status")
    return " ".join(result.stdout.split())


# status


def test_the_status_says_where_the_token_came_from(store, member):
    first = member(store).wait_valid()
    store.wait_session()
    second = member(store).wait_valid()
    wait_told(first, published=1)
    assert f"through the store {store.url}: the token in hand was obtained here; 0 taken over, 1 put there" in \
        status(first, "sandbox")
    assert "the token in hand is another host's; 1 taken over, 0 put there" in status(second, "sandbox")
    assert "store" not in status(second), "all is well: that is for those who ask for details"


def test_the_status_says_that_a_store_is_down(member):
    url = f"redis://localhost:{free_port()}"
    broker = member(url).wait_valid()
    wait_told(broker, state="unreachable")
    for arguments in ((), ("sandbox",)):
        assert f"through the store {url}: there is no connection to it; tokens are obtained without it meanwhile" in \
            status(broker, *arguments)


def test_nothing_without_a_section(broker):
    assert "store" not in status(broker, "sandbox") and "shared" not in status(broker, "sandbox")
    found, text = doctor(broker)
    assert not found and "shared" not in text


# doctor


def test_the_doctor_is_content(store, member):
    broker = member(store).wait_valid()
    wait_told(broker, published=1)
    found, text = doctor(broker)
    text = " ".join(text.split())
    said = ": the token in hand was obtained here; 0 taken over, 0 of them reported, 1 put there"
    assert not found and "through the store redis://" in text and said in text, (found, text)


def test_the_doctor_names_what_is_wrong_with_a_store(make_store, member):
    """And the cure, for each trouble in its own words."""
    store = make_store(password=PASSWORD)
    broker = member(store).wait_valid()
    wait_told(broker, state="no_login")
    found, _ = doctor(broker)
    assert set(found) == {"not_shared"} and "password_file" in found["not_shared"]["cure"]
    assert "as without a store" in found["not_shared"]["why"]


def test_the_doctor_does_not_tell_the_stores_name(member):
    broker = member("redis://store.somebody.invalid:7000").wait_valid()
    wait_told(broker, state="unreachable")
    found, text = doctor(broker)
    assert set(found) == {"not_shared"} and "somebody" not in text and "7000" in text


def test_the_doctor_on_a_key_with_a_short_secret(upstream, store, member):
    upstream.add_key("sandbox", *SHORT)
    broker = member(store, keys={"sandbox": ":".join(SHORT)}).wait_valid()
    found, text = doctor(broker)
    assert set(found) == {"not_shared"} and "32 characters" in found["not_shared"]["cure"]
    assert store.url not in found["not_shared"]["what"], "no store has anything to do with it"
    assert "short_key" not in text and "the secret of its access key is too short to be shared" in " ".join(text.split())
    shown = status(broker)
    assert "shared the secret of its access key is too short to be shared; this host obtains its own tokens" in shown, shown
    assert "the store" not in shown and store.url not in shown, shown


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_the_doctor_on_a_clock_that_is_off(store, member, seconds):
    with LyingProxy(store) as proxy:
        proxy.change = with_clock(seconds)
        broker = member(proxy.url).wait_valid()
        wait_told(broker, state="fine")
        found, _ = doctor(broker)
        assert set(found) == {"clock_off"} and "timedatectl" in found["clock_off"]["cure"]
        assert f"{'early' if seconds < 0 else 'late'}, so no token is taken over or put there" in status(broker)
        assert "none is put into the store" in found["clock_off"]["why"]
        assert told(broker)["published"] == told(broker)["adopted"] == 0
        assert not store.sessions(), "as was said"


# --check


def check(broker, *arguments):
    return run_daemon("--config", broker.config_path, "--check", *arguments)


def test_check_connects_on_wish(make_store, make_broker, tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    store = make_store(users={"broker": f">{PASSWORD} {ACL}"})
    broker = make_broker(start=False, share=share(store, username="broker", password_file=path))
    broker.keep_secret(PASSWORD)
    result = check(broker)
    assert result.returncode == 0 and f"store = {store.url}" in result.stdout and store.n_connections == 0
    result = check(broker, "--connect")
    assert result.returncode == 0 and store.n_connections == 1
    assert f"the store {store.url} can be used" in result.stderr and "are shared" not in result.stderr, result
    assert not store.names(), "nothing is left behind"
    path.write_text("another")
    result = check(broker, "--connect")
    assert result.returncode == 69 and store.url in result.stderr and "password_file" in result.stderr
    broker.check_text(result.stdout + result.stderr, "the output")


def test_check_names_each_store_that_cannot_be_used(store, make_broker):
    gone = f"redis://localhost:{free_port()}"
    result = check(make_broker(start=False, share=share(store, gone)), "--connect")
    assert result.returncode == 69 and gone in result.stderr and f"{store.url} cannot" not in result.stderr


@pytest.mark.parametrize("missing", ["set", "del", "pttl", "pexpire", "pexpireat", "time"])
def test_check_finds_a_right_that_is_missing(make_store, make_broker, tmp_path, missing):
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    path.chmod(0o600)
    store = make_store(users={"broker": f">{PASSWORD} {ACL} -{missing}"})
    broker = make_broker(start=False, share=share(store, username="broker", password_file=path))
    result = check(broker, "--connect")
    assert result.returncode == 69 and f"the store {store.url} cannot be used" in result.stderr, result
    assert "PEXPIREAT" in result.stderr and "meanwhile" not in result.stderr and not store.names(), result


def test_check_is_content_with_a_primary_and_its_replicas(store, make_store, make_broker):
    replica = make_store(replica_of=store)
    wait_until(lambda: replica.info("replication").get("master_link_status") == "up", "it follows", 60)
    result = check(make_broker(start=False, share=share(replica, store)), "--connect")
    assert result.returncode == 0 and f"the store {store.url} can be used" in result.stderr, result
    assert f"{replica.url} cannot" not in result.stderr and "when it becomes the primary" in result.stderr, result
    result = check(make_broker(start=False, share=share(replica)), "--connect")
    assert result.returncode == 69 and f"{replica.url} cannot be used" in result.stderr and "primary" in result.stderr, result
    gone = f"redis://localhost:{free_port()}"
    result = check(make_broker(start=False, share=share(replica, gone, store)), "--connect")
    assert result.returncode == 69 and f"{gone} cannot be used" in result.stderr and f"{store.url} can be used" in result.stderr


def test_check_names_the_other_scheme(store, make_store, make_broker, tmp_path):
    secured = make_store(tls=Authority(tmp_path, "company"))
    result = check(make_broker(start=False, share=share(secured.url.replace("rediss", "redis"))), "--connect")
    assert result.returncode == 69 and "rediss:// if it speaks TLS" in result.stderr, result
    result = check(make_broker(start=False, share=share(store.url.replace("redis", "rediss"))), "--connect")
    assert result.returncode == 69 and "redis:// if it speaks no TLS" in result.stderr, result


def test_check_warns_of_a_password_in_clear(make_broker, tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    path.chmod(0o600)
    for url, warned in (("redis://store.example.org", True), ("rediss://store.example.org", False), ("redis://localhost", False)):
        result = check(make_broker(start=False, share=share(url, password_file=path)))
        assert result.returncode == 0 and ("in clear" in result.stderr) == warned, result


def test_check_names_a_file_that_cannot_be_read(store, make_broker, tmp_path):
    broker = make_broker(start=False, share=share(store, password_file=tmp_path / "none"))
    result = check(broker)
    assert result.returncode in (77, 78) and str(tmp_path / "none") in result.stderr
    path = tmp_path / "secret"
    path.write_text("too short")
    path.chmod(0o600)
    broker = make_broker(start=False, share=share(store, share_secret_file=path))
    result = check(broker)
    assert result.returncode in (77, 78) and str(path) in result.stderr and "too short" not in result.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="a file is given to another user")
def test_check_and_doctor_name_the_owner_of_a_socket(make_store, make_broker, tmp_path):
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    store = make_store(unix=True, password=PASSWORD)
    for owner, with_password, odd in ((0, True, False), (990, True, False), (12345, True, True), (12345, False, False)):
        os.chown(store.socket_path, owner, -1)
        broker = make_broker(start=False, share=share(store, password_file=password if with_password else None))
        result = check(broker)
        assert result.returncode == 0 and ("belongs to the user number 12345, whose programs" in result.stderr) == odd, result
        assert f"{broker.config_path}:{broker.config_path.read_text().splitlines().index('[share]') + 1}: the socket" in \
            result.stderr or not odd
        found, text = doctor(broker)
        assert ("store_socket_owner" in found) == odd and "12345" not in text


def test_check_and_doctor_name_a_ca_file_that_cannot_be_read(upstream, make_broker, tmp_path):
    """Nothing else is lost: the settings are in order, and the daemon may see more than the one who asks."""
    path, readable = tmp_path / "none.pem", tmp_path / "ca.pem"
    readable.write_text("anything")
    for environment, of_store, sections in ((path, readable, ["environment sandbox"]), (readable, path, ["share"]),
                                            (readable, readable, []), (path, path, ["environment sandbox", "share"])):
        broker = make_broker(upstream, start=False, share=share("rediss://localhost", ca_file=of_store),
                             environments={"sandbox": f"base_url = {upstream.urls['sandbox']}\nca_file = {environment}"})
        result = check(broker)
        assert result.returncode == 0, result
        told = [line for line in result.stderr.splitlines() if "ca_file" in line]
        assert len(told) == len(sections), result
        lines = broker.config_path.read_text().splitlines()
        for section, line in zip(sections, told):
            place = f"{broker.config_path}:{lines.index(f'[{section}]') + 1}"
            assert f"{place}: the ca_file of [{section}], {path}, cannot be read: No such file or directory; put it there" in line
        found, text = doctor(broker)
        assert ("ca_file_unreadable" in found) == bool(sections)
        assert ("The ca_file of [share]," in text) == ("no token is shared" in " ".join(text.split())) == ("share" in sections)


def test_check_names_a_ca_file_that_is_none(make_broker, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    broker = make_broker(start=False, share=share("rediss://localhost", ca_file=tmp_path / "pipe"),
                         environments={"sandbox": f"base_url = https://localhost\nca_file = {tmp_path}"})
    result = check(broker)
    assert result.returncode == 0, result
    for section, path in (("environment sandbox", tmp_path), ("share", tmp_path / "pipe")):
        assert f"the ca_file of [{section}], {path}, is not a regular file; name a file of certificates" in result.stderr


@pytest.mark.parametrize(["setting", "id"], [("ca_file = /a/file\npassword_file = /b", "share_file_closed"),
                                             ("password_file = /a/file", "share_file_closed"),
                                             ("share_secret_file = /a/file", "share_file_closed"),
                                             ("ca_file = /a/file\n[environment sandbox]\nca_file = /a/file", "ca_file_closed")])
def test_the_doctor_on_a_file_that_the_daemons_user_may_not_read(make_broker, tmp_path, setting, id):
    """As --check says it where root asks."""
    program = tmp_path / "eqp-brokerd"
    program.write_text(f"#!/bin/sh\ncat <<'E'\n# As the daemon's user, some-user, sees it.\n[share]\nstore = rediss://localhost\n{setting}\n"
                       "E\necho \"the daemon's user, some-user, may not read /a/file: chmod go+r /a/file\" >&2\nexit 77\n")
    program.chmod(0o755)
    found, _ = doctor(make_broker(start=False), env={"EQP_BROKERD": str(program)})
    assert "/a/file" in found[id]["what"] and found[id]["cure"] == "chmod go+r /a/file"
    assert ("share" in found[id]["why"]) == (id == "share_file_closed")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_check_says_how_a_ca_file_is_opened(make_broker, tmp_path):
    path = tmp_path / "ca.pem"
    path.touch(0)
    result = check(make_broker(start=False, share=share("rediss://localhost", ca_file=path)))
    assert result.returncode == 0
    assert result.stderr.rstrip().endswith(f"cannot be read: Permission denied; let the daemon's user read it: chmod go+r {path}")


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o602, 0o644], ids=oct)
def test_a_password_that_others_may_read_or_write_is_not_taken(store, make_broker, tmp_path, mode):
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    path.chmod(mode)
    result = check(make_broker(start=False, share=share(store, password_file=path)))
    assert result.returncode in (77, 78) and str(path) in result.stderr, result


@pytest.mark.parametrize("line, told", [
    ("store = redis://user:password@host", "password"), ("store = http://host", "redis://"), ("store = host:6379", "redis://"),
    ("store = redis://", ""), ("store = redis://host:0", ""), ("store = redis://host:70000", ""), ("store = unix:relative", ""),
    ("store = redis://host/1", ""), ("username = two words", ""), ("password = a", "password_file"),
    ("password_file = relative", ""), ("ca_file = relative", "")])
def test_settings_that_make_no_sense_are_refused(make_broker, line, told):
    result = check(make_broker(start=False, share=line))
    assert result.returncode == 78 and told in result.stderr and "eqp-brokerd.conf:" in result.stderr, result
