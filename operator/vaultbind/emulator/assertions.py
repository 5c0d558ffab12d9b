"""Signed assertions by which a client shows who it is: reading a JWT and checking its signature. Pure."""

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from vaultbind.keyvault.simulation.keymaterial import CURVES, decode
from vaultbind.keyvault.simulation.problems import VaultProblem

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PARTS: Final = 3
DIGESTS: Final[Mapping[str, type[hashes.HashAlgorithm]]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A JWT in its parts; nothing is checked yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def text(self, claim: str) -> str:
        """A claim that must be a text, empty when it is not."""
        value = self.claims.get(claim)
        return value if isinstance(value, str) else ""

    @property
    def audiences(self) -> tuple[str, ...]:
        """Whom it is for."""
        value = self.claims.get("aud")
        return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()

    def is_valid_at(self, now: int, leeway: int) -> bool:
        """Tell whether its time window holds `now` (epoch seconds); one without an end never does."""
        begin, end = self.claims.get("nbf", 0), self.claims.get("exp")
        if not isinstance(begin, int | float) or not isinstance(end, int | float):
            return False
        return begin - leeway <= now < end + leeway


def parse_assertion(text: str) -> Assertion | None:
    """Read a JWT, None for what is none."""
    parts = text.split(".")
    if len(parts) != PARTS:
        return None
    try:
        header, claims = (orjson.loads(decode(part)) for part in parts[:2])
        signature = decode(parts[2])
    except (VaultProblem, orjson.JSONDecodeError, binascii.Error):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    signed = f"{parts[0]}.{parts[1]}".encode()
    return Assertion(header=header, claims=claims, signed=signed, signature=signature)


def is_signed_by(assertion: Assertion, key: object) -> bool:
    """Tell whether the key made the signature, by an algorithm that belongs to its type."""
    algorithm = str(assertion.header.get("alg", ""))
    check, digest = CHECKS.get(algorithm[:2]), DIGESTS.get(algorithm[2:])
    if check is None or digest is None:
        return False
    try:
        return check(assertion, key, digest())
    except InvalidSignature:
        return False


def _check_pkcs1(assertion: Assertion, key: object, digest: hashes.HashAlgorithm) -> bool:
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    key.verify(assertion.signature, assertion.signed, padding.PKCS1v15(), digest)
    return True


def _check_pss(assertion: Assertion, key: object, digest: hashes.HashAlgorithm) -> bool:
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    scheme = padding.PSS(mgf=padding.MGF1(digest), salt_length=padding.PSS.DIGEST_LENGTH)
    key.verify(assertion.signature, assertion.signed, scheme, digest)
    return True


def _check_ecdsa(assertion: Assertion, key: object, digest: hashes.HashAlgorithm) -> bool:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    half = (key.curve.key_size + 7) // 8
    if len(assertion.signature) != 2 * half:
        return False
    r, s = (int.from_bytes(part) for part in (assertion.signature[:half], assertion.signature[half:]))
    key.verify(encode_dss_signature(r, s), assertion.signed, ec.ECDSA(digest))
    return True


CHECKS: Final[Mapping[str, Callable[[Assertion, object, hashes.HashAlgorithm], bool]]] = {
    "RS": _check_pkcs1,
    "PS": _check_pss,
    "ES": _check_ecdsa,
}


def parse_jwk(jwk: Mapping[str, Any]) -> PublicKey | None:
    """Public key of a JWK of type RSA or EC, None for any other and for a damaged one."""
    try:
        if jwk.get("kty") == "RSA":
            return rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()
        if jwk.get("kty") == "EC":
            curve = CURVES[jwk["crv"]]()
            return ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), curve).public_key()
    except (VaultProblem, KeyError, TypeError, ValueError, AttributeError):
        return None
    return None


def _number(text: str) -> int:
    return int.from_bytes(decode(text))
