"""The alerts and the dashboard in config/: the daemon shows all that they ask for, and Prometheus takes it."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "config"
ALERTS = CONFIG / "prometheus" / "alerts.yaml"
DASHBOARD = json.loads((CONFIG / "dashboard" / "eqp-broker.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def promtool(*arguments):
    if shutil.which("promtool") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("ALERTS NOT TESTED: there is no promtool")
        pytest.skip("ALERTS NOT TESTED: there is no promtool; install prometheus")
    result = subprocess.run(["promtool", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=60)
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.mark.parametrize("path", [ALERTS, CONFIG / "dashboard" / "eqp-broker.json"], ids=lambda path: path.name)
def test_every_metric_in_it_is_one_of_the_daemon(path, store, member):
    broker = member(store).wait_valid()
    shown = set(re.findall(r"^(eqp_broker_\w+)", broker.get("/metrics").body.decode(), re.M))
    asked = set(re.findall(r"eqp_broker_\w+", path.read_text()))
    assert asked and asked <= shown, asked - shown


def test_every_outcome_and_state_in_it_is_one_of_the_daemon(broker):
    metrics = broker.get("/metrics").body.decode()
    for outcome in re.findall(r'(?:outcome|state)="\w+"', ALERTS.read_text()):
        assert outcome in metrics


def test_prometheus_takes_the_alerts():
    assert "SUCCESS" in promtool("check", "rules", str(ALERTS))


def test_the_alerts_come_and_go_as_told():
    assert "SUCCESS" in promtool("test", "rules", str(ALERTS.with_name("alerts_test.yaml")))


def test_prometheus_takes_what_the_dashboard_asks(tmp_path):
    rules = [{"record": f"panel:{number}", "expr": re.sub(r"\$__rate_interval", "5m", expression)}
             for number, expression in enumerate(EXPRESSIONS)]
    path = tmp_path / "rules.yaml"  # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(EXPRESSIONS)} rules found" in promtool("check", "rules", str(path))


def test_the_dashboard_is_laid_out_without_overlaps():
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
