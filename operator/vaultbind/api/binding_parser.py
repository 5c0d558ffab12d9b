"""From a VaultBinding object to its spec: every rule of the CRD once more, defaults filled in."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any, Final

from vaultbind.api import grammar
from vaultbind.api.binding import (
    BindingSpec,
    CertificateSource,
    CreationPolicy,
    DataEntry,
    Decode,
    Include,
    Keep,
    PublicKeyFormat,
    PublicKeySource,
    SecretSource,
    Source,
    Target,
    Template,
    TlsEntry,
)
from vaultbind.api.errors import SpecError
from vaultbind.api.fields import Fields
from vaultbind.api.implemented import check_binding
from vaultbind.api.names import GROUP
from vaultbind.api.rollout_parser import parse_restarts
from vaultbind.api.thresholds import parse_warn_before
from vaultbind.api.vault_ref import parse_vault_ref

TYPE_OPAQUE: Final = "Opaque"
TYPE_TLS: Final = "kubernetes.io/tls"
TLS_KEYS: Final = ("tls.crt", "tls.key", "ca.crt")
"""Keys that a tls entry of `dataFrom` may give; the last only where the authority is known."""
RESERVED_TYPES: Final = frozenset({"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"})
KEYS_OF_TYPE: Final[Mapping[str, str]] = {
    TYPE_TLS: "tls.crt and tls.key",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/basic-auth": "username or password",
    "kubernetes.io/ssh-auth": "ssh-privatekey",
}
"""Keys without which the API server refuses a Secret of that type, as messages tell them."""

_MOST_DATA: Final = 256
_MOST_DATA_FROM: Final = 32
_MOST_PAIRS: Final = 64
_MOST_TEMPLATES: Final = 64
_LONGEST_TEMPLATES: Final = 65536
"""Characters of all templates of a binding together."""


class _OneFormat(StrEnum):
    PEM = "PEM"


class _WhenMissing(StrEnum):
    RETAIN = "Retain"


class _RefreshPolicy(StrEnum):
    FOLLOW = "Follow"


def parse_binding(obj: Mapping[str, Any]) -> BindingSpec:
    """Return what the VaultBinding `obj` asks for.

    Raises SpecError for the first problem: NotImplemented for a field that this release refuses or does not
    know, InvalidSpec for everything else that the CRD would have refused.
    """
    metadata = obj.get("metadata") or {}
    spec = Fields(obj.get("spec"), "spec")
    check_binding(obj["spec"])
    spec.choice("refreshPolicy", _RefreshPolicy.FOLLOW)
    data = tuple(_parse_entry(item) for item in spec.objects("data", most=_MOST_DATA))
    data_from = tuple(_parse_tls_entry(item) for item in spec.objects("dataFrom", most=_MOST_DATA_FROM))
    given = {*(entry.key for entry in data), *(TLS_KEYS if data_from else ())}
    target = _parse_target(
        spec.object("target") or Fields({}, "spec.target"), metadata, given, has_tls=bool(data_from)
    )
    expiry = spec.object("expiry")
    parsed = BindingSpec(
        vault=parse_vault_ref(spec.object("vaultRef"), metadata.get("namespace", "")),
        target=target,
        data=data,
        data_from=data_from,
        suspend=spec.flag("suspend"),
        restarts=parse_restarts(spec.object("rollout")),
        warn_before=parse_warn_before(expiry, ()) if expiry is not None else None,
    )
    _check_keys(parsed)
    return parsed


def _parse_target(
    target: Fields, metadata: Mapping[str, Any], given: AbstractSet[str], *, has_tls: bool
) -> Target:
    policy = target.choice("creationPolicy", CreationPolicy.OWNER)
    secret_type = target.text("type", grammar.SECRET_TYPE)
    target.choice("whenMissing", _WhenMissing.RETAIN)
    target.flag("immutable")
    if secret_type in RESERVED_TYPES:
        raise target.fail("type", "this type grants access to the cluster and is refused")
    if secret_type and policy is CreationPolicy.MERGE:
        raise target.fail("type", "may not be set with creationPolicy Merge, the Secret keeps its own")
    template = _parse_template(target.object("template"))
    is_tls = has_tls and _has_keys_of_type(TYPE_TLS, _keys_left(given, template))
    return Target(
        name=target.text("name", grammar.DNS_SUBDOMAIN, str(metadata.get("name", ""))),
        type=secret_type or (TYPE_TLS if is_tls else TYPE_OPAQUE),
        creation_policy=policy,
        labels=_parse_pairs(target, "labels", grammar.LABEL_VALUE),
        annotations=_parse_pairs(target, "annotations", grammar.ANNOTATION_VALUE),
        template=template,
    )


def _parse_template(template: Fields | None) -> Template | None:
    """Whether the texts are templates is known to `rendering.templates` only."""
    if template is None:
        return None
    data = template.pairs("data", grammar.SECRET_KEY, grammar.TEMPLATE, most=_MOST_TEMPLATES)
    if not data:
        raise template.fail("data", "must have at least one entry")
    if any(key == "." or key.startswith("..") for key in data):
        raise template.fail("data", "a key may not be '.' nor start with '..'")
    if sum(map(len, data.values())) > _LONGEST_TEMPLATES:
        raise template.fail("data", f"may have at most {_LONGEST_TEMPLATES} characters all together")
    return Template(data=data, keep=template.choice("keep", Keep.NONE))


def _keys_left(given: AbstractSet[str], template: Template | None) -> AbstractSet[str]:
    """Keys that the Secret has, of those that its entries give."""
    if template is None:
        return given
    return {*template.data, *(given if template.keep is Keep.ALL else ())}


def _parse_pairs(target: Fields, field: str, values: grammar.Grammar) -> Mapping[str, str]:
    pairs = target.pairs(field, grammar.QUALIFIED_KEY, values, most=_MOST_PAIRS)
    if any(key.startswith(f"{GROUP}/") for key in pairs):
        raise target.fail(field, f"those under {GROUP}/ are the operator's own")
    return pairs


def _parse_entry(entry: Fields) -> DataEntry:
    key = entry.required_text("key", grammar.SECRET_KEY)
    if key == "." or key.startswith(".."):
        raise entry.fail("key", "may not be '.' nor start with '..'")
    member = entry.only_one_of("secret", "certificate", "publicKey")
    source = _SOURCES[member](entry.required_object(member))
    return DataEntry(key=key, source=source, optional=entry.flag("optional"))


def _parse_secret(source: Fields) -> Source:
    return SecretSource(
        name=source.required_text("name", grammar.OBJECT_NAME),
        version=_parse_version(source),
        property=source.text("property", grammar.JSON_PROPERTY) or None,
        decode=source.choice("decode", Decode.NONE),
    )


def _parse_certificate(source: Fields) -> Source:
    source.choice("format", _OneFormat.PEM)
    return CertificateSource(
        name=source.required_text("name", grammar.OBJECT_NAME),
        version=_parse_version(source),
        include=source.choice("include", Include.CHAIN),
    )


def _parse_public_key(source: Fields) -> Source:
    return PublicKeySource(
        name=source.required_text("name", grammar.OBJECT_NAME),
        version=_parse_version(source),
        format=source.choice("format", PublicKeyFormat.PEM),
    )


_SOURCES: Final = {
    "secret": _parse_secret,
    "certificate": _parse_certificate,
    "publicKey": _parse_public_key,
}


def _parse_tls_entry(entry: Fields) -> TlsEntry:
    tls = entry.object("tls")
    if tls is None:
        raise SpecError(entry.path, "exactly one of extract, find and tls must be set")
    return TlsEntry(
        name=tls.required_text("name", grammar.OBJECT_NAME),
        version=_parse_version(tls),
        optional=entry.flag("optional"),
    )


def _parse_version(source: Fields) -> str:
    """The service compares versions without regard to case and answers in lower case."""
    return source.text("version", grammar.OBJECT_VERSION).lower()


def _check_keys(spec: BindingSpec) -> None:
    """Every key comes from one entry, and the Secret's type has the keys that it needs."""
    keys = [entry.key for entry in spec.data]
    if not keys and not spec.data_from:
        raise SpecError("spec", "data or dataFrom must have at least one entry")
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise SpecError(f"spec.data[{index}].key", "the key is there twice")
    if len(spec.data_from) > 1:
        raise SpecError("spec.dataFrom", "may have one tls entry only, all of them give the same keys")
    if spec.data_from and any(key in TLS_KEYS for key in keys):
        raise SpecError("spec.data", "keys tls.crt, tls.key and ca.crt come from dataFrom's tls entry")
    given = {*keys, *(TLS_KEYS if spec.data_from else ())}
    if not _has_keys_of_type(spec.target.type, _keys_left(given, spec.target.template)):
        raise SpecError("spec.target.type", f"needs key {KEYS_OF_TYPE[spec.target.type]}")


def _has_keys_of_type(secret_type: str, keys: AbstractSet[str]) -> bool:
    needed = KEYS_OF_TYPE.get(secret_type)
    if needed is None:
        return True
    if " or " in needed:
        return any(key in keys for key in needed.split(" or "))
    return all(key in keys for key in needed.split(" and "))
