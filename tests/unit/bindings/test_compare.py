"""Whether what the status tells stands while it is not known which objects there should be."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.bindings.objects import KEY, existing_of, facts_of, managed, metadata_of
from vaultbind.api.conditions import Reason
from vaultbind.api.names import ANNOTATION_ADOPT
from vaultbind.bindings.compare import stamp, with_unknown
from vaultbind.bindings.drift import Drift
from vaultbind.vaults.causes import Trouble
from vaultbind.vaults.session import VaultSession

DOWN = Trouble(reason=Reason.VAULT_ERROR, message="the vault: HTTP 503")
NO_LIST = Trouble(reason=Reason.VAULT_ERROR, message="there is no list of secrets yet")
SYNCED = {"type": "Synced", "status": "True", "reason": "Synced"}
STATUS = {"revision": 3, "secretName": "db", "observedGeneration": 1, "conditions": [SYNCED]}
EDITED = metadata_of(fields=[managed("kubectl", "password")])
LOST: dict[str, Any] = {
    "ownerReferences": [],
    "annotations": {**metadata_of()["annotations"], ANNOTATION_ADOPT: KEY.name},
}


def tell(
    *, trouble: Trouble | None = DOWN, forced: bool = False, verified: Any = None, **changes: Any
) -> tuple[Trouble | None, bool, Drift]:
    """What comes of a Secret that is as it was written, but for `changes`."""
    facts = facts_of(**{"existing": existing_of(metadata_of()), "status": STATUS, **changes})
    obj = {"metadata": {"generation": 1}, "status": facts.status}
    session = cast("VaultSession", SimpleNamespace(trouble=trouble))
    told = with_unknown(facts, NO_LIST, session, obj, verified, forced=forced)
    assert told.in_sync is told.is_held
    return told.trouble, told.in_sync, told.drift


HELD: dict[str, dict[str, Any]] = {
    "as it was written": {},
    "edited, and compared since": {"existing": existing_of(EDITED), "verified": stamp(EDITED)},
}
UNKNOWN: dict[str, dict[str, Any]] = {
    "the vault answers": {"trouble": None},
    "somebody asked for a look": {"forced": True},
    "no Secret": {"existing": None},
    "edited": {"existing": existing_of(EDITED)},
    "without its mark": {"existing": existing_of(metadata_of(annotations={}))},
    "to be adopted": {"existing": existing_of(metadata_of(**LOST))},
    "of a revision that the status does not tell": {"existing": existing_of(metadata_of(revision=4))},
    "of another name": {"status": {**STATUS, "secretName": "former"}},
    "of another spec": {"status": {**STATUS, "observedGeneration": 0}},
    "not good before": {"status": {**STATUS, "conditions": [{**SYNCED, "reason": "VaultError"}]}},
}


@pytest.mark.parametrize("case", HELD.values(), ids=HELD)
def test_what_the_status_tells_stands(case: dict[str, Any]) -> None:
    assert tell(**case) == (None, True, Drift(managers=tell(**case)[2].managers))


@pytest.mark.parametrize("case", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_known_is_told(case: dict[str, Any]) -> None:
    assert tell(**case) == (NO_LIST, False, Drift())


def test_labels_are_repaired_while_it_stands() -> None:
    assert tell(existing=existing_of(metadata_of(labels={}))) == (None, True, Drift(metadata=True))


def test_what_stood_for_too_long_does_not_stand() -> None:
    assert tell(stale=True)[0] == DOWN
