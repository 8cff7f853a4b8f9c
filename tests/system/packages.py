"""Our packages: those that ./dev deb made, and newer ones.

$EQP_DEBS names their directory, else it is build-deb/. The newer ones are made from them, with changes in their
units, or from those in $EQP_DEBS_NEWER as they are: so an upgrade from any version to any other can be played.
"""

import os
import pathlib
import shutil
import subprocess

from rootfs import CACHE, ROOT

INSIDE = pathlib.Path("/opt/debs")  # where machines have them
NEEDED = ("eqp-broker", "libeqp-broker0", "eqp-simulator")
NEWER = "+upgrade1"
# In the units of the newer packages; the properties of a unit show which part is in force.
CHANGES = {
    "eqp-brokerd.service": ("\nType=notify\n", "\nType=notify\nEnvironment=EQP_TEST_NEWER=yes\n"),
    "eqp-brokerd.socket": ("\nBacklog=4096\n", "\nBacklog=2048\n"),
    "eqp-broker-credential.socket": ("\nSocketMode=0600\n", "\nSocketMode=0600\nBacklog=2048\n"),
}


def directory():
    return pathlib.Path(os.environ.get("EQP_DEBS", ROOT / "build-deb")).resolve()


def field(deb, name):
    return subprocess.run(["dpkg-deb", "--field", deb, name], check=True, capture_output=True,
                          text=True).stdout.strip()


def files(where=None):
    """{package: file} of what there is to install; the newest of each."""
    where, found = where or directory(), {}
    for deb in sorted(where.glob("*.deb"), key=lambda deb: deb.stat().st_mtime):
        found[field(deb, "Package")] = deb
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise AssertionError(f"{where} has no package {', '.join(missing)}: run ./dev deb")
    return {name: found[name] for name in NEEDED}


def debs(*names):
    """Their paths inside a machine."""
    return [INSIDE / file.name for name, file in files().items() if name in (names or NEEDED)]


def _change_units(tree):
    for unit, (before, after) in CHANGES.items():
        for path in tree.glob(f"**/systemd/system/{unit}"):
            text = path.read_text()
            assert before in text, path
            path.write_text(text.replace(before, after))


def _newer(deb, work, changed):
    """The same package with a higher version, and with other units if wanted."""
    tree = work / deb.stem
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN" / "control"
    version = field(deb, "Version")
    text = control.read_text()
    for before in ("Version: ", "(= "):
        text = text.replace(before + version, before + version + NEWER)
    control.write_text(text)
    if changed:
        _change_units(tree)
    target = work / (deb.name.replace(version, version + NEWER))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, target], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


def newer(name="newer"):
    """Directory with newer packages. Files of tests run beside each other: each has one by a name of its own."""
    given = os.environ.get("EQP_DEBS_NEWER")
    work = CACHE / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for deb in files(given and pathlib.Path(given).resolve()).values():
        _newer(deb, work, changed=not given)
    return work


def sizes():
    """{package: bytes}"""
    return {name: file.stat().st_size for name, file in files().items()}
