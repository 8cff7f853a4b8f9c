"""Emulated: a root as tests/bundle/roots.py has them, with programs of another architecture, which qemu-user runs.

    with Emulated("arm64", base, place) as root:
        root.run("/usr/bin/eqpctl", "--version").out

The kernel is told of the emulator in a user name space of the root's own (Linux 6.7 and newer), so that nothing of the
machine changes: every program that is started inside is emulated. why_not() says where that cannot be had.
"""

import os
import pathlib
import platform
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bundle"))

import roots  # noqa: E402

TREE = roots.TREE
KEPT = TREE / "build-foreign"
EMULATORS = {"arm64": "qemu-aarch64", "armhf": "qemu-arm", "ppc64el": "qemu-ppc64le", "s390x": "qemu-s390x"}

# Reads a line: by then all users are known inside. The emulator is opened here and now, and is good in any root.
BEGIN = r"""
echo begun
read -r line
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit
cat "$3" >/proc/sys/fs/binfmt_misc/register || exit
""" + roots.FIRST


def _registration(architecture):
    return pathlib.Path("/usr/lib/binfmt.d", EMULATORS[architecture] + ".conf")


def why_not(architecture):
    if os.geteuid() != 0:
        return "only root can make roots"
    missing = [name for name in ("mmdebstrap", "unshare", "nsenter", "ip") if shutil.which(name) is None]
    if missing:
        return f"there is no {', '.join(missing)}; install mmdebstrap, util-linux and iproute2"
    if not _registration(architecture).exists():
        return f"there is no {_registration(architecture)}; install qemu-user-static"
    if tuple(map(int, platform.release().split(".")[:2])) < (6, 7):
        return f"Linux {platform.release()} knows emulators of the machine only; 6.7 knows those of a name space"
    trial = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "binfmt_misc", "none", "/mnt"],
                           capture_output=True, text=True)
    return None if trial.returncode == 0 else f"no emulator can be made known to the kernel: {trial.stderr.strip()}"


def extracted(name, architecture, *packages):
    """A directory with the content of Debian's packages and of all that they depend on, nothing of which was run, and busybox
    as its tools. It is kept until other packages are asked for under its name."""
    directory, packages = KEPT / name, ("busybox-static", *packages)
    aside, has = directory.with_suffix(".new"), directory.with_suffix(".packages")
    if directory.is_dir() and has.exists() and has.read_text().split() == list(packages):
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    KEPT.mkdir(exist_ok=True)
    mirror = os.environ.get("EQP_DEBIAN_MIRROR", "")
    subprocess.run([roots.MAKE_ROOT, "bookworm", aside, mirror, f"--architectures={architecture}", "--variant=extract",
                    f"--include={','.join(packages)}"], stdin=subprocess.DEVNULL, check=True, timeout=1700)
    roots.furnish(aside)
    aside.rename(directory)
    has.write_text(" ".join(packages))
    return directory


class Emulated(roots.Root):
    spaces, begin = ("--user", *roots.Root.spaces), BEGIN

    def __init__(self, architecture, base, place):
        super().__init__(f"for {architecture}", place)
        self._base, self.more = base, (_registration(architecture),)

    def base(self):
        return self._base

    def prepare(self):
        assert self.first.stdout.readline() == "begun\n"
        for name in ("uid_map", "gid_map"):  # each user is that user inside, too
            pathlib.Path(f"/proc/{self.first.pid}/{name}").write_text("0 0 4294967295\n")
        self.first.stdin.write("\n")
        self.first.stdin.flush()

    def command(self, *words, user=None, env=()):
        """By the machine's own chroot: the root may have no tools."""
        who = [] if user is None else [f"--userspec={user}"]
        return ["nsenter", f"--target={self.pid}", *self.spaces, "env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/root", "LANG=C.UTF-8", *env, "chroot", *who, f"{self.place}/root", *map(str, words)]
