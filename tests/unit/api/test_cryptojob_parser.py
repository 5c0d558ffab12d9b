"""CryptoJob specs: what is accepted comes out whole, the CRD's rules are kept again."""

from datetime import timedelta

import pytest

from tests.unit.api.cases import VERSION, Refused
from tests.unit.api.cases_cryptojob import (
    INVALID_CRYPTOJOBS,
    JWS,
    LIMITS,
    MAP_REF,
    REF,
    VALID_CRYPTOJOBS,
    cryptojob,
    job,
)
from vaultbind.api.binding import Decode
from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import (
    ALGORITHMS,
    ENVELOPE_ALGORITHMS,
    CryptoJobSpec,
    CryptoOperation,
    HolderKind,
    Inline,
    InlineText,
    KeyRef,
    MessageType,
    Output,
    OutputOwner,
    SignatureForm,
    WholeRef,
)
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.errors import SpecError
from vaultbind.api.refs import ObjectKey
from vaultbind.api.vault_ref import DEFAULT_VAULT
from vaultbind.keyvault import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm


def parse(spec: object) -> CryptoJobSpec:
    return parse_cryptojob(cryptojob(spec))  # type: ignore[arg-type]


@pytest.mark.parametrize("case", INVALID_CRYPTOJOBS, ids=lambda case: case.name)
def test_invalid_specs_are_refused(case: Refused) -> None:
    with pytest.raises(SpecError) as caught:
        parse(case.spec)
    assert (caught.value.path, caught.value.reason) == (case.path, Reason.INVALID_SPEC)
    assert case.problem in caught.value.problem


@pytest.mark.parametrize("name", list(VALID_CRYPTOJOBS))
def test_valid_specs_are_parsed(name: str) -> None:
    spec = VALID_CRYPTOJOBS[name]
    assert parse(spec).operation == spec["operation"]


@pytest.mark.parametrize("path", LIMITS)
def test_the_longest_is_taken_and_no_longer(path: str) -> None:
    limit, make = LIMITS[path]
    parse(make(limit))
    with pytest.raises(SpecError) as caught:
        parse(make(limit + 1))
    assert caught.value.path in {path, path.rpartition(".")[0]}


def test_a_field_of_a_newer_release_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        parse(job(hash="SHA-3"))
    assert (caught.value.path, caught.value.reason) == ("spec.hash", Reason.NOT_IMPLEMENTED)


def test_the_least_spec_gets_every_default() -> None:
    assert parse(job()) == CryptoJobSpec(
        vault=DEFAULT_VAULT,
        key="k",
        key_version="",
        operation=CryptoOperation.SIGN,
        algorithm="",
        input=InlineText(text="hello", decode=Decode.NONE),
        message_type=MessageType.MESSAGE,
        signature=None,
        form=SignatureForm.RAW,
        iv=None,
        aad=None,
        tag=None,
        envelope=False,
        output=Output(kind=None, name="", key="result", owner=OutputOwner.JOB),
        min_age=timedelta(hours=24),
        fail_on_invalid=False,
        suspend=False,
        active_deadline=None,
        ttl=None,
        backoff_limit=6,
    )


def test_every_field_comes_out() -> None:
    spec = parse(
        job(
            "Decrypt",
            vaultRef={"name": "shop"},
            key={"name": "K-1", "version": VERSION.upper()},
            algorithm="A256GCM",
            input={**REF, "decode": "Base64"},
            iv={"value": "AAECAwQFBgcICQoL"},
            aad=MAP_REF,
            tag={**MAP_REF, "decode": "Hex"},
            output={"secret": {"key": "plain", "owner": "None"}},
            suspend=True,
            activeDeadlineSeconds=5,
            ttlSecondsAfterFinished=0,
            backoffLimit=0,
        )
    )
    assert spec == CryptoJobSpec(
        vault=ObjectKey("KeyVault", "shop", "shop"),
        key="K-1",
        key_version=VERSION,
        operation=CryptoOperation.DECRYPT,
        algorithm="A256GCM",
        input=KeyRef(kind=HolderKind.SECRET, name="s", key="k", decode=Decode.BASE64),
        iv=Inline(data=bytes(range(12))),
        aad=KeyRef(kind=HolderKind.CONFIG_MAP, name="m", key="k"),
        tag=KeyRef(kind=HolderKind.CONFIG_MAP, name="m", key="k", decode=Decode.HEX),
        output=Output(kind=HolderKind.SECRET, name="sign-it", key="plain", owner=OutputOwner.NONE),
        suspend=True,
        active_deadline=timedelta(seconds=5),
        ttl=timedelta(0),
        backoff_limit=0,
    )


def test_forms_of_signatures() -> None:
    signed = parse(job(output={"configMap": {}, "format": "DER"}))
    assert (signed.form, signed.output.kind) == (SignatureForm.DER, HolderKind.CONFIG_MAP)
    attached = parse(job("Verify", signature={"value": JWS, "format": "JWS"}, failOnInvalid=True))
    assert (attached.form, attached.signature) == (SignatureForm.JWS, InlineText(text=JWS))
    assert attached.fail_on_invalid
    named = parse(job("Verify", signature={"secretRef": {"name": "s"}}))
    assert named.signature == WholeRef(kind=HolderKind.SECRET, name="s")


def test_rotation() -> None:
    assert parse(job("RotateKey", minAge="1h")).min_age == timedelta(hours=1)


def test_values_do_not_show() -> None:
    shown = repr(parse(job(input={"value": "aHVudGVyMg=="}))) + repr(parse(job(input={"text": "hunter2"})))
    assert "hunter2" not in shown


def test_algorithms_are_those_of_the_library() -> None:
    assert ALGORITHMS[CryptoOperation.ENCRYPT] == set(EncryptionAlgorithm)
    assert ALGORITHMS[CryptoOperation.SIGN] == set(SignatureAlgorithm)
    assert ALGORITHMS[CryptoOperation.WRAP_KEY] == set(KeyWrapAlgorithm) == ENVELOPE_ALGORITHMS
