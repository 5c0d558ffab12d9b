"""CustomResourceDefinitions: which kinds one of them adds, its status, and what is refused. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from vaultbind.sandbox.builtin_kinds import AGE, METADATA, NAME
from vaultbind.sandbox.documents import JsonObject, find
from vaultbind.sandbox.errors import Cause
from vaultbind.sandbox.kinds import Column, ResourceKind

_CONDITIONS: Final = (
    ("NamesAccepted", "NoConflicts", "no conflicts found"),
    ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
)


def render_kinds(crd: JsonObject) -> list[ResourceKind]:
    """One kind for each served version."""
    spec = crd["spec"]
    names = spec["names"]
    return [
        ResourceKind(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec["scope"] == "Namespaced",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            has_status="status" in (version.get("subresources") or {}),
            has_generation=True,
            is_custom=True,
            unconditional_update=False,
            schema=_schema(version),
            columns=_columns(version),
            field_selectors=tuple(
                field["jsonPath"].removeprefix(".") for field in version.get("selectableFields") or ()
            ),
        )
        for version in spec["versions"]
        if version.get("served")
    ]


def _schema(version: Mapping[str, Any]) -> Mapping[str, Any]:
    """The version's schema with the shape of metadata put in."""
    schema = find(version, "schema", "openAPIV3Schema") or {"x-kubernetes-preserve-unknown-fields": True}
    return {**schema, "properties": {**schema.get("properties", {}), "metadata": METADATA}}


def _columns(version: Mapping[str, Any]) -> tuple[Column, ...]:
    declared = version.get("additionalPrinterColumns")
    if not declared:
        return (NAME, AGE)
    return (NAME, *(_column(column) for column in declared))


def _column(column: Mapping[str, Any]) -> Column:
    return Column(
        name=column["name"],
        path=column["jsonPath"],
        type=column["type"],
        format=column.get("format", ""),
        description=column.get("description", "Custom resource definition column (in JSONPath format)"),
        priority=column.get("priority", 0),
    )


def prepare_crd(crd: JsonObject, now: str) -> None:
    """Fill in names and a status that says the kind is served."""
    spec = crd.get("spec") or {}
    names = spec.get("names") or {}
    if "kind" in names:
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    status = crd.setdefault("status", {})
    status["acceptedNames"] = names
    status["storedVersions"] = [
        version["name"] for version in spec.get("versions") or () if version.get("storage")
    ]
    known = {condition["type"]: condition for condition in status.get("conditions") or ()}
    status["conditions"] = [
        known.get(name)
        or {"type": name, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
        for name, reason, message in _CONDITIONS
    ]


def validate_crd(crd: JsonObject) -> Iterator[Cause]:
    """What would keep the kinds from being served."""
    missing = [path for path in _REQUIRED if find(crd, *path.split(".")) in (None, "", [])]
    for path in missing:
        yield Cause(field=path, message="Required value", reason="FieldValueRequired")
    if missing:
        return
    spec = crd["spec"]
    name = f"{spec['names']['plural']}.{spec['group']}"
    if crd["metadata"].get("name") != name:
        message = f'Invalid value: "{crd["metadata"].get("name")}": must be spec.names.plural+"."+spec.group'
        yield Cause(field="metadata.name", message=message)
    if sum(bool(version.get("storage")) for version in spec["versions"]) != 1:
        message = "Invalid value: must have exactly one version marked as storage version"
        yield Cause(field="spec.versions", message=message)
    for index, version in enumerate(spec["versions"]):
        if not find(version, "schema", "openAPIV3Schema"):
            field = f"spec.versions[{index}].schema.openAPIV3Schema"
            yield Cause(
                field=field, message="Required value: schemas are required", reason="FieldValueRequired"
            )


_REQUIRED: Final = ("spec.group", "spec.scope", "spec.names.plural", "spec.names.kind", "spec.versions")
