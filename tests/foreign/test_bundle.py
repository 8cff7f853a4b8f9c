"""The bundle for another architecture, in a root that has nothing but busybox: no C library, no loader."""

import re

import emulated
import pytest
from conftest import ARCHITECTURE, one
from life import Life

pytestmark = pytest.mark.slow("the bundle is installed, and emulated")
PREFIX = "/usr/local"


@pytest.fixture(scope="module")
def bundle():
    return one(f"build-bundle-{ARCHITECTURE}/eqp-broker-*-linux-{ARCHITECTURE}.tar.xz", f"./dev bundle {ARCHITECTURE}")


@pytest.fixture(scope="module")
def root(possible, tmp_path_factory):
    base = emulated.extracted(f"{ARCHITECTURE}-bare", ARCHITECTURE)
    with emulated.Emulated(ARCHITECTURE, base, tmp_path_factory.mktemp("place")) as root:
        yield root


@pytest.fixture(scope="module")
def life(root, bundle):
    folder = root.unpack(bundle)
    assert "is installed" in root.run(f"{folder}/install").out
    life = Life(root, f"{PREFIX}/bin", user="900:900")
    try:
        yield life.begin()
    finally:
        life.end()


def test_it_is_small(bundle):
    assert bundle.stat().st_size <= 9_000_000


def test_there_is_no_other_c_library(root, life):
    found = {path.name for path in root.files.rglob("libc.so*")} | {path.name for path in root.files.rglob("ld-linux*")}
    assert len(found) == 2  # its own
    assert not (root.files / "lib/ld-linux-aarch64.so.1").exists()


def test_versions(life, bundle):
    life.tells_its_version(re.match(r"eqp-broker-(.*)-linux", bundle.name)[1])


def test_settings(life):
    life.checks_its_settings()


def test_one_token(life):
    life.obtains_a_token_once()


def test_the_daemon_serves(life):
    life.serves()


def test_it_is_taken_away(root, life):
    life.end()
    life.started.clear()
    root.run(f"{PREFIX}/lib/eqp-broker/uninstall")
    assert not (root.files / "usr/local/bin/eqpctl").exists()
