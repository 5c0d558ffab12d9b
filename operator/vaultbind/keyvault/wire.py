"""The service's JSON, parsed into values. What does not fit is a PROTOCOL error without its content."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.certificate import Certificate, CertificatePolicy, CertificateProperties
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.key import JsonWebKey, Key, KeyProperties
from vaultbind.keyvault.types.secret import Secret, SecretProperties

Json = dict[str, Any]
_FAR_FUTURE = datetime(9999, 12, 31, tzinfo=UTC)
_FAR_PAST = datetime(1, 1, 1, tzinfo=UTC)
T = TypeVar("T")


def parse_document(body: bytes, parse: Callable[[Json], T]) -> T:
    """Parse one JSON object; raises KeyVaultError (PROTOCOL)."""
    try:
        return parse(orjson.loads(body))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, binascii.Error):
        pass
    raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, code="UnexpectedBody")


def parse_page(body: bytes, parse: Callable[[Json], T]) -> tuple[list[T], str | None]:
    """Parse one page of a list: its items and the link to the next page; raises KeyVaultError (PROTOCOL)."""
    return parse_document(body, lambda page: ([parse(item) for item in page["value"]], _link(page)))


def parse_secret(data: Json) -> Secret:
    """Parse a secret bundle."""
    value = data["value"]
    if not isinstance(value, str):
        raise TypeError("value")
    return Secret(value=SecretString(value), properties=parse_secret_properties(data))


def parse_secret_properties(data: Json) -> SecretProperties:
    """Parse the properties of a secret bundle or item."""
    return SecretProperties(
        **_common(data, data["id"]),
        content_type=data.get("contentType"),
        managed=bool(data.get("managed")),
        key_id=data.get("kid"),
    )


def parse_certificate(data: Json) -> Certificate:
    """Parse a certificate bundle; one whose first creation is pending has no `cer`."""
    policy = data.get("policy")
    return Certificate(
        properties=parse_certificate_properties(data),
        cer=base64.b64decode(data.get("cer") or "", validate=True),
        policy=parse_policy(policy) if policy else None,
        key_id=data.get("kid"),
        secret_id=data.get("sid"),
    )


def parse_certificate_properties(data: Json) -> CertificateProperties:
    """Parse the properties of a certificate bundle or item."""
    thumbprint = data.get("x5t")
    return CertificateProperties(
        **_common(data, data["id"]),
        x509_thumbprint=_bytes(thumbprint) if thumbprint else None,
        subject=data.get("subject"),
    )


def parse_policy(data: Json) -> CertificatePolicy:
    """Parse what we use of a certificate policy."""
    key = data.get("key_props") or {}
    x509 = data.get("x509_props") or {}
    return CertificatePolicy(
        issuer=(data.get("issuer") or {}).get("name"),
        exportable=key.get("exportable"),
        key_type=key.get("kty"),
        key_size=key.get("key_size"),
        curve=key.get("crv"),
        reuse_key=key.get("reuse_key"),
        content_type=(data.get("secret_props") or {}).get("contentType"),
        subject=x509.get("subject"),
        dns_names=tuple((x509.get("sans") or {}).get("dns_names") or ()),
        validity_months=x509.get("validity_months"),
    )


def parse_key(data: Json) -> Key:
    """Parse a key bundle."""
    jwk = data["key"]
    properties = KeyProperties(
        **_common(data, jwk["kid"]),
        managed=bool(data.get("managed")),
        key_type=jwk["kty"],
        exportable=(data.get("attributes") or {}).get("exportable"),
    )
    key = JsonWebKey(
        kid=jwk["kid"],
        kty=jwk["kty"],
        crv=jwk.get("crv"),
        **{name: _bytes(jwk[name]) for name in ("n", "e", "x", "y") if jwk.get(name)},
    )
    return Key(properties=properties, key=key, operations=tuple(jwk.get("key_ops") or ()))


def parse_key_properties(data: Json) -> KeyProperties:
    """Parse a key item."""
    attributes = data.get("attributes") or {}
    return KeyProperties(
        **_common(data, data["kid"]),
        managed=bool(data.get("managed")),
        exportable=attributes.get("exportable"),
    )


def render_secret(
    value: str,
    *,
    content_type: str | None,
    tags: dict[str, str] | None,
    enabled: bool | None,
    not_before: datetime | None,
    expires_on: datetime | None,
) -> bytes:
    """Render the body that sets a secret; absent members are left to the service."""
    attributes: Json = {
        "enabled": enabled,
        "nbf": int(not_before.timestamp()) if not_before else None,
        "exp": int(expires_on.timestamp()) if expires_on else None,
    }
    present = {name: item for name, item in attributes.items() if item is not None}
    body = {"value": value, "contentType": content_type, "tags": tags, "attributes": present or None}
    return orjson.dumps({name: item for name, item in body.items() if item is not None})


def _common(data: Json, identifier: str) -> Json:
    attributes = data.get("attributes") or {}
    _, _, _, _, name, *version = identifier.split("/")
    if not name:
        raise ValueError("id")
    return {
        "id": identifier,
        "name": name,
        "version": version[0] if version else "",
        "enabled": attributes.get("enabled", True) is True,
        "not_before": _moment(attributes.get("nbf")),
        "expires_on": _moment(attributes.get("exp")),
        "created_on": _moment(attributes.get("created")),
        "updated_on": _moment(attributes.get("updated")),
        "tags": data.get("tags") or {},
        "recovery_level": attributes.get("recoveryLevel"),
        "recoverable_days": attributes.get("recoverableDays"),
    }


def _moment(seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return _FAR_FUTURE if seconds > 0 else _FAR_PAST


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _link(page: Json) -> str | None:
    link = page.get("nextLink")
    if link is not None and not isinstance(link, str):
        raise TypeError("nextLink")
    return link or None
