"""A house without circles: its files stand on floors, and each uses only what is below it.

A file uses another one if its object needs a symbol that the other's object defines, or if its source or header
includes the other's header. Fails where there is a circle among all files of the folders, and prints the floors of each
folder by itself, the lowest first.

    floors.py BUILD FOLDER...
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def find_objects(build, folders):
    """Of each source in these folders, or below them, the object that goes into the folder's own programs."""
    objects = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        directory = pathlib.Path(entry["directory"])
        source = (directory / entry["file"]).resolve()
        if not source.is_relative_to(ROOT):
            continue # made by the build
        source = source.relative_to(ROOT)
        own = any(source.is_relative_to(folder) and entry["output"].startswith(f"{folder}/") for folder in folders)
        if own:
            objects.setdefault(str(source.with_suffix("")), directory / entry["output"])
    return objects


def symbols(objects, option):
    """Of each object, the names of its undefined symbols (-u) or of those that it defines (--defined-only)."""
    out = subprocess.run(["nm", "-g", "-A", option, *map(str, objects.values())], check=True, capture_output=True,
                         text=True).stdout
    names = {str(path): name for name, path in objects.items()}
    found = collections.defaultdict(set)
    for line in out.splitlines():
        path, rest = line.split(":", 1)
        found[names[path]].add(rest.split()[-1])
    return found


def find_uses(objects):
    needed, uses = symbols(objects, "-u"), {}
    defined = {symbol: name for name, of in symbols(objects, "--defined-only").items() for symbol in of}
    if len(set(defined.values())) < len(objects) / 2:
        sys.exit("most objects define nothing: are they compiled?")
    for name in objects:
        uses[name] = {defined[symbol] for symbol in needed[name] if symbol in defined}
        for suffix in (".c", ".h"):
            file = (ROOT / name).with_suffix(suffix)
            text = file.read_text() if file.exists() else ""
            uses[name].update(set(re.findall(r'^#include "(.+)\.h"', text, flags=re.M)) & objects.keys())
        uses[name].discard(name)
    return uses


def find_floors(uses):
    """The floors, and what stands on none, as it is in a circle or above one."""
    floors, left = [], dict(uses)
    while left:
        floor = sorted(name for name, below in left.items() if not below & left.keys())
        if not floor:
            return floors, left
        floors.append(floor)
        for name in floor:
            del left[name]
    return floors, {}


def within(folder, uses):
    """The uses of the files right in this folder, of each other."""
    inside = {name for name in uses if str(pathlib.Path(name).parent) == folder}
    return {name: uses[name] & inside for name in inside}


def find_circle(left):
    """Those that are in a circle themselves."""
    while True:
        used = {name for below in left.values() for name in below}
        smaller = {name: below & left.keys() for name, below in left.items() if name in used}
        if len(smaller) == len(left):
            return smaller
        left = smaller


def main():
    objects = find_objects(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:])
    missing = [folder for folder in sys.argv[2:] if not any(name.startswith(f"{folder}/") for name in objects)]
    if missing:
        sys.exit(f"no object in {' '.join(missing)}: is it built?")
    uses = find_uses(objects)
    for folder in sorted({str(pathlib.Path(name).parent) for name in objects}):
        print(f"{folder}, from the ground up:")
        for number, floor in enumerate(find_floors(within(folder, uses))[0]):
            print(f"  {number}  {' '.join(pathlib.Path(name).name for name in floor)}")
    floors, left = find_floors(uses)
    circle = find_circle(left)
    for name, below in sorted(circle.items()):
        print(f"in a circle: {name} uses {' '.join(sorted(below & circle.keys()))}")
    print(f"{len(objects)} files on {len(floors)} floors")
    sys.exit(bool(circle))


main()
