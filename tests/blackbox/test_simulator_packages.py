"""eqp-simulator: packages, from the first draft to the store."""

import concurrent.futures

import pytest

from portal import Portal, package, quote
from simulator import Simulator

PACKAGES = "/products/packages"


@pytest.fixture(scope="module")
def running():
    with Simulator() as simulator:
        yield simulator
        assert simulator.process.poll() is None, simulator.stderr()
    assert simulator.process.returncode == 0 and simulator.stderr() == ""


@pytest.fixture
def sim(running):
    running.reset()
    running.settings("sandbox", scan_queued_ms=0, scan_ms=0)
    return running


@pytest.fixture
def portal(sim):
    return Portal(sim)


@pytest.fixture
def whole(portal):
    """A package that can be submitted."""
    code, manual, image = (portal.upload_one(name, b"x", kind) for name, kind in (
        ("acme_one-click-checkout.zip", "application/zip"), ("user.pdf", "application/pdf"), ("icon.png", "image/png")))
    return package(code, manual, image)


def test_a_package_in_one_request(portal, whole):
    answer, = portal.submit(whole | {"item_id": "mine/1"})
    assert (answer["code"], answer["message"], answer["item_id"]) == (200, "Success", "mine/1")
    assert answer["eqp_status"] == {"overall": "in_progress", "technical": "in_automation", "marketing": "awaiting_marketing_review"}
    assert len(answer["created_at"]) == len("2020-04-17 16:00:00")

    one = portal.get(f"{PACKAGES}/{answer['submission_id']}")
    assert one["name"] == "One Click Checkout" and one["sku"] == "example/one-click-checkout" and one["short_description"] == ""
    assert one["artifact"]["malware_status"] == "pass" and one["artifact"]["filename"] == "acme_one-click-checkout.zip"
    assert one["media_artifacts"]["gallery_images"][0]["content_type"] == "image/png" and "action" not in one
    for same in (f"{PACKAGES}/{answer['submission_id']}/", f"{PACKAGES}/{quote('mine/1')}", f"{PACKAGES}/items/{quote('mine/1')}"):
        assert portal.get(same) == one
    for lists in (PACKAGES, f"{PACKAGES}/", f"{PACKAGES}/items", f"{PACKAGES}/skus", f"{PACKAGES}/skus/{quote('example/one-click-checkout')}"):
        assert portal.get(lists) == [one] and portal.response_headers["X-Total-Count"] == "1"
    summary = portal.get(f"{PACKAGES}?style=summary")[0]
    assert set(summary) == {"submission_id", "item_id", "sku", "name", "version", "type", "platform", "eqp_status", "created_at", "modified_at"}


def test_a_package_step_by_step(portal, whole):
    first, = portal.submit({"type": "extension", "platform": "M2", "name": "One", "version": "1.0.0", "long_description": "x", "unknown": 1})
    assert first["code"] == 200 and first["eqp_status"]["overall"] == "draft"
    path = f"{PACKAGES}/{first['submission_id']}"
    status, answer = portal.ask("PUT", path, {"action": {"technical": "submit"}})
    assert (status, answer["code"]) == (400, 1208) and answer["message"].startswith("Insufficient information for Technical Submission")
    rest = {key: value for key, value in whole.items() if key != "action"}
    assert portal.ask("PUT", path, rest | {"action": {"technical": "draft"}})[1]["eqp_status"]["technical"] == "draft"
    assert portal.ask("PUT", path, {"action": {"technical": "submit"}})[1]["eqp_status"]["technical"] == "in_automation"
    answer, = portal.submit({"submission_id": first["submission_id"], "action": {"marketing": "submit"}}, method="PUT")
    assert answer["code"] == 200 and answer["eqp_status"]["marketing"] == "awaiting_marketing_review"
    assert "unknown" not in portal.get(path)


def test_while_the_scan_goes_on(sim, portal):
    sim.settings("sandbox", scan_queued_ms=30_000, scan_ms=30_000)
    file = portal.upload_one()
    for _ in range(3):
        answer, = portal.submit(package(file, file, file))
        assert answer["code"] == 1321 and answer["eqp_status"]["overall"] == "draft"
        sim.forward(10)
    draft = answer["submission_id"]
    assert portal.ask("PUT", f"{PACKAGES}/{draft}", [{"action": {"technical": "submit"}}]) == (200, [answer | {"modified_at": portal.get(f'{PACKAGES}/{draft}')["modified_at"]}])
    sim.forward(31)
    answer, = portal.submit({"submission_id": draft, "action": {"technical": "submit", "marketing": "submit"}}, method="PUT")
    assert answer["code"] == 200 and answer["eqp_status"]["overall"] == "in_progress"


def test_a_scan_that_fails_or_hangs(sim, portal, whole):
    sim.tell_scan("sandbox", whole["artifact"]["file_upload_id"], "fail")
    assert portal.submit(whole)[0]["code"] == 9012
    sim.tell_scan("sandbox", whole["artifact"]["file_upload_id"], "in-progress")
    assert portal.submit(whole)[0]["code"] == 1321
    sim.tell_scan("sandbox", whole["artifact"]["file_upload_id"], "passed")
    assert portal.submit(whole)[0]["code"] == 200


def test_a_batch_answers_item_by_item(portal, whole):
    answers = portal.submit(whole, whole | {"sku": "no-slash"}, {key: whole[key] for key in ("action", "name")}, 1,
                            whole | {"artifact": {"file_upload_id": "nothing"}}, whole | {"name": 1}, whole | {"action": {"technical": "x"}},
                            whole | {"action": {"overall": "submit"}}, {"name": "Draft"}, whole | {"license_type": ""})
    assert [answer["code"] for answer in answers] == [200, 1210, 1208, 9003, 9006, 9003, 9003, 9003, 200, 9010]
    assert ["submission_id" in answer for answer in answers] == [answer["code"] == 200 for answer in answers]
    assert len(portal.get(PACKAGES)) == 2, "what was refused is not kept"


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", '"x"', "[" * 1000, "[" + ",".join(["1"] * 201) + "]"], ids=lambda v: repr(v)[:20])
def test_bodies_that_are_no_batch(portal, body):
    assert portal.ask("POST", PACKAGES, body)[0] == portal.ask("PUT", PACKAGES, body)[0] == 400


def test_a_package_under_review_can_only_be_recalled(portal, whole):
    path = f"{PACKAGES}/{portal.submit(whole)[0]['submission_id']}"
    for change in ({"name": "Other"}, {"action": {"technical": "submit"}}):
        assert portal.ask("PUT", path, change)[1]["code"] == 9011
    status, answer = portal.ask("PUT", path, {"action": {"technical": "recall", "marketing": "recall"}})
    assert status == 200 and answer["eqp_status"] == {"overall": "draft", "technical": "recalled", "marketing": "recalled"}
    assert portal.ask("PUT", path, {"name": "Other", "action": {"technical": "submit"}})[0] == 200
    assert portal.get(path)["name"] == "Other"


def test_reviews_are_told(sim, portal, whole):
    file = portal.submit(whole)[0]["submission_id"]
    status = f"{PACKAGES}/{file}/status"
    assert portal.get(status) == []
    sim.tell_review("sandbox", file, technical="approved", marketing="rejected")
    results = portal.get(status)
    assert [(result["name"], result["status"]) for result in results] == [
        ("phpcpd", "pass"), ("phpcs", "pass"), ("varnish", "pass"), ("manual_qa", "pass"), ("marketing", "fail")]
    sku = quote("example/one-click-checkout")
    for same in (f"{PACKAGES}/sku/{sku}/status", f"{PACKAGES}/skus/{sku}/status"):
        assert portal.get(same) == results
    runs = {result["name"]: result["tool_run_id"] for result in results}
    report = portal.get(f"{status}/marketing/{runs['marketing']}")
    assert report["status"] == report["reports"]["status"] == "FAIL" and report["reports"]["vendor"] == "example"
    assert portal.get(f"{status}/phpcs/{runs['phpcs']}")["reports"][0]["extension"] == "one-click-checkout"
    for nothing in (f"{status}/phpcpd/{runs['phpcpd']}", f"{status}/phpcs/99", f"{status}/x/5", f"{PACKAGES}/nothing/status",
                    f"{PACKAGES}/items/nothing/status", f"{PACKAGES}/skus/a%2Fb/status"):
        assert portal.ask("GET", nothing)[0] == 404

    sim.tell_review("sandbox", file, overall="released_to_store", marketing="approved")
    assert portal.ask("PUT", f"{PACKAGES}/{file}", {"name": "Better", "action": {"marketing": "submit"}})[1]["eqp_status"]["overall"] == "released_to_store"
    assert portal.ask("PUT", f"{PACKAGES}/{file}", {"action": {"overall": "remove"}})[1]["eqp_status"]["overall"] == "developer_removed_from_store"
    assert portal.ask("PUT", f"{PACKAGES}/{file}", {"action": {"overall": "remove"}})[1]["code"] == 9011
    for wrong in ({"technical": "x"}, {"x": "draft"}, {"overall": 1}, [], None):
        assert sim.call("PUT", f"/sandbox/packages/{file}", wrong)[0] == 400
    assert sim.call("PUT", "/sandbox/packages/nothing", {})[0] == 404


def test_callbacks_are_recorded(sim, portal, whole):
    portal.submit(whole)
    assert sim.callbacks("sandbox") == [], "nobody is registered"
    portal.ask("PUT", portal.user, {"action": "api_callbacks", "api_callbacks": [{"url": "https://a.example/cb", "username": "u", "password": "p"}]})
    sim.settings("sandbox", scan_ms=60_000)
    file = portal.upload_one()
    one, = portal.submit(package(file, file, file))
    sim.forward(61)
    portal.submit({"submission_id": one["submission_id"], "action": {"technical": "submit"}}, method="PUT")
    sim.tell_review("sandbox", one["submission_id"], technical="approved")
    sent = sim.callbacks("sandbox")
    assert {(entry["url"], entry["username"]) for entry in sent} == {("https://a.example/cb", "u")}
    assert [(entry["body"]["callback_event"], entry["body"]["update_info"]) for entry in sent] == [
        ("malware_scan_complete", {"file_upload_id": file, "tool_result": "passed"}),
        ("eqp_status_update", {"submission_id": one["submission_id"], "item_id": "", "eqp_flow": "technical", "current_status": "in_automation"}),
        ("eqp_status_update", {"submission_id": one["submission_id"], "item_id": "", "eqp_flow": "technical", "current_status": "approved"})]


# lists


def test_lists_are_sorted_filtered_and_paged(portal):
    portal.submit(*[{"name": name, "version": version, "type": kind, "platform": "M2", "item_id": f"{name}-{version}"}
                    for name, version, kind in (("B", "1.10.0", "extension"), ("A", "1.2.0", "theme"), ("B", "1.9.0", "theme"), ("C", "1", "theme"))])

    def ids(query):
        return [one["item_id"] for one in portal.get(f"{PACKAGES}?{query}")]

    assert ids("sort=+name,-version") == ids("sort=%2Bname,-version") == ["A-1.2.0", "B-1.10.0", "B-1.9.0", "C-1"]
    assert ids("sort=-name,version") == ["C-1", "B-1.9.0", "B-1.10.0", "A-1.2.0"]
    assert ids("type=theme&sort=item_id") == ["A-1.2.0", "B-1.9.0", "C-1"] and portal.response_headers["X-Total-Count"] == "3"
    assert ids("name=B") == ["B-1.10.0", "B-1.9.0"] and ids("version=1.") == ["B-1.10.0", "A-1.2.0", "B-1.9.0"] and ids("type=them") == []
    assert ids("sort=name&offset=1&limit=2") == ["B-1.10.0", "B-1.9.0"] and portal.response_headers["X-Total-Count"] == "4"
    for wrong in ("sort=nothing", "sort=name,name,name,name,name", "limit=x"):
        assert portal.ask("GET", f"{PACKAGES}?{wrong}")[0] == 400
    for query in ("a=b", "sort=", "style=x", "&&", "%", "limit=-1&offset=5"):
        assert portal.ask("GET", f"{PACKAGES}?{query}")[0] == 200


def test_a_hundred_and_fifty_at_once(portal, whole):
    def submit(i):
        return portal.submit(whole | {"item_id": f"at-once-{i}"})[0]

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(submit, range(150)))
    assert {answer["code"] for answer in answers} == {200} and len({answer["submission_id"] for answer in answers}) == 150
    assert len(portal.get(PACKAGES)) == 20 and portal.response_headers["X-Total-Count"] == "150"
    assert {one["item_id"] for one in portal.get(PACKAGES + "?limit=-1")} == {f"at-once-{i}" for i in range(150)}


def test_an_item_id_is_one_package(portal):
    first, again = portal.submit({"name": "A", "item_id": "mine"}, {"name": "B", "item_id": "mine"})
    assert (first["code"], again["code"]) == (200, 9003)
    assert portal.submit({"item_id": "mine", "name": "C"}, method="PUT")[0]["submission_id"] == first["submission_id"]
    assert [item["code"] for item in portal.submit({"submission_id": "nothing"}, {"name": "D"}, 1, method="PUT")] == [9006] * 3


def test_there_is_an_end_to_what_is_kept(sim, portal):
    long = "x" * 60_000
    for i in range(50):
        portal.submit(*[{"name": f"{i}-{k}", "long_description": long} for k in range(4)])
    count = len(sim.packages("sandbox"))
    assert 130 <= count <= 140, "8 MiB"
    assert sim.packages("sandbox")[-1]["name"] == "49-3"
    assert portal.submit({"name": "x", "long_description": "x" * 65_536})[0]["code"] == 9005
    for i in range(6):
        portal.submit(*[{"name": f"small-{i}-{k}"} for k in range(200)])
    assert len(sim.packages("sandbox")) == 1000
