"""Pure: what somebody else did to a Secret of ours, seen in its metadata alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vaultbind.bindings.manifest import decide_references
from vaultbind.bindings.mark import Mark, digest_keys
from vaultbind.kube.managed_fields import data_keys_owned_by, owners


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Difference between the metadata that is and the metadata that should be."""

    data: bool = False
    """A data key has another owner, is missing, or is foreign: the content must be looked at."""
    metadata: bool = False
    """Labels, annotations or the owner reference differ."""
    managers: tuple[str, ...] = ()
    """Who else owns data keys, for messages."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self.data or self.metadata


def decide_drift(
    metadata: Mapping[str, Any], wanted: Mapping[str, Any], mark: Mark, manager: str, *, exclusive: bool
) -> Drift:
    """Compare a Secret's metadata with the manifest's; `exclusive`: all of its keys are ours.

    A key whose value is ours is owned by our manager: a change takes the key away from us, an apply of the
    same value only adds an owner.
    """
    owned = data_keys_owned_by(metadata, manager)
    claimed = owners(metadata)
    others = sorted({name for key, names in claimed.items() if key not in owned for name in names})
    return Drift(
        data=digest_keys(owned) != mark.keys or (exclusive and owned != frozenset(claimed)),
        metadata=is_metadata_drifted(metadata, wanted),
        managers=tuple(others),
    )


def is_metadata_drifted(metadata: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a label, annotation or owner reference of ours is missing or different."""
    for part in ("labels", "annotations"):
        have = metadata.get(part) or {}
        if any(have.get(key) != value for key, value in wanted[part].items()):
            return True
    return decide_references(metadata, wanted) is not None


def stale_metadata_keys(
    metadata: Mapping[str, Any], wanted: Mapping[str, Any], manager: str
) -> dict[str, list[str]]:
    """Labels and annotations that we once wrote and that are no longer wanted."""
    mine: dict[str, set[str]] = {"labels": set(), "annotations": set()}
    for entry in metadata.get("managedFields") or ():
        if entry.get("manager") != manager or entry.get("subresource"):
            continue
        fields = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
        for part, names in mine.items():
            names.update(key[2:] for key in fields.get(f"f:{part}") or () if key.startswith("f:"))
    return {
        part: sorted(
            name for name in names if name not in wanted[part] and name in (metadata.get(part) or {})
        )
        for part, names in mine.items()
    }
