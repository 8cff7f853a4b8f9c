"""Root: the files of another Linux, in name spaces of its own, in which a test installs the bundle and lives with it.

    with Root("bullseye") as root:
        root.run("/bundle/install").out
        root.run("eqpctl", "token", "sandbox", user="alice", check=False).code

Nothing runs there but what the test starts: no systemd, a loopback, /proc. Files that are written lie in memory, and end with
the root, as does everything that runs in it. Kinds of roots: KINDS. They are made by mmdebstrap once, and kept in
build-bundle/roots/.
"""

import fcntl
import os
import pathlib
import shutil
import stat
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
ROOTS = TREE / "build-bundle" / "roots"
MAKE_ROOT = TREE / "tests" / "make-root.sh"

KINDS = {
    "bullseye": "Debian 11: its C library is older than the bundle's",
    "trixie": "Debian 13: newer",
    "musl": "busybox and the loader of musl: there is no glibc",
}
APPLETS = ("sh cat chmod chown cp dd dirname find grep id mkdir mv rm rmdir sed sort uname su "
           "sleep kill env ls test true install basename cut head tail touch ln")
PEOPLE = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"
BROKER = "eqp-broker:x:900:900::/:/bin/false\n"  # this busybox cannot make users

LEFT_OUT = ("proc", "dev", "run", "tmp", "bundle", "sys", "var/log")  # of snapshots

# Becomes the first process of the root, says so, and lives until its input ends.
FIRST = r"""
set -e
mount -t tmpfs none "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" none "$2/root"
cd "$2/root"
mkdir -p proc dev run tmp bundle sys
mount -t proc none proc
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=1777 none tmp
mount -t tmpfs -o mode=755 none dev
for device in null zero urandom random full; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mount -t tmpfs -o mode=755 none bundle
ip link set lo up
echo ready
exec cat >/dev/null
"""


def _make(kind, target):
    if kind == "musl":
        suite, options = "bookworm", ["--variant=extract", "--include=musl,busybox-static"]
    else:
        suite = kind
        options = ["--variant=essential", "--include=passwd", "--dpkgopt=path-exclude=/usr/share/locale/*",
                   "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"]
    mirror = os.environ.get("EQP_DEBIAN_MIRROR", "")
    made = subprocess.run([MAKE_ROOT, suite, target, mirror, *options],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1700)
    if made.returncode != 0:
        raise RuntimeError(f"mmdebstrap failed:\n{made.stdout}")
    if kind == "musl":
        furnish(target)
    _add_people(target)


def furnish(target):
    """Tools, where busybox is all there is, and the broker's user."""
    for applet in APPLETS.split():
        path = target / "bin" / applet
        path.unlink(missing_ok=True)
        path.symlink_to("busybox")
    for folder in ("etc", "root", "home", "usr/local", "var", "sbin"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    (target / "etc" / "passwd").write_text(BROKER)
    (target / "etc" / "group").write_text("eqp-broker:x:900:\n")


def _add_people(target):
    etc = target / "etc"
    with open(etc / "passwd", "r+") as file:
        lines = [line for line in file.read().splitlines(True) if not line.startswith("root:")]
        file.seek(0)
        file.write(PEOPLE + "".join(lines))
        file.truncate()
    with open(etc / "group", "r+") as file:
        text = file.read()
        file.seek(0)
        file.write(("" if "root:" in text else "root:x:0:\n") + text + "alice:x:1000:\n")
    (etc / "hosts").write_text("127.0.0.1\tlocalhost\n::1\tlocalhost\n")
    (etc / "resolv.conf").unlink(missing_ok=True)
    home = target / "home" / "alice"
    home.mkdir(parents=True, exist_ok=True)
    os.chown(home, 1000, 1000)


def base(kind):
    """The directory of its files, as they are before anything happens; made if there is none."""
    ROOTS.mkdir(parents=True, exist_ok=True)
    directory = ROOTS / kind
    with open(ROOTS / f"{kind}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.is_dir():
            aside = directory.with_suffix(".new")
            _make(kind, aside)
            aside.rename(directory)
    return directory


def no_machine():
    """Why no systemd can be booted here, or None."""
    if shutil.which("systemd-nspawn") is None:
        return "there is no systemd-nspawn; install systemd-container"
    trial = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"
    done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", trial], capture_output=True, text=True)
    return None if done.returncode == 0 else f"no control groups can be had: {done.stderr.strip()}"


class Result:
    def __init__(self, words, done):
        self.words, self.code, self.out, self.err = words, done.returncode, done.stdout.strip(), done.stderr.strip()

    def __repr__(self):
        return f"<{self.words}: exit code {self.code}\n{self.out}\n{self.err}>"


class Root:
    spaces, begin, more = ("--mount", "--net", "--ipc", "--uts", "--pid"), FIRST, ()

    def __init__(self, kind, place):
        """place: a directory to mount things below; it stays empty as seen from outside."""
        self.kind, self.place = kind, place

    def base(self):
        return base(self.kind)

    def prepare(self):
        """Whatever `begin` waits for."""

    def __enter__(self):
        self.first = subprocess.Popen(
            ["unshare", *self.spaces, "--fork", "--kill-child", "--propagation", "private",
             "sh", "-c", self.begin, "first", self.base(), self.place, *self.more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.prepare()
            assert self.first.stdout.readline() == "ready\n", f"no root {self.kind}"
            children = pathlib.Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().split()
            self.pid = int(children[0])
            self.files = pathlib.Path(f"/proc/{self.pid}/root{self.place}/root")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.first.stdin.close()
        self.first.wait(60)
        self.first.stdout.close()

    def command(self, *words, user=None, env=()):
        who = [] if user is None else ["--userspec=1000:1000" if user == "alice" else f"--userspec={user}"]
        home = "/home/alice" if user == "alice" else "/root"
        return ["nsenter", f"--target={self.pid}", *self.spaces,
                "chroot", *who, f"{self.place}/root",
                "/bin/sh", "-c", 'cd "$HOME"; exec "$@"'.replace("$HOME", home), "sh", "/bin/env" if self.kind == "musl" else "env",
                "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"HOME={home}", "LANG=C.UTF-8", *env,
                *map(str, words)]

    def run(self, *words, user=None, check=True, stdin="", timeout=240, env=()):
        done = subprocess.run(self.command(*words, user=user, env=env), input=stdin, capture_output=True, text=True,
                              timeout=timeout)
        result = Result([str(word) for word in words], done)
        assert not check or result.code == 0, result
        return result

    def start(self, *words, user=None, env=()):
        return subprocess.Popen(self.command(*words, user=user, env=env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def write(self, path, text, mode=0o644):
        target = self.files / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def unpack(self, bundle):
        """The bundle as an administrator has it, in /bundle. Returns its folder inside."""
        subprocess.run(["tar", "-xJf", bundle, "-C", self.files / "bundle"], check=True)
        return "/bundle/" + next((self.files / "bundle").iterdir()).name

    def snapshot(self):
        """{path: its kind} of all that lies there, without what is mounted, logs, and copies that useradd keeps."""
        found = {}
        for folder, folders, files in os.walk(self.files):
            here = pathlib.Path(folder)
            folders[:] = [name for name in folders if str((here / name).relative_to(self.files)) not in LEFT_OUT]
            for name in folders + files:
                path = here / name
                status = path.lstat()
                inside = str(path.relative_to(self.files))
                if inside.startswith("etc/") and (name.endswith("-") or name == ".pwd.lock"):
                    continue
                what = stat.filemode(status.st_mode), status.st_uid, status.st_gid
                if stat.S_ISREG(status.st_mode):
                    what += (path.read_bytes() if inside.startswith("etc/") else status.st_size,)
                found[inside] = what
        return found

    def processes(self, name):
        """{pid as seen from here: words} of what runs in it under that name."""
        space = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "ns" / "pid") == space and \
                        (entry / "comm").read_text().strip() == name:
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def maps(self, pid):
        """The files that the process runs on, as paths inside."""
        prefix = f"{self.place}/root"
        paths = {line.split(maxsplit=5)[5].strip() for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
                 if len(line.split(maxsplit=5)) == 6}
        return {path.removeprefix(prefix) for path in paths if path.startswith("/")}
