"""From a VaultBinding object to its spec: every rule of the CRD once more, defaults filled in."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from vaultbind.api import grammar
from vaultbind.api.binding import (
    BindingSpec,
    CertificateSource,
    CreationPolicy,
    DataEntry,
    Decode,
    Keep,
    PasswordRef,
    PublicKeyFormat,
    PublicKeySource,
    RefreshPolicy,
    SecretSource,
    Source,
    Target,
    Template,
    WhenMissing,
)
from vaultbind.api.certificate_parser import KEY_STORES, parse_certificate
from vaultbind.api.conditions import Reason
from vaultbind.api.data_from_parser import parse_from_entry, parse_version
from vaultbind.api.errors import SpecError
from vaultbind.api.fields import Fields
from vaultbind.api.given_keys import (
    KEYS_OF_TYPE,
    TLS_KEYS,
    TYPE_OPAQUE,
    TYPE_TLS,
    GivenKeys,
    given_keys,
    has_keys_of_type,
)
from vaultbind.api.implemented import check_binding
from vaultbind.api.names import GROUP
from vaultbind.api.rollout_parser import parse_restarts
from vaultbind.api.thresholds import parse_warn_before
from vaultbind.api.vault_ref import parse_vault_ref

RESERVED_TYPES: Final = frozenset({"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"})

PASSWORDS_ARE_FOR_SECRETS: Final = (
    "a key store with a passwordRef is for a Secret only, pods are given no password: "
    "let them mount the Secret"
)

FINDS_ARE_FOR_SECRETS: Final = (
    "find is not implemented for pods yet, only for a Secret: let them mount the Secret, or name the objects"
)

_MOST_KEY_STORES: Final = 16
"""Each PKCS12 takes some 6 ms of the event loop: most of that is what makes its password hard to guess."""
_MOST_DATA: Final = 256
_MOST_DATA_FROM: Final = 32
_MOST_PAIRS: Final = 64
_MOST_TEMPLATES: Final = 64
_LONGEST_TEMPLATES: Final = 65536
"""Characters of all templates of a binding together."""


def parse_binding(obj: Mapping[str, Any]) -> BindingSpec:
    """Return what the VaultBinding `obj` asks for.

    Raises SpecError for the first problem: NotImplemented for a field that this release refuses or does not
    know, InvalidSpec for everything else that the CRD would have refused.
    """
    metadata = obj.get("metadata") or {}
    spec = Fields(obj.get("spec"), "spec")
    check_binding(obj["spec"])
    data = tuple(_parse_entry(item) for item in spec.objects("data", most=_MOST_DATA))
    data_from = tuple(parse_from_entry(item) for item in spec.objects("dataFrom", most=_MOST_DATA_FROM))
    given = given_keys(data, data_from)
    target = _parse_target(spec.object("target") or Fields({}, "spec.target"), metadata, given)
    expiry = spec.object("expiry")
    parsed = BindingSpec(
        vault=parse_vault_ref(spec.object("vaultRef"), metadata.get("namespace", "")),
        target=target,
        data=data,
        data_from=data_from,
        refresh_policy=_parse_refresh_policy(spec, target),
        suspend=spec.flag("suspend"),
        restarts=parse_restarts(spec.object("rollout")),
        warn_before=parse_warn_before(expiry, ()) if expiry is not None else None,
        passwords=_check_key_stores(data, target),
    )
    _check_keys(parsed, given)
    if parsed.finds:
        _check_finds(parsed)
    return parsed


def _check_finds(spec: BindingSpec) -> None:
    """What goes with `find` so far: Secrets that follow their vault."""
    problem = None
    if spec.target.creation_policy is CreationPolicy.NONE:
        problem = FINDS_ARE_FOR_SECRETS
    elif not spec.follows:
        problem = (
            f"find is not implemented with refreshPolicy {spec.refresh_policy} yet: "
            "let it follow, or name the objects"
        )
    if problem is not None:
        raise SpecError("spec.dataFrom", problem, reason=Reason.NOT_IMPLEMENTED)


def _parse_refresh_policy(spec: Fields, target: Target) -> RefreshPolicy:
    policy = spec.choice("refreshPolicy", RefreshPolicy.FOLLOW)
    if policy is not RefreshPolicy.FOLLOW and target.creation_policy is CreationPolicy.NONE:
        raise spec.fail(
            "refreshPolicy",
            f"{policy} may not be set with creationPolicy None, there is no Secret that could stay as it is",
        )
    return policy


def _parse_target(target: Fields, metadata: Mapping[str, Any], given: GivenKeys) -> Target:
    policy = target.choice("creationPolicy", CreationPolicy.OWNER)
    secret_type = target.text("type", grammar.SECRET_TYPE)
    when_missing = target.choice("whenMissing", WhenMissing.RETAIN)
    immutable = target.flag("immutable")
    if secret_type in RESERVED_TYPES:
        raise target.fail("type", "this type grants access to the cluster and is refused")
    if secret_type and policy is CreationPolicy.MERGE:
        raise target.fail("type", "may not be set with creationPolicy Merge, the Secret keeps its own")
    _check_policy(target, policy, when_missing, immutable=immutable)
    template = _parse_template(target.object("template"))
    is_tls = given.tls_entries > 0 and has_keys_of_type(TYPE_TLS, _keys_left(given.names, template))
    return Target(
        name=target.text("name", grammar.DNS_SUBDOMAIN, str(metadata.get("name", ""))),
        type=secret_type or (TYPE_TLS if is_tls else TYPE_OPAQUE),
        creation_policy=policy,
        when_missing=when_missing,
        immutable=immutable,
        labels=_parse_pairs(target, "labels", grammar.LABEL_VALUE),
        annotations=_parse_pairs(target, "annotations", grammar.ANNOTATION_VALUE),
        template=template,
    )


def _check_policy(
    target: Fields, policy: CreationPolicy, when_missing: WhenMissing, *, immutable: bool
) -> None:
    """What goes with a Secret of the binding's own only."""
    merges, is_none = policy is CreationPolicy.MERGE, policy is CreationPolicy.NONE
    why = "the Secret is somebody else's" if merges else "there is no Secret"
    if immutable and (merges or is_none):
        raise target.fail("immutable", f"may not be set with creationPolicy {policy}, {why}")
    is_refused = when_missing is WhenMissing.DELETE if merges else when_missing is not WhenMissing.RETAIN
    if is_refused and (merges or is_none):
        value = when_missing if merges else "Prune and Delete"
        raise target.fail("whenMissing", f"{value} may not be set with creationPolicy {policy}, {why}")


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
        version=parse_version(source),
        property=source.text("property", grammar.JSON_PROPERTY) or None,
        decode=source.choice("decode", Decode.NONE),
    )


def _parse_certificate(source: Fields) -> Source:
    return parse_certificate(source, parse_version(source))


def _parse_public_key(source: Fields) -> Source:
    return PublicKeySource(
        name=source.required_text("name", grammar.OBJECT_NAME),
        version=parse_version(source),
        format=source.choice("format", PublicKeyFormat.PEM),
    )


_SOURCES: Final = {
    "secret": _parse_secret,
    "certificate": _parse_certificate,
    "publicKey": _parse_public_key,
}


def _check_key_stores(data: Sequence[DataEntry], target: Target) -> tuple[PasswordRef, ...]:
    """Return what the entries' key stores take their passwords from."""
    certificates = [entry.source for entry in data if isinstance(entry.source, CertificateSource)]
    if sum(source.format in KEY_STORES for source in certificates) > _MOST_KEY_STORES:
        raise SpecError("spec.data", f"may have at most {_MOST_KEY_STORES} key stores (PKCS12, JKS)")
    found = dict.fromkeys(source.password_ref for source in certificates if source.password_ref is not None)
    if found and target.creation_policy is CreationPolicy.NONE:
        raise SpecError("spec.data", PASSWORDS_ARE_FOR_SECRETS)
    if any(ref.secret == target.name for ref in found):
        raise SpecError(
            "spec.data", "a passwordRef may not name the binding's own Secret: use another binding"
        )
    return tuple(found)


def _check_keys(spec: BindingSpec, given: GivenKeys) -> None:
    """Every key that the spec names comes from one entry, and the Secret's type has the keys that it needs.

    Where entries give keys that only the vault knows, the type is checked when they are known.
    """
    keys = [entry.key for entry in spec.data]
    if not keys and not spec.data_from:
        raise SpecError("spec", "data or dataFrom must have at least one entry")
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise SpecError(f"spec.data[{index}].key", "the key is there twice")
    if given.tls_entries > 1:
        raise SpecError("spec.dataFrom", "may have one tls entry only, all of them give the same keys")
    if given.tls_entries and any(key in TLS_KEYS for key in keys):
        raise SpecError("spec.data", "keys tls.crt, tls.key and ca.crt come from dataFrom's tls entry")
    left = _keys_left(given.names, spec.target.template)
    if not given.is_open and not has_keys_of_type(spec.target.type, left):
        raise SpecError("spec.target.type", f"needs key {KEYS_OF_TYPE[spec.target.type]}")
