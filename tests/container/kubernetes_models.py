"""Checks manifests against the types of Kubernetes' API, as Debian's python3-kubernetes has them.

Every field must exist where it stands and have the right type, and what the API requires must be there. Those
types are of Kubernetes 1.22; newer fields that our manifests use are named here.
"""

import re

import kubernetes.client as api

NEWER = {"V1Container": {"restartPolicy": "str"}}  # 1.28: an init container that runs beside the others
KINDS = {"v1/Pod": "V1Pod", "batch/v1/Job": "V1Job", "apps/v1/DaemonSet": "V1DaemonSet", "v1/ConfigMap": "V1ConfigMap",
         "networking.k8s.io/v1/NetworkPolicy": "V1NetworkPolicy"}
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def troubles(value, kind, path):
    """Faults of a value that is to be of that kind: texts."""
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        if not isinstance(value, list):
            return [f"{path} is to be a list"]
        return [trouble for i, item in enumerate(value) for trouble in troubles(item, match[1], f"{path}[{i}]")]
    if match := re.fullmatch(r"dict\(str, (.*)\)", kind):
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            return [f"{path} is to be a map"]
        return [trouble for name, item in value.items() for trouble in troubles(item, match[1], f"{path}.{name}")]
    if kind in PLAIN:
        good = isinstance(value, PLAIN[kind]) and (kind == "bool" or not isinstance(value, bool))
        return [] if good else [f"{path} is to be {kind}, not {value!r}"]
    if kind == "object":
        return []
    return troubles_of_object(value, kind, path)


def troubles_of_object(value, kind, path):
    if not isinstance(value, dict):
        return [f"{path} is to be an object"]
    model = getattr(api, kind)
    kinds = {name: model.openapi_types[attribute] for attribute, name in model.attribute_map.items()}
    kinds |= NEWER.get(kind, {})
    found = [f"{path} has no field {name}" for name in value if name not in kinds]
    for name in value.keys() & kinds.keys():
        found += troubles(value[name], kinds[name], f"{path}.{name}")
    try:  # the required ones
        model(**{attribute: value.get(name) for attribute, name in model.attribute_map.items()})
    except ValueError as error:
        found.append(f"{path}: {error}")
    return found


def check(document):
    """Faults of a whole document."""
    kind = f"{document.get('apiVersion')}/{document.get('kind')}"
    if kind not in KINDS:
        return [f"{kind} is not known here"]
    return troubles(document, KINDS[kind], document["kind"])
