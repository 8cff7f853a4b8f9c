"""A folder without circles: its files stand on floors, and each uses only what is below it.

A file uses another one of its folder if its object needs a symbol that the other's object defines, or if its source or
header includes the other's header. Prints the floors, the lowest first; fails where there is a circle.

    floors.py BUILD FOLDER...
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def symbols(archive, option):
    """For each file of the archive, its undefined symbols (-u) or those that it defines (--defined-only)."""
    out = subprocess.run(["nm", "-g", option, archive], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in out.splitlines():
        if match := re.fullmatch(r"(?:.*/)?(\w+)\.c\.o:", line):
            found[match[1]] = set()
            name = match[1]
        elif line:
            found[name].add(line.split()[-1])
    return found


def uses(build, folder):
    archives = list((build / folder).glob("libdaemon-*.a"))
    if len(archives) != 1:
        sys.exit(f"{build / folder} has {len(archives)} libraries to look at")
    defined = {symbol: name for name, names in symbols(archives[0], "--defined-only").items() for symbol in names}
    needs = {name: {defined[symbol] for symbol in names if symbol in defined}
             for name, names in symbols(archives[0], "-u").items()}
    for name, below in needs.items():
        for suffix in (".c", ".h"):
            file = (ROOT / folder / name).with_suffix(suffix)
            text = file.read_text() if file.exists() else ""
            below.update(re.findall(rf'^#include "{folder}/(\w+)\.h"', text, flags=re.M))
        below.discard(name)
    return needs


def floors_of(needs):
    floors, left = [], dict(needs)
    while left:
        floor = sorted(name for name, below in left.items() if not below & left.keys())
        if not floor:
            return floors, left
        floors.append(floor)
        for name in floor:
            del left[name]
    return floors, {}


def main():
    failed = False
    for folder in sys.argv[2:]:
        floors, circle = floors_of(uses(pathlib.Path(sys.argv[1]).resolve(), folder))
        print(f"{folder}, from the ground up:")
        for number, floor in enumerate(floors):
            print(f"  {number}  {' '.join(floor)}")
        for name, below in sorted(circle.items()):
            print(f"  in or above a circle: {name} uses {' '.join(sorted(below & circle.keys()))}")
            failed = True
    sys.exit(failed)


main()
