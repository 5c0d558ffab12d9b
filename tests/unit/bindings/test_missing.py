"""Objects that are gone from the vault: which, what follows for the Secret, what is told."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.bindings.objects import (
    MERGE,
    NOW,
    STAMP,
    existing_of,
    facts_of,
    metadata_of,
    spec_of,
)
from tests.unit.rendering.objects import secret, secret_ref
from vaultbind.api.binding import (
    BindingSpec,
    CertificateSource,
    DataEntry,
    SecretSource,
    TlsEntry,
    WhenMissing,
)
from vaultbind.api.conditions import Reason
from vaultbind.api.data_from import ExtractEntry
from vaultbind.bindings.apply import Applied
from vaultbind.bindings.content import with_content
from vaultbind.bindings.facts import Facts, Keep, Patch, Recreate, Remove
from vaultbind.bindings.missing import find_gone, forgive
from vaultbind.bindings.plan import decide
from vaultbind.bindings.report import report
from vaultbind.vaults.reads import Reading

PRUNE, DELETE, RETAIN = WhenMissing.PRUNE, WhenMissing.DELETE, WhenMissing.RETAIN
NOTHING: Any = object()
WRITTEN = {"password": b"1", "user": b"2"}


def spec_with(when_missing: WhenMissing, *optional: str, **target: Any) -> BindingSpec:
    """Keys `password` and `user`, of the secrets of those names."""
    return replace(
        spec_of(**{"when_missing": when_missing, **target}),
        data=tuple(
            DataEntry(key=name, source=SecretSource(name=name), optional=name in optional)
            for name in ("password", "user")
        ),
    )


def seen(spec: BindingSpec, password: Any, user: Any, existing: Any = None, **changes: Any) -> Facts:
    """Facts after both secrets were read; the Secret is there as we wrote it, unless told otherwise."""
    if existing is None:
        existing = existing_of(
            metadata_of(spec, "password", "user"), WRITTEN, merge=spec.target.creation_policy is MERGE
        )
    facts = facts_of(spec=spec, existing=None if existing is NOTHING else existing, **changes)
    values = {secret_ref("password"): password, secret_ref("user"): user}
    readings = {ref: Reading(value=value, started=0.0) for ref, value in values.items()}
    return with_content(facts, {}, readings, NOW)


ONE, TWO = secret("1"), secret("2")
OFF = secret("2", enabled=False)
NOT_FOUND = Reason.OBJECT_NOT_FOUND
LOCKED = existing_of(metadata_of(), WRITTEN, immutable=True)
ADOPTABLE = existing_of(metadata_of(spec_with(PRUNE), ownerReferences=[]))
UNMARKED = existing_of(metadata_of(spec_with(PRUNE), annotations={}))

FOLLOWS = [
    pytest.param(seen(spec_with(RETAIN), None, TWO), Keep, NOT_FOUND, id="retain"),
    pytest.param(seen(spec_with(PRUNE), None, TWO), Patch, None, id="prune"),
    pytest.param(seen(spec_with(DELETE), None, TWO), Remove, None, id="delete"),
    pytest.param(seen(spec_with(PRUNE), None, None), Patch, None, id="prune: all of it"),
    pytest.param(
        seen(spec_with(PRUNE, immutable=True), None, TWO, LOCKED),
        Recreate,
        None,
        id="prune: an immutable Secret",
    ),
    pytest.param(seen(spec_with(PRUNE), None, OFF), Keep, NOT_FOUND, id="prune: another is disabled"),
    pytest.param(seen(spec_with(DELETE), None, OFF), Keep, NOT_FOUND, id="delete: another is disabled"),
    pytest.param(
        seen(spec_with(PRUNE), OFF, TWO), Keep, Reason.OBJECT_DISABLED, id="prune: disabled is not gone"
    ),
    pytest.param(
        seen(spec_with(DELETE), OFF, TWO), Keep, Reason.OBJECT_DISABLED, id="delete: disabled is not gone"
    ),
    pytest.param(
        seen(spec_with(DELETE, "password"), None, TWO),
        Patch,
        None,
        id="delete: an optional entry is pruned, as ever",
    ),
    pytest.param(
        seen(spec_with(PRUNE), None, TWO, NOTHING, status={}), Keep, NOT_FOUND, id="prune: never written"
    ),
    pytest.param(
        seen(spec_with(DELETE), None, TWO, NOTHING, status={}), Keep, NOT_FOUND, id="delete: never written"
    ),
    pytest.param(seen(spec_with(DELETE), None, TWO, NOTHING), Keep, None, id="delete: it is deleted already"),
    pytest.param(seen(spec_with(PRUNE), None, TWO, ADOPTABLE), Keep, NOT_FOUND, id="prune: not ours yet"),
    pytest.param(seen(spec_with(DELETE), None, TWO, ADOPTABLE), Keep, NOT_FOUND, id="delete: not ours yet"),
    pytest.param(
        seen(spec_with(DELETE), None, TWO, UNMARKED),
        Keep,
        NOT_FOUND,
        id="delete: not known to be written by us",
    ),
    pytest.param(
        seen(spec_with(PRUNE, type="kubernetes.io/basic-auth"), None, None),
        Keep,
        NOT_FOUND,
        id="prune: the type needs its keys",
    ),
    pytest.param(seen(spec_with(PRUNE, creation_policy=MERGE), None, TWO), Patch, None, id="prune: merge"),
]


@pytest.mark.parametrize(("facts", "decision", "trouble"), FOLLOWS)
def test_what_follows(facts: Facts, decision: type, trouble: Reason | None) -> None:
    assert type(decide(facts)) is decision
    assert (facts.trouble.reason if facts.trouble else None) is trouble


STEPS = [
    pytest.param(
        seen(spec_with(RETAIN), None, TWO), "correct its name, or mark the entry optional", id="absent"
    ),
    pytest.param(seen(spec_with(RETAIN), None, None), "(and 1 more); create it or correct", id="two of them"),
    pytest.param(seen(spec_with(RETAIN), OFF, TWO), "disabled in the vault; enable it", id="disabled"),
]


@pytest.mark.parametrize(("facts", "words"), STEPS)
def test_what_is_in_the_way_says_what_to_do(facts: Facts, words: str) -> None:
    assert facts.trouble is not None
    assert words in facts.trouble.message


def test_pruned_keys_are_taken_out_and_told() -> None:
    decided = decide(seen(spec_with(PRUNE), None, TWO))
    assert isinstance(decided, Patch)
    assert decided.body["data"] == {"password": None}
    assert (decided.revision, decided.note) == (4, Reason.PRUNED)
    assert decided.detail == "keys password; secret password is gone from the vault"


EXTRACT = replace(spec_with(PRUNE), data_from=(ExtractEntry(name="more"),))
MORE = secret_ref("more")
HUSHED = [
    ("those of an extract that goes", {MORE: None}, "2 keys; secret more is gone from the vault"),
    (
        "that change while a key of the spec goes",
        {MORE: secret({"hush1": "3", "hush3": "4"}), secret_ref("user"): None},
        "keys user and 1 more; secret user is gone from the vault; 2 keys changed",
    ),
]


@pytest.mark.parametrize(("changes", "detail"), [row[1:] for row in HUSHED], ids=[row[0] for row in HUSHED])
def test_no_name_is_told_that_is_a_part_of_a_value(changes: dict[Any, Any], detail: str) -> None:
    keys = {**WRITTEN, "hush1": b"1", "hush2": b"2"}
    existing = existing_of(metadata_of(EXTRACT, *keys), keys)
    values = {secret_ref("password"): ONE, secret_ref("user"): TWO, MORE: None, **changes}
    readings = {ref: Reading(value=value, started=0.0) for ref, value in values.items()}
    decided = decide(with_content(facts_of(spec=EXTRACT, existing=existing), {}, readings, NOW))
    assert isinstance(decided, Patch)
    assert (decided.note, decided.detail) == (Reason.PRUNED, detail)


def test_entries_of_a_value_that_is_gone_are_counted_and_others_told_apart() -> None:
    """Their names are a part of the value, and what else changes in the same pass is not pruned."""
    spec = replace(spec_with(PRUNE), data_from=(ExtractEntry(name="settings"),))
    before = existing_of(
        metadata_of(spec, "password", "user", "hush", "hidden"), {**WRITTEN, "hush": b"x", "hidden": b"y"}
    )
    facts = facts_of(spec=spec, existing=before)
    found = {secret_ref("password"): None, secret_ref("user"): secret("3"), secret_ref("settings"): None}
    readings = {ref: Reading(value=value, started=0.0) for ref, value in found.items()}
    decided = decide(with_content(facts, {}, readings, NOW))
    assert isinstance(decided, Patch)
    assert {key for key, value in decided.body["data"].items() if value is None} == {
        "password",
        "hush",
        "hidden",
    }
    assert decided.detail == (
        "keys password and 2 more; secret password, secret settings are gone from the vault; "
        "keys user changed"
    )


def test_a_deletion_is_guarded_and_told() -> None:
    assert decide(seen(spec_with(DELETE), None, None)) == Remove(
        uid="s1",
        resource_version="7",
        note=Reason.SECRET_DELETED,
        detail="secret password, secret user are gone from the vault",
    )


def test_the_status_of_a_pruned_secret() -> None:
    facts = seen(spec_with(PRUNE), None, TWO)
    told = report(facts, decide(facts), Applied(written=True), NOW - NOW)
    assert [(item.status.value, item.reason) for item in told.conditions] == [("True", Reason.PRUNED)] * 2
    assert told.conditions[0].message == (
        "secret password is gone from the vault; Secret db holds what the vault holds without its keys"
    )
    assert (told.fields["revision"], told.fields["objectCount"]) == (4, 1)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_status_of_a_deleted_secret(is_there: bool) -> None:
    facts = seen(spec_with(DELETE), None, TWO, None if is_there else NOTHING)
    told = report(facts, decide(facts), Applied(written=is_there), NOW - NOW)
    assert [(item.status.value, item.reason) for item in told.conditions] == [
        ("False", Reason.SECRET_DELETED),
        ("True", Reason.SECRET_DELETED),
    ]
    assert told.conditions[0].message == (
        "secret password is gone from the vault; Secret db was deleted (whenMissing), and is made anew once "
        "it is back"
    )
    cleared: dict[str, Any] = {
        "lastHandledRequest": None,
        "secretName": None,
        "expires": None,
        "objects": [],
        "objectCount": 0,
    }
    assert told.fields == cleared | ({"lastChanged": STAMP} if is_there else {})
    assert [note.reason for note in told.notes] == [Reason.SECRET_DELETED] * is_there
    assert not told.retry


def test_what_was_told_stands_while_the_vault_has_shown_nothing() -> None:
    status = {"conditions": [{"type": "Synced", "status": "True", "reason": "Pruned", "message": "told"}]}
    facts = facts_of(spec=spec_with(PRUNE), in_sync=True, is_held=True, status=status)
    conditions = report(facts, Keep(), Applied(), NOW - NOW).conditions
    assert [(item.reason, item.message) for item in conditions] == [(Reason.PRUNED, "told")] * 2


GONE = [
    pytest.param(spec_with(RETAIN), {"password": None, "user": None}, (), id="retain: nothing follows"),
    pytest.param(spec_with(PRUNE), {"password": None, "user": ONE}, ("secret password",), id="one"),
    pytest.param(spec_with(PRUNE), {"user": ONE}, (), id="what was not seen is not gone"),
    pytest.param(spec_with(PRUNE, "password"), {"password": None, "user": ONE}, (), id="an optional one"),
]


@pytest.mark.parametrize(("spec", "found", "gone"), GONE)
def test_which_are_gone(spec: BindingSpec, found: dict[str, Any], gone: tuple[str, ...]) -> None:
    assert find_gone(spec, {secret_ref(name): value for name, value in found.items()}) == gone


def test_certificates_may_be_gone_and_are_forgiven() -> None:
    spec = replace(
        spec_of(when_missing=PRUNE),
        data=(DataEntry(key="a", source=CertificateSource(name="web")),),
        data_from=(TlsEntry(name="tls"),),
    )
    found = {secret_ref("web"): None, secret_ref("tls"): None}
    assert find_gone(spec, found) == ("certificate web", "certificate tls")
    forgiven = forgive(spec, found)
    assert (forgiven.data[0].optional, forgiven.data_from[0].optional) == (True, True)
    assert forgive(spec, dict.fromkeys(found, ONE)) == spec
