#!/usr/bin/env python3
"""relink.py DIRECTORY: makes the links of the documents in a package's directory of documentation right.

In the tree they lead to neighbours in the tree. Here a document lies beside the others, and what the tree has in
config/ is in examples/. A link to a manual becomes the manual's name, which man(1) takes; one to what is not
installed becomes plain words that say where it is in the source.
"""

import os
import pathlib
import re
import sys

LINK = re.compile(r"\[([^][]+)\]\(([^()\s]+)\)")
RENAMED = {"LICENSE": "copyright"}


def home(directory, path):
    """Where a file of the tree is in the directory, or None."""
    name = os.path.basename(path)
    inside = re.sub(r"^config(?=/|$)", "examples", path)
    for place in (RENAMED.get(name, name), inside, f"examples/{name}"):
        if (directory / place).exists():
            return place
    return None


def relinked(directory, match):
    text, target = match.groups()
    path, _, anchor = target.partition("#")
    if "://" in target or path == "":
        return match[0]
    path = re.sub(r"^(\.\./)+", "", path)
    if path.endswith(".scd"):
        return text
    place = home(directory, path)
    if place is not None:
        name = os.path.basename(place)
        shown = name if text == path or text.endswith(name) else text
        return f"[{shown}]({place}{'#' + anchor if anchor else ''})"
    return f"{text} (in the source)" if text == path else f"{text} ({path} in the source)"


def main():
    directory = pathlib.Path(sys.argv[1])
    for document in sorted(directory.glob("*.md")):
        text = document.read_text(encoding="utf-8")
        document.write_text(LINK.sub(lambda match: relinked(directory, match), text), encoding="utf-8")


main()
