#!/usr/bin/env python3
"""Writes template.yml, GitLab's component, from template.yml.in and the script beside this folder: a component is one file, so
the script stands in it. Run it after a change of either; a test says if that was forgotten."""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent


def text():
    """The text that template.yml has to be."""
    script = (HERE.parent / "eqp-broker-ci.sh").read_text(encoding="utf-8")
    indented = "".join(f"      {line}".rstrip() + "\n" for line in script.splitlines())
    return (HERE / "template.yml.in").read_text(encoding="utf-8").replace("      @script@\n", indented)


if __name__ == "__main__":
    (HERE / "template.yml").write_text(text(), encoding="utf-8")
