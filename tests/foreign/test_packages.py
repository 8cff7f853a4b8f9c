"""The Debian packages for another architecture: their fields, and a life on what they say that they need."""

import re
import subprocess

import emulated
import pytest
from conftest import ARCHITECTURE, one
from life import Life

pytestmark = pytest.mark.slow("packages are unpacked, and emulated")
OURS = ("libeqp-broker0", "eqp-broker", "eqp-simulator")


@pytest.fixture(scope="module")
def packages():
    return [one(f"build-deb-{ARCHITECTURE}/{name}_*.deb", f"./dev deb {ARCHITECTURE}") for name in OURS]


def field(package, name):
    return subprocess.run(["dpkg-deb", "--field", package, name], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def root(possible, packages, tmp_path_factory):
    names = {name for package in packages for name in re.findall(r"(?:^|, )([a-z0-9][a-z0-9+.-]+)", field(package, "Depends"))}
    base = emulated.extracted(f"{ARCHITECTURE}-debian", ARCHITECTURE, *sorted(names - set(OURS)))
    with emulated.Emulated(ARCHITECTURE, base, tmp_path_factory.mktemp("place")) as root:
        for package in packages:
            subprocess.run(["dpkg-deb", "--extract", package, root.files], check=True)
        yield root


@pytest.fixture(scope="module")
def life(root):
    life = Life(root, "/usr/bin")
    try:
        yield life.begin()
    finally:
        life.end()


def test_they_are_for_it(packages):
    for package in packages:
        assert field(package, "Architecture") == ARCHITECTURE
        assert "libc6" in field(package, "Depends")


def test_versions(life, packages):
    life.tells_its_version(field(packages[0], "Version"))


def test_settings(life):
    life.checks_its_settings()


def test_one_token(life):
    life.obtains_a_token_once()


def test_the_daemon_serves(life):
    life.serves()
