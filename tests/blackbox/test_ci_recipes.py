"""config/ci: GitHub's actions and GitLab's component, run as a runner runs them. The traits of a runner that matter are here: steps are
shells with variables of their own, what they tell later steps goes by files, and ::add-mask:: changes what the log shows.
GitLab's before_script and script are one shell, after_script is another."""

import hashlib
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tarfile

import pytest

from broker import BARE_ENVIRONMENT, REPORTS, STRANGER, binary, wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

yaml = pytest.importorskip("yaml", reason="CI RECIPES NOT TESTED: install python3-yaml")

ROOT = pathlib.Path(__file__).resolve().parents[2]
CI = ROOT / "config" / "ci"
GITHUB, STOP, GITLAB = CI / "github", CI / "github" / "stop", CI / "gitlab" / "template.yml"
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
SHELLS = [shell for shell in ("bash", "dash") if shutil.which(shell)]
USERS = [pytest.param(0, id="as root, as in a container"), pytest.param(STRANGER, id="as a user")]


@pytest.fixture
def uid(request):
    if os.geteuid() != 0:
        pytest.skip("needs root: jobs are root's or another user's")
    return request.param


@pytest.fixture
def place(tmp_path_factory, request):
    """A directory for a runner, short enough for sockets, that every user gets into."""
    top = pathlib.Path(subprocess.check_output(["mktemp", "-d", "-t", "eqp-XXXXXX"], text=True).strip())
    top.chmod(0o755)
    yield top
    shutil.rmtree(top)


@pytest.fixture
def tree(place):
    """The programs as in a bundle: a directory with bin/."""
    tree = place / "tree"
    (tree / "bin").mkdir(parents=True)
    for name in ("daemon/eqp-brokerd", "ctl/eqpctl"):
        (tree / "bin" / pathlib.Path(name).name).symlink_to(binary(name))
    return tree


@pytest.fixture
def settings(upstream, place):
    shutil.copyfile(upstream.ca_file, place / "ca.pem")
    (place / "ca.pem").chmod(0o644)
    return "".join(f"[environment {name}]\nbase_url = {url}\nca_file = {place}/ca.pem\n" for name, url in upstream.urls.items())


class Runner:
    """A job. log: the text that people see."""

    def __init__(self, place, uid):
        self.place, self.uid = place, uid
        self.log, self.masks = "", set()
        for name in ("temp", "home"):
            (place / name).mkdir(mode=0o700)
            os.chown(place / name, uid, uid)

    def execute(self, shell, script, env):
        done = subprocess.run([*shell, script], env=BARE_ENVIRONMENT | {"HOME": str(self.place / "home")} | env, text=True,
                              capture_output=True, timeout=240, user=self.uid, group=self.uid, extra_groups=[])
        assert not any(word in done.stderr for word in REPORTS), done.stderr
        # A mask counts from when the runner has read it; whether eqpctl leaves time for that is looked at where it matters.
        for line in (done.stderr + done.stdout).splitlines():
            if command := re.fullmatch(r"::add-mask::(.+)", line):
                self.masks.add(command[1])
                continue
            for mask in sorted(self.masks, key=len, reverse=True):
                line = line.replace(mask, "***")
            self.log += line + "\n"
        return done

    def daemons(self):
        found = subprocess.run(["pgrep", "-f", f"^{self.place}/.*eqp-brokerd --user"], capture_output=True, text=True)
        return found.stdout.split()


class GitHub(Runner):
    def __init__(self, place, uid):
        super().__init__(place, uid)
        self.env, self.path, self.outputs = {}, [], {}

    def step(self, script, shell="sh", env=(), path=None):
        """One step: its outputs. shell: as the runner calls it."""
        files = {}
        for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH"):
            files[name] = self.place / "temp" / name.lower()
            files[name].write_text("")
            os.chown(files[name], self.uid, self.uid)
        body = self.place / "temp" / "script.sh"
        body.write_text(script)
        os.chown(body, self.uid, self.uid)
        command = {"sh": ["sh", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}[shell]
        variables = {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(self.place / "temp"), **map_text(files), **self.env, **dict(env)}
        variables["PATH"] = ":".join([*self.path, os.environ["PATH"]])
        if path:
            variables["GITHUB_ACTION_PATH"] = str(path)
        done = self.execute(command, str(body), variables)
        self.env |= dict(line.split("=", 1) for line in files["GITHUB_ENV"].read_text().splitlines())
        self.path[:0] = reversed(files["GITHUB_PATH"].read_text().splitlines())
        done.outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
        return done

    def uses(self, folder, **inputs):
        """A composite action, at most one of whose steps fails: how it ended."""
        action = yaml.safe_load((folder / "action.yml").read_text())
        given = {name: inputs.get(name.replace("-", "_"), about.get("default")) for name, about in action.get("inputs", {}).items()}
        assert None not in given.values(), "a required input is missing"
        for step in action["runs"]["steps"]:
            env = {name: EXPRESSION.sub(lambda found: given[found[1].removeprefix("inputs.")], text)
                   for name, text in step.get("env", {}).items()}
            done = self.step(step["run"], step["shell"], env, folder)
            steps = {f"steps.{step.get('id')}.outputs.{name}": value for name, value in done.outputs.items()}
            if done.returncode != 0:
                return done
        self.outputs = {name: EXPRESSION.sub(lambda found: steps.get(found[1], ""), about["value"])
                        for name, about in action.get("outputs", {}).items()}
        return done


def map_text(files):
    return {name: str(path) for name, path in files.items()}


class GitLab(Runner):
    def __init__(self, place, uid):
        super().__init__(place, uid)
        self.job_id = "4711"

    def job(self, shell, script, variables=(), killed=False, **inputs):
        """The component with these inputs, and a job that extends it: how its script ended, and after_script, which there is none of
        for one that is killed."""
        head, body = yaml.safe_load_all(GITLAB.read_text())
        given = {name: inputs.get(name, about.get("default")) for name, about in head["spec"]["inputs"].items()}
        assert None not in given.values(), "an input without a default is missing"
        job = interpolate(body[".eqp-broker"], given)
        env = {"GITLAB_CI": "true", "CI_JOB_ID": self.job_id, "TMPDIR": str(self.place / "temp"), **dict(variables)}
        for name, value in job["variables"].items():
            env[name] = re.sub(r"\$(\w+)", lambda found: env.get(found[1], ""), value)
        options = ["-eo", "pipefail"] if shell == "bash" else ["-e"]
        done = self.execute([shell, *options, "-c"], "\n".join([*job["before_script"], *script]), env)
        after = None if killed else self.execute([shell, *options, "-c"], "\n".join(job["after_script"]), env)
        return done, after


def interpolate(value, inputs):
    if isinstance(value, dict):
        return {name: interpolate(one, inputs) for name, one in value.items()}
    if isinstance(value, list):
        return [interpolate(one, inputs) for one in value]
    return re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: inputs[found[1]], value)


def expect_silence(runner, *tokens):
    """The log has no secret."""
    for secret in (EXAMPLE_SECRET, *tokens):
        assert secret and secret not in runner.log, runner.log


# ---- GitHub ----

@pytest.mark.parametrize("uid", USERS, indirect=True)
def test_github_from_start_to_stop(place, tree, settings, upstream, uid):
    job = GitHub(place, uid)
    done = job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(tree), settings=settings)
    assert done.returncode == 0, job.log
    assert job.outputs["address"] == job.env["EQP_BROKER_ADDRESS"] == f"unix:{job.outputs['socket']}"
    assert job.outputs["base-url"] == ""

    # A careless step: the log shows the token to nobody all the same, nor the one after a refresh.
    first = job.step('token=$(eqpctl token sandbox); echo "the token is $token"; printf %s "$token" >"$RUNNER_TEMP/first"')
    assert first.returncode == 0 and "the token is ***" in job.log, job.log
    job.step("eqpctl refresh sandbox; eqpctl token --format json sandbox; eqpctl exec sandbox -- env | grep EQP_TOKEN; "
             'eqpctl token sandbox >"$RUNNER_TEMP/second"', "bash")
    tokens = [(place / "temp" / name).read_text().strip() for name in ("first", "second")]
    assert tokens[0] != tokens[1] and "EQP_TOKEN=***" in job.log, job.log
    expect_silence(job, *tokens)
    # Other programs ask over the socket.
    asked = job.step(f"curl -sS --fail-with-body --unix-socket {job.outputs['socket']} http://localhost/v1/sandbox/token "
                     ">/dev/null")
    assert asked.returncode == 0, job.log
    # No process has the key in its variables.
    assert all(EXAMPLE_SECRET not in pathlib.Path(f"/proc/{pid}/environ").read_text() for pid in job.daemons())
    assert job.daemons()

    assert job.uses(STOP).returncode == 0, job.log
    assert job.daemons() == [] and not (place / "temp" / "eqp-broker").exists()
    assert job.uses(STOP).returncode == 0, "there is nothing to stop"


def test_github_the_runner_reads_the_mask_before_the_token_is_there(place, tree, settings, upstream):
    """Of a token that the start has not seen. The runner reads both outputs one beside the other."""
    job = GitHub(place, os.geteuid())
    assert job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(tree), settings=settings).returncode == 0, job.log
    env = BARE_ENVIRONMENT | job.env | {"PATH": ":".join([*job.path, os.environ["PATH"]]), "GITHUB_ACTIONS": "true"}
    # Its pause lasts until this test has looked.
    paused, over = place / "paused", place / "over"
    pause = place / "pause" / "sleep"
    pause.parent.mkdir()
    pause.write_text(f'#!/bin/sh\necho "$1" >>{paused}\nwhile ! [ -e {over} ]; do {shutil.which("sleep")} 0.05; done\n')
    pause.chmod(0o755)
    looked_at = env | {"PATH": f"{pause.parent}:{env['PATH']}"}
    subprocess.run(["eqpctl", "refresh", "sandbox"], env=env, check=True, capture_output=True)
    for command in (["eqpctl", "token", "sandbox"], ["eqpctl", "exec", "sandbox", "--", "sh", "-c", "echo $EQP_TOKEN"]):
        with subprocess.Popen(command, env=looked_at, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asked:
            if command[1] == "token":
                mask = asked.stderr.readline()
                assert mask.startswith("::add-mask::")
                wait_until(lambda: paused.exists() and paused.read_text() == "1\n", "it pauses")
                assert select.select([asked.stdout], [], [], 0) == ([], [], []), "the token is there already"
                over.touch()
            assert asked.stdout.readline().strip() == mask.strip().removeprefix("::add-mask::")
            assert asked.stderr.read() == "", "it is said once"
    assert job.uses(STOP).returncode == 0


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("command", [
    "eqpctl exec sandbox -- true 2>&1 | tee kept >/dev/null", "kept=$(eqpctl exec sandbox -- true 2>&1); printf %s \"$kept\" >kept",
    "eqpctl exec sandbox -- true 2>kept", "sh -c 'eqpctl token sandbox >/dev/null' 2>&1 | tee kept >/dev/null",
    "{ eqpctl token sandbox >/dev/null; true; } 2>&1 | tee kept >/dev/null"],
    ids=["pipe", "variable", "file", "shell", "group"])
def test_github_no_token_gets_where_nobody_asked_for_it(place, tree, settings, upstream, shell, command):
    """The words for the runner get to the runner, wherever the command's own go: nothing masks a file of the job's."""
    job = GitHub(place, os.geteuid())
    assert job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(tree), settings=settings).returncode == 0, job.log
    done = job.step(f"cd {place}/temp\neqpctl refresh sandbox >/dev/null\n{command}\neqpctl token sandbox >asked\n", shell)
    assert done.returncode == 0, job.log
    token, kept = ((place / "temp" / name).read_text() for name in ("asked", "kept"))
    assert kept == ""
    assert done.stderr.splitlines().count(f"::add-mask::{token.strip()}") == 1, "it is said, and once"
    assert job.uses(STOP).returncode == 0


def test_github_a_command_is_run_as_it_stands(place, tree, settings, upstream):
    """However exec and watch are written: its words stay, and the runner hears of the token before."""
    job = GitHub(place, os.geteuid())
    assert job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(tree), settings=settings).returncode == 0, job.log
    (place / "pause").mkdir()
    (place / "pause" / "sleep").symlink_to("/bin/true")  # the second that the runner has is of no matter here
    job.path.insert(0, str(place / "pause"))
    for command, printed in [
            ("exec sandbox sh -c 'printf %s \"$*\"' x -- y", "-- y"), ("exec sandbox -- printf %s --", "--"),
            ("exec -- sandbox printf %s --wait", "--wait"), ("exec --wai 30 sandbox --min-ttl=1 printf %s --", "--"),
            ("--addr \"$EQP_BROKER_ADDRESS\" exec sandbox printf token", "token"), ("watch --once sandbox -- printf token", "token"),
            ("watch --file token --once sandbox printf %s --", "--"), ("watch sandbox --file exec --once", ""),
            ("watch --once --file=watch sandbox --", "")]:
        # The start has had the token masked: it is new again.
        done = job.step(f"cd {place}/temp\n: >eqp-broker/masked\neqpctl {command} >printed\neqpctl token sandbox >asked\n")
        token, out = ((place / "temp" / name).read_text() for name in ("asked", "printed"))
        assert done.returncode == 0 and out == printed, f"{command}: {done.stderr}"
        assert done.stderr.splitlines()[0] == f"::add-mask::{token.strip()}", f"{command}: it is said, and first"
        assert done.stderr.count(token.strip()) == 1 and done.stdout == "", command
    assert (place / "temp" / "token").read_text() == (place / "temp" / "exec").read_text() == token
    for command in ("exec sandbox", "exec --", "watch sandbox", "watch --once sandbox --file"):
        assert job.step(f"eqpctl {command}").returncode == 2, "what is wrong stays wrong"
    assert job.uses(STOP).returncode == 0


def test_github_a_command_whose_step_is_over(place, tree, settings, upstream):
    """Nobody reads what it says, as of a watch that a step leaves behind: it goes on."""
    job = GitHub(place, os.geteuid())
    assert job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(tree), settings=settings).returncode == 0, job.log
    env = BARE_ENVIRONMENT | job.env | {"PATH": ":".join([*job.path, os.environ["PATH"]]), "GITHUB_ACTIONS": "true"}
    (place / "temp" / "eqp-broker" / "masked").write_text("")
    reader, writer = os.pipe()
    os.close(reader)
    for command in (["exec", "sandbox", "echo", "reached"], ["watch", "--once", "sandbox", "sh", "-c", "exec 2>&-; echo reached"]):
        assert subprocess.run(["eqpctl", *command], env=env, stdout=subprocess.PIPE, stderr=writer).stdout == b"reached\n", command
    os.close(writer)
    assert job.uses(STOP).returncode == 0


def test_github_a_step_without_a_way_to_the_runner(place, tree, settings, upstream):
    job = GitHub(place, os.geteuid())
    assert job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(tree), settings=settings).returncode == 0, job.log
    done = job.step(f"cd {place}/temp\nexec 2>kept\neqpctl refresh sandbox >/dev/null\neqpctl token sandbox >asked\n")
    assert done.returncode == 0 and (place / "temp" / "kept").read_text() == "" and "::add-mask::" not in done.stderr
    assert job.uses(STOP).returncode == 0


def test_github_with_a_local_key_for_unchanged_programs(place, tree, settings, upstream):
    if os.geteuid() != 0:
        pytest.skip("needs root: jobs are another user's")
    job = GitHub(place, STRANGER)
    done = job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(tree), settings=settings,
                    allow="GET /rest/v1/users/{mage_id}/**\nGET /rest/v1/reports/**\n")
    assert done.returncode == 0, job.log
    id_, secret, url = (job.outputs[name] for name in ("application-id", "application-secret", "base-url"))
    asked = job.step(f"""
        token=$(curl -sS --fail-with-body -u "$ID:$SECRET" -H 'Content-Type: application/json' -d '{{"grant_type":"session"}}' \
            "$URL/rest/v1/app/session/token" | sed -E 's/.*"ust": ?"([^"]*)".*/\\1/')
        printf 'Authorization: Bearer %s\\n' "$token" | curl -sS --fail-with-body -H @- "$URL/rest/v1/users/MAG123456789"
        printf 'Authorization: Bearer %s\\n' "$token" | curl -sS -o /dev/null -w '%{{http_code}}' -H @- -X DELETE "$URL/rest/v1/reports/1"
        echo "$ID $SECRET"
        """, "bash", {"ID": id_, "SECRET": secret, "URL": url})
    assert asked.returncode == 0 and "vendor@example.com" in job.log and "403" in asked.stdout, job.log
    expect_silence(job, secret)
    assert job.uses(STOP).returncode == 0 and job.daemons() == []


@pytest.mark.parametrize("inputs, words", [
    ({"key": ""}, "there is no key"), ({"key": "nonsense"}, "not of the form ID:SECRET"),
    ({"bundle": "/nowhere"}, "there is no bundle at /nowhere"), ({"bundle": "https://localhost:1/x"}, "needs its SHA-256"),
    ({"bundle": "http://localhost:1/x", "sha256": "0" * 64}, "cannot be fetched"),
    ({"environment": "../x"}, "no name of an environment"), ({"settings": "nonsense"}, "the broker did not start"),
    pytest.param({"key": f"{EXAMPLE_ID}:another-secret-1234"}, "there is no token for sandbox",
                 marks=pytest.mark.slow("a token is waited for, for half a minute")),
    ({"allow": "nonsense"}, "--allow")])
def test_github_a_start_that_fails_says_why_and_leaves_nothing(place, tree, settings, inputs, words):
    if os.geteuid() != 0:
        pytest.skip("needs root: jobs are another user's")
    job = GitHub(place, STRANGER)
    done = job.uses(GITHUB, **{"key": EXAMPLE_KEY, "bundle": str(tree), "settings": settings} | inputs)
    assert done.returncode != 0 and words in job.log, job.log
    assert job.daemons() == [] and not (place / "temp" / "eqp-broker").exists()
    expect_silence(job, "another-secret-1234")


def make_bundle(place, tree):
    """An archive as the bundle is one: one folder. A real one is installed by its own script."""
    bundle = place / "bundle.tar.xz"
    shutil.copytree(tree, place / "eqp-broker-1-linux-any", symlinks=True)
    (place / "eqp-broker-1-linux-any" / "install").write_text(
        '[ "$1" = --prefix ] || exit 1\nmkdir -p "$2" && cp -a bin "$2"/\n')
    with tarfile.open(bundle, "w:xz") as archive:
        archive.add(place / "eqp-broker-1-linux-any", "eqp-broker-1-linux-any")
    bundle.chmod(0o644)
    return bundle, hashlib.sha256(bundle.read_bytes()).hexdigest()


def test_github_a_bundle_is_checked(place, tree, settings):
    if os.geteuid() != 0:
        pytest.skip("needs root: jobs are another user's")
    bundle, digest = make_bundle(place, tree)
    job = GitHub(place, STRANGER)
    done = job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(bundle), sha256="0" * 64, settings=settings)
    assert done.returncode != 0 and f"SHA-256 is {digest}" in job.log, job.log
    done = job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(bundle), sha256=digest, settings=settings)
    assert done.returncode == 0, job.log
    assert job.step("eqpctl token sandbox >/dev/null").returncode == 0
    assert job.uses(STOP).returncode == 0 and job.daemons() == []


def test_github_the_real_bundle(place, settings):
    """$EQP_BUNDLE, or what ./dev bundle has made."""
    found = [os.environ["EQP_BUNDLE"]] if "EQP_BUNDLE" in os.environ else sorted((ROOT / "build-bundle").glob("*.tar.xz"))
    if not found or os.geteuid() != 0:
        pytest.skip("needs a bundle (./dev bundle) and root")
    bundle = pathlib.Path(found[-1])
    shutil.copyfile(bundle, place / bundle.name)
    (place / bundle.name).chmod(0o644)
    job = GitHub(place, STRANGER)
    done = job.uses(GITHUB, key=EXAMPLE_KEY, bundle=str(place / bundle.name), settings=settings,
                    sha256=hashlib.sha256(bundle.read_bytes()).hexdigest())
    assert done.returncode == 0, job.log
    assert job.step("eqpctl token sandbox >/dev/null").returncode == 0
    assert job.uses(STOP).returncode == 0 and job.daemons() == []


# ---- GitLab ----

@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("uid", USERS, indirect=True)
def test_gitlab_from_before_to_after(place, tree, settings, shell, uid):
    job = GitLab(place, uid)
    done, after = job.job(shell, ['eqpctl token sandbox >"$TMPDIR/token"', 'eqpctl status --json', 'echo "key: [$EQP_CI_KEY$EQP_BROKER_KEY]"',
                                  'curl -sS --fail-with-body --unix-socket "$EQP_BROKER_SOCKET" http://localhost/v1/status >/dev/null'],
                          variables={"EQP_BROKER_KEY": EXAMPLE_KEY}, bundle=str(tree), settings=settings)
    assert done.returncode == 0 and "key: []" in job.log, job.log
    expect_silence(job, (place / "temp" / "token").read_text().strip())
    assert after.returncode == 0 and job.daemons() == [] and sorted(path.name for path in (place / "temp").iterdir()) == ["token"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("key, variables", [
    ("$ADOBE_KEY", {"ADOBE_KEY": EXAMPLE_KEY, "EQP_BROKER_KEY": EXAMPLE_KEY}), ("$key", {"key": EXAMPLE_KEY}),
    ("$ADOBE_ID:$ADOBE_SECRET", {"ADOBE_ID": EXAMPLE_ID, "ADOBE_SECRET": EXAMPLE_SECRET})], ids=["another name", "one of the script's", "in two"])
def test_gitlab_a_key_of_another_variable(place, tree, settings, shell, key, variables):
    """No program of the job has it, nor the daemon: whatever it is called."""
    job = GitLab(place, os.geteuid())
    done, after = job.job(shell, ["env", 'tr "\\0" "\\n" <"/proc/$(cat "$TMPDIR/eqp-broker-$CI_JOB_ID/pid")/environ"'],
                          variables=variables | {"TEXT": f"before\n{EXAMPLE_ID}=\nafter", "EMPTY": ""}, key=key, bundle=str(tree), settings=settings)
    assert done.returncode == 0, job.log
    assert job.log.count("XDG_CONFIG_HOME=") == 1 and job.log.count("EMPTY=") == job.log.count("TEXT=before\n") == 2, job.log
    expect_silence(job)
    assert after.returncode == 0 and job.daemons() == []


def test_gitlab_a_key_of_the_type_file_and_a_local_key(place, tree, settings):
    if os.geteuid() != 0:
        pytest.skip("needs root: jobs are another user's")
    job = GitLab(place, STRANGER)
    key = place / "temp" / "EQP_BROKER_KEY"
    key.write_text(EXAMPLE_KEY)
    key.chmod(0o644)
    done, after = job.job("bash", ['curl -sS --fail-with-body -u "$EQP_BROKER_APPLICATION_ID:$EQP_BROKER_APPLICATION_SECRET" '
                                   '-H "Content-Type: application/json" -d "{\\"grant_type\\":\\"session\\"}" '
                                   '"$EQP_BROKER_BASE_URL/rest/v1/app/session/token" | grep -c ust'],
                          variables={"EQP_BROKER_KEY": str(key)}, bundle=str(tree), settings=settings,
                          allow="GET /rest/v1/reports/**")
    assert done.returncode == 0, job.log
    expect_silence(job)
    assert after.returncode == 0 and job.daemons() == []


def test_gitlab_what_fails_is_stopped_too(place, tree, settings):
    if os.geteuid() != 0:
        pytest.skip("needs root: jobs are another user's")
    job = GitLab(place, STRANGER)
    done, after = job.job("bash", ["false"], variables={"EQP_BROKER_KEY": EXAMPLE_KEY}, bundle=str(tree), settings=settings)
    assert done.returncode != 0 and after.returncode == 0 and job.daemons() == [], job.log
    done, after = job.job("bash", ["echo reached"], variables={}, bundle=str(tree), settings=settings)
    assert done.returncode != 0 and "there is no key" in job.log and "reached" not in job.log, job.log
    assert after.returncode == 0 and list((place / "temp").iterdir()) == []


def test_gitlab_what_a_killed_job_leaves_is_removed_by_a_later_one(place, tree, settings):
    """Its key is in it. Not what may be a start that goes on, what a broker runs in, or what is none of ours."""
    job = GitLab(place, os.geteuid())
    temp = place / "temp"
    dead, alive, own, link = (temp / f"eqp-broker-{n}" for n in (17, 18, 19, 20))
    own.mkdir()
    link.symlink_to(dead)

    def run(number, script, killed):
        job.job_id = str(number)
        done, _ = job.job("bash", [script], variables={"EQP_BROKER_KEY": EXAMPLE_KEY}, killed=killed, bundle=str(tree), settings=settings)
        assert done.returncode == 0, job.log

    run(17, f"kill -KILL $(cat {dead}/pid)", killed=True)
    wait_until(lambda: not job.daemons(), "its broker is gone")
    run(18, "true", killed=True)
    assert (dead / "config" / "eqp-broker" / "keys" / "sandbox").exists(), "it is too young"
    for path in (dead, alive, own):
        os.utime(path, (0, 0))
    run(21, "eqpctl live", killed=False)
    assert sorted(path.name for path in temp.iterdir()) == ["eqp-broker-18", "eqp-broker-18.sh", "eqp-broker-19", "eqp-broker-20"], job.log
    assert f"{dead} is removed" in job.log and job.daemons()
    stop = job.execute(["sh", str(CI / "eqp-broker-ci.sh")], "stop", {"EQP_CI_DIRECTORY": str(alive)})
    assert stop.returncode == 0 and job.daemons() == [] and not alive.exists()


def test_a_stop_removes_the_key_first(place, tree, settings):
    """Also where the broker does not end."""
    job = GitLab(place, os.geteuid())
    done, _ = job.job("bash", ["true"], variables={"EQP_BROKER_KEY": EXAMPLE_KEY}, killed=True, bundle=str(tree), settings=settings)
    directory = place / "temp" / f"eqp-broker-{job.job_id}"
    daemon = int((directory / "pid").read_text())
    os.kill(daemon, signal.SIGSTOP)
    with subprocess.Popen(["sh", CI / "eqp-broker-ci.sh", "stop"], env=BARE_ENVIRONMENT | {"EQP_CI_DIRECTORY": str(directory)}) as stop:
        try:
            wait_until(lambda: not (directory / "config").exists(), "the key is gone")
            assert (directory / "pid").exists(), "there was no end to wait for"
        finally:
            os.kill(daemon, signal.SIGCONT)
        assert stop.wait() == 0
    assert job.daemons() == [] and not directory.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_gitlab_another_script_in_the_place_of_its_own(place, tree, settings, shell):
    """Its name can be guessed: a FIFO takes what the job writes, and gives it something else to run."""
    job = GitLab(place, os.getuid())
    fifo = place / "temp" / f"eqp-broker-{job.job_id}.sh"
    os.mkfifo(fifo)
    attacker = subprocess.Popen(["sh", "-c", 'cat "$1" >/dev/null; timeout 5 sh -c \'echo "echo stolen: \\$EQP_CI_KEY" >"$1"\' - "$1"', "-", fifo])
    try:
        done, _ = job.job(shell, ["echo reached"], variables={"EQP_BROKER_KEY": EXAMPLE_KEY}, bundle=str(tree), settings=settings)
    finally:
        attacker.kill()
        attacker.wait()
    assert done.returncode != 0 and "is not the file of this job" in job.log, job.log
    assert "stolen" not in job.log and "reached" not in job.log


# ---- the files ----

def test_the_component_has_the_script_as_it_is():
    written = GITLAB.read_text()
    made = subprocess.check_output(["python3", "-c", "import inline; print(inline.text(), end='')"], cwd=GITLAB.parent, text=True)
    assert written == made, "run config/ci/gitlab/inline.py"
    _, body = yaml.safe_load_all(written)
    inside = re.search(r"<<'END_OF_EQP_BROKER_CI'\n(.*)END_OF_EQP_BROKER_CI\n", body[".eqp-broker"]["before_script"][1], re.S)[1]
    assert inside == (CI / "eqp-broker-ci.sh").read_text()


@pytest.mark.parametrize("folder", [GITHUB, STOP], ids=["start", "stop"])
def test_the_metadata_of_an_action(folder):
    """The keys that GitHub knows, and every reference leads somewhere."""
    action = yaml.safe_load((folder / "action.yml").read_text())
    assert set(action) <= {"name", "author", "description", "inputs", "outputs", "runs", "branding"} and {"name", "description", "runs"} <= set(action)
    inputs, steps = action.get("inputs", {}), action["runs"]["steps"]
    assert set(action["runs"]) == {"using", "steps"} and action["runs"]["using"] == "composite"
    for about in inputs.values():
        assert {"description", "required"} <= set(about) <= {"description", "required", "default", "deprecationMessage"}
        assert about["required"] != ("default" in about), "what is required has no default"
    for step in steps:
        assert {"run", "shell"} <= set(step) <= {"run", "shell", "id", "name", "env", "if", "working-directory"}
        assert EXPRESSION.search(step["run"]) is None, "an input in a script would be code"
    used = {found[1] for step in steps for text in step.get("env", {}).values() for found in EXPRESSION.finditer(text)}
    assert used == {f"inputs.{name}" for name in inputs}
    script = (CI / "eqp-broker-ci.sh").read_text()
    told = set(re.findall(r"hand_over ([a-z-]+) ", script))
    for name, about in action.get("outputs", {}).items():
        assert set(about) == {"description", "value"} and about["value"] == f"${{{{ steps.start.outputs.{name} }}}}"
    assert set(action.get("outputs", {})) == (told if folder == GITHUB else set())


def test_the_component_and_its_inputs():
    text = GITLAB.read_text()
    head, body = yaml.safe_load_all(text)
    assert set(head) == {"spec"} and set(head["spec"]) == {"inputs"}
    for about in head["spec"]["inputs"].values():
        assert {"description"} <= set(about) <= {"description", "default", "type", "options", "regex"}
    assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", text)) == set(head["spec"]["inputs"])
    assert set(body) == {".eqp-broker"} and set(body[".eqp-broker"]) == {"variables", "before_script", "after_script"}
    variables = set(re.findall(r"EQP_CI_[A-Z0-9]+", (CI / "eqp-broker-ci.sh").read_text())) - {"EQP_CI_DIRECTORY"}
    assert set(body[".eqp-broker"]["variables"]) == variables
    action = yaml.safe_load((GITHUB / "action.yml").read_text())
    assert set(action["runs"]["steps"][0]["env"]) == variables


# ---- doc/ci.md ----

def documented(n):
    return yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "doc/ci.md").read_text(), re.M | re.S)[n])


def test_the_job_that_the_page_has_for_github(place, tree, settings, upstream):
    bundle, digest = make_bundle(place, tree)
    job, known = GitHub(place, os.geteuid()), {"secrets.EQP_SANDBOX_KEY": EXAMPLE_KEY, "vars.EQP_BUNDLE_SHA256": digest}
    workflow = documented(0)
    assert workflow[True] == "push"  # YAML 1.1 reads "on" as that

    def evaluate(text):
        return EXPRESSION.sub(lambda found: known[found[1]], text)

    for step in workflow["jobs"]["submit"]["steps"]:
        if "uses" in step:
            folder = CI / re.fullmatch(r"example/eqp-broker/config/ci/(.*)@.*", step["uses"])[1]
            inputs = {name: evaluate(value) for name, value in step.get("with", {}).items()}
            if inputs:
                inputs |= {"bundle": str(bundle), "settings": settings}  # stand-ins for the world outside
            done = job.uses(folder, **inputs)
            known |= {f"steps.{step.get('id')}.outputs.{name}": value for name, value in job.outputs.items()}
        else:
            done = job.step(step["run"], "bash", {name: evaluate(value) for name, value in step.get("env", {}).items()})
        assert done.returncode == 0, job.log
    assert step["if"] == "always()" and "vendor@example.com" in job.log
    expect_silence(job)
    assert job.daemons() == []


def test_the_job_that_the_page_has_for_gitlab(place, tree, settings, upstream):
    bundle, digest = make_bundle(place, tree)
    page, job = documented(1), GitLab(place, os.geteuid())
    assert page["submit"]["extends"] == ".eqp-broker"
    assert "RUNNER_SCRIPT_TIMEOUT" in page["submit"]["variables"], "without it, after_script may not come"
    inputs = page["include"][0]["inputs"] | {"bundle": str(bundle), "settings": settings}
    done, after = job.job("bash", page["submit"]["script"], bundle=inputs.pop("bundle"), **inputs, variables={
        "EQP_BROKER_KEY": EXAMPLE_KEY, "EQP_BUNDLE_SHA256": digest, "CI_PROJECT_DIR": str(place)})
    assert done.returncode == 0 and "ust" in (place / "session.json").read_text(), job.log
    assert after.returncode == 0 and job.daemons() == []
    expect_silence(job)
