#!/usr/bin/env python3
"""libraries.py TARGET PROGRAM...: copies every library that the programs need, and the loader, into TARGET.

Prints a line for each: name, package, version, architecture, file name of what needs it, separated by tabs; the last
field holds its own needs, by commas. EQP_TELL=files: nothing is copied, and each line is where the library lies, or
where the programs look for the loader; EQP_TELL=architecture: Debian's name for that of the program. The needs are read
from the files, nothing is run: they may be another machine's. Libraries are Debian's, of the programs' architecture;
one of ours lies in TARGET already.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

# The machine as an ELF header names it, and Debian's names for it.
MACHINES = {
    "Advanced Micro Devices X86-64": ("amd64", "x86_64-linux-gnu"),
    "AArch64": ("arm64", "aarch64-linux-gnu"),
    "ARM": ("armhf", "arm-linux-gnueabihf"),
    "IBM S/390": ("s390x", "s390x-linux-gnu"),
    "PowerPC64": ("ppc64el", "powerpc64le-linux-gnu"),
}
# The library that glibc loads by itself when a thread is cancelled or ends; no file says that it is needed.
ON_DEMAND = ("libgcc_s.so.1",)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def machine_of(program):
    name = re.search(r"^\s*Machine:\s*(.*)$", run("readelf", "-hW", program), re.MULTILINE)[1]
    if name not in MACHINES:
        sys.exit(f"libraries.py: {program} is for '{name}', which has no name here")
    return MACHINES[name]


def needs_of(path):
    return re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", run("readelf", "-dW", path))


def find(name, target, triplet):
    for place in (target, f"/usr/lib/{triplet}", f"/lib/{triplet}", f"/usr/{triplet}/lib"):
        path = pathlib.Path(place, name)
        if path.exists():
            return path
    return sys.exit(f"libraries.py: there is no {name} for {triplet}")


def package_of(path):
    """(package, version, architecture) of Debian's file; dpkg may know it by its name from before /usr was merged."""
    real = str(path.resolve())
    for name in (real, real.removeprefix("/usr"), f"/usr{real}"):
        found = subprocess.run(["dpkg-query", "--search", name], capture_output=True, text=True)
        if found.returncode == 0:
            package = found.stdout.partition(": ")[0].split(", ")[0]
            return run("dpkg-query", "--show", "--showformat=${Package}\t${Version}\t${Architecture}", package).split("\t")
    return sys.exit(f"libraries.py: no package of this machine has {real}")


def main():
    target, programs = pathlib.Path(sys.argv[1]), sys.argv[2:]
    architecture, triplet = machine_of(programs[0])
    if os.environ.get("EQP_TELL") == "architecture":
        print(architecture)
        return
    wanted = [name for program in programs for name in needs_of(program)]
    if os.environ.get("EQP_TELL") != "files":  # those cancel no threads
        wanted += ON_DEMAND
    seen = set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        path = find(name, target, triplet)
        wanted += needs_of(path)
    if os.environ.get("EQP_TELL") == "files":
        loader = re.search(r"program interpreter: (.*)\]", run("readelf", "-lW", programs[0]))[1]
        for name in sorted(seen):
            print(loader if name == os.path.basename(loader) else find(name, target, triplet))
        return
    for name in sorted(seen):
        path = find(name, target, triplet)
        if path.parent != target:
            package = package_of(path)
            shutil.copyfile(path, target / name)
            print(name, *package, ",".join(needs_of(path)), sep="\t")


main()
