#!/usr/bin/env python3
"""places.py ROOT: where in the files below ROOT the script `install` is to write paths, as a list for it.

The programs were linked with a loader and a library path that are long runs of slashes: room for those of the place
where they will be. Prints FILE OFFSET SIZE loader|libraries for each, and writes NOT_YET there, so that a program that
was not installed says so instead of running half on the libraries of its host.
"""

import pathlib
import re
import sys

ROOM = re.compile(rb"(?P<libraries>/eqp-bundle/{200,})\0|(?P<loader>/{200,}[a-z][^\0]*)\0")
NOT_YET = b"/run-the-script-install-of-the-bundle-first"


def main():
    root = pathlib.Path(sys.argv[1])
    for path in sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
        content = bytearray(path.read_bytes())
        if content[:4] != b"\x7fELF":
            continue
        for match in ROOM.finditer(bytes(content)):
            start, size = match.start(), match.end() - match.start()
            content[start:start + size] = NOT_YET.ljust(size, b"\0")
            print(path.relative_to(root), start, size, match.lastgroup)
        path.write_bytes(content)


main()
