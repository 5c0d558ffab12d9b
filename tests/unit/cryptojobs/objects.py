"""Jobs and keys for the tests of the room."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.api.cases_cryptojob import cryptojob, job
from vaultbind.api.cryptojob import CryptoJobSpec
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.refs import ObjectKey
from vaultbind.cryptojobs.facts import Facts
from vaultbind.cryptojobs.phase import stamp
from vaultbind.keyvault import JsonWebKey, Key, KeyProperties

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
URL = "https://shop.vault.azure.net"
OLD, NEW = "0" * 31 + "1", "0" * 31 + "2"
JOB = ObjectKey("CryptoJob", "shop", "sign-it")
ALL_OPS = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")


def at(seconds: float) -> str:
    """A time so many seconds before now, as a status has it."""
    return stamp(NOW - timedelta(seconds=seconds))


def spec(operation: str = "Sign", **fields: object) -> CryptoJobSpec:
    return parse_cryptojob(cryptojob(job(operation, **fields)))


def key(
    kty: str = "EC",
    crv: str | None = "P-256",
    version: str = OLD,
    operations: tuple[str, ...] = ALL_OPS,
    **properties: Any,
) -> Key:
    return Key(
        properties=KeyProperties(
            id=f"{URL}/keys/k/{version}", name="k", version=version, **{"enabled": True, **properties}
        ),
        key=JsonWebKey(kid=f"{URL}/keys/k/{version}", kty=kty, crv=crv if kty.startswith("EC") else None),
        operations=operations,
    )


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


COMPLETE = condition("Complete", "True", "Completed")
FAILED = condition("Failed", "True", "DeadlineExceeded")
READY = condition("Ready", "True", "Completed")


def facts(of: CryptoJobSpec | None = None, status: Mapping[str, Any] | None = None, **fields: Any) -> Facts:
    return Facts(
        key=JOB,
        uid="u-1",
        version="7",
        created=NOW,
        spec=of or spec(),
        now=NOW,
        status=status or {},
        operator="me",
        **fields,
    )
