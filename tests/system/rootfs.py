"""The root file system that the machines boot: a small Debian with what our packages depend on.

Built once by mmdebstrap and kept in build-system/, under a name that changes with what is in it. Machines lay
their own changes over it in memory, so it stays as it was made. EQP_SUITE names another release, such as trixie: the
packages of this one on that.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build-system"
MAKE_ROOT = ROOT / "tests" / "make-root.sh"

SUITE = os.environ.get("EQP_SUITE", "bookworm")
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd",
    # dependencies of our packages
    "ca-certificates", "libcurl4", "libgnutls30", "libinih1", "libjson-c5", "libmicrohttpd12", "libseccomp2", "libsystemd0",
    "libhiredis0.14" if SUITE == "bookworm" else "libhiredis1.1.0",
    # programs that the tests run inside
    "curl", "iproute2", "procps", "python3", "strace",
)
# Nothing that wakes up by itself may disturb the figures.
SET_UP = r"""
printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$1/etc/hosts"
rm -f "$1/etc/resolv.conf"
systemctl --root="$1" --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
        e2scrub_all.timer fstrim.timer systemd-tmpfiles-clean.timer
systemctl --root="$1" --quiet set-default multi-user.target
mkdir -p "$1/opt/debs" "$1/opt/inside" "$1/opt/build"
"""
# Documentation of other packages, but not ours: they are installed later.
LEAN = ("--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/doc/*")


def _name():
    recipe = "\n".join((SUITE, *PACKAGES, SET_UP, *LEAN))
    return f"root-{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def _build(directory):
    mirror = os.environ.get("EQP_DEBIAN_MIRROR", "")
    aside = directory.with_suffix(".new")
    command = [MAKE_ROOT, SUITE, aside, mirror, "--variant=minbase", "--include=" + ",".join(PACKAGES), *LEAN,
               f"--customize-hook={SET_UP}", "--customize-hook=rm -f $1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"]
    try:
        made = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=1700)
        if made.returncode != 0:
            raise RuntimeError(f"mmdebstrap failed:\n{made.stdout}")
        aside.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def rootfs():
    """The directory; it takes a minute the first time."""
    CACHE.mkdir(exist_ok=True)
    directory = CACHE / _name()
    with open(CACHE / "root.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.is_dir():
            for old in CACHE.glob(f"root-{SUITE}-*"):
                shutil.rmtree(old)
            _build(directory)
    return directory
