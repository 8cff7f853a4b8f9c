#!/usr/bin/env python3
"""sbom.py VERSION TIME CONTENTS... DEB...: the bill of materials of a release, as CycloneDX 1.5 in JSON, on standard output.

TIME: in seconds since 1970. CONTENTS: the list that make-bundle.sh writes, one for each architecture, with the bundle
beside it. In the bill are the bundles with the Debian packages that their libraries are from, each with its files and their
digests; our own packages, with theirs; and who depends on whom: in a bundle as the files say, for our packages as dpkg
does. The same input gives the same text.
"""

import datetime
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import urllib.parse
import uuid

OURS = "eqp-broker"
LICENCE = [{"license": {"id": "Apache-2.0"}}]


def sha256(digest):
    return [{"alg": "SHA-256", "content": digest}]


def purl(package, version, architecture, vendor="debian"):
    return f"pkg:deb/{vendor}/{package}@{urllib.parse.quote(version, safe='.~-')}?arch={architecture}"


def fields_of(deb):
    words = subprocess.run(["dpkg-deb", "--field", deb, "Package", "Version", "Architecture", "Depends"], check=True,
                           capture_output=True, text=True).stdout
    return dict(line.split(": ", 1) for line in words.splitlines())


def file(name, digest):
    return {"type": "file", "name": name, "hashes": sha256(digest)}


def read_contents(path):
    """[(name, digest, package, version, architecture, [needs])]; no package: ours."""
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [(*row[:5], [need for need in row[5].split(",") if need]) for row in rows]


def bundle(contents, path, version):
    """(components, {reference: references it depends on}) of the bundle."""
    home, needs, packages = {}, {}, {}
    reference = f"{OURS}/{path.name.removesuffix('.contents')}"
    own = {"type": "application", "bom-ref": reference, "name": path.name.removesuffix(".contents"), "version": version,
           "licenses": LICENCE, "components": []}
    archive = path.with_name(own["name"] + ".tar.xz")
    own["hashes"] = sha256(hashlib.sha256(archive.read_bytes()).hexdigest())
    for name, digest, package, its_version, architecture, _ in contents:
        if package == "":
            home[name] = reference
            own["components"].append(file(name, digest))
            continue
        key = purl(package, its_version, architecture)
        home[name] = key
        component = packages.setdefault(key, {
            "type": "library", "bom-ref": key, "name": package, "version": its_version, "purl": key, "components": [],
            "properties": [{"name": "eqp-broker:terms", "value": f"share/doc/eqp-broker/licences/{package}"}]})
        component["components"].append(file(name, digest))
    for name, *_, wanted in contents:
        needs.setdefault(home[name], set()).update(home[need] for need in wanted if home[need] != home[name])
    return [own, *packages.values()], needs


def debs(paths, known):
    """The same of our packages; known: {package's name: reference} of what else there is."""
    components, needs, refer = [], {}, dict(known)
    fields = {path: fields_of(path) for path in paths}
    for path, its in fields.items():
        refer[its["Package"]] = purl(its["Package"], its["Version"], its["Architecture"], OURS)
    for path, its in fields.items():
        key = refer[its["Package"]]
        wanted = re.findall(r"(?:^|, |\| )([a-z0-9][a-z0-9+.-]+)", its.get("Depends", ""))
        components.append({
            "type": "application", "bom-ref": key, "name": its["Package"], "version": its["Version"], "purl": key,
            "licenses": LICENCE, "hashes": sha256(hashlib.sha256(path.read_bytes()).hexdigest()),
            **({"properties": [{"name": "eqp-broker:depends", "value": its["Depends"]}]} if "Depends" in its else {})})
        needs[key] = {refer[name] for name in wanted if name in refer}
    return components, needs


def main():
    version, time, *paths = sys.argv[1:]
    lists = [pathlib.Path(path) for path in paths if path.endswith(".contents")]
    packages = [pathlib.Path(path) for path in paths if path.endswith(".deb")]
    components, needs, heads = [], {}, set()
    for path in lists:
        architecture = path.stem.rpartition("-")[2]
        ours, their_needs = bundle(read_contents(path), path, version)
        known = {component["name"]: component["bom-ref"] for component in ours}
        more, needs_of_debs = debs(sorted(deb for deb in packages if deb.stem.endswith("_" + architecture)), known)
        components += ours + more
        needs |= their_needs | needs_of_debs
        heads |= {ours[0]["bom-ref"], *needs_of_debs}
    whole = f"{OURS}/{version}"
    needs[whole] = heads
    components.sort(key=lambda component: component["bom-ref"])
    for component in components:
        component.get("components", []).sort(key=lambda entry: entry["name"])
    bill = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(int(time), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": whole, "name": "eqp-broker", "version": version,
                          "licenses": LICENCE},
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted(needs[ref])} for ref in sorted(needs)],
    }
    # Of what is in it, so that two builds have one number.
    bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill, sort_keys=True)).urn
    print(json.dumps(bill, indent=2, sort_keys=True))


main()
