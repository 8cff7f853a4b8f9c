"""`meson install` and the packages put the same files in the same places. No machine is needed."""

import json
import subprocess

import packages
import pytest
from rootfs import ROOT

# What packaging adds: what every package of Debian has, and maintainers' words to its tools.
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


@pytest.fixture(scope="module")
def packed():
    paths = set()
    for name in ("eqp-broker", "libeqp-broker0", "libeqp-broker-dev", "eqp-simulator"):
        [deb] = [deb for deb in packages.directory().glob(f"{name}_*.deb")]
        tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, capture_output=True).stdout
        listing = subprocess.run(["tar", "-t"], input=tar, check=True, capture_output=True).stdout.decode()
        paths.update(line.removeprefix("./") for line in listing.splitlines() if not line.endswith("/"))
    return paths


def plain(paths):
    """Without what only Debian has: compressed manuals, its documents, the library's links."""
    return {path.removesuffix(".gz") for path in paths if not path.startswith(ADDED) and ".so" not in path}


def test_same_files_in_the_same_places(installed, packed):
    assert plain(packed) == plain(installed)
