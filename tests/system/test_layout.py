"""`meson install` and the packages put the same files in the same places, and the documents that come with the
packages refer to what is there. No machine is needed.
"""

import json
import pathlib
import re
import subprocess

import packages
import pytest
from rootfs import ROOT

# Files that packaging adds: those that every package of Debian has, and maintainers' words to its tools.
ADDED = ("usr/share/doc/", "usr/share/lintian/")
SETUP = ("--prefix=/usr", "--sysconfdir=/etc", "--localstatedir=/var", "-Dunit_tests=false")


def multiarch():
    return subprocess.run(["dpkg-architecture", "-qDEB_HOST_MULTIARCH"], check=True, capture_output=True,
                          text=True).stdout.strip()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Paths that meson install would make, without a build."""
    build = tmp_path_factory.mktemp("layout") / "build"
    subprocess.run(["meson", "setup", *SETUP, f"--libdir=lib/{multiarch()}", build, ROOT], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True)
    plan = json.loads(subprocess.run(["meson", "introspect", "--installed", build], check=True,
                                     capture_output=True, text=True).stdout)
    return {path.lstrip("/") for path in plan.values()}


def package(name):
    [deb] = [deb for deb in packages.directory().glob(f"{name}_*.deb")]
    return deb


@pytest.fixture(scope="module")
def packed():
    paths = set()
    for name in ("eqp-broker", "libeqp-broker0", "libeqp-broker-dev", "eqp-simulator"):
        tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", package(name)], check=True, capture_output=True).stdout
        listing = subprocess.run(["tar", "-t"], input=tar, check=True, capture_output=True).stdout.decode()
        paths.update(line.removeprefix("./") for line in listing.splitlines() if not line.endswith("/"))
    return paths


def plain(paths):
    """Without what only Debian has: compressed manuals, its documents, the library's links."""
    return {path.removesuffix(".gz") for path in paths if not path.startswith(ADDED) and ".so" not in path}


def test_same_files_in_the_same_places(installed, packed):
    assert plain(packed) == plain(installed)


@pytest.fixture(scope="module")
def documentation(tmp_path_factory):
    """/usr/share/doc/eqp-broker, as a sysadmin finds it."""
    tree = tmp_path_factory.mktemp("documentation")
    subprocess.run(["dpkg-deb", "--extract", package("eqp-broker"), tree], check=True)
    return tree / "usr/share/doc/eqp-broker"


def test_links_of_installed_documents_lead_somewhere(documentation):
    links = 0
    for document in documentation.glob("*.md"):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^()\s]+)\)", text):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            there = documentation / path if path else document
            assert there.exists(), f"{document.name}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
                assert anchor in [re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles]
            links += 1
    assert links > 20


def test_readme_debian_lists_what_there_is(documentation):
    """All of it, and nothing else; so a reader who looks here first needs only this."""
    text = (documentation / "README.Debian").read_text(encoding="utf-8")
    here = re.search(r"In this directory\n-+\n(.*?)\nManuals", text, re.S)[1]
    there = {path.name for path in (*documentation.iterdir(), *(documentation / "examples").iterdir())}
    standard = {"README.Debian", "changelog.gz", "copyright"}
    table = re.search(r"\n\n?(README.md.*?)\n\n", "\n" + here, re.S)[1]
    assert set(re.findall(r"[A-Za-z-]+\.(?:md|conf|yaml|json|svg)|[a-z]+(?=/)", table)) == there - standard
    manuals = re.findall(r"^([a-z.-]+)\((\d)\) ", text, re.M)
    assert manuals
    for name, section in manuals:
        assert (pathlib.Path(ROOT) / "doc" / f"{name}.{section}.scd").exists(), name
