"""A real browser on a hostile page: another port of this host (same-site to the browser), another site, and a site
whose name was rebound to 127.0.0.1. It runs as root, who may do everything: only the guard stands in between.

Everything is tried on a naive server as well, where it must work: else nothing would be proved.
"""

import json

import pytest

from broker import Broker
from simulator import EXAMPLE_KEY
from web import Naive, Plan, Site, browser

HEALTH = {"fetch ready", "fetch metrics"}
# Requests that change something, and need nobody to read the answer.
BLIND = {"/v1/sandbox/refresh", "/v1/sandbox/token/rejected", "/sandbox/rest/v1/app/session/token", "/sandbox/rest/v1/users/me"}
GATEWAY = "gateway = yes\n[gateway sandbox]\nallow = any * /rest/v1/**\n"


@pytest.fixture(scope="module")
def outcome(session_simulator):
    if not browser():
        pytest.skip("BROWSER ATTACKS NOT TESTED: there is no chromium (apt-get install chromium)")
    session_simulator.reset()
    plan, naive = Plan(), Naive()
    sites = []
    with Broker(session_simulator, keys={"sandbox": EXAMPLE_KEY}, broker="allow = any\noperators = any",
                environments={"sandbox": GATEWAY}) as broker:
        broker.wait_valid()
        before = session_simulator.state("sandbox")["requests"]
        try:
            site = Site(plan)
            sites.append(site)
            plan.report_url = f"http://127.0.0.1:{site.port}/report"
            for server, port in (("naive", naive.port), ("daemon", broker.port)):
                for host in ("127.0.0.1", "localhost", "evil.test"):
                    plan.add(f"{server}-{host}", f"http://{host}:{site.port}", f"http://127.0.0.1:{port}")
                # A rebound name keeps its port: the site has the daemon's, on another address.
                sites.append(Site(plan, "127.0.0.2", port, pipe_to=port))
                plan.add(f"{server}-rebound", f"http://rebound.test:{port}", "")
            reports = plan.run({"evil.test": "127.0.0.1", "rebound.test": "127.0.0.2"})
            log = broker.text()
            ust = broker.token()["ust"]
            broker.keep_secret(ust)
            after = session_simulator.state("sandbox")["requests"]
            yield {"reports": reports, "naive": naive, "log": log, "ust": ust, "before": before, "after": after}
        finally:
            for one in sites:
                one.close()
            naive.close()


CASES = ["127.0.0.1", "localhost", "evil.test", "rebound"]


@pytest.mark.parametrize("case", CASES)
def test_control_the_attacks_work_on_a_naive_server(outcome, case):
    report = outcome["reports"][f"naive-{case}"]
    got = {name for name, result in report.items() if Naive.TOKEN in json.dumps(result)}
    assert {"fetch", "fetch named", "xhr", "post json", "post session"} <= got, report
    if case == "rebound":
        assert {"frame", "form", "fetch with credentials"} <= got, "the page's own origin: it reads all"
    assert BLIND <= set(outcome["naive"].posts), "writing blindly works"


@pytest.mark.parametrize("case", CASES)
def test_a_page_gets_nothing(outcome, case):
    report = outcome["reports"][f"daemon-{case}"]
    assert len(report) > 25 and set(report) == set(outcome["reports"][f"naive-{case}"])
    for name, result in report.items():
        text = json.dumps(result)
        assert outcome["ust"] not in text and "mage_id" not in text and '"ust' not in text, (name, result)
        if case == "rebound" and isinstance(result, dict) and result.get("status"):
            error = json.loads(result["body"])
            assert result["status"] == error["code"] == 403 and "Host" in error["message"], (name, result)
            # The token endpoint's errors are the EQP API's: they have no name.
            assert error.get("error") == (None if name.startswith(("post session", "gateway")) else "host_refused"), (name, result)
        elif isinstance(result, dict) and result.get("body"):
            raise AssertionError(f"{name}: a page of another origin could read {result}")
        assert result != "open", name


def test_a_page_changes_nothing(outcome):
    """No exchange with the upstream and no request passed on, no token handed out: requests that arrived were refused before
    they did anything."""
    assert outcome["after"] == outcome["before"]
    assert "token handed out" not in outcome["log"] and "passed on" not in outcome["log"].replace("not passed on", "")
    for slug in ("browser_refused", "host_refused"):
        assert slug in outcome["log"], f"requests did arrive: {outcome['log']}"
