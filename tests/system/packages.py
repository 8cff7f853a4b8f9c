"""Our packages: those that ./dev deb made, and a copy of them that is newer.

$EQP_DEBS names their directory, else it is build-deb/.
"""

import os
import pathlib
import shutil
import subprocess

from rootfs import CACHE, ROOT

INSIDE = pathlib.Path("/opt/debs")  # where machines have them
NEEDED = ("eqp-broker", "libeqp-broker0", "eqp-simulator")
NEWER = "+upgrade1"


def directory():
    return pathlib.Path(os.environ.get("EQP_DEBS", ROOT / "build-deb")).resolve()


def field(deb, name):
    return subprocess.run(["dpkg-deb", "--field", deb, name], check=True, capture_output=True,
                          text=True).stdout.strip()


def files():
    """{package: file} of what there is to install; the newest of each."""
    found = {}
    for deb in sorted(directory().glob("*.deb"), key=lambda deb: deb.stat().st_mtime):
        found[field(deb, "Package")] = deb
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise AssertionError(f"{directory()} has no package {', '.join(missing)}: run ./dev deb")
    return {name: found[name] for name in NEEDED}


def debs(*names):
    """Their paths inside a machine."""
    return [INSIDE / file.name for name, file in files().items() if name in (names or NEEDED)]


def _newer(deb, work):
    """The same package with a higher version, as far as dpkg can tell: a rebuild without any change."""
    tree = work / deb.stem
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN" / "control"
    version = field(deb, "Version")
    text = control.read_text()
    for before in ("Version: ", "(= "):
        text = text.replace(before + version, before + version + NEWER)
    control.write_text(text)
    target = work / (deb.name.replace(version, version + NEWER))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, target], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return target


def newer():
    """Directory with newer packages, made from those there are."""
    work = CACHE / "newer"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for deb in files().values():
        _newer(deb, work)
    return work


def sizes():
    """{package: bytes}"""
    return {name: file.stat().st_size for name, file in files().items()}
