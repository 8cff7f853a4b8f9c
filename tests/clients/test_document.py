"""doc/clients.md: its examples as they are printed there. The address and the key are replaced, which are others here."""

import json
import os
import pathlib
import re
import shutil
import urllib.parse

import pytest

from doors import ROOT, Door, for_the_token_only
from page import blocks
from simulator import EXAMPLE_KEY
from test_programs import PROGRAMS, php, run

PAGE = ROOT / "doc" / "clients.md"
BLOCKS = {block.section: block for block in blocks(PAGE)}
UPSTREAM = "https://commercedeveloper-sandbox-api.adobe.com"


def adapted(text, door):
    place = urllib.parse.urlsplit(door.base_url)
    for printed, here in (("http://127.0.0.1:9377/sandbox", door.base_url), (UPSTREAM, door.simulator.urls["sandbox"]),
                          ("lk-shop-7f3c2a", door.application_id), ("0c5b7e9d2f4a6b8c1d3e5f7a9b0c2d4e", door.application_secret),
                          ("HOST = '127.0.0.1'", f"HOST = '{place.hostname}'"), ("PORT = 9377", f"PORT = {place.port}"),
                          ("PREFIX = '/sandbox/", f"PREFIX = '{place.path}/"), ("require('http')", f"require('{place.scheme}')")):
        text = text.replace(printed, here)
    return text


def run_example(block, door, tmp_path, **more):
    interpreter = {"sh": ["sh"], "javascript": ["node"], "python": ["/usr/bin/python3"]}.get(block.language) or php(door)
    suffix = {"javascript": ".cjs" if "require(" in block.text else ".mjs"}.get(block.language, "")
    script = tmp_path / f"example{suffix}"
    script.write_text(adapted(block.text, door), encoding="utf-8")
    return run(door, [*interpreter, script], tmp_path, **more)


@pytest.mark.parametrize("section", ["Shell and curl", "Node and fetch", "Node and https", "PHP and Guzzle", "PHP and curl", "Python and requests"])
def test_examples(door, tmp_path, section):
    if "Guzzle" in section and not list(pathlib.Path("/usr/share/php").glob("GuzzleHttp/autoload.php")):
        pytest.skip("Guzzle NOT TESTED: install php-guzzlehttp-guzzle")
    assert "MAG123456789" in run_example(BLOCKS[section], door, tmp_path)


def test_the_example_with_axios(door, tmp_path, node_modules):
    assert "MAG123456789" in run_example(BLOCKS["Node and axios"], door, tmp_path, NODE_PATH=str(node_modules))


def test_the_example_of_two_base_urls(upstream, tmp_path, node_modules):
    with for_the_token_only(upstream) as door:
        block = BLOCKS["One base URL for the token, another for the rest"]
        assert "MAG123456789" in run_example(block, door, tmp_path, NODE_PATH=str(node_modules))


def test_the_example_with_newman(door, tmp_path, node_modules):
    shutil.copy(PROGRAMS / "collection.json", tmp_path)
    for name in ("package.zip", "user.pdf", "icon.png"):
        (tmp_path / name).write_bytes(b"x")
    block = BLOCKS["Postman and newman"]
    printed = run_example(block, door, tmp_path, PATH=f"{node_modules}/.bin:{os.environ['PATH']}")
    assert "it is accepted" in printed


def test_the_step_of_a_job(upstream, make_broker, tmp_path):
    """It needs no gateway: eqpctl asks."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    door = Door(upstream, "unused", "unused", "unused")
    printed = run_example(BLOCKS["A job of continuous integration"], door, tmp_path, EQP_BROKER_ADDRESS=f"unix:{broker.socket_path}",
                          PATH=f"{os.environ['EQP_BUILD_DIR']}/ctl:{os.environ['PATH']}")
    assert json.loads(printed)[0]["name"] == "pageviews"


def test_the_table_has_every_program_and_section():
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    linked = {name for row in rows for name in re.findall(r"\]\(\.\./tests/clients/programs/([^)]+)\)", row)}
    assert linked == {path.name for path in PROGRAMS.iterdir()}
    anchors = {anchor for row in rows for anchor in re.findall(r"\]\(#([^)]+)\)", row)}
    assert anchors == {re.sub(r"[^a-z0-9 -]", "", section.lower()).replace(" ", "-") for section in BLOCKS}
