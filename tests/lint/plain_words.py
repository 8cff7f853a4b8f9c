"""Plain words, as far as a machine can check them: in documentation, comments, docstrings and the programs' messages.

- No clause begins with one of the bare pronouns of BARE: it has a noun ("a client that …", "the bytes that …").
  Questions that end with a question mark may.
- Where a plain word does, there is no other: see FANCY.
- A program is "it", and a person is named by their part: user, caller, administrator. So the pronouns of PERSONAL are gone.

Texts are looked at as a whole: lines of a comment, and pieces of a string, are joined first.

    plain_words.py [FILE...]       without a name: all files of the tree
"""

import io
import pathlib
import re
import subprocess
import sys
import tokenize

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("client", "ctl", "daemon", "lib", "simulator")
SKIPPED = ("build", ".git", ".cache", "__pycache__", "corpus")
BARE = re.compile(r"(?:^(?:[-*+] |\d+[.)] )?|[.!?;:—][\"')*_`]* |\| |\()[*_\"'(]*([Ww]h(?:o|at|o(?:ever)))\b(?![,.;:)|?'\-]| \|| for\b| else\?)")
PERSONAL = re.compile(r"\b(he|his|him|himself)\b", re.I)
FANCY = re.compile(r"\b(fare[sd]?|faring|meals?|mend(?:s|ed|ing)?)\b", re.I)
ANYWHERE = re.compile(r"\bwhoever\b", re.I)
COMMENT_OF_HASHES = {".sh", ".build", ".scn", ".conf", ".yaml", ".socket", ".service", ".container", ".volume", ".pod", ".map"}


def joined(lines):
    """(number of the first line, text) for each run of (number, text) lines that follow each other; a blank one or the
    beginning of a list's item or of a table's row ends a run."""
    runs, last = [], None
    for number, text in lines:
        stripped = text.strip().lstrip("#").strip()
        if not stripped:
            last = None
            continue
        begins = re.match(r"([-.*+] |\d+[.)] |\|)", stripped) is not None
        if last is None or number != last + 1 or begins:
            runs.append([number, stripped])
        else:
            runs[-1][1] += " " + stripped
        last = number
    return runs


def of_c(text, with_messages):
    """Comments of C, each as lines; and strings of more than a word, if they are messages."""
    literal = r'"(?:\\.|[^"\\\n])*"'
    # Strings may hold something like a comment. Pieces of one are joined, where no macro stands between them.
    for match in re.finditer(rf"{literal}(?:\s*{literal})*|'(?:\\.|[^'\\\n])'|/\*.*?\*/|//[^\n]*", text, re.S):
        comment = match[0]
        if comment.startswith('"') and with_messages and " " in comment:
            yield text.count("\n", 0, match.start()) + 1, "".join(re.findall(r'"((?:\\.|[^"\\])*)"', comment))
        if comment.startswith("/"):
            first = text.count("\n", 0, match.start()) + 1
            comment = re.sub(r"^/[*/]+|\*/$", "", comment)
            yield from joined((first + i, re.sub(r"^\s*\* ?", "", line)) for i, line in enumerate(comment.split("\n")))


def of_python(text):
    comments = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.append((token.start[0], token.string.lstrip("#")))
        elif token.type == tokenize.STRING and token.string.startswith(('"""', 'r"""')) and token.line.strip().startswith(('"""', 'r"""')):
            body = token.string.removeprefix("r").strip('"')
            yield from joined((token.start[0] + i, line) for i, line in enumerate(body.split("\n")))
    yield from joined(comments)


def of_hashes(text):
    comments = [(i, match[2]) for i, line in enumerate(text.split("\n"), 1)
                if (match := re.search(r"(^|\s)#+ (.*)", line))]
    yield from joined(comments)


def of_prose(text):
    text = re.sub(r"^```.*?^```", lambda match: "\n" * match[0].count("\n"), text, flags=re.S | re.M)
    yield from joined(enumerate(text.split("\n"), 1))


def texts_of(path):
    text = path.read_text(encoding="utf-8")
    suffix = pathlib.Path(path.stem).suffix if path.suffix == ".in" else path.suffix
    if path.suffix in (".c", ".h"):
        return of_c(text, path.relative_to(ROOT).parts[0] in PROGRAMS)
    if path.suffix == ".py":
        return of_python(text)
    if path.suffix in (".md", ".scd", ".catalog") or path.name.startswith(("README", "eqp-broker.README")):
        return of_prose(text)
    if suffix in COMMENT_OF_HASHES or path.name in ("dev", "run"):
        return of_hashes(text)
    return ()


def is_question(text, start):
    """Does the sentence that begins there end with a question mark?"""
    end = re.search(r"[.!?]([\"')*_]*( |$))", text[start:])
    return end is not None and text[start + end.start()] == "?"


def troubles_of(text):
    for match in BARE.finditer(text):
        if not is_question(text, match.start(1)):
            yield match.start(1), f'a clause begins with a bare "{match[1]}"'
    for pattern, why in ((PERSONAL, 'nothing here is "{}"'), (FANCY, 'a plain word instead of "{}"'),
                         (ANYWHERE, 'a bare "{}": say which user, client or program')):
        for match in pattern.finditer(text):
            yield match.start(), why.format(match[0])


def files():
    names = subprocess.run(["find", ".", *(arg for name in SKIPPED for arg in ("-name", name + "*" * (name == "build"), "-prune", "-o")),
                            "-type", "f", "-print"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return sorted(ROOT / name for name in names if name)


def main():
    found = 0
    only = [pathlib.Path(name).resolve() for name in sys.argv[1:]]
    for path in only or files():
        for number, text in texts_of(path):
            seen = set()
            for start, why in troubles_of(text):
                if start not in seen:
                    seen.add(start)
                    found += 1
                    print(f"{path.relative_to(ROOT)}:{number}: {why}: …{text[max(0, start - 30):start + 90]}…")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
