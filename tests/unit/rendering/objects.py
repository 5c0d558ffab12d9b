"""Vault objects for tests of rendering."""

import json
from datetime import UTC, datetime

from tests.unit.keyvault.certs.authority import Issued, leaf, lower, pem_value, root, upper
from vaultbind.api.binding import BindingSpec, DataEntry, Source, Target, TlsEntry
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.keyvault.types.certificate import Certificate, CertificateProperties
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import Key, KeyProperties
from vaultbind.keyvault.types.secret import Secret, SecretProperties
from vaultbind.rendering.render import Rendered, render
from vaultbind.rendering.values import Values, VaultValue

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
VAULT = ObjectKey("KeyVault", "shop", "kv")


def secret_ref(name: str, version: str = "") -> VaultObjectRef:
    return VaultObjectRef(VaultObjectKind.SECRET, name, version)


def certificate_ref(name: str, version: str = "") -> VaultObjectRef:
    return VaultObjectRef(VaultObjectKind.CERTIFICATE, name, version)


def key_ref(name: str, version: str = "") -> VaultObjectRef:
    return VaultObjectRef(VaultObjectKind.KEY, name, version)


def secret(
    value: object,
    *,
    enabled: bool = True,
    not_before: datetime | None = None,
    expires_on: datetime | None = None,
    managed: bool = False,
    content_type: str | None = None,
) -> Secret:
    text = value if isinstance(value, str) else json.dumps(value)
    properties = SecretProperties(
        id="https://kv.vault.azure.net/secrets/any",
        name="any",
        enabled=enabled,
        not_before=not_before,
        expires_on=expires_on,
        managed=managed,
        content_type=content_type,
    )
    return Secret(value=SecretString(text), properties=properties)


def certificate_secret(
    *parts: Issued, key: Issued | None = None, content_type: str = "application/x-pem-file"
) -> Secret:
    return secret(pem_value(*parts, key=key), managed=True, content_type=content_type)


def usual_certificate() -> Secret:
    """As vaults write them: the root first."""
    return certificate_secret(root(), upper(), lower(), leaf(), key=leaf())


def certificate(cer: bytes, *, enabled: bool = True) -> Certificate:
    properties = CertificateProperties(
        id="https://kv.vault.azure.net/certificates/any", name="any", enabled=enabled
    )
    return Certificate(properties=properties, cer=cer)


def key(jwk: JsonWebKey, *, enabled: bool = True, not_before: datetime | None = None) -> Key:
    properties = KeyProperties(id=jwk.kid, name="any", enabled=enabled, not_before=not_before)
    return Key(properties=properties, key=jwk)


def spec_of(
    *entries: tuple[str, Source] | tuple[str, Source, bool], tls: tuple[TlsEntry, ...] = ()
) -> BindingSpec:
    return BindingSpec(
        vault=VAULT,
        target=Target(name="app", type="Opaque"),
        data=tuple(DataEntry(key=item[0], source=item[1], optional=len(item) > 2) for item in entries),
        data_from=tls,
    )


def rendered(spec: BindingSpec, values: Values) -> Rendered:
    result = render(spec, values, now=NOW)
    assert isinstance(result, Rendered), result
    return result


def only(source: Source, value: VaultValue | None, ref: VaultObjectRef) -> bytes:
    return rendered(spec_of(("k", source)), {ref: value}).data["k"]
