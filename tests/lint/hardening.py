"""The hardening that compiler and linker were asked for is there: read off the files.

    hardening.py BUILD INSTALLED    a build with optimiser, without sanitizers; where it was installed

Programs: position independent, all relocations resolved and read-only before main(), no executable stack, no
text relocation, no search path for libraries, no segment that is both writable and executable, and using the
stack protector and _FORTIFY_SOURCE. The library: the same, and nothing visible but what its header declares.

Our objects are marked for Intel's control flow enforcement (x86-64). Whether the linked program is depends on
the objects that libc puts in front and behind, and Debian 12's are not: so it is the objects that are read.
"""

import pathlib
import platform
import re
import subprocess
import sys

PROGRAMS = ("eqp-brokerd", "eqpctl", "eqp-simulator")
FOLDERS = ("lib", "client", "daemon", "ctl", "simulator")
LIBRARY = "libeqp-broker.so.0"
HEADER = pathlib.Path(__file__).resolve().parents[2] / "client/eqp-broker.h"


def readelf(path, *options):
    return subprocess.run(["readelf", "--wide", *options, str(path)], check=True, capture_output=True,
                          text=True).stdout


def troubles_of_segments(path):
    segments = re.findall(r"^  (\w+) +(?:0x\w+ +){5}([RWE ]{3}) ", readelf(path, "--segments"), re.M)
    kinds = dict(segments)
    if not segments:
        yield "no segments could be read"
    if "GNU_RELRO" not in kinds:
        yield "relocations stay writable (no GNU_RELRO)"
    if "E" in kinds.get("GNU_STACK", "E"):
        yield "the stack is executable"
    if any("W" in flags and "E" in flags for _, flags in segments):
        yield "a segment is writable and executable"


def troubles_of_dynamic(path, program):
    dynamic = readelf(path, "--dynamic")
    flags = " ".join(re.findall(r"\(FLAGS(?:_1)?\) +(.*)", dynamic))
    if program and "PIE" not in flags:
        yield "not position independent"
    if "NOW" not in flags:
        yield "bound lazily (no BIND_NOW), so RELRO is not full"
    if "TEXTREL" in dynamic:
        yield "has text relocations"
    for word in re.findall(r"\((RPATH|RUNPATH)\)", dynamic):
        yield f"has a {word}"


def troubles_of_symbols(path):
    symbols = readelf(path, "--dyn-syms")
    if "__stack_chk_fail" not in symbols:
        yield "no function has the stack protector"
    if not re.search(r" __\w+_chk(@|$)", symbols, re.M):
        yield "no call is fortified"


def troubles_of_objects(build):
    """The objects of the programs and their libraries, not those of the tests."""
    objects = [path for folder in FOLDERS for path in (build / folder).rglob("*.c.o")]
    if not objects:
        yield f"{build}: no objects"
    for path in objects if platform.machine() == "x86_64" else ():
        features = re.findall(r"x86 feature: (.*)", readelf(path, "--notes"))
        if not features or "IBT" not in features[0] or "SHSTK" not in features[0]:
            yield f"{path}: not marked for control flow enforcement"


def troubles_of_interface(path):
    defined = {name for kind, name in re.findall(r" (?:GLOBAL|WEAK) +DEFAULT +(UND|\d+) ([^@\s]+)",
                                                 readelf(path, "--dyn-syms")) if kind != "UND"}
    declared = set(re.findall(r"\b(eqp_broker_\w+)\(", HEADER.read_text(encoding="utf-8")))
    for name in sorted(defined - declared):
        yield f"{name} is visible, and the header does not declare it"
    for name in sorted(declared - defined):
        yield f"{name} is declared, and is not there"


def troubles_of(path, program):
    yield from troubles_of_segments(path)
    yield from troubles_of_dynamic(path, program)
    yield from troubles_of_symbols(path)
    if not program:
        yield from troubles_of_interface(path)


def main():
    build, installed = map(pathlib.Path, sys.argv[1:])
    troubles = list(troubles_of_objects(build))
    for name in (*PROGRAMS, LIBRARY):
        places = [path for path in installed.rglob(name) if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]
        if len(places) != 1:
            troubles.append(f"{name}: installed {len(places)} times")
        for path in places:
            troubles += [f"{name}: {trouble}" for trouble in troubles_of(path, name in PROGRAMS)]
    print("\n".join(troubles), end="\n" if troubles else "")
    sys.exit(1 if troubles else 0)


main()
