"""dev: its help, and what it says if packages are missing and it cannot install them."""

import os
import pathlib
import re
import subprocess
import tempfile

import pytest

DEV = pathlib.Path(__file__).parents[2] / "dev"
NOBODY = 65534


def dev(*arguments, path="", **more):
    env = {"PATH": path + os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    return subprocess.run([DEV, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env=env, **more)


VERBS = re.findall(r"^  ([a-z0-9]+) ", dev("help").stdout, re.M)


def test_there_are_verbs():
    assert {"demo", "test", "pytest", "build", "help"} < set(VERBS) and len(VERBS) == len(set(VERBS))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_of_a_verb(verb, option):
    result = dev(verb, option)
    assert (result.returncode, result.stderr) == (0, "")
    usage, empty, *text = result.stdout.splitlines()
    assert usage.startswith(f"usage: ./dev {verb}") and empty == "" and text


@pytest.mark.parametrize("arguments", [(), ("help",), ("--help",), ("-h",)])
def test_help(arguments):
    assert dev(*arguments).stdout == dev("help").stdout


@pytest.mark.parametrize(["arguments", "words"], [
    (["nonsense"], "there is no verb 'nonsense'"), (["b.*"], "there is no verb 'b.*'"), (["build", "it"], "takes no arguments"),
    (["bundle", "arm64", "armhf"], "takes one architecture, and 'armhf' is one more"), (["deb", "arm64", "armhf"], "takes one"),
    (["test", "--most"], "there are --all and --rest"), (["fuzz", "soon"], "is not a number")], ids=str)
def test_unknown_arguments(arguments, words):
    result = dev(*arguments)
    assert result.returncode == 1 and words in result.stderr


@pytest.fixture
def nobody():
    """Runs dev as one who may not install anything, on a machine without any packages; sudo: a script."""
    more = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    if subprocess.run(["test", "-x", DEV], **more).returncode != 0:
        pytest.skip(f"other users do not get to {DEV}")

    with tempfile.TemporaryDirectory(prefix="eqp-dev-") as name:  # pytest's own is root's alone
        directory = pathlib.Path(name)
        directory.chmod(0o755)

        def put(name, script):
            (directory / name).write_text(f"#!/bin/sh\n{script}\n")
            (directory / name).chmod(0o755)

        def run(*arguments, sudo):
            put("dpkg-query", "echo none")
            put("sudo", sudo)
            return dev(*arguments, path=f"{directory}:", **more)

        yield run


INSTALL = r"^    apt-get install --no-install-recommends gcc .*\blibcmocka-dev$"


def test_sudo_that_wants_a_password_is_not_taken_for_apt(nobody):
    result = nobody("build", sudo='[ "$1" = -n ] && echo sudo: a password is required >&2; exit 1')
    assert result.returncode == 1
    assert "sudo: a password is required" in result.stderr and "sudo does not let us" in result.stderr
    assert "package lists" not in result.stderr
    assert re.search(INSTALL, result.stderr, re.M), "what an administrator is to do"


def test_the_output_of_apt_is_shown(nobody):
    result = nobody("build", sudo='case "$*" in *" install "*) echo E: no such package; exit 100;; esac')
    assert result.returncode == 1
    assert "E: no such package" in result.stderr and "apt-get, above, could not" in result.stderr
    assert re.search(INSTALL, result.stderr, re.M)
