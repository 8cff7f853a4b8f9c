"""Names quoted in the documentation for developers must exist.

In `back quotes`: a path must be there (an extension may be left out: `daemon/frontend/http/guard`), a name with an
underscore, a call() or a NAME in capitals must occur in the sources as a whole word; one that ends in _x
stands for many. Other quotes, such as commands, are not looked at.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ("lib", "client", "daemon", "ctl", "simulator", "tests", "config", "systemd")
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "doc/ARCHITECTURE.md", "doc/sidecar.md", "doc/faq.md",
         "doc/versions.md", "doc/platforms.md", "CHANGELOG.md",
         *sorted((ROOT / "doc/internals").glob("*.md"))]
PATH = re.compile(r"\.?[a-z_-]+(/[\w.*-]+)+/?|[\w-]+\.(?:[ch]|md|sh|py|build|txt|scn|scd)|"
                  r"\.clang-(?:format|tidy)")
NAME = re.compile(r"([A-Za-z]\w*)\(\)|([a-z]\w*_\w+)|([A-Z][A-Z0-9_]{3,})")


def words_of_sources():
    words = {path.name for folder in SOURCES for path in (ROOT / folder).rglob("*")}
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".c", ".h", ".py", ".sh", ".scn", ".conf", ".build"):
                words.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    words.update(re.findall(r"\w+", (ROOT / "meson.build").read_text() + (ROOT / "dev").read_text()))
    return words


def path_exists(text, page):
    text = text.rstrip("/")
    for base in (ROOT, page.parent):
        if (base / text).exists() or any(base.glob(text)) or any(base.glob(text + ".[chs]*")):
            return True
    # A bare file name may be meant in the folder that the page is about.
    return "/" not in text and any(path for folder in SOURCES for path in (ROOT / folder).rglob(text))


def troubles_of(page, words):
    checked = 0
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    for quote in re.findall(r"`([^`\n]+)`", text):
        if PATH.fullmatch(quote):
            checked += 1
            if not path_exists(quote, page):
                yield f"{page.relative_to(ROOT)}: there is no {quote}"
        elif (match := NAME.fullmatch(quote)) and not quote.endswith("_x"):
            checked += 1
            if next(filter(None, match.groups())) not in words:
                yield f"{page.relative_to(ROOT)}: nothing is called {quote}"
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        checked += 1
        if not (page.parent / target).exists():
            yield f"{page.relative_to(ROOT)}: the link {target} leads nowhere"
    if checked == 0:
        yield f"{page.relative_to(ROOT)}: quotes nothing that could be checked"


def main():
    words = words_of_sources()
    troubles = [trouble for page in PAGES for trouble in troubles_of(ROOT / page, words)]
    print("\n".join(troubles), end="\n" if troubles else "")
    sys.exit(1 if troubles else 0)


main()
