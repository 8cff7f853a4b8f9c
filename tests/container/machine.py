"""Machine: the needs of containers here, and podman with a storage of its own.

    machine = Machine(directory)
    machine.podman("run", "--network=none", "localhost/eqp-broker")     # CompletedProcess; fails aloud

An ordinary Debian needs none of the three helps below. Machines that are containers themselves may: where the
old and the new cgroup trees are mixed, crun is kept away from cgroups, and this process sees the new tree
only; where root lacks CAP_SYS_RESOURCE, the default limits are not raised.
"""

import ctypes
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
CGROUPS = pathlib.Path("/sys/fs/cgroup")
CAP_SYS_RESOURCE = 24
CLONE_NEWNS = 0x00020000


def why_not():
    """Why no container can be run here, or None."""
    if os.geteuid() != 0:
        return "they need root"
    for program in ("podman", "buildah", "crun"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    return None


def has_capability(number):
    status = pathlib.Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> number & 1)


def run(*command, check=True, timeout=300, text_in="", **more):
    """Runs a command to its end; the error of one that fails has what it wrote."""
    result = subprocess.run([str(word) for word in command], input=text_in, capture_output=True,
                            text=True, timeout=timeout, **more)
    if check and result.returncode != 0:
        raise AssertionError(f"{command}: exit {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result


class Machine:
    """podman, for as long as the tests last. Everything lies below `directory`, and goes with close()."""

    def __init__(self, directory):
        self.directory = directory
        self.storage = ("--root", directory / "storage", "--runroot", directory / "run")
        self.options, self.environment, self.memory_cgroups = (), dict(os.environ), None
        if not has_capability(CAP_SYS_RESOURCE):
            self.environment["CONTAINERS_CONF"] = str(HERE / "containers.conf")
        self.mixed = not (CGROUPS / "cgroup.controllers").exists()
        if self.mixed:
            self._see_new_cgroups_only()
            self.options = ("--cgroup-manager=cgroupfs", "--runtime", self.runtime("crun"))

    def _see_new_cgroups_only(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        run("mount", "--make-rprivate", "/")
        if (CGROUPS / "memory" / "memory.limit_in_bytes").exists():
            self.memory_cgroups = self.directory / "memory"
            self.memory_cgroups.mkdir()
            run("mount", "--bind", CGROUPS / "memory", self.memory_cgroups)
        run("umount", "-R", CGROUPS)
        run("mount", "-t", "cgroup2", "none", CGROUPS)

    def runtime(self, name, cgroup=None):
        """A crun that leaves cgroups alone, but puts what it runs into this one. Returns its path."""
        path = self.directory / name
        enter = "" if cgroup is None else f"echo $$ >{cgroup}/cgroup.procs\n"
        path.write_text(f'#!/bin/sh\n{enter}exec crun --cgroup-manager=disabled "$@"\n')
        path.chmod(0o755)
        return path

    def podman(self, *arguments, options=(), environment=None, **more):
        """podman with its arguments; further options take the place of the machine's."""
        return run("podman", *self.storage, *self.options, *options, *arguments,
                   env=self.environment | (environment or {}), **more)

    def buildah(self, *arguments, **more):
        return run("buildah", *self.storage, *arguments, env=self.environment, **more)

    def build_images(self, build):
        """Both images, as `./dev image` builds them; returns what that prints."""
        script = HERE.parents[1] / "config/container/build-images.sh"
        return run(script, build, *self.storage, env=self.environment).stdout

    def pid(self, container):
        return int(self.podman("inspect", "--format", "{{.State.Pid}}", container).stdout)

    def close(self):
        self.podman("pod", "rm", "--all", "--force", "--time=0", check=False)
        self.podman("rm", "--all", "--force", "--time=0", "--volumes", check=False)
        self.podman("rmi", "--all", "--force", check=False)
        run("umount", "-R", self.directory / "storage", check=False)
        if self.memory_cgroups:
            run("umount", self.memory_cgroups, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
