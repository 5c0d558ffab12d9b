"""The rights that the operator needs, as RBAC rules, from where the chart keeps them (ADR 0011).

Tests and benchmarks run the operator with these and no others.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

FILES: Final = Path(__file__).resolve().parents[2] / "charts" / "vaultbind" / "files"
Rule = Mapping[str, Sequence[str]]


def load_rights() -> list[dict[str, Any]]:
    """The file's entries: group, resources, verbs, where, why and conditions."""
    rights: list[dict[str, Any]] = yaml.safe_load((FILES / "rights.yaml").read_text(encoding="utf-8"))
    return rights


def load_injection_rights() -> list[dict[str, Any]]:
    """The same of what injection adds: who, group, resources, verbs, where, why and conditions."""
    text = (FILES / "injection-rights.yaml").read_text(encoding="utf-8")
    rights: list[dict[str, Any]] = yaml.safe_load(text)
    return rights


def part_rules(who: str, *, pod_auth: bool = False) -> list[Rule]:
    """Rules of `webhook` or `broker`, wherever they hold, but for named objects; or what podAuth adds."""
    chosen = [
        right
        for right in load_injection_rights()
        if right["who"] == who and right.get("podAuth", False) == pod_auth and "named" not in right
    ]
    return [_render(right, "") for right in chosen]


def rules(
    *where: str,
    scope: str = "Cluster",
    drift: str = "Watch",
    rollouts: bool = False,
    lease: str = "vaultbind",
) -> list[Rule]:
    """Rules for some places, as the chart makes them for these values."""
    chosen = [
        right
        for right in load_rights()
        if right["where"] in where
        and right.get("scope", scope) == scope
        and right.get("drift", drift) == drift
        and (rollouts or not right.get("rollouts"))
    ]
    return [_render(right, lease) for right in chosen]


def _render(right: Mapping[str, Any], lease: str) -> Rule:
    rule = {"apiGroups": [right["group"]], "resources": right["resources"], "verbs": right["verbs"]}
    return {**rule, "resourceNames": [lease]} if right.get("named") == "lease" else rule


OPERATOR_RULES: Final[Sequence[Rule]] = rules("namespaces", "cluster", rollouts=True)
"""What the operator's ClusterRole holds with the chart's default values and `rollouts.enabled`."""
