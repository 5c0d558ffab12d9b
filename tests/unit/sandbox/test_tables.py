from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaultbind.sandbox.builtin_kinds import BUILTIN_KINDS, CRDS, EVENTS, PODS, SECRETS
from vaultbind.sandbox.jsonpath import find_all
from vaultbind.sandbox.kinds import Column, ResourceKind
from vaultbind.sandbox.tables import render_age, render_duration, render_table, utc_now

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DOCUMENT = {
    "spec": {"a": 1, "b": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "m": {"p": 1, "q": 2}},
    "metadata": {"annotations": {"x.dev/y": "z"}},
}
PATHS: dict[str, list[Any]] = {
    ".spec.a": [1],
    ".spec.none": [],
    ".spec.a.b": [],
    ".spec.b[0].n": ["x"],
    ".spec.b[-1].n": ["y"],
    ".spec.b[5].n": [],
    ".spec.b[*].v": [1, 2],
    ".spec.m[*]": [1, 2],
    ".spec.a[*]": [],
    ".spec.a[0]": [],
    '.spec.b[?(@.n=="y")].v': [2],
    ".spec.b[?(@.n == 'x')].v": [1],
    '.spec.a[?(@.n=="y")].v': [],
    ".metadata.annotations['x.dev/y']": ["z"],
    '.metadata.annotations["x.dev/y"]': ["z"],
    r".metadata.annotations.x\.dev/y": ["z"],
    "no path": [],
}


@pytest.mark.parametrize(("path", "want"), PATHS.items(), ids=PATHS.keys())
def test_jsonpath(path: str, want: list[Any]) -> None:
    assert find_all(DOCUMENT, path) == want


AGES = {
    -5: "0s",
    0: "0s",
    119: "119s",
    120: "2m",
    125: "2m5s",
    600: "10m",
    3 * 3600: "3h",
    3 * 3600 + 61: "3h1m",
    8 * 3600 + 61: "8h",
    47 * 3600: "47h",
    48 * 3600: "2d",
    49 * 3600: "2d1h",
    8 * 86400 + 3600: "8d",
    1000 * 86400: "1000d",
}


@pytest.mark.parametrize(("seconds", "want"), AGES.items())
def test_durations(seconds: int, want: str) -> None:
    assert render_duration(timedelta(seconds=seconds)) == want


def test_an_age_that_cannot_be_known() -> None:
    assert render_age(None, NOW) == "<unknown>"
    assert render_age("2026-01-01T00:00:00", NOW) == "<unknown>"
    assert utc_now().tzinfo is UTC


def cells(kind: ResourceKind, document: dict[str, Any]) -> list[Any]:
    meta = {"name": "n", "creationTimestamp": "2026-01-01T23:59:00Z"}
    table = render_table(kind, [{"metadata": meta, **document}], NOW, include="Object", listing={})
    (row,) = table["rows"]
    assert row["object"]["metadata"] == meta
    found: list[Any] = row["cells"]
    return found


def test_builtin_kinds_have_cells_of_their_own() -> None:
    event = {
        "type": "Normal",
        "reason": "R",
        "message": "m",
        "involvedObject": {"kind": "Secret", "name": "s"},
        "lastTimestamp": "2026-01-01T23:59:30Z",
    }

    assert cells(SECRETS, {"type": "Opaque", "data": {"a": "", "b": ""}}) == ["n", "Opaque", 2, "60s"]
    assert cells(PODS, {"status": {"phase": "Pending"}}) == ["n", "Pending", "60s"]
    assert cells(CRDS, {}) == ["n", "2026-01-01T23:59:00Z"]
    assert cells(EVENTS, event) == ["30s", "Normal", "R", "secret/s", "m", "n"]
    roles = next(kind for kind in BUILTIN_KINDS if kind.plural == "roles")
    assert cells(roles, {}) == ["n", "60s"]


def test_several_values_share_a_cell_and_absent_ones_are_null() -> None:
    columns = (
        Column(name="All", path=".spec.b[*].v"),
        Column(name="None", path=".spec.none"),
        Column(name="Expires", path=".spec.none", type="date"),
    )
    kind = ResourceKind(group="x", version="v1", plural="xs", kind="X", columns=columns)
    assert cells(kind, {"spec": DOCUMENT["spec"]}) == ["1,2", None, "<unknown>"]
