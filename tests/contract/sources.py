"""The HTTP interfaces as the sources have them: routes, and the words and statuses of errors."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "daemon" / "frontend"


def text_of(path):
    """Without comments."""
    return re.sub(r"/\*.*?\*/", "", (ROOT / path).read_text(encoding="utf-8"), flags=re.S)


def frontend():
    return {path: text_of(path) for path in sorted(FRONTEND.rglob("*.c"))}


def routes():
    """{(path, method)} of the daemon; None for any method."""
    text = text_of("lib/route.c")
    names = dict(re.findall(r'#define (\w+)\s+"([^"]*)"', text))
    found = set()
    for path, allow in re.findall(r'\{\s*ROUTE_\w+,\s*((?:"[^"]*"|\w+|\s)+),\s*"([^"]*)"', text):
        path = "".join(literal[1:-1] if literal.startswith('"') else names[literal]
                       for literal in re.findall(r'"[^"]*"|\w+', path))
        found |= {(path, method or None) for method in allow.split(", ")}
    assert len(re.findall(r"\bROUTE_\w+,", text)) == len({path for path, _ in found}), "a row of lib/route.c cannot be read"
    return found


STATUS = r"([45]\d\d)"
WORD = r"([a-z_]+)"
# How an error is said: in calls and tables; with names; as text; as JSON.
SAID = [rf'\b{STATUS},\s*"{WORD}"', rf'\.status = {STATUS},\s*\.slug = "{WORD}"', rf'\\"code\\":{STATUS},\\"error\\":\\"{WORD}\\"',
        rf'"{STATUS} [A-Z][\w ]+", "EQP-Error: {WORD}', rf'json_object_new_int\({STATUS}\)\);\s*add_text\(json, "error", "{WORD}"']
CHOSEN = rf'\? {STATUS} : {STATUS},[^;]*?\? "{WORD}"\s*: "{WORD}"'  # one of two
CALLS = r"\b(?:answer_error\w*|refuse|fail|gateway_answer|transfer_fail|send_error)\(\s*[^;{]*?\b[45]\d\d,"


def words_in(text):
    """[(status, word)] of the errors in the text of a source."""
    said = [(int(match[1]), match[2]) for pattern in SAID for match in re.finditer(pattern, text)]
    for match in re.finditer(CHOSEN, text):
        said += [(int(match[1]), match[3]), (int(match[2]), match[4])]
    n_calls = len(re.findall(CALLS, text))
    assert len(said) >= n_calls, f"{n_calls} errors, of which {len(said)} can be read"
    return said


def words():
    """{(status, word)} of the daemon's errors."""
    return {one for text in frontend().values() for one in words_in(text)}


def answer_headers():
    """Names of headers that answers of the daemon have, beside those of HTTP's framing."""
    found = set()
    for text in frontend().values():
        found |= {name.replace("_", "-").lower() for name in
                  re.findall(r"add_response_header\([^;]*?MHD_HTTP_HEADER_(\w+)", text)}
        found |= {name.lower() for name in re.findall(r'add_response_header\([^;]*?"([A-Z][\w-]+)",', text)}
    return found - {"content-type", "date", "connection"}


def request_headers():
    """Names of headers that a request is judged by, beside those of HTTP itself."""
    names = re.findall(r'note_single\("([\w-]+)"', text_of("daemon/frontend/http/guard.c"))
    return {name.lower() for name in names} - {"host", "accept", "authorization", "content-length", "expect", "transfer-encoding"}


def query_names():
    return set(re.findall(r'strlen\("(\w+)"\)', text_of("lib/token_query.c"))) | {
        re.search(r'ROUTE_QUERY_NEW_ACCOUNT "(\w+)=', text_of("lib/route.h"))[1]}


def words_of_manual(section):
    """{(status, word)} of a list in eqp-brokerd(8), below a line that begins so."""
    text = (ROOT / "doc" / "eqp-brokerd.8.scd").read_text(encoding="utf-8")
    rows = text[text.index(section):]
    rows = re.search(r"\n\n((?:\*\d{3}\* .*\n)+)", rows)[1]
    return {(int(status), word) for status, words in re.findall(r"\*(\d{3})\* ([^+\n]*)", rows)
            for word in words.split(", ")}


# ---- the simulator's admin listener ----

def admin_routes():
    """{(method, path)}, with {env} and {id} as they are there."""
    text = text_of("simulator/admin.c")
    rows = re.findall(r'\{ "([A-Z]+)", \{ ([^}]*(?:\{\w+\}[^}]*)*)NULL \}', text)
    return {(method, "/" + "/".join(re.findall(r'"([^"]*)"', parts))) for method, parts in rows}


def fault_parameters():
    """{fault: {parameter: required}}."""
    text = text_of("simulator/fault_table.c")
    names = dict(re.findall(r'\[(FAULT_\w+)\] = \{ "(\w+)"', text))
    found = {name: {} for name in names.values()}
    for kind, name, required in re.findall(r'\{ (FAULT_\w+), "(\w+)", [^}]*?(true|false) \}', text):
        found[names[kind]][name] = required == "true"
    return found
