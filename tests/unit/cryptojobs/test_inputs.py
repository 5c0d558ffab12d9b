"""What a job works on: from references to bytes, and what is wrong with some of them."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api.cases_cryptojob import MAP_REF, REF
from tests.unit.cryptojobs.objects import OLD, URL, spec
from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import HolderKind
from vaultbind.cryptojobs.facts import Payload, Setback, Weight
from vaultbind.cryptojobs.inputs import (
    SECRET_DATA,
    Holders,
    _pack,
    decode_holder,
    holders_needed,
    parse_origin,
    parse_payload,
    unpack,
)
from vaultbind.keyvault.envelope.form import EnvelopeHeader, render_header

SECRET, MAP = (HolderKind.SECRET, "s"), (HolderKind.CONFIG_MAP, "m")
WHOLE = {"configMapRef": {"name": "m"}}
OUTPUT = {
    "result": b"aGVsbG8=",
    "keyId": f"{URL}/keys/k/{OLD}".encode(),
    "algorithm": b"A256GCM",
    "iv": b"AAEC",
    "tag": b"AwQF",
    "aad": b"Bgc=",
}


def payload(holders: Holders, operation: str, **fields: Any) -> Payload:
    found = parse_payload(spec(operation, **fields), holders)
    assert isinstance(found, Payload), found
    return found


def problem(holders: Holders, operation: str, **fields: Any) -> Setback:
    found = parse_payload(spec(operation, **fields), holders)
    assert isinstance(found, Setback), found
    return found


def test_which_objects_are_read() -> None:
    both = spec("Decrypt", input=WHOLE, iv=REF, aad=MAP_REF)
    assert set(holders_needed(both)) == {SECRET, MAP}
    assert holders_needed(both, only_whole=True) == (MAP,)
    assert holders_needed(spec("Encrypt", input={"secretRef": {"name": "s"}}), only_whole=True) == ()
    assert holders_needed(spec("Verify", signature=WHOLE), only_whole=True) == (MAP,)
    assert holders_needed(spec()) == holders_needed(spec("RotateKey")) == ()


def test_holders_as_the_api_carries_them() -> None:
    assert decode_holder(HolderKind.SECRET, {"data": {"a": "YQ=="}}) == {"a": b"a"}
    body = {"data": {"a": "ä"}, "binaryData": {"b": "AAE="}}
    assert decode_holder(HolderKind.CONFIG_MAP, body) == {"a": "ä".encode(), "b": b"\0\1"}
    assert decode_holder(HolderKind.SECRET, {}) == decode_holder(HolderKind.CONFIG_MAP, {}) == {}


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ({"value": "aGVsbG8="}, b"hello"),
        ({"text": "hello"}, b"hello"),
        ({"text": "68656c6c6f", "decode": "Hex"}, b"hello"),
        (REF, b"\xff\0"),
        ({**MAP_REF, "decode": "Base64"}, b"hello"),
        ({**MAP_REF, "decode": "Auto"}, b"hello"),
        (MAP_REF, b"aGVsbG8="),
    ],
)
def test_inputs(source: dict[str, Any], data: bytes) -> None:
    holders = {SECRET: {"k": b"\xff\0"}, MAP: {"k": b"aGVsbG8="}}
    assert payload(holders, "Sign", input=source) == Payload(data=data)


def test_an_output_named_whole_gives_all_that_it_knows() -> None:
    found = payload({MAP: OUTPUT}, "Decrypt", input=WHOLE)
    assert found == Payload(
        data=b"hello",
        iv=b"\0\1\2",
        tag=b"\3\4\5",
        aad=b"\6\7",
        key_id=f"{URL}/keys/k/{OLD}",
        algorithm="A256GCM",
    )
    assert parse_origin(spec("Decrypt", input=WHOLE), {MAP: OUTPUT}) == (found.key_id, "A256GCM")


@pytest.mark.parametrize("named", [b"nonsense", b"RS256", b"A256KW", b"x" * 60, b"hunter2"])
def test_an_output_names_an_algorithm_of_the_operation_or_is_refused(named: bytes) -> None:
    """Anybody may have written it, and it may come from a Secret: it is not repeated."""
    holders = {MAP: {**OUTPUT, "algorithm": named}}
    job = spec("Decrypt", input=WHOLE)
    for found in (parse_payload(job, holders), parse_origin(job, holders)):
        assert isinstance(found, Setback)
        assert found.reason is Reason.INPUT_INVALID
        assert named.decode() not in found.message


def test_what_the_job_says_goes_before_what_the_output_says() -> None:
    found = payload({MAP: OUTPUT, SECRET: {"k": b"own"}}, "Decrypt", input=WHOLE, aad=REF)
    assert (found.aad, found.iv) == (b"own", b"\0\1\2")


def test_a_signature_may_be_an_output() -> None:
    found = payload({MAP: {"result": b"c2ln", "algorithm": b"ES256"}}, "Verify", signature=WHOLE)
    assert (found.signature, found.data, found.algorithm) == (b"sig", b"hello", "ES256")
    jws = payload({MAP: {"result": b"a..c"}}, "Verify", signature={**WHOLE, "format": "JWSDetached"})
    assert jws.signature == b"a..c"


def test_a_whole_secret_is_one_document() -> None:
    holders = {SECRET: {"b": b"\xff", "a": b"1"}}
    found = payload(holders, "Encrypt", input={"secretRef": {"name": "s"}}, envelope=True)
    assert found.content == SECRET_DATA
    assert found.data == b'{"a":"MQ==","b":"/w=="}'
    assert parse_origin(spec("Encrypt", input={"secretRef": {"name": "s"}}), holders) == ("", "")


def test_content_of_an_output_is_kept() -> None:
    assert payload({MAP: {**OUTPUT, "content": b"SecretData"}}, "Decrypt", input=WHOLE).content == SECRET_DATA


@given(st.dictionaries(st.text(min_size=1), st.binary()))
def test_documents_there_and_back(data: dict[str, bytes]) -> None:
    assert unpack(_pack(data)) == data


@pytest.mark.parametrize("document", [b"", b"[]x", b"[1]", b'{"a": 1}', b'{"a": "!"}', b"7", b"\xff"])
def test_what_is_no_document(document: bytes) -> None:
    assert unpack(document) is None


@pytest.mark.parametrize(
    ("operation", "fields", "holders", "words"),
    [
        ("Sign", {"input": REF}, {SECRET: None}, "Secret s does not exist"),
        ("Sign", {"input": REF}, {}, "Secret s does not exist"),
        ("Sign", {"input": MAP_REF}, {MAP: {}}, "key k of ConfigMap m does not exist"),
        ("Decrypt", {"input": WHOLE}, {MAP: None}, "ConfigMap m does not exist"),
        ("Decrypt", {"iv": REF}, {SECRET: None}, "spec.iv: Secret s does not exist"),
    ],
)
def test_what_is_missing_is_waited_for(
    operation: str, fields: dict[str, Any], holders: Holders, words: str
) -> None:
    found = problem(holders, operation, **fields)
    assert (found.reason, found.weight) == (Reason.INPUT_NOT_FOUND, Weight.WAIT)
    assert words in found.message


@pytest.mark.parametrize(
    ("operation", "fields", "holders", "words"),
    [
        ("Sign", {"input": {"text": "xyz", "decode": "Hex"}}, {}, "spec.input: it cannot be decoded as Hex"),
        ("Sign", {"input": {**REF, "decode": "Base64"}}, {SECRET: {"k": b"\xff"}}, "it is no text"),
        ("Sign", {"input": {**REF, "decode": "Base64"}}, {SECRET: {"k": b"!"}}, "cannot be decoded"),
        ("Decrypt", {"input": WHOLE}, {MAP: {"other": b""}}, "it is no output of a CryptoJob"),
        ("Decrypt", {"input": WHOLE}, {MAP: {"result": b"!"}}, "ConfigMap m: it cannot be decoded"),
        ("Decrypt", {"input": WHOLE}, {MAP: {"result": b"AA==", "iv": b"!"}}, "iv: it cannot be decoded"),
        ("Decrypt", {"input": {"value": "VkJFTgE="}}, {}, "make a job with envelope: true"),
    ],
)
def test_what_is_of_no_use_ends_the_job(
    operation: str, fields: dict[str, Any], holders: Holders, words: str
) -> None:
    found = problem(holders, operation, **fields)
    assert (found.reason, found.weight) == (Reason.INPUT_INVALID, Weight.FINAL)
    assert words in found.message


def test_an_envelope_that_is_none() -> None:
    value = base64.b64encode(b"VBEN").decode()
    found = parse_origin(spec("Decrypt", envelope=True, input={"value": value}), {})
    assert isinstance(found, Setback)
    assert found.reason is Reason.INPUT_INVALID
    assert "no envelope" in found.message


def test_an_envelope_names_its_key() -> None:
    header = EnvelopeHeader(
        key_id=f"{URL}/keys/k/{OLD}", algorithm="A256KW", wrapped_key=b"w", prefix=b"1234567"
    )
    value = base64.b64encode(render_header(header)).decode()
    of = spec("Decrypt", envelope=True, input={"value": value})
    assert parse_origin(of, {}) == (header.key_id, "A256KW")


def test_a_rotation_works_on_nothing() -> None:
    assert payload({}, "RotateKey") == Payload(data=b"")


def test_values_do_not_show() -> None:
    assert "hello" not in repr(payload({MAP: OUTPUT}, "Decrypt", input=WHOLE))
