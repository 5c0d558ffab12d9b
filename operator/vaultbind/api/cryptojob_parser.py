"""From a CryptoJob object to its spec: every rule of the CRD once more, defaults filled in."""

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from vaultbind.api import grammar
from vaultbind.api.binding import Decode
from vaultbind.api.cryptojob import (
    RESERVED_KEYS,
    RESULT_KEY,
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
    Source,
    WholeRef,
)
from vaultbind.api.cryptojob_rules import ANY_ALGORITHM, check_rules
from vaultbind.api.fields import Fields
from vaultbind.api.implemented import check_cryptojob
from vaultbind.api.vault_ref import parse_vault_ref

DEFAULT_MIN_AGE: Final = timedelta(hours=24)
DEFAULT_BACKOFF_LIMIT: Final = 6
_LONGEST_SECONDS: Final = 315_360_000
_MOST_ATTEMPTS: Final = 1_000
_INPUTS: Final = ("value", "text", "secretKeyRef", "configMapKeyRef", "secretRef", "configMapRef")
_PARAMETERS: Final = ("value", "secretKeyRef", "configMapKeyRef")
_SIGNATURES: Final = ("value", "secretKeyRef", "configMapKeyRef", "secretRef", "configMapRef")
_DECODABLE: Final = ("text", "secretKeyRef", "configMapKeyRef")
_OUTPUTS: Final = ("secret", "configMap", "status")
_KEY_REFS: Final = {"secretKeyRef": HolderKind.SECRET, "configMapKeyRef": HolderKind.CONFIG_MAP}
_WHOLE_REFS: Final = {"secretRef": HolderKind.SECRET, "configMapRef": HolderKind.CONFIG_MAP}
_HOLDERS: Final = {"secret": HolderKind.SECRET, "configMap": HolderKind.CONFIG_MAP}


def parse_cryptojob(obj: Mapping[str, Any]) -> CryptoJobSpec:
    """Return what the CryptoJob `obj` asks for.

    Raises SpecError for the first problem: NotImplemented for a field that this release does not know,
    InvalidSpec for everything else that the CRD would have refused.
    """
    metadata = obj.get("metadata") or {}
    spec = Fields(obj.get("spec"), "spec")
    check_cryptojob(obj["spec"])
    check_rules(spec)
    key = spec.required_object("key")
    form, signature = _parse_signature(spec)
    return CryptoJobSpec(
        vault=parse_vault_ref(spec.object("vaultRef"), metadata.get("namespace", "")),
        key=key.required_text("name", grammar.OBJECT_NAME),
        key_version=key.text("version", grammar.OBJECT_VERSION).lower(),
        operation=spec.choice("operation", CryptoOperation.ENCRYPT),
        algorithm=spec.text("algorithm", ANY_ALGORITHM),
        input=_parse_input(spec.object("input")),
        message_type=spec.choice("messageType", MessageType.MESSAGE),
        signature=signature,
        form=form,
        iv=_parse_parameter(spec.object("iv"), grammar.BASE64_BLOCK),
        aad=_parse_parameter(spec.object("aad"), grammar.BASE64_AAD),
        tag=_parse_parameter(spec.object("tag"), grammar.BASE64_BLOCK),
        envelope=spec.flag("envelope"),
        output=_parse_output(spec.object("output"), str(metadata.get("name", ""))),
        min_age=spec.duration("minAge", DEFAULT_MIN_AGE),
        fail_on_invalid=spec.flag("failOnInvalid"),
        suspend=spec.flag("suspend"),
        active_deadline=_parse_seconds(spec, "activeDeadlineSeconds", least=1),
        ttl=_parse_seconds(spec, "ttlSecondsAfterFinished", least=0),
        backoff_limit=spec.whole("backoffLimit", DEFAULT_BACKOFF_LIMIT, least=0, most=_MOST_ATTEMPTS),
    )


def _parse_seconds(spec: Fields, field: str, *, least: int) -> timedelta | None:
    if not spec.has(field):
        return None
    return timedelta(seconds=spec.whole(field, 0, least=least, most=_LONGEST_SECONDS))


def _parse_input(source: Fields | None) -> Source | None:
    if source is None:
        return None
    member = source.only_one_of(*_INPUTS)
    decode = _parse_decode(source, member)
    if member == "value":
        return _parse_inline(source, grammar.BASE64)
    if member == "text":
        return InlineText(text=source.required_text("text", grammar.INLINE_TEXT), decode=decode)
    return _parse_ref(source, member, decode)


def _parse_parameter(source: Fields | None, shape: grammar.Grammar) -> Source | None:
    if source is None:
        return None
    member = source.only_one_of(*_PARAMETERS)
    decode = _parse_decode(source, member)
    return _parse_inline(source, shape) if member == "value" else _parse_ref(source, member, decode)


def _parse_signature(spec: Fields) -> tuple[SignatureForm, Source | None]:
    """Form of the signature that Sign gives or Verify takes, and where Verify finds it."""
    source = spec.object("signature")
    if source is None:
        output = spec.object("output")
        form = SignatureForm.RAW if output is None else output.choice("format", SignatureForm.RAW)
        return form, None
    member = source.only_one_of(*_SIGNATURES)
    decode = _parse_decode(source, member)
    form = source.choice("format", SignatureForm.RAW)
    if member != "value":
        return form, _parse_ref(source, member, decode)
    if form.is_jws:
        return form, InlineText(text=source.required_text("value", grammar.COMPACT_JWS))
    return form, _parse_inline(source, grammar.BASE64)


def _parse_decode(source: Fields, member: str) -> Decode:
    if source.has("decode") and member not in _DECODABLE:
        raise source.fail("decode", "goes with text, secretKeyRef and configMapKeyRef only")
    return source.choice("decode", Decode.NONE)


def _parse_inline(source: Fields, shape: grammar.Grammar) -> Inline:
    text = source.required_text("value", shape)
    try:
        return Inline(data=base64.b64decode(text, validate=True))
    except binascii.Error:
        raise source.fail("value", shape.sentence) from None


def _parse_ref(source: Fields, member: str, decode: Decode) -> KeyRef | WholeRef:
    ref = source.required_object(member)
    name = ref.required_text("name", grammar.DNS_SUBDOMAIN)
    if member in _WHOLE_REFS:
        return WholeRef(kind=_WHOLE_REFS[member], name=name)
    key = ref.required_text("key", grammar.SECRET_KEY)
    return KeyRef(kind=_KEY_REFS[member], name=name, key=key, decode=decode)


def _parse_output(output: Fields | None, job: str) -> Output:
    if output is None:
        return Output()
    member = output.only_one_of(*_OUTPUTS)
    if member == "status":
        output.required_object("status")
        return Output()
    target = output.required_object(member)
    key = target.text("key", grammar.SECRET_KEY, RESULT_KEY)
    if key in RESERVED_KEYS:
        raise target.fail("key", f"{', '.join(sorted(RESERVED_KEYS))} are the operator's own")
    return Output(
        kind=_HOLDERS[member],
        name=target.text("name", grammar.DNS_SUBDOMAIN, job),
        key=key,
        owner=target.choice("owner", OutputOwner.JOB),
    )
