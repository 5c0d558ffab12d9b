"""A binding, its Secret and facts about them, for tests of the bindings room."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vaultbind.api.binding import BindingSpec, CreationPolicy, DataEntry, SecretSource, Target
from vaultbind.api.refs import ObjectKey
from vaultbind.bindings.drift import Drift
from vaultbind.bindings.facts import Content, Existing, Facts
from vaultbind.bindings.manifest import render_metadata
from vaultbind.bindings.mark import Mark, digest_keys
from vaultbind.bindings.ownership import Owner, Ownership, decide_ownership

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
STAMP = "2026-11-24T12:00:00Z"
KEY = ObjectKey("VaultBinding", "shop", "db")
UID = "6f1c"
HASH, OTHER_HASH = "a" * 64, "b" * 64
DIGEST, OTHER_DIGEST = f"v1.1700000000.{HASH}", f"v1.1700000000.{OTHER_HASH}"
MERGE = CreationPolicy.MERGE
OURS = "vaultbind"
MERGER = f"vaultbind-{UID}"


def spec_of(policy: CreationPolicy = CreationPolicy.OWNER, **target: Any) -> BindingSpec:
    """A binding of one secret to key `password` of Secret `db`."""
    return BindingSpec(
        vault=ObjectKey("ClusterKeyVault", "", "main"),
        target=Target(**{"name": "db", "type": "Opaque", "creation_policy": policy, **target}),
        data=(DataEntry(key="password", source=SecretSource(name="db")),),
    )


def mark_text(*keys: str, digest: str = DIGEST, revision: int = 3) -> str:
    """Text of the source annotation."""
    return Mark(digest=digest, keys=digest_keys(keys), revision=revision).render()


def managed(manager: str, *keys: str, operation: str = "Update", **metadata: list[str]) -> dict[str, Any]:
    """An entry of managedFields: data keys, and `labels` or `annotations` by keyword."""
    fields: dict[str, Any] = {}
    if keys:
        fields["f:data"] = {".": {}} | {f"f:{key}": {} for key in keys}
    if metadata:
        fields["f:metadata"] = {
            f"f:{part}": {".": {}} | {f"f:{name}": {} for name in names} for part, names in metadata.items()
        }
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}


def metadata_of(
    spec: BindingSpec | None = None,
    *keys: str,
    fields: list[dict[str, Any]] | None = None,
    digest: str = DIGEST,
    revision: int = 3,
    **changes: Any,
) -> dict[str, Any]:
    """Metadata of the Secret as we wrote it; `fields` are its managedFields, `changes` other members."""
    spec = spec or spec_of()
    keys = keys or ("password",)
    manager = MERGER if spec.target.creation_policy is MERGE else OURS
    rendered = render_metadata(KEY, UID, spec, mark_text(*keys, digest=digest, revision=revision))
    return {
        "name": spec.target.name,
        "namespace": "shop",
        "uid": "s1",
        "resourceVersion": "7",
        **rendered,
        "managedFields": [managed(manager, *keys)] if fields is None else fields,
        **changes,
    }


def existing_of(
    metadata: Mapping[str, Any],
    data: Mapping[str, bytes] | None = None,
    *,
    merge: bool = False,
    type: str | None = "Opaque",
    immutable: bool = False,
) -> Existing:
    """The Secret as observed and read."""
    ownership = decide_ownership(metadata, binding=KEY.name, uid=UID)
    if merge:
        ownership = Ownership(owner=Owner.OURS)
    data = {"password": b"old"} if data is None else data
    return Existing(metadata=metadata, ownership=ownership, type=type, immutable=immutable, data=data)


def content_of(digest: str = OTHER_DIGEST, **data: bytes) -> Content:
    """What the vault's objects make."""
    entry = {"kind": "secret", "name": "db", "version": "1", "enabled": True}
    made = data or {"password": b"new"}
    return Content(data=made, objects=(entry,), digest=digest, told=frozenset(made))


FACTS = Facts(
    key=KEY,
    uid=UID,
    spec=spec_of(),
    now=NOW,
    status={"revision": 3, "secretName": "db"},
    request="",
)


def facts_of(**changes: Any) -> Facts:
    """Facts about a binding whose Secret was written at revision 3."""
    return replace(FACTS, **changes)


NO_DRIFT = Drift()
