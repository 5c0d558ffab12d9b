"""What the last look showed of the objects in a KeyVault's scope: no request is made."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from vaultbind.api.keyvault import ExpiryScope, KeyVaultSpec
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.engine.cache import RawObject
from vaultbind.expiry.absence import key_of
from vaultbind.expiry.facts import VaultFacts
from vaultbind.expiry.times import parse_time
from vaultbind.keyvault import CertificateProperties, KeyProperties, ObjectProperties, SecretProperties
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.look import Sighting
from vaultbind.vaults.session import VaultSession


def observe_vault(hub: VaultHub, key: ObjectKey, obj: RawObject, now: datetime) -> VaultFacts | None:
    """Gather what is known; None where no look has been had yet, or none is allowed."""
    resolution = hub.resolve(key)
    if resolution is None or resolution.session is None or resolution.spec is None:
        return None
    session, spec = resolution.session, resolution.spec
    if session.last_good is None or session.look_began is None:
        return None
    vault = urlsplit(spec.url).netloc
    status = obj.get("status") or {}
    told = (
        status if status.get("toldOf", vault) == vault else {}
    )  # of another vault, nothing was told of this
    return VaultFacts(
        vault=vault,
        objects=tuple(_objects(hub, key, session, spec)),
        whole=spec.expiry_scope is ExpiryScope.ALL,
        watched=spec.expiry_scope is not ExpiryScope.NONE,
        warn_before=spec.warn_before,
        told_until=parse_time(told.get("expiryToldUntil")),
        now=now,
        looked=session.look_began,
        sent_until=parse_time(told.get("eventsSentUntil")),
        learned=frozenset(
            key_of(ref)
            for ref, seen in session.known.sightings.items()
            if seen is not None and seen.own_end is not None
        ),
    )


def _objects(
    hub: VaultHub, key: ObjectKey, session: VaultSession, spec: KeyVaultSpec
) -> Iterable[ObjectProperties]:
    """Each object once: a kind that is listed whole by its list, any other by what bindings use of it."""
    listed = session.listed if spec.expiry_scope is ExpiryScope.ALL else {}
    has_certificates = VaultObjectKind.CERTIFICATE in listed
    for properties in (item for items in listed.values() for item in items):
        if not (has_certificates and getattr(properties, "managed", False)):  # told as the certificate
            yield properties
    seen: set[tuple[VaultObjectKind, str]] = set()
    for ref in sorted(hub.book.refs((key,))):
        sighting = session.known.sightings.get(ref)
        if ref.kind in listed or sighting is None or (ref.kind, ref.name.lower()) in seen:
            continue
        seen.add((ref.kind, ref.name.lower()))  # the latest version sorts before pinned ones
        yield properties_of(ref, sighting)


def properties_of(ref: VaultObjectRef, sighting: Sighting) -> ObjectProperties:
    """What a list would tell of an object that was seen."""
    known: dict[str, Any] = {
        "id": "",
        "name": ref.name,
        "version": ref.version,
        "enabled": sighting.enabled,
        "not_before": sighting.not_before,
        "expires_on": sighting.ends,
        "created_on": sighting.fingerprint.created,
        "updated_on": sighting.fingerprint.updated,
    }
    if ref.kind is VaultObjectKind.CERTIFICATE:
        return CertificateProperties(**known, x509_thumbprint=sighting.fingerprint.x5t)
    known["managed"] = sighting.managed
    return SecretProperties(**known) if ref.kind is VaultObjectKind.SECRET else KeyProperties(**known)
