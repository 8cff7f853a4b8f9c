"""eqp-brokerd --once and --try-key: one token, or one verdict, and distinct exit codes."""

import errno
import json
import os
import signal
import subprocess
import threading
import time

import pytest

from broker import BARE_ENVIRONMENT, REPORTS, binary, run_daemon, wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

NO_KEY, KEY_REFUSED, INTERNAL, TRY_LATER, ODD_ANSWER, PERMISSION, CONFIGURATION = 66, 67, 70, 75, 76, 77, 78


@pytest.fixture
def place(upstream, make_broker):
    """A configuration and a directory of keys, without a daemon."""
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False)


def run(place, *arguments, key=None, **more):
    """Runs it to its end; its output must hold no secret."""
    result = subprocess.run([binary(), "--config", str(place.config_path), *arguments], capture_output=True,
                            text=True, timeout=60, env=BARE_ENVIRONMENT,
                            **({"stdin": subprocess.DEVNULL} if key is None else {"input": key}), **more)
    assert not any(word in result.stderr for word in REPORTS), result.stderr
    place.check_text(result.stderr, "stderr")
    for line in result.stdout.splitlines() if "--try-key" not in arguments else ():
        assert line not in result.stderr
    return result


def once(place, *arguments, environment="sandbox", **more):
    return run(place, "--once", environment, *arguments, **more)


def try_key(place, key, environment="sandbox", **more):
    return run(place, "--try-key", environment, key=key, **more)


def start(place, *arguments, **more):
    return subprocess.Popen([binary(), "--config", str(place.config_path), *arguments], env=BARE_ENVIRONMENT,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def opens_the_api(upstream, token, environment="sandbox"):
    return upstream.request(environment, "GET", "/rest/v1/users/MAG123456789",
                            headers={"Authorization": f"Bearer {token}"})[0] == 200


def n_requests(upstream, environment="sandbox"):
    return upstream.state(environment)["requests"]["token"]


def test_a_ca_file_that_is_a_pipe_is_not_waited_for(place, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    place.environments["sandbox"] = f"ca_file = {tmp_path}/pipe"
    place.write_config()
    result = once(place, "--deadline", "3s")
    assert result.returncode == TRY_LATER and f"{tmp_path}/pipe: not a regular file (check ca_file)" in result.stderr
    result = try_key(place, EXAMPLE_KEY)
    assert result.returncode == TRY_LATER and f"{tmp_path}/pipe: not a regular file (check ca_file)" in result.stderr


# ---- what is printed ----

def test_the_bare_token(place, upstream):
    for arguments in ((), ("--format", "raw")):
        result = once(place, *arguments)
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
        assert result.stdout.endswith("\n") and opens_the_api(upstream, result.stdout.removesuffix("\n"))
    assert n_requests(upstream) == 2, "one exchange each"


def test_json_as_the_daemon_answers(place, upstream):
    answer = json.loads(once(place, "--format", "json").stdout)
    assert opens_the_api(upstream, answer["ust"])
    place.start()
    place.wait_valid()
    assert set(place.token()) == set(answer)
    assert answer["environment"] == "sandbox" and answer["base_url"] == upstream.urls["sandbox"]
    assert 7190 < answer["expires_in"] <= 7200


def test_a_header_for_curl(place, upstream):
    line = once(place, "--format", "header").stdout
    result = subprocess.run(["curl", "-fsS", "--cacert", upstream.ca_file, "-H", "@-",
                             f"{upstream.urls['sandbox']}/rest/v1/users/MAG123456789"],
                            input=line, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("token, plain", [("baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7", True),
                                          ("a-b_c=d+e/f:g,h@i%j", True), ("$(id);`id`|&\\n!*?~#<>(){}[]^", False)])
def test_lines_that_a_shell_reads_back(place, upstream, token, plain):
    upstream.fault("sandbox", "bad_ust", ust=token)
    lines = once(place, "--format", "env").stdout
    told = subprocess.run(["/bin/sh", "-c", 'eval "$(cat)"; printf "%s\\n" "$EQP_TOKEN" "$EQP_MAGE_ID" "$EQP_BASE_URL"'],
                          input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told == [token, "MAG123456789", upstream.urls["sandbox"]]
    assert (f"EQP_TOKEN={token}\n" in lines) == plain, "quotes where a shell needs them, and only there"
    assert f"EQP_BASE_URL={upstream.urls['sandbox']}\n" in lines


def test_the_longest_token(place, upstream):
    upstream.fault("sandbox", "bad_ust", ust="$" + "x" * 4095)
    for form in ("raw", "json", "header", "env"):
        result = once(place, "--format", form)
        assert result.returncode == 0 and "$" + "x" * 4095 in result.stdout


# ---- nobody takes it ----

def test_a_full_standard_output(place):
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([binary(), "--config", str(place.config_path), "--once", "sandbox"], stdout=full,
                                stderr=subprocess.PIPE, text=True, env=BARE_ENVIRONMENT, timeout=60)
    assert result.returncode == INTERNAL
    assert "cannot write the token to standard output: No space left on device" in result.stderr


def test_a_reader_that_has_gone(place):
    process = start(place, "--once", "sandbox")
    process.stdout.close()
    assert process.wait(60) == INTERNAL and "Broken pipe" in process.stderr.read()
    process.stderr.close()


def test_closed_descriptors(place):
    command = f"exec {binary()} --config {place.config_path} --once sandbox"
    closed = subprocess.run(["/bin/sh", "-c", command + " >&-"], capture_output=True, text=True, env=BARE_ENVIRONMENT,
                            timeout=60)
    assert closed.returncode == INTERNAL and "cannot write the token" in closed.stderr
    without_stderr = subprocess.run(["/bin/sh", "-c", command + " <&- 2>&-"], capture_output=True, text=True,
                                    env=BARE_ENVIRONMENT, timeout=60)
    assert without_stderr.returncode == 0 and without_stderr.stdout, "and nothing is written to where it does not belong"


# ---- keys ----

def test_every_key_in_order(make_broker, upstream):
    upstream.add_key("sandbox", "SPARE123", "spare-secret")
    upstream.refuse_key("sandbox")
    place = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY, "sandbox.2-spare": "SPARE123:spare-secret"},
                        start=False)
    result = once(place)
    assert result.returncode == 0 and opens_the_api(upstream, result.stdout.strip())
    assert "refused the access key (key 1-main)" in result.stderr, "somebody has to hear of it"


def test_all_keys_refused(make_broker, upstream):
    place = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY, "sandbox.2": "SPARE123:spare-secret"}, start=False)
    upstream.refuse_key("sandbox")
    began = time.monotonic()
    result = once(place)
    assert (result.returncode, result.stdout) == (KEY_REFUSED, ""), result.stderr
    assert time.monotonic() - began < 25, "more attempts would not help"
    assert n_requests(upstream) == 2
    assert "refuses the access key" in result.stderr.splitlines()[-1]


def test_no_key(place):
    result = once(place, environment="production")
    assert (result.returncode, result.stdout) == (NO_KEY, "")
    assert result.stderr == f"production: no token: there is no access key in {place.keys_directory}\n"


def test_a_key_file_that_is_no_good(place):
    place.write_key("sandbox", "no colon in here")
    result = once(place)
    assert (result.returncode, result.stdout) == (NO_KEY, "")
    assert "it has a space or tab" in result.stderr


def test_no_directory(place):
    place.write_config(place.config().replace(f"keys_directory = {place.keys_directory}",
                                              "keys_directory = /nonexistent/keys"))
    result = once(place)
    assert result.returncode == NO_KEY and "/nonexistent/keys" in result.stderr


def test_a_key_that_may_not_be_read(place, stranger):
    identity = {"user": stranger, "group": stranger, "extra_groups": []}
    result = once(place, **identity)
    assert result.returncode == PERMISSION and "the directory cannot be opened: Permission denied" in result.stderr
    place.keys_directory.chmod(0o755)
    result = once(place, **identity)
    assert (result.returncode, result.stdout) == (PERMISSION, "")
    assert "may not read the access key" in result.stderr
    assert once(place, environment="production", **identity).returncode == NO_KEY, "that one is not there"


# ---- an upstream in trouble ----

def test_an_upstream_that_comes_up_in_time(place, upstream):
    upstream.fault("sandbox", "refuse_connect")
    process = start(place, "--once", "sandbox", "--deadline", "20s")
    said = process.stderr.readline()
    assert "no new token" in said
    upstream.clear_faults()
    token, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and opens_the_api(upstream, token.strip())


def leave_nothing_to_chance():
    """From here on there are no random bits for the daemon's waits: they are as short as they may be."""
    import seccomp  # not everywhere; and who needs it not should not need it
    without = seccomp.SyscallFilter(seccomp.ALLOW)
    without.add_rule(seccomp.ERRNO(errno.EAGAIN), "getrandom", seccomp.Arg(1, seccomp.EQ, 4))
    without.load()


@pytest.mark.slow("it is granted just before a deadline of 15 s")
def test_an_upstream_that_comes_up_late(place, upstream):
    """Attempts at 0, 1, 2, 4 and 8 s fail, and the next would be at 16 s. The one shortly before the deadline is granted;
    on a busy machine, an earlier one that was late."""
    pytest.importorskip("seccomp")
    upstream.fault("sandbox", "unavailable")
    comes_up = threading.Timer(9, upstream.clear_faults)
    comes_up.start()
    result = once(place, "--deadline", "15s", preexec_fn=leave_nothing_to_chance)
    comes_up.join()
    assert result.returncode == 0 and opens_the_api(upstream, result.stdout.strip()), result.stderr
    assert n_requests(upstream) <= 6


def test_an_upstream_that_stays_down(place, upstream):
    upstream.fault("sandbox", "refuse_connect")
    began = time.monotonic()
    result = once(place, "--deadline", "4s")
    assert (result.returncode, result.stdout) == (TRY_LATER, "")
    assert 1 < time.monotonic() - began < 15, "4 s, and not the 30 s of the default"
    assert "the upstream is not available" in result.stderr.splitlines()[-1]


def test_an_upstream_that_never_answers(place, upstream):
    upstream.fault("sandbox", "hang")
    began = time.monotonic()
    result = once(place, "--deadline", "1s")
    assert result.returncode == TRY_LATER and time.monotonic() - began < 13, "less than the exchange, which takes 20 s to fail"
    assert "there was no answer before the deadline" in result.stderr
    upstream.clear_faults()


def test_patience_that_fits_into_the_deadline(place, upstream):
    upstream.fault("sandbox", "throttle", retry_after=2, count=1)
    began = time.monotonic()
    result = once(place)
    assert result.returncode == 0 and time.monotonic() - began >= 2, result.stderr
    assert n_requests(upstream) == 2


def test_patience_that_does_not(place, upstream):
    upstream.fault("sandbox", "throttle", retry_after=31)
    began = time.monotonic()
    result = once(place)
    assert (result.returncode, result.stdout) == (TRY_LATER, "") and time.monotonic() - began < 25
    assert "asks for patience" in result.stderr
    assert n_requests(upstream) == 1


@pytest.mark.parametrize("fault, more, words", [
    ("not_json", {}, "is not understood"), ("missing_field", {"field": "ust"}, "is not understood"),
    ("giant", {}, "is not understood"), ("redirect", {"location": "https://localhost/"}, "is not understood"),
    ("status", {"status": 400, "code": 1208, "message": "no"}, "refuses the request")])
def test_nonsense(place, upstream, fault, more, words):
    upstream.fault("sandbox", fault, **more)
    began = time.monotonic()
    result = once(place)
    assert (result.returncode, result.stdout) == (ODD_ANSWER, "") and time.monotonic() - began < 25
    assert words in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end(place, upstream, number):
    upstream.fault("sandbox", "hang")
    process = start(place, "--once", "sandbox")
    wait_until(lambda: upstream.state("sandbox")["connections"] > 0, "it asks")
    process.send_signal(number)
    said = process.communicate(timeout=60)
    assert (process.returncode, said[0]) == (128 + number, "")
    upstream.clear_faults()


# ---- mistakes ----

def test_an_unknown_environment(place):
    for arguments in (("--once", "sandbx"), ("--try-key", "sandbx")):
        result = run(place, *arguments, key=EXAMPLE_KEY)
        assert (result.returncode, result.stdout) == (CONFIGURATION, "") and "did you mean sandbox?" in result.stderr


def test_a_bad_configuration(place):
    place.write_config("[broker]\nmetrics = perhaps\n")
    for arguments in (("--once", "sandbox"), ("--try-key", "sandbox")):
        result = run(place, *arguments, key=EXAMPLE_KEY)
        assert result.returncode == CONFIGURATION and f"{place.config_path}:2" in result.stderr


@pytest.mark.parametrize("arguments, words", [
    (["--once", "sandbox", "--format", "yaml"], "raw, json, header or env, not 'yaml'"),
    (["--once", "sandbox", "--format", ""], "raw, json, header or env"),
    (["--once", "sandbox", "--deadline", "soon"], "--deadline is a duration from 1s to 1d"),
    (["--once", "sandbox", "--deadline", "0"], "--deadline is a duration"),
    (["--once", "sandbox", "--deadline", "25h"], "--deadline is a duration"),
    (["--once", "sandbox", "--deadline", "-1"], "--deadline is a duration"),
    (["--once", "sandbox", "--once", "production"], "--once and --once exclude one another"),
    (["--once", "sandbox", "--try-key", "sandbox"], "--once and --try-key exclude one another"),
    (["--check", "--once", "sandbox"], "--check and --once exclude one another"),
    (["--try-key", "sandbox", "--check"], "--try-key and --check exclude one another"),
    (["--format", "raw"], "--format goes with --once only"),
    (["--try-key", "sandbox", "--deadline", "3s"], "--deadline goes with --once only"),
    (["--once"], "requires an argument"),
    (["--once", "sandbox", "production"], "unexpected argument"),
])
def test_a_wrong_command_line(arguments, words):
    result = run_daemon(*arguments)
    assert (result.returncode, result.stdout) == (CONFIGURATION, "") and words in result.stderr, result.stderr


# ---- trying a key ----

def test_a_good_key(place, upstream):
    for text in (EXAMPLE_KEY, EXAMPLE_KEY + "\n", EXAMPLE_KEY + "\r\n"):
        result = try_key(place, text)
        assert (result.returncode, result.stdout) == (0, "MAG123456789\n")
        assert result.stderr == ("sandbox: the upstream accepts the access key: it is of the account MAG123456789, "
                                 "and its tokens live for 2h\n")
    assert n_requests(upstream) == 3, "exactly one exchange each"


def test_the_verdict_stands_where_nobody_reads_the_account(place):
    with open("/dev/full", "w") as full:
        process = subprocess.run([binary(), "--config", str(place.config_path), "--try-key", "sandbox"],
                                 input=EXAMPLE_KEY, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                                 env=BARE_ENVIRONMENT)
    assert process.returncode == 0 and "accepts the access key" in process.stderr


def test_a_key_from_a_terminal_or_a_pipe_that_stays_open(place):
    process = start(place, "--try-key", "sandbox", stdin=subprocess.PIPE)
    process.stdin.write(EXAMPLE_KEY + "\n")
    process.stdin.flush()
    assert process.wait(60) == 0, "the line's end is enough"
    process.communicate()


def test_a_bad_key(place, upstream):
    upstream.refuse_key("sandbox")
    result = try_key(place, EXAMPLE_KEY)
    assert (result.returncode, result.stdout) == (KEY_REFUSED, "")
    assert "refuses the access key" in result.stderr
    assert n_requests(upstream) == 1


def test_a_key_without_key_files(make_broker, upstream):
    place = make_broker(upstream, start=False)
    assert try_key(place, EXAMPLE_KEY, "production").returncode == 0


@pytest.mark.parametrize("text, words", [
    ("", "empty"), ("\n", "empty"), (EXAMPLE_ID, "no colon"), (f"{EXAMPLE_ID}:", "behind the colon"),
    (f"{EXAMPLE_KEY} ", "space"), (f"{EXAMPLE_KEY}\n{EXAMPLE_KEY}\n", "more than one line"),
    (f"{EXAMPLE_ID}:{'x' * 5000}", "long")], ids=lambda value: repr(value)[:40])
def test_text_that_is_no_key(place, upstream, text, words):
    result = try_key(place, text)
    assert (result.returncode, result.stdout) == (NO_KEY, "")
    assert words in result.stderr and EXAMPLE_SECRET not in result.stderr and EXAMPLE_ID not in result.stderr
    assert n_requests(upstream) == 0


@pytest.mark.parametrize("fault, more, code, words", [
    ("refuse_connect", {}, TRY_LATER, "not available"), ("throttle", {"retry_after": 1}, TRY_LATER, "patience"),
    ("unavailable", {}, TRY_LATER, "not available"), ("refuse", {}, KEY_REFUSED, "refuses the access key"),
    ("not_json", {}, ODD_ANSWER, "not understood"), ("status", {"status": 404}, ODD_ANSWER, "refuses the request"),
    ("refuse", {"status": 403}, ODD_ANSWER, "refuses the request"),
    ("status", {"status": 403, "body": "<html>", "content_type": "text/html"}, TRY_LATER, "says nothing of the key"),
    ("status", {"status": 200, "body": "<html>", "content_type": "text/html"}, TRY_LATER, "maintenance"),
    ("wrong_certificate", {}, TRY_LATER, "not available")])
def test_no_verdict(place, upstream, fault, more, code, words):
    upstream.fault("sandbox", fault, **({"paths": "all"} if fault == "wrong_certificate" else {}), **more)
    result = try_key(place, EXAMPLE_KEY)
    assert (result.returncode, result.stdout) == (code, "") and words in result.stderr, result.stderr
    assert n_requests(upstream) <= 1
    upstream.clear_faults()


def test_a_trial_that_is_broken_off(place, upstream):
    process = start(place, "--try-key", "sandbox", stdin=subprocess.PIPE)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT, "while it waits for the key, the signal does what it always does"
    process.communicate()
    upstream.fault("sandbox", "hang")
    process = start(place, "--try-key", "sandbox", stdin=subprocess.PIPE)
    process.stdin.write(EXAMPLE_KEY)
    process.stdin.close()
    wait_until(lambda: upstream.state("sandbox")["connections"] > 0, "it asks")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    process.stdout.close()
    process.stderr.close()
    upstream.clear_faults()
