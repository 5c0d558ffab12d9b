"""Whoever looks for an object finds it by its file: a template makes one, or one for each of a list."""

import re
from collections import defaultdict
from typing import Any

import pytest
import yaml

from tests.chart.release import CHART, NAMESPACE, Helm

TEMPLATES = CHART / "templates"
OF_A_LIST = {
    "role-namespaces",
    "rolebinding-namespaces",
    "role-broker",
    "rolebinding-broker",
    "rolebinding-tokens",
}
"""Files with an object for each namespace, or for each Secret of credentials."""
OF_PEOPLE = "extra-objects"
"""Holds what the values bring, of any kind."""
CREDENTIALS = [{"namespace": name, "name": "credentials"} for name in ("one", "two")]
MONITORED: dict[str, Any] = {
    name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard", "networkPolicy")
}
EVERYTHING: dict[str, Any] = {
    **MONITORED,
    "injection": {"enabled": True, "broker": {"enabled": True, "credentialSecrets": CREDENTIALS}},
    "defaultVault": {"url": "https://shop.vault.azure.net", "access": [{"namespaces": {"all": True}}]},
}
SETS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": EVERYTHING,
    "certificates of cert-manager": {
        "injection": {
            "enabled": True,
            "certManagerIssuer": {"name": "i", "kind": "ClusterIssuer"},
            "broker": {"enabled": True},
        }
    },
    "namespaces": {**MONITORED, "scope": "Namespaces", "namespaces": ["one", "two"]},
    "tokens of namespaces": {"rbac": {"serviceAccountTokens": ["one", "two"]}},
    "tokens of the cluster": {"rbac": {"serviceAccountTokens": ["*"]}},
    "events": {"events": {"webhook": True, "secret": {"name": "hooks", "key": "secret"}}},
}


def sources(helm: Helm, **values: Any) -> dict[str, list[dict[str, Any]]]:
    """Objects by the template file that they come from, as Helm tells it."""
    text = helm.run("template", "vaultbind", str(CHART), "--namespace", NAMESPACE, values=values)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for part in re.split(r"^---\n", text, flags=re.MULTILINE):
        if item := yaml.safe_load(part):
            (path,) = re.findall(r"^# Source: vaultbind/templates/(\S+)\.yaml$", part, re.MULTILINE)
            found[path].append(item)
    return found


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_a_file_makes_one_object_or_one_for_each_of_a_list(helm: Helm, values: dict[str, Any]) -> None:
    found = sources(helm, **values)
    assert len(found) >= 10
    several = {path for path, objects in found.items() if len(objects) > 1}
    assert several <= OF_A_LIST
    for path, objects in found.items():
        kind = "customresourcedefinition" if path.startswith("crds/") else path.partition("-")[0]
        assert {item["kind"].lower() for item in objects} == {kind}, path


def test_every_file_is_rendered_by_some_of_these_values(helm: Helm) -> None:
    """Else nothing would be known of it. A list of two makes two objects."""
    found = {
        path: len(objects) for values in SETS.values() for path, objects in sources(helm, **values).items()
    }
    whole = {str(path.relative_to(TEMPLATES).with_suffix("")) for path in TEMPLATES.rglob("*.yaml")}
    assert whole - set(found) == {OF_PEOPLE}
    counts = [len(sources(helm, **SETS[name])[path]) for name, paths in LISTS.items() for path in paths]
    assert counts == [2] * 5


LISTS = {
    "tokens of namespaces": ("rolebinding-tokens",),
    "everything": ("role-broker", "rolebinding-broker"),
    "namespaces": ("role-namespaces", "rolebinding-namespaces"),
}
