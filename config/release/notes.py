#!/usr/bin/env python3
"""notes.py CHANGELOG VERSION: the changelog's section of this version; while it has none, the one of what is unreleased."""

import pathlib
import re
import sys


def main():
    text, version = pathlib.Path(sys.argv[1]).read_text(), sys.argv[2]
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    for title in (rf"## \[?{re.escape(version)}\b", r"## \[?Unreleased\b"):
        for section in sections:
            if re.match(title, section):
                print(section.strip())
                return
    sys.exit(f"notes.py: {sys.argv[1]} has a section neither of {version} nor of what is unreleased")


main()
