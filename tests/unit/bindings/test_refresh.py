"""Bindings that do not follow the vault: whether what was written stands, and what repairs it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.bindings.objects import (
    DIGEST,
    FACTS,
    MERGE,
    OTHER_DIGEST,
    content_of,
    existing_of,
    managed,
    mark_text,
    metadata_of,
    spec_of,
)
from tests.unit.rendering.objects import secret, secret_ref
from vaultbind.api.binding import CreationPolicy, RefreshPolicy, WhenMissing
from vaultbind.api.conditions import Reason
from vaultbind.api.names import ANNOTATION_SOURCE
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.bindings.compare import stamp
from vaultbind.bindings.facts import Facts
from vaultbind.bindings.mark import Mark, digest_keys
from vaultbind.bindings.refresh import compare_kept, find_lost, kept_refs, stands, with_kept
from vaultbind.vaults.causes import Trouble
from vaultbind.vaults.reads import Reading

FOLLOW, CHANGE, ONCE = RefreshPolicy
GENERATION = 5
REFS = (secret_ref("db"),)
TOLD = {"revision": 3, "secretName": "db"}


def mark_of(generation: int | None) -> Mark:
    return Mark(digest=DIGEST, keys=digest_keys(["password"]), revision=3, generation=generation)


@pytest.mark.parametrize(
    ("policy", "generation", "expected"),
    [
        pytest.param(CHANGE, GENERATION, True, id="of this spec"),
        pytest.param(CHANGE, GENERATION - 1, False, id="of the spec before"),
        pytest.param(CHANGE, None, False, id="written while it followed"),
        pytest.param(ONCE, GENERATION, True, id="once, of this spec"),
        pytest.param(ONCE, 1, True, id="once, of another spec"),
        pytest.param(ONCE, None, True, id="once, written while it followed"),
        pytest.param(FOLLOW, GENERATION, False, id="who follows keeps nothing"),
    ],
)
def test_what_stands(policy: RefreshPolicy, generation: int | None, expected: bool) -> None:
    assert stands(policy, mark_of(generation), GENERATION) is expected


def kept_facts(
    policy: RefreshPolicy = ONCE, generation: int | None = GENERATION, *, merge: bool = False, **changes: Any
) -> Facts:
    """A binding and its Secret as it was written for `generation`; `changes` are members of its metadata."""
    spec = replace(spec_of(MERGE if merge else CreationPolicy.OWNER), refresh_policy=policy)
    metadata = metadata_of(spec, **changes)
    if "annotations" not in changes:
        annotation = next(name for name in metadata["annotations"] if name.startswith(ANNOTATION_SOURCE))
        metadata["annotations"] = {**metadata["annotations"], annotation: mark_of(generation).render()}
    existing = existing_of(metadata, merge=merge)
    return replace(FACTS, spec=spec, existing=existing, status=TOLD, generation=GENERATION)


HACKED = [managed("vaultbind"), managed("kubectl", "password")]
KEPT = [
    pytest.param(kept_facts(), True, True, id="as written"),
    pytest.param(kept_facts(merge=True), True, True, id="merged"),
    pytest.param(kept_facts(CHANGE), True, True, id="this spec"),
    pytest.param(kept_facts(CHANGE, 4), False, False, id="another spec"),
    pytest.param(kept_facts(fields=HACKED), True, False, id="edited"),
    pytest.param(kept_facts(CHANGE, 4, fields=HACKED), False, False, id="edited, and another spec"),
    pytest.param(kept_facts(annotations={}), False, False, id="no mark"),
    pytest.param(
        kept_facts(ownerReferences=[], labels={"vaultbind.dev/managed": "true"}), False, False, id="a backup"
    ),
    pytest.param(replace(kept_facts(), status={}), False, False, id="the status does not tell of it"),
    pytest.param(replace(kept_facts(), status={**TOLD, "revision": 2}), False, False, id="nor of this one"),
    pytest.param(replace(kept_facts(), status={**TOLD, "secretName": "x"}), False, False, id="nor by name"),
    pytest.param(replace(kept_facts(), existing=None), False, False, id="no Secret"),
]


@pytest.mark.parametrize(("facts", "kept", "in_sync"), KEPT)
def test_what_is_kept(facts: Facts, kept: bool, in_sync: bool) -> None:
    found = compare_kept(facts, REFS, None)
    assert (found.kept, found.in_sync, found.gone) == (kept, in_sync, ())
    assert found.drift.data is (kept and not in_sync)


def test_a_secret_that_lost_its_owner_is_kept_and_not_right() -> None:
    found = compare_kept(kept_facts(ownerReferences=[]), REFS, None)
    assert (found.kept, found.in_sync) == (True, False)


def test_a_secret_that_was_compared_is_in_sync_whoever_owns_its_keys() -> None:
    facts = kept_facts(fields=HACKED)
    assert facts.existing is not None
    assert compare_kept(facts, REFS, stamp(facts.existing.metadata)).in_sync


def test_an_outage_makes_nothing_stale_that_needs_no_vault() -> None:
    assert not compare_kept(replace(kept_facts(), stale=True), REFS, None).stale
    assert compare_kept(replace(kept_facts(fields=HACKED), stale=True), REFS, None).stale


def test_the_metadata_is_looked_after_all_the_same() -> None:
    facts = kept_facts(resourceVersion="8")
    assert facts.existing is not None
    labels = {**facts.existing.metadata["labels"], "vaultbind.dev/binding-uid": "x"}
    edited = replace(facts.existing, metadata={**facts.existing.metadata, "labels": labels})
    found = compare_kept(replace(facts, existing=edited), REFS, None)
    assert (found.in_sync, found.drift.metadata) == (True, True)


@pytest.mark.parametrize(
    ("when_missing", "generation", "objects", "expected"),
    [
        pytest.param("Prune", GENERATION, [], ("secret db",), id="pruned"),
        pytest.param("Prune", GENERATION, ["db"], (), id="nothing"),
        pytest.param("Prune", 4, [], (), id="for another spec"),
        pytest.param("Retain", GENERATION, [], (), id="no policy any more"),
    ],
)
def test_what_was_pruned_is_told_as_such_for_good(
    when_missing: str, generation: int, objects: list[str], expected: tuple[str, ...]
) -> None:
    facts = kept_facts(generation=generation)
    target = replace(facts.spec.target, when_missing=WhenMissing(when_missing))
    named = [entry(name, "1") for name in objects]
    status = {**TOLD, "objects": named, "objectCount": len(named)}
    found = compare_kept(replace(facts, spec=replace(facts.spec, target=target), status=status), REFS, None)
    assert (found.in_sync, found.gone) == (True, expected)


A, B = secret_ref("a"), secret_ref("b")
CERTIFICATE = VaultObjectRef(VaultObjectKind.CERTIFICATE, "a")


def entry(name: str, version: str, kind: str = "secret") -> Mapping[str, Any]:
    return {"kind": kind, "name": name, "version": version}


def at(ref: VaultObjectRef, version: str) -> VaultObjectRef:
    return ref._replace(version=version)


ASKED = [
    pytest.param([A, B], [entry("a", "1"), entry("b", "2")], {A: at(A, "1"), B: at(B, "2")}, id="both"),
    pytest.param([A, B], [entry("b", "2")], {B: at(B, "2")}, id="one was missing"),
    pytest.param([CERTIFICATE], [entry("a", "1")], {}, id="another kind of that name"),
    pytest.param([at(A, "1")], [entry("a", "1")], {at(A, "1"): at(A, "1")}, id="pinned by the spec"),
    pytest.param([at(A, "F")], [entry("a", "f")], {at(A, "F"): at(A, "F")}, id="pinned in other letters"),
    pytest.param([at(A, "1")], [], {}, id="pinned by the spec, and missing"),
    pytest.param([at(A, "1"), A], [entry("a", "2")], {A: at(A, "2")}, id="pinned, missing, and the latest"),
    pytest.param(
        [A, at(A, "1")],
        [entry("a", "1"), entry("a", "2")],
        {A: at(A, "2"), at(A, "1"): at(A, "1")},
        id="pinned, and the latest",
    ),
    pytest.param(
        [A, at(A, "1")],
        [entry("a", "1")],
        {A: at(A, "1"), at(A, "1"): at(A, "1")},
        id="pinned to what was the latest",
    ),
]


@pytest.mark.parametrize(("refs", "objects", "expected"), ASKED)
def test_a_repair_asks_for_what_was_written(refs: Any, objects: Any, expected: Any) -> None:
    status = {**TOLD, "objects": objects, "objectCount": len(objects)}
    assert kept_refs(replace(kept_facts(), status=status), refs) == expected


def test_what_the_status_does_not_tell_is_asked_for_as_it_is_now() -> None:
    status = {**TOLD, "objects": [entry("a", "1")], "objectCount": 65}
    assert kept_refs(replace(kept_facts(), status=status), [A, B]) == {A: at(A, "1"), B: B}
    status = {**TOLD, "objects": [entry("a", "1")], "objectCount": 1}
    other = replace(kept_facts(generation=4), status=status)
    assert kept_refs(other, [A, B, at(B, "3")]) == {A: at(A, "1"), B: B, at(B, "3"): at(B, "3")}


def test_a_version_that_is_lost_is_no_repair() -> None:
    there, gone = (Reading(value=value, started=0.0) for value in (secret("1"), None))
    asked = {A: at(A, "1"), B: at(B, "2")}
    spec = kept_facts().spec
    assert find_lost(spec, asked, {A: there, B: there}) is None
    assert find_lost(spec, {A: A}, {A: gone}) is None, "the spec does not name it"
    needed, optional = (
        replace(spec, data=(replace(spec.data[0], optional=optional),)) for optional in (False, True)
    )
    assert find_lost(needed, {REFS[0]: REFS[0]}, {REFS[0]: gone}) is not None
    assert find_lost(optional, {REFS[0]: REFS[0]}, {REFS[0]: gone}) is None
    lost = find_lost(spec, asked, {A: gone, B: gone})
    assert lost is not None
    assert lost.reason is Reason.OBJECT_NOT_FOUND
    assert lost.message.startswith("secret a/1, which the repair of the Secret needs, is not in the vault")
    assert lost.message.endswith("(and 1 more)")


def test_a_repair_keeps_the_mark_of_the_spec_it_is_for() -> None:
    read = replace(kept_facts(), content=content_of(OTHER_DIGEST))
    told = replace(read, status={**TOLD, "objects": [entry("db", "1")], "objectCount": 1})
    assert with_kept(told).content == content_of(DIGEST)
    for other in (kept_facts(generation=4), replace(kept_facts(), status={**TOLD, "objectCount": 65})):
        assert with_kept(replace(other, content=read.content)).content == content_of(OTHER_DIGEST)


@pytest.mark.parametrize(("vault_wide", "told"), [(True, False), (False, True)])
def test_who_cannot_repair_says_how_to_take_what_is_there_now(vault_wide: bool, told: bool) -> None:
    trouble = Trouble(reason=Reason.OBJECT_DISABLED, message="secret a is disabled", vault_wide=vault_wide)
    found = with_kept(replace(kept_facts(), trouble=trouble)).trouble
    assert found is not None
    assert ("delete Secret db or set annotation vaultbind.dev/requestedAt" in found.message) is told


def test_marks_of_releases_before_have_no_generation() -> None:
    assert "generation" not in mark_text("password")
