"""Key material: making it, reading it from a JWK, and its public JWK members."""

import base64
import binascii
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.rsapool import STANDARD_EXPONENT, RsaSource, make_rsa

KeyMaterial = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | bytes

CURVES: Final[Mapping[str, type[ec.EllipticCurve]]] = {
    "P-256": ec.SECP256R1,
    "P-256K": ec.SECP256K1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}
RSA_SIZES: Final = (2048, 3072, 4096)
OCT_SIZES: Final = (128, 192, 256)
RSA_EXPONENTS: Final = (3, 17, STANDARD_EXPONENT)
RSA_OPERATIONS: Final = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")
EC_OPERATIONS: Final = ("sign", "verify")
OCT_OPERATIONS: Final = ("encrypt", "decrypt", "wrapKey", "unwrapKey")


def encode(data: bytes) -> str:
    """Base64url without padding, as JWKs have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Bytes of base64url text, padded or not; raises VaultProblem (BadParameter)."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise bad_parameter("Property has invalid value\r\n") from None


def generate(
    key_type: str,
    size: int | None,
    curve: str | None,
    exponent: int | None = None,
    *,
    rsa_keys: RsaSource = make_rsa,
) -> KeyMaterial:
    """Make a key; raises VaultProblem (BadParameter) for a type, size or curve that the service refuses."""
    if key_type in {"RSA", "RSA-HSM"}:
        return _generate_rsa(size or 2048, exponent or STANDARD_EXPONENT, rsa_keys)
    if key_type in {"EC", "EC-HSM"}:
        return ec.generate_private_key(_curve(curve or "P-256")())
    if key_type in {"oct", "oct-HSM"}:
        bits = size or 256
        if bits not in OCT_SIZES:
            raise bad_parameter(f"Invalid key size: {bits}")
        return secrets.token_bytes(bits // 8)
    raise bad_parameter(f"Invalid kty value: {str(key_type)[:20]}")


def _generate_rsa(bits: int, exponent: int, rsa_keys: RsaSource) -> rsa.RSAPrivateKey:
    if bits not in RSA_SIZES:
        raise bad_parameter(f"Invalid key size: {bits}")
    if exponent not in RSA_EXPONENTS:
        raise bad_parameter(f"Invalid public exponent: {exponent}")
    key = rsa_keys(bits)
    while exponent != STANDARD_EXPONENT:
        primes = key.private_numbers()
        totient = (primes.p - 1) * (primes.q - 1)
        if totient % exponent:  # prime exponents: no common factor
            return _rsa_of(primes.p, primes.q, pow(exponent, -1, totient), exponent)
        key = rsa_keys(bits)
    return key


def _rsa_of(p: int, q: int, d: int, exponent: int) -> rsa.RSAPrivateKey:
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(e=exponent, n=p * q),
    ).private_key()


def generate_alike(material: KeyMaterial, rsa_keys: RsaSource = make_rsa) -> KeyMaterial:
    """Make another key of the same size, curve and exponent."""
    if isinstance(material, bytes):
        return secrets.token_bytes(len(material))
    if isinstance(material, rsa.RSAPrivateKey):
        return _generate_rsa(material.key_size, material.public_key().public_numbers().e, rsa_keys)
    return ec.generate_private_key(material.curve)


def _curve(name: str) -> type[ec.EllipticCurve]:
    curve = CURVES.get(name)
    if curve is None:
        raise bad_parameter(f"Invalid crv value: {name[:20]}")
    return curve


def parse_jwk(jwk: Mapping[str, Any]) -> KeyMaterial:
    """Private key of a JWK with private members; raises VaultProblem (BadParameter)."""
    key_type = jwk.get("kty")
    try:
        if key_type in {"RSA", "RSA-HSM"}:
            return _parse_rsa(jwk)
        if key_type in {"EC", "EC-HSM"}:
            return _parse_ec(jwk)
        if key_type in {"oct", "oct-HSM"}:
            return _parse_oct(jwk)
    except (KeyError, TypeError, ValueError):
        raise bad_parameter("The key to be imported is not valid.") from None
    raise bad_parameter("Invalid kty value.")


def _parse_rsa(jwk: Mapping[str, Any]) -> rsa.RSAPrivateKey:
    n, e, d, p, q = (_number(jwk[member]) for member in ("n", "e", "d", "p", "q"))
    if n.bit_length() not in RSA_SIZES:
        raise bad_parameter(f"Invalid key size: {n.bit_length()}")
    if n != p * q:
        raise ValueError("n")
    return _rsa_of(p, q, d, e)


def _parse_oct(jwk: Mapping[str, Any]) -> bytes:
    key = decode(jwk["k"])
    if len(key) * 8 not in OCT_SIZES:
        raise bad_parameter(f"Invalid key size: {len(key) * 8}")
    return key


def _parse_ec(jwk: Mapping[str, Any]) -> ec.EllipticCurvePrivateKey:
    public = ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), _curve(jwk["crv"])())
    return ec.EllipticCurvePrivateNumbers(_number(jwk["d"]), public).private_key()


def _number(text: str) -> int:
    return int.from_bytes(decode(text), "big")


def render_public(material: KeyMaterial) -> dict[str, str]:
    """Public JWK members without `kty` and `kid`; a symmetric key has none."""
    if isinstance(material, bytes):
        return {}
    if isinstance(material, rsa.RSAPrivateKey):
        numbers = material.public_key().public_numbers()
        return {"n": encode(_octets(numbers.n)), "e": encode(_octets(numbers.e))}
    point = material.public_key().public_numbers()
    width = (material.curve.key_size + 7) // 8
    return {
        "crv": curve_name(material),
        "x": encode(point.x.to_bytes(width, "big")),
        "y": encode(point.y.to_bytes(width, "big")),
    }


def curve_name(key: ec.EllipticCurvePrivateKey) -> str:
    """JWK name of the key's curve; raises VaultProblem (BadParameter) for a foreign one."""
    for name, curve in CURVES.items():
        if isinstance(key.curve, curve):
            return name
    raise bad_parameter("Invalid crv value.")


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def type_of(material: KeyMaterial) -> str:
    """`RSA`, `EC` or `oct`."""
    if isinstance(material, bytes):
        return "oct"
    return "RSA" if isinstance(material, rsa.RSAPrivateKey) else "EC"


def default_operations(key_type: str) -> tuple[str, ...]:
    """What a key may do when its maker did not say."""
    if key_type.startswith("RSA"):
        return RSA_OPERATIONS
    return EC_OPERATIONS if key_type.startswith("EC") else OCT_OPERATIONS


def check_operations(key_type: str, operations: Iterable[str]) -> None:
    """Raise VaultProblem (BadParameter) for operations that keys of this type do not have."""
    known = EC_OPERATIONS if key_type.startswith("EC") else RSA_OPERATIONS
    for operation in operations:
        if operation not in known and not (operation == "import" and key_type == "RSA-HSM"):
            raise bad_parameter(f"Invalid key_ops value for a key of type {key_type}: {operation[:20]}")
