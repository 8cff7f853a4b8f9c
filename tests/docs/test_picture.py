"""The picture in the README is what `eqpctl status` shows today: made once more by a real run, it has the same form."""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import picture  # noqa: E402

KEPT = ROOT / "doc/status.svg"
MAKE = "made by: EQP_BUILD_DIR=build /usr/bin/python3 tests/docs/picture.py >doc/status.svg"


def test_a_real_run_gives_the_same_picture():
    text = picture.shown()
    assert picture.form(picture.svg(text)) == picture.form(KEPT.read_text(encoding="utf-8")), MAKE


def test_it_shows_the_words_where_the_terminal_had_them():
    """Of a line, each word stands in its column, and a bar is as long as its blocks."""
    drawn = picture.svg("\x1b[32m█▌\x1b[0m\x1b[2m░\x1b[0m left  \x1b[33m<1&2>\x1b[0m\n")
    parts = re.findall(r'<(text|rect) class="(\w+)" x="([\d.]+)"[^>]*?(?:width="([\d.]+)"[^>]*)?/?>', drawn)
    assert ("rect", "good", "16", "12.6") in parts and ("rect", "empty", "32.8", "8.4") in parts, drawn
    assert '<text class="warning" x="100" y="49">&lt;1&amp;2&gt;</text>' in drawn


def test_another_word_is_another_form():
    text = "● sandbox  \x1b[32mvalid\x1b[0m  1h 59min of 2h\n"
    same = picture.svg(text.replace("1h 59min", "3min 2s"))
    assert picture.form(picture.svg(text)) == picture.form(same)
    assert picture.form(picture.svg(text)) != picture.form(picture.svg(text.replace("valid", "no token")))
    assert picture.form(picture.svg(text)) != picture.form(picture.svg(text.replace("32m", "31m")))


def test_it_has_no_secret():
    kept = KEPT.read_text(encoding="utf-8")
    lines = [":".join(pair) for pairs in picture.KEYS.values() for pair in pairs] + [picture.REGENERATED]
    assert not [part for line in lines for part in line.split(":") if part in kept]


def test_the_script_prints_it():
    printed = subprocess.run([sys.executable, HERE / "picture.py"], capture_output=True, text=True, timeout=300, check=True)
    assert printed.stdout.startswith("<svg ") and printed.stdout.endswith("</svg>\n")
