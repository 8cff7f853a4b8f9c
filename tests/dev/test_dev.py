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


INSTALL = r"^    apt-get update && apt-get install --no-install-recommends gcc .*\blibcmocka-dev$"


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


def test_packages_that_are_built_show_their_steps():
    """And not the thousand lines of their log."""
    log = " debian/rules binary\n   dh_update_autotools_config\n   debian/rules override_dh_auto_configure\nmake[1]: Entering\n" \
          "dh_auto_configure -- -Dman=enabled\n\tcd obj && meson setup ..\n   dh_auto_build\n\tninja -j2 -v\n" + \
          "".join(f"[{n}/25] cc -c file.c\n" for n in range(1, 26)) + "   dh_auto_install\n   dh_strip\n   dh_builddeb\n"
    shown = subprocess.run(["bash", "-c", ". tests/compile.sh; as_steps"], cwd=DEV.parent, input=log, capture_output=True,
                           text=True, timeout=20, check=True).stdout
    assert shown == "dh_auto_configure\ndh_auto_build\n..\ndh_auto_install\ndh_builddeb\n"


LEAVES = """
import subprocess


def test_that_leaves_a_process():
    with open("{pid}", "w") as file:
        print(subprocess.Popen(["sleep", "3600"], start_new_session=True).pid, file=file)
"""


@pytest.fixture
def there(tmp_path):
    """A build and packages, as far as ./dev pytest looks."""
    (tmp_path / "build/daemon").mkdir(parents=True)
    (tmp_path / "build/daemon/eqp-brokerd").touch()
    (tmp_path / "build/ctl").mkdir()
    (tmp_path / "build/ctl/eqpctl").touch(mode=0o755)
    (tmp_path / "dpkg-query").write_text("#!/bin/sh\necho installed\n")
    (tmp_path / "dpkg-query").chmod(0o755)
    return tmp_path


def test_what_a_typed_pytest_leaves_is_named_and_ended(there):
    (there / "test_it.py").write_text(LEAVES.format(pid=there / "pid"))
    result = typed(there, "-q")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 passed" in result.stdout and "left behind: sleep 3600" in result.stdout
    assert "did not clean up" in result.stderr
    pid = (there / "pid").read_text().strip()
    assert not pathlib.Path("/proc", pid).exists()


@pytest.mark.parametrize("body, code", [("pass", 0), ("assert False", 1)])
def test_a_typed_pytest_ends_as_pytest_does(there, body, code):
    (there / "test_it.py").write_text(f"def test_it():\n    {body}\n")
    result = typed(there)
    assert (result.returncode, "clean up" in result.stderr) == (code, False), result.stdout + result.stderr


def test_a_debugger_has_the_terminal(there):
    (there / "test_it.py").write_text("import sys\n\n\ndef test_it():\n    assert input() == 'typed'\n")
    assert typed(there, "-s", input="typed\n").returncode == 0


def typed(there, *options, **more):
    env = {"PATH": f"{there}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "EQP_BUILD_DIR": str(there / "build")}
    if "input" not in more:
        more["stdin"] = subprocess.DEVNULL
    return subprocess.run([DEV, "pytest", str(there / "test_it.py"), *options], capture_output=True, text=True,
                          timeout=120, env=env, **more)
