"""Backups: one object with all its versions as an encrypted blob, for vaults of the same subscription.

The blob is base64url of a mark, a nonce and AES-256-GCM over JSON. Its key follows from the subscription's
name: that keeps blobs from being read by chance and ties them to the subscription, and protects nothing else.
"""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vaultbind.keyvault.simulation.codec import CodecError
from vaultbind.keyvault.simulation.keymaterial import decode, encode
from vaultbind.keyvault.simulation.problems import VaultProblem, already_exists, bad_parameter, managed
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.keyvault.simulation.state import VaultState, parse_vault, render_row
from vaultbind.keyvault.simulation.vault import AnyVersion, SimulatedVault

MARK: Final = b"vaultbind-backup-1:"
NONCE_BYTES: Final = 12
MAX_VERSIONS: Final = 500
PARTS: Final[Mapping[Kind, tuple[tuple[Kind, ...], tuple[str, ...]]]] = {
    Kind.SECRETS: ((Kind.SECRETS,), ()),
    Kind.KEYS: ((Kind.KEYS,), ("rotation",)),
    Kind.CERTIFICATES: ((Kind.CERTIFICATES, Kind.KEYS, Kind.SECRETS), ("policies",)),
}
"""Which objects and which tables of the same name belong to an object of each kind."""


def render_backup(vault: SimulatedVault, kind: Kind, name: str) -> str:
    """Blob of a live object; raises VaultProblem (404; 403 for a certificate's key or secret; 400)."""
    latest = vault.store(kind).get(name)
    if latest.managed and kind is not Kind.CERTIFICATES:
        raise managed(kind, name)
    if len(vault.store(kind).versions(name)) > MAX_VERSIONS:
        raise bad_parameter(f"An object with more than {MAX_VERSIONS} versions cannot be backed up.")
    key = name.lower()
    kinds, tables = PARTS[kind]
    rows = {str(place): render_row(vault, place, key) for place in (*kinds, *tables)}
    content = {
        "kind": kind,
        "key": key,
        "rows": {place: {key: row} for place, row in rows.items() if row is not None},
    }
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = _cipher(vault).encrypt(nonce, orjson.dumps(content), MARK)
    return encode(MARK + nonce + sealed)


def restore_backup(vault: SimulatedVault, kind: Kind, blob: str, *, now: int) -> AnyVersion:
    """Put an object back as it was; raises VaultProblem (400 for a foreign blob, 409 for a taken name)."""
    content = _open(vault, blob)
    if content["kind"] != kind:
        raise bad_parameter("The backup is of an object of another kind.")
    state = _parse(content["rows"])
    kinds, tables = PARTS[kind]
    key: str = content["key"]
    for part in kinds:
        _check_free(vault, part, key, now)
    for part in kinds:
        vault.store(part).put(key, state.objects[part][key][0])
    for name in tables:
        vault.tables[name].pop(key, None)
        vault.tables[name].update(state.tables[name])
    return vault.store(kind).get(key)


def _check_free(vault: SimulatedVault, kind: Kind, name: str, now: int) -> None:
    store = vault.store(kind)
    store.claim(name, now)
    if name in store:
        raise already_exists(kind, name)


def _open(vault: SimulatedVault, blob: str) -> dict[str, Any]:
    data = decode(blob)
    if not data.startswith(MARK):
        raise _unusable()
    nonce, sealed = data[len(MARK) :][:NONCE_BYTES], data[len(MARK) + NONCE_BYTES :]
    try:
        content: dict[str, Any] = orjson.loads(_cipher(vault).decrypt(nonce, sealed, MARK))
    except (InvalidTag, ValueError):
        raise _unusable() from None
    return content


def _parse(rows: Any) -> VaultState:
    try:
        return parse_vault(rows, "backup")
    except CodecError:  # written by another version of this program
        raise _unusable() from None


def _cipher(vault: SimulatedVault) -> AESGCM:
    return AESGCM(hashlib.sha256(MARK + vault.settings.subscription.encode()).digest())


def _unusable() -> VaultProblem:
    return bad_parameter("The backup blob is damaged or of a vault in another subscription.")
