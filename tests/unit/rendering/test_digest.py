"""The source digest: what moves it, what does not, what it never holds."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rendering.objects import certificate_ref, secret_ref
from vaultbind.api.binding import (
    BindingSpec,
    CertificateSource,
    CreationPolicy,
    DataEntry,
    Decode,
    Include,
    PublicKeyFormat,
    PublicKeySource,
    SecretSource,
    Target,
    TlsEntry,
)
from vaultbind.api.data_from import ExtractEntry, ExtractFormat
from vaultbind.api.refs import ObjectKey
from vaultbind.rendering import digest
from vaultbind.rendering.digest import SourceDigest, digest_input, matches, parse_digest, source_digest
from vaultbind.rendering.fingerprint import Fingerprint

LOOK = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)
OLD = LOOK - timedelta(days=1)
SEEN = Fingerprint(created=OLD, updated=OLD, enabled=True, content_type="a", tags=(("k", "v"),), x5t=b"\x01")
OBJECTS = {secret_ref("a"): SEEN, certificate_ref("b"): None}
TARGET = Target(name="app", type="Opaque", labels={"l": "1"}, annotations={"a": "1"})
ENTRIES = (
    DataEntry(key="k", source=SecretSource(name="a")),
    DataEntry(key="c", source=CertificateSource(name="b")),
    DataEntry(key="p", source=PublicKeySource(name="c")),
)
SPEC = BindingSpec(
    vault=ObjectKey("KeyVault", "shop", "kv"), target=TARGET, data=ENTRIES, data_from=(TlsEntry(name="t"),)
)
INPUT = digest_input(SPEC)
TEXT = source_digest(INPUT, OBJECTS, LOOK)
GOLDEN = "2a982d802594283d744574f41a4be113e25ae1651f4ae75a39e5a665f9fe6835"


def test_form() -> None:
    parsed = parse_digest(TEXT)
    assert parsed is not None
    assert f"v1.1795521600.{parsed.hash}" == TEXT
    assert parsed.looked_at == LOOK.replace(microsecond=0)
    assert str(parsed) == TEXT


def test_the_form_of_the_hashed_text_stays() -> None:
    """A release that changes this makes every operator read every Secret once."""
    assert source_digest(INPUT, OBJECTS, LOOK).endswith(GOLDEN)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "v1",
        TEXT + "0",
        TEXT + "\n",
        TEXT.replace("v1", "v2"),
        TEXT.upper(),
        TEXT[:-1],
        "v1.99999999999999." + "0" * 64,
        "v1.-1." + "0" * 64,
        "v1.\u0661." + "0" * 64,
    ],
)
def test_other_text_is_no_digest(text: str | None) -> None:
    assert parse_digest(text) is None


def test_equal_and_settled_matches() -> None:
    assert matches(parse_digest(TEXT), INPUT, OBJECTS)


def test_the_order_of_objects_and_labels_does_not_matter() -> None:
    swapped = dict(reversed(OBJECTS.items()))
    two = replace(SPEC, target=replace(TARGET, labels={"a": "1", "b": "2"}))
    other = replace(SPEC, target=replace(TARGET, labels={"b": "2", "a": "1"}))
    assert source_digest(INPUT, swapped, LOOK) == TEXT
    assert source_digest(digest_input(two), OBJECTS, LOOK) == source_digest(
        digest_input(other), OBJECTS, LOOK
    )


def test_suspending_is_no_change_of_content() -> None:
    assert digest_input(replace(SPEC, suspend=True)) == INPUT


def test_no_digest_matches_nothing() -> None:
    assert not matches(None, INPUT, OBJECTS)


def _entry(index: int, entry: DataEntry) -> BindingSpec:
    return replace(SPEC, data=(*ENTRIES[:index], entry, *ENTRIES[index + 1 :]))


SPECS = {
    "vault": replace(SPEC, vault=ObjectKey("ClusterKeyVault", "", "kv")),
    "target name": replace(SPEC, target=replace(TARGET, name="other")),
    "type": replace(SPEC, target=replace(TARGET, type="kubernetes.io/tls")),
    "labels": replace(SPEC, target=replace(TARGET, labels={"l": "2"})),
    "annotations": replace(SPEC, target=replace(TARGET, annotations={})),
    "policy": replace(SPEC, target=replace(TARGET, creation_policy=CreationPolicy.MERGE)),
    "extract": replace(SPEC, data_from=(ExtractEntry(name="t"),)),
    "extract format": replace(SPEC, data_from=(ExtractEntry(name="t", format=ExtractFormat.YAML),)),
    "order": replace(SPEC, data=ENTRIES[::-1]),
    "key": _entry(0, replace(ENTRIES[0], key="other")),
    "optional": _entry(0, replace(ENTRIES[0], optional=True)),
    "kind": _entry(0, replace(ENTRIES[0], source=PublicKeySource(name="a"))),
    "version": _entry(0, replace(ENTRIES[0], source=SecretSource(name="a", version="1"))),
    "property": _entry(0, replace(ENTRIES[0], source=SecretSource(name="a", property="x"))),
    "decode": _entry(0, replace(ENTRIES[0], source=SecretSource(name="a", decode=Decode.HEX))),
    "include": _entry(1, replace(ENTRIES[1], source=CertificateSource(name="b", include=Include.KEY))),
    "format": _entry(2, replace(ENTRIES[2], source=PublicKeySource(name="c", format=PublicKeyFormat.JWK))),
    "tls": replace(SPEC, data_from=(TlsEntry(name="other"),)),
    "optional tls": replace(SPEC, data_from=(TlsEntry(name="t", optional=True),)),
    "no tls": replace(SPEC, data_from=()),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_a_spec_with_other_content_does_not_match(spec: BindingSpec) -> None:
    assert not matches(parse_digest(TEXT), digest_input(spec), OBJECTS)


SEEN_LATER = {
    "created": replace(SEEN, created=OLD - timedelta(seconds=1)),
    "updated": replace(SEEN, updated=OLD + timedelta(seconds=1)),
    "no times": replace(SEEN, created=None, updated=None),
    "enabled": replace(SEEN, enabled=False),
    "content type": replace(SEEN, content_type=None),
    "tags": replace(SEEN, tags=(("k", "w"),)),
    "x5t": replace(SEEN, x5t=None),
    "gone": None,
}


@pytest.mark.parametrize("seen", SEEN_LATER.values(), ids=SEEN_LATER.keys())
def test_an_object_that_looks_different_does_not_match(seen: Fingerprint | None) -> None:
    assert not matches(parse_digest(TEXT), INPUT, {**OBJECTS, secret_ref("a"): seen})


def test_another_set_of_objects_does_not_match() -> None:
    assert not matches(parse_digest(TEXT), INPUT, {secret_ref("a"): SEEN})
    assert not matches(parse_digest(TEXT), INPUT, {secret_ref("a", "1"): SEEN, certificate_ref("b"): None})


def test_another_renderer_does_not_match(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "RENDERER_VERSION", digest.RENDERER_VERSION + 1)
    assert not matches(parse_digest(TEXT), INPUT, OBJECTS)


@pytest.mark.parametrize(("age", "same"), [(0, False), (1, False), (2, False), (3, True)])
def test_an_object_that_changed_just_before_the_look_is_read_again(age: int, *, same: bool) -> None:
    young = {secret_ref("a"): replace(SEEN, updated=LOOK.replace(microsecond=0) - timedelta(seconds=age))}
    text = source_digest(INPUT, young, LOOK)
    assert matches(parse_digest(text), INPUT, young) is same


def test_a_new_field_at_its_default_moves_nothing() -> None:
    """Defaults are not part of the input, so they cannot be told from fields that do not exist yet."""
    plain = BindingSpec(vault=SPEC.vault, target=Target(name="app", type="Opaque"), data=ENTRIES[:1])
    assert digest_input(plain) == {
        "vault": "KeyVault shop/kv",
        "target": {"name": "app", "type": "Opaque"},
        "data": [{"key": "k", "optional": False, "secret": {"name": "a"}}],
        "dataFrom": [],
    }
    assert json.loads(json.dumps(digest_input(SPEC))) == digest_input(SPEC)


@given(st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)))  # noqa: DTZ001
def test_any_time_of_a_look_comes_back_to_the_second(looked_at: datetime) -> None:
    text = source_digest(INPUT, OBJECTS, looked_at)
    parsed = parse_digest(text)
    assert isinstance(parsed, SourceDigest)
    assert parsed.looked_at == looked_at.replace(microsecond=0)
