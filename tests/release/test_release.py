"""What ./dev release made: is it whole, is it right, and does another place make the same of the same sources?

The first was made in this tree before (./dev test --all does so); the second is made in a copy of it elsewhere.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import cyclonedx
import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
OUT = TREE / "build-artifacts"
SOURCES = "find . -path ./.git -prune -o -path './build*' -prune -o -name __pycache__ -prune -o \\( -type f -o -type l \\) -print0"
pytestmark = pytest.mark.slow("everything is built once more, in another place")


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def made():
    if not (OUT / "SHA256SUMS").exists():
        pytest.fail("there is no build-artifacts: run ./dev release")


def one(pattern):
    (path,) = OUT.glob(pattern)
    return path


def architectures():
    """Those of the bundles that were made: this machine's, and those that ./dev release was told of."""
    return sorted(path.name.removesuffix(".tar.xz").rpartition("-")[2] for path in OUT.glob("eqp-broker-*-linux-*.tar.xz"))


def version():
    return re.search(r"version: '([^']+)'", (TREE / "meson.build").read_text())[1]


def test_everything_is_there_and_has_its_digest():
    sums = dict(reversed(line.split("  ")) for line in (OUT / "SHA256SUMS").read_text().splitlines())
    files = {path.name for path in OUT.iterdir()} - {"SHA256SUMS"}
    assert sums.keys() == files
    for name, digest in sums.items():
        assert hashlib.sha256((OUT / name).read_bytes()).hexdigest() == digest
    assert architectures()
    for architecture in architectures():
        for start in ("eqp-broker", "eqp-simulator", "libeqp-broker0", "libeqp-broker-dev"):
            assert f"{start}_{version()}_{architecture}.deb" in files
    assert {f"eqp-broker-{version()}.tar.xz", f"eqp-broker-{version()}.cdx.json", "abi.txt", "notes.md"} < files


@pytest.mark.parametrize("architecture", architectures())
def test_the_bundle_is_small_and_says_nothing_of_where_it_was_made(architecture):
    bundle = one(f"eqp-broker-*-linux-{architecture}.tar.xz")
    assert bundle.stat().st_size <= 9_000_000
    with tarfile.open(bundle) as archive:
        for entry in archive:
            assert (entry.uid, entry.gid, entry.uname) == (0, 0, ""), entry
            if entry.isfile():
                assert str(TREE).encode() not in archive.extractfile(entry).read(), entry.name


@pytest.mark.parametrize("architecture", architectures())
def test_bill_of_materials(architecture):
    bill = json.loads(one("*.cdx.json").read_text())
    cyclonedx.check(bill)
    components = [component for component in bill["components"]
                  if component["bom-ref"].endswith((f"arch={architecture}", f"-linux-{architecture}", "arch=all"))]
    by_name = {component["name"]: component for component in components}
    with tarfile.open(one(f"eqp-broker-*-linux-{architecture}.tar.xz")) as archive:
        digests = {pathlib.PurePath(entry.name).name: hashlib.sha256(archive.extractfile(entry).read()).hexdigest()
                   for entry in archive if entry.isfile() and re.search("^[^/]*.root/(bin|lib/eqp-broker)/", entry.name)}
    listed = {entry["name"]: entry["hashes"][0]["content"] for component in components
              for entry in component.get("components", ())}
    assert listed == digests
    for package in ("libcurl4", "libssl3", "libssl3t64"), ("libc6",), ("libmicrohttpd12", "libmicrohttpd12t64"):
        assert any(name in by_name for name in package), package
    for deb in OUT.glob(f"*_{architecture}.deb"):
        assert by_name[deb.name.split("_")[0]]["hashes"][0]["content"] == hashlib.sha256(deb.read_bytes()).hexdigest()
    needs = {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]}
    (curl,) = [ref for ref in needs if "/libcurl4" in ref and ref.endswith(f"arch={architecture}")]
    assert any("/libssl3" in ref for ref in needs[curl])


@pytest.mark.parametrize(["harm", "words"], [
    (lambda bill: bill.pop("specVersion"), "specVersion"),
    (lambda bill: bill["components"][0].pop("name"), "name"),
    (lambda bill: bill["components"].append(bill["components"][0]), "twice"),
    (lambda bill: bill["dependencies"][0]["dependsOn"].append("nothing"), "nothing"),
    (lambda bill: bill["components"][-1].update(purl="libc6"), "purl"),
    (lambda bill: bill.update(made="up"), "made")])
def test_a_bill_that_is_wrong_is_found_out(harm, words):
    bill = json.loads(one("*.cdx.json").read_text())
    harm(bill)
    with pytest.raises(AssertionError, match=words):
        cyclonedx.check(bill)


def test_notes_are_a_section_of_the_changelog(tmp_path):
    notes = (OUT / "notes.md").read_text()
    assert notes.startswith("## ") and notes.count("\n## ") == 0 and notes.strip() in (TREE / "CHANGELOG.md").read_text()
    log = tmp_path / "CHANGELOG.md"
    log.write_text("# Changes\n\n## Unreleased\n\n- new\n\n## 1.2.0 (2027-01-02)\n\n- that\n\n## 1.1.0\n\n- old\n")
    notes = TREE / "config/release/notes.py"
    assert run(notes, log, "1.2.0") == "## 1.2.0 (2027-01-02)\n\n- that\n"
    assert run(notes, log, "1.3.0") == "## Unreleased\n\n- new\n"


def copy_to(place):
    place.mkdir()
    run("sh", "-c", f"{SOURCES} | tar -c --null -T - | tar -x -C \"$1\"", "sh", place, cwd=TREE)
    return place


def test_another_place_makes_the_same(tmp_path):
    there = copy_to(tmp_path / "quite-another-place")
    time = run(TREE / "config/bundle/make-bundle.sh", "--source-time").strip()
    foreign = [name for name in architectures() if name != run("dpkg", "--print-architecture").strip()]
    builders = {"EQP_BUILDERS": str(TREE / "build-cross")}  # the same again: made of Debian's packages alone
    run("./dev", "release", *foreign, cwd=there, env=os.environ | builders | {"SOURCE_DATE_EPOCH": time}, timeout=4000)
    before, after = ((place / "SHA256SUMS").read_text().splitlines() for place in (OUT, there / "build-artifacts"))
    assert after == before


@pytest.fixture
def repository(tmp_path):
    """The tree as a repository of its own, with a tag; the commit to be looked at comes after it."""
    if shutil.which("abidiff") is None:
        pytest.skip("there is no abidiff; install abigail-tools")
    place = copy_to(tmp_path / "repository")

    def git(*words):
        return run("git", "-C", place, "-c", "user.name=x", "-c", "user.email=x@example.org", *words)

    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "one")
    git("tag", "v0.0.1")
    return place, git


def abi(place):
    return subprocess.run([TREE / "config/release/abi.sh", place], capture_output=True, text=True)


def change(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_changes_of_the_library_are_reported(repository):
    place, git = repository
    assert "no earlier tag" in abi(place).stdout
    with open(place / "client" / "broker.c", "a") as file:
        file.write("int eqp_broker_added(void);\n__attribute__((visibility(\"default\"))) int eqp_broker_added(void) { return 1; }\n")
    git("commit", "-q", "-a", "-m", "two")
    done = abi(place)
    assert done.returncode == 0 and "v0.0.1" in done.stdout and "eqp_broker_added" in done.stdout, done

    change(place / "client" / "eqp-broker.map", "local: ", "local: eqp_broker_live; ")
    git("commit", "-q", "-a", "-m", "three")
    done = abi(place)
    assert done.returncode == 1 and "eqp_broker_live" in done.stdout and "soversion" in done.stderr, done
    change(place / "client" / "meson.build", "soversion: '0'", "soversion: '1'")
    git("commit", "-q", "-a", "-m", "four")
    assert abi(place).returncode == 0
