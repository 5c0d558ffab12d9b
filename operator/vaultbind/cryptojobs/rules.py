"""Pure: which algorithm is meant, and whether the key may be used now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoJobSpec, CryptoOperation
from vaultbind.cryptojobs.facts import Setback, Weight
from vaultbind.keyvault import Key

KEY_OPS: Final[Mapping[CryptoOperation, str]] = {
    CryptoOperation.ENCRYPT: "encrypt",
    CryptoOperation.DECRYPT: "decrypt",
    CryptoOperation.SIGN: "sign",
    CryptoOperation.VERIFY: "verify",
    CryptoOperation.WRAP_KEY: "wrapKey",
    CryptoOperation.UNWRAP_KEY: "unwrapKey",
}
"""What the key's own list calls an operation; rotation is none of them."""
_ENVELOPE_OPS: Final = {CryptoOperation.ENCRYPT: "wrapKey", CryptoOperation.DECRYPT: "unwrapKey"}
_ALWAYS: Final = frozenset({CryptoOperation.DECRYPT, CryptoOperation.UNWRAP_KEY, CryptoOperation.VERIFY})
"""What the service still does outside of nbf and exp."""
_BY_CURVE: Final = {"P-256": "ES256", "P-256K": "ES256K", "P-384": "ES384", "P-521": "ES512"}
_SIGNING: Final = frozenset({CryptoOperation.SIGN, CryptoOperation.VERIFY})
_WRAPPING: Final = frozenset({CryptoOperation.WRAP_KEY, CryptoOperation.UNWRAP_KEY})


def choose_algorithm(spec: CryptoJobSpec, named: str, key: Key) -> str:
    """What the spec, the output named as input, or the key's type asks for; "" where nothing fits."""
    if spec.operation is CryptoOperation.ROTATE_KEY:
        return ""
    if spec.algorithm or named:
        return spec.algorithm or named
    family = key.key.kty.removesuffix("-HSM")
    if family == "EC":
        return _BY_CURVE.get(key.key.crv or "", "") if spec.operation in _SIGNING else ""
    if spec.operation in _SIGNING:
        return "RS256" if family == "RSA" else "HS256"
    if family == "RSA":
        return "RSA-OAEP-256"
    return "A256KW" if spec.operation in _WRAPPING or spec.envelope else "A256GCM"


def other_sizes(spec: CryptoJobSpec, named: str, algorithm: str) -> tuple[str, ...]:
    """What to try next where `algorithm` is a mere default: no vault tells the size of a symmetric key."""
    is_told = spec.algorithm or named or (spec.envelope and spec.operation is CryptoOperation.DECRYPT)
    if is_told or not algorithm.startswith("A256"):
        return ()
    return tuple(algorithm.replace("256", size) for size in ("192", "128"))


def check_key(spec: CryptoJobSpec, key: Key, now: datetime) -> Setback | None:
    """Why the key may not be used for that now, as the service would refuse it; each its own reason."""
    if spec.operation is CryptoOperation.ROTATE_KEY:
        return None
    if not key.properties.enabled:
        return _attempt(Reason.KEY_DISABLED, f"key {spec.key} is disabled; enable it in the vault")
    needed = _ENVELOPE_OPS.get(spec.operation, "") if spec.envelope else KEY_OPS[spec.operation]
    if needed not in key.operations:
        return _attempt(
            Reason.KEY_OPERATION_NOT_ALLOWED,
            f"key {spec.key} may not be used for {needed}; its key_ops in the vault say for what",
        )
    return None if spec.operation in _ALWAYS else _check_time(spec.key, key, now)


def _check_time(name: str, key: Key, now: datetime) -> Setback | None:
    begins, ends = key.properties.not_before, key.properties.expires_on
    if begins is not None and now < begins:
        return Setback(
            reason=Reason.KEY_NOT_YET_VALID,
            message=f"key {name} is valid from {begins:%Y-%m-%dT%H:%M:%SZ}",
            weight=Weight.WAIT,
            retry_after=(begins - now).total_seconds(),
        )
    if ends is not None and now >= ends:
        message = f"key {name} expired at {ends:%Y-%m-%dT%H:%M:%SZ}; rotate it or move its end"
        return _attempt(Reason.KEY_EXPIRED, message)
    return None


def _attempt(reason: Reason, message: str) -> Setback:
    return Setback(reason=reason, message=message, weight=Weight.ATTEMPT)
