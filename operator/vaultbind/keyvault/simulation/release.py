"""Secure key release: a key leaves, wrapped for an environment whose attestation satisfies the key's policy.

The attestation is looked at as far as it can be without a network: its issuer, its time and its claims must
satisfy the policy. Its signature is not checked, since the authority's keys would have to be fetched.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vaultbind.keyvault.simulation.keymaterial import KeyMaterial, decode, encode
from vaultbind.keyvault.simulation.keyrules import release_conditions
from vaultbind.keyvault.simulation.problems import VaultProblem, bad_parameter, disabled
from vaultbind.keyvault.simulation.records import KeyVersion, Kind

WRAPS: Final[Mapping[str, Callable[[], hashes.HashAlgorithm]]] = {
    "CKM_RSA_AES_KEY_WRAP": hashes.SHA1,
    "RSA_AES_KEY_WRAP_256": hashes.SHA256,
    "RSA_AES_KEY_WRAP_384": hashes.SHA384,
}
"""Algorithms that wrap the key, with the hash of their OAEP padding."""
DEFAULT_WRAP: Final = "RSA_AES_KEY_WRAP_256"
AES_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """Attestation token, nonce and algorithm, as the request has them."""

    target: str = field(repr=False)
    nonce: str | None = None
    algorithm: str = DEFAULT_WRAP


def parse_attestation(target: str) -> Mapping[str, Any]:
    """Claims of an attestation token; raises VaultProblem (BadParameter)."""
    parts = target.split(".")
    if len(parts) != 3:
        raise bad_parameter("The target attestation is not a JSON web token.")
    claims = _loads(decode(parts[1]))
    if not isinstance(claims, dict):
        raise bad_parameter("The target attestation has no claims.")
    return claims


def _loads(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise bad_parameter("The target attestation is not a JSON web token.") from None


def check_release(record: KeyVersion, claims: Mapping[str, Any], now: int) -> None:
    """Raise VaultProblem (403) unless the key may be released to the environment of these claims."""
    if not record.attributes.enabled:
        raise disabled(Kind.KEYS, "release")
    if not record.exportable or record.release_policy is None:
        raise VaultProblem(403, "Forbidden", "Operation release is not permitted on this key.")
    ends = claims.get("exp")
    is_fresh = isinstance(ends, int) and ends > now
    if not is_fresh or not is_satisfied(release_conditions(record.release_policy), claims):
        message = "Target environment attestation statement cannot be verified."
        raise VaultProblem(403, "Forbidden", message)


def is_satisfied(condition: Any, claims: Mapping[str, Any]) -> bool:
    """Tell whether claims satisfy a condition: a claim's value, an authority, any or all of others."""
    if not isinstance(condition, Mapping):
        return False
    authority = condition.get("authority")
    if authority is not None and str(authority).rstrip("/") != str(claims.get("iss", "")).rstrip("/"):
        return False
    if "claim" in condition:
        return _is_equal(_find(str(condition["claim"]), claims), condition.get("equals"))
    anyone, everyone = condition.get("anyOf"), condition.get("allOf")
    if isinstance(anyone, list):
        return any(is_satisfied(inner, claims) for inner in anyone)
    return isinstance(everyone, list) and all(is_satisfied(inner, claims) for inner in everyone)


def _find(path: str, claims: Mapping[str, Any]) -> Any:
    """A claim by its name, or by a path with dots."""
    if path in claims:
        return claims[path]
    head, _, rest = path.partition(".")
    inner = claims.get(head)
    return _find(rest, inner) if rest and isinstance(inner, Mapping) else None


def _is_equal(claim: Any, wanted: Any) -> bool:
    """Policies may write true and numbers as texts."""
    return claim is not None and (claim == wanted or orjson.dumps(claim).decode() == wanted)


def wrapping_key(claims: Mapping[str, Any]) -> tuple[str, rsa.RSAPublicKey]:
    """Id and public key of the environment; raises VaultProblem (BadParameter)."""
    try:
        jwk = claims["x-ms-runtime"]["keys"][0]
        n, e = (int.from_bytes(decode(jwk[member])) for member in ("n", "e"))
        return str(jwk.get("kid", "")), rsa.RSAPublicNumbers(e, n).public_key()
    except (KeyError, IndexError, TypeError, ValueError):
        raise bad_parameter("The target attestation names no RSA key to encrypt for.") from None


def wrap_for(material: KeyMaterial, key: rsa.RSAPublicKey, algorithm: str) -> bytes:
    """The key under a fresh AES key under the environment's RSA key; raises VaultProblem (BadParameter)."""
    digest = WRAPS.get(algorithm)
    if digest is None:
        raise bad_parameter(f"Property enc has invalid value: {algorithm[:40]}\r\n")
    plain = material
    if not isinstance(plain, bytes):
        plain = plain.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    middle = secrets.token_bytes(AES_BYTES)
    scheme = padding.OAEP(mgf=padding.MGF1(digest()), algorithm=digest(), label=None)
    return key.encrypt(middle, scheme) + aes_key_wrap_with_padding(middle, plain)


def render_wrapped(ciphertext: bytes, kid: str, algorithm: str) -> str:
    """Member `key_hsm` of a released key."""
    header = {"kid": kid, "alg": "dir", "enc": algorithm}
    return encode(orjson.dumps({"schema_version": "1.0", "header": header, "ciphertext": encode(ciphertext)}))


def sign_release(payload: Mapping[str, Any], signer: rsa.RSAPrivateKey) -> str:
    """JSON web signature (RS256) over the answer."""
    kid = hashlib.sha256(str(signer.public_key().public_numbers().n).encode()).hexdigest()[:32]
    header = {"alg": "RS256", "typ": "JWT", "kid": kid}
    signed = f"{encode(orjson.dumps(header))}.{encode(orjson.dumps(payload))}"
    signature = signer.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{encode(signature)}"
