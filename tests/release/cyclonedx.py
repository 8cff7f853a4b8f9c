"""Is this a bill of materials of CycloneDX 1.5? Its schema's demands on the fields that ours has, and no field that it
does not know; and what a schema cannot say: that references are there, and are one thing's alone."""

import datetime
import re
import urllib.parse
import uuid

TOP = {"bomFormat", "specVersion", "serialNumber", "version", "metadata", "components", "dependencies"}
TYPES = {"application", "framework", "library", "container", "platform", "operating-system", "device", "device-driver",
         "firmware", "file", "machine-learning-model", "data"}
COMPONENT = {"type", "bom-ref", "name", "version", "purl", "hashes", "licenses", "components", "properties"}
PURL = r"pkg:deb/[a-z0-9.-]+/[a-z0-9.+-]+@[A-Za-z0-9.~%-]+\?arch=[a-z0-9]+"


def only(found, known, what):
    assert set(found) <= known, f"{what} has {sorted(set(found) - known)}"


def check_component(component, references):
    name = component.get("name")
    only(component, COMPONENT, f"component {name}")
    assert component.get("type") in TYPES, f"component {name}: its type is {component.get('type')}"
    assert isinstance(name, str) and name, f"a component has no name: {component}"
    assert "version" not in component or isinstance(component["version"], str)
    if "purl" in component:
        assert re.fullmatch(PURL, component["purl"]), f"{component['purl']} is no purl"
        assert urllib.parse.unquote(component["purl"]).partition("@")[2].partition("?")[0] == component["version"]
    for entry in component.get("hashes", ()):
        only(entry, {"alg", "content"}, "a hash")
        assert entry["alg"] == "SHA-256" and re.fullmatch(r"[0-9a-f]{64}", entry["content"]), entry
    for entry in component.get("licenses", ()):
        assert entry == {"license": {"id": "Apache-2.0"}}, entry
    for entry in component.get("properties", ()):
        only(entry, {"name", "value"}, "a property")
        assert isinstance(entry["name"], str) and isinstance(entry["value"], str)
    if "bom-ref" in component:
        assert component["bom-ref"] not in references, f"{component['bom-ref']} is there twice"
        references.add(component["bom-ref"])
    for inner in component.get("components", ()):
        check_component(inner, references)


def check(bill):
    """Raises an AssertionError that says what is wrong."""
    only(bill, TOP, "the bill")
    assert not TOP - set(bill), f"the bill has no {sorted(TOP - set(bill))}"
    assert bill["bomFormat"] == "CycloneDX" and bill["specVersion"] == "1.5" and bill["version"] == 1
    assert bill["serialNumber"] == uuid.UUID(bill["serialNumber"]).urn
    only(bill["metadata"], {"timestamp", "component"}, "metadata")
    datetime.datetime.strptime(bill["metadata"]["timestamp"], "%Y-%m-%dT%H:%M:%SZ")
    references = set()
    for component in (bill["metadata"]["component"], *bill["components"]):
        check_component(component, references)
        assert component.get("bom-ref"), f"component {component['name']} has no bom-ref"
    told = [entry["ref"] for entry in bill["dependencies"]]
    assert len(told) == len(set(told)), "dependencies of one thing are told twice"
    for entry in bill["dependencies"]:
        only(entry, {"ref", "dependsOn"}, "a dependency")
        unknown = {entry["ref"], *entry["dependsOn"]} - references
        assert not unknown, f"there is no {', '.join(sorted(unknown))}"
        assert len(entry["dependsOn"]) == len(set(entry["dependsOn"])), f"{entry['ref']} depends on something twice"
