"""JSON web keys (RFC 7517): what a vault tells of a key, what it takes for one, and the usual other forms.

`cryptography` is imported by the methods that need it, so that reading keys does not.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_RFC_CURVE = {"P-256": "P-256", "P-384": "P-384", "P-521": "P-521", "P-256K": "secp256k1"}
_AZURE_CURVE = {rfc: azure for azure, rfc in _RFC_CURVE.items()}
_COORDINATE_BYTES = {"P-256": 32, "P-256K": 32, "P-384": 48, "P-521": 66}
_MEMBERS = ("n", "e", "x", "y", "d", "p", "q", "dp", "dq", "qi", "k")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonWebKey:
    """A key's members, decoded; `kid` is the versioned id of a key that came from a vault.

    A vault tells the public members only. The private ones (`d` to `k`) are there for imports; neither repr
    nor any method shows them.

        key = JsonWebKey.from_pem(pem)
        print(key.kty, key.crv, key.thumbprint(), key.to_ssh())
        await client.keys.import_key("brought", key)
    """

    kid: str = ""
    kty: str
    crv: str | None = None
    n: bytes = b""
    e: bytes = b""
    x: bytes = b""
    y: bytes = b""
    d: bytes = field(default=b"", repr=False)
    p: bytes = field(default=b"", repr=False)
    q: bytes = field(default=b"", repr=False)
    dp: bytes = field(default=b"", repr=False)
    dq: bytes = field(default=b"", repr=False)
    qi: bytes = field(default=b"", repr=False)
    k: bytes = field(default=b"", repr=False)

    @staticmethod
    def from_json(text: str | bytes) -> "JsonWebKey":
        """Read RFC 7517 JSON, with or without private members; raises KeyVaultError (VALIDATION)."""
        try:
            data = json.loads(text)
            members = {name: _decode(data[name]) for name in _MEMBERS if name in data}
            curve = data.get("crv")
            key = JsonWebKey(
                kid=str(data.get("kid") or ""), kty=data["kty"], crv=_AZURE_CURVE.get(curve, curve), **members
            )
        except (AttributeError, KeyError, TypeError, ValueError, binascii.Error):
            key = None
        if key is None or not isinstance(key.kty, str):
            raise _invalid("the text is no JSON web key")
        return key

    @staticmethod
    def from_pem(pem: bytes, password: bytes | None = None) -> "JsonWebKey":
        """Read a private or public key in PEM; raises KeyVaultError (VALIDATION)."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        try:
            if b"PRIVATE KEY-----" in pem:
                return JsonWebKey.from_key(serialization.load_pem_private_key(pem, password))
            return JsonWebKey.from_key(serialization.load_pem_public_key(pem))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            pass
        raise _invalid("the text is no key in PEM, or its password is another one")

    @staticmethod
    def from_key(key: Any) -> "JsonWebKey":
        """Take a key of the `cryptography` package; raises KeyVaultError (VALIDATION) for other kinds."""
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        match key:
            case rsa.RSAPrivateKey():
                return _from_rsa(key)
            case rsa.RSAPublicKey():
                return JsonWebKey(kty="RSA", **_public_rsa(key))
            case ec.EllipticCurvePrivateKey():
                scalar = key.private_numbers().private_value
                return JsonWebKey(
                    kty="EC",
                    **_public_ec(key.public_key()),
                    d=scalar.to_bytes((key.curve.key_size + 7) // 8),
                )
            case ec.EllipticCurvePublicKey():
                return JsonWebKey(kty="EC", **_public_ec(key))
        raise _invalid("only RSA keys and those on P-256, P-256K, P-384 and P-521 are known")

    @staticmethod
    def from_symmetric(key: bytes) -> "JsonWebKey":
        """Take the bytes of a symmetric key."""
        return JsonWebKey(kty="oct", k=key)

    @property
    def size(self) -> int | None:
        """Bits of an RSA modulus; None for other keys: a curve has its name, symmetric keys tell nothing."""
        return int.from_bytes(self.n).bit_length() if self._is_rsa() else None

    def check_public(self) -> None:
        """Raise KeyVaultError (VALIDATION) for a symmetric key, which has no public part."""
        if not self._is_rsa():
            self._coordinate_bytes()

    def to_json(self) -> str:
        """RFC 7517 JSON with the public members and `kid`; HSM types are told by their plain name.

        Raises KeyVaultError (VALIDATION) for a symmetric key.
        """
        return json.dumps({**self._public_members(), "kid": self.kid}, separators=(",", ":"))

    def thumbprint(self) -> str:
        """SHA-256 thumbprint of RFC 7638 in base64url, the same wherever the key is; raises as `to_json`."""
        canonical = json.dumps(self._public_members(), separators=(",", ":"), sort_keys=True)
        return _base64url(hashlib.sha256(canonical.encode()).digest())

    def to_pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM.

        Raises KeyVaultError: VALIDATION for a symmetric key, PROTOCOL when the members make no valid key.
        """
        from cryptography.hazmat.primitives import serialization

        key = self.to_public_key()
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def to_ssh(self) -> str:
        """One line for `authorized_keys`, no comment; raises as `to_pem`, and VALIDATION for P-256K."""
        from cryptography.hazmat.primitives import serialization

        if self.crv == "P-256K":
            raise _invalid("OpenSSH knows no keys on P-256K")
        key = self.to_public_key()
        line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return line.decode("ascii")

    def to_public_key(self) -> "PublicKey":
        """Build the key for the `cryptography` package; raises as `to_pem` does."""
        try:
            return self._build_rsa() if self._is_rsa() else self._build_ec()
        except ValueError:
            detail = "the public members make no valid key"
        raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, detail=detail)

    def _public_members(self) -> dict[str, str]:
        if self._is_rsa():
            return {
                "kty": "RSA",
                "n": _base64url(self.n.lstrip(b"\0")),
                "e": _base64url(self.e.lstrip(b"\0")),
            }
        size = self._coordinate_bytes()
        return {
            "kty": "EC",
            "crv": _RFC_CURVE[self.crv or ""],
            "x": _base64url(self.x.rjust(size, b"\0")),
            "y": _base64url(self.y.rjust(size, b"\0")),
        }

    def _build_rsa(self) -> "rsa.RSAPublicKey":
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa.RSAPublicNumbers(int.from_bytes(self.e), int.from_bytes(self.n)).public_key()

    def _build_ec(self) -> "ec.EllipticCurvePublicKey":
        from cryptography.hazmat.primitives.asymmetric import ec

        self._coordinate_bytes()
        curve = _curves()[self.crv or ""]
        return ec.EllipticCurvePublicNumbers(
            int.from_bytes(self.x), int.from_bytes(self.y), curve
        ).public_key()

    def _is_rsa(self) -> bool:
        return self.kty in {"RSA", "RSA-HSM"}

    def _coordinate_bytes(self) -> int:
        size = _COORDINATE_BYTES.get(self.crv or "") if self.kty in {"EC", "EC-HSM"} else None
        if size is None:
            raise _invalid("only RSA and EC keys have a public part")
        return size


def _curves() -> "dict[str, ec.EllipticCurve]":
    from cryptography.hazmat.primitives.asymmetric import ec

    return {
        "P-256": ec.SECP256R1(),
        "P-256K": ec.SECP256K1(),
        "P-384": ec.SECP384R1(),
        "P-521": ec.SECP521R1(),
    }


def _from_rsa(key: "rsa.RSAPrivateKey") -> JsonWebKey:
    numbers = key.private_numbers()
    private = {
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
    }
    members: dict[str, Any] = {name: _octets(number) for name, number in private.items()}
    return JsonWebKey(kty="RSA", **_public_rsa(key.public_key()), **members)


def _public_rsa(key: "rsa.RSAPublicKey") -> dict[str, Any]:
    numbers = key.public_numbers()
    return {"n": _octets(numbers.n), "e": _octets(numbers.e)}


def _public_ec(key: "ec.EllipticCurvePublicKey") -> dict[str, Any]:
    names = {curve.name: name for name, curve in _curves().items()}
    if key.curve.name not in names:
        raise _invalid("only curves P-256, P-256K, P-384 and P-521 are known")
    numbers = key.public_numbers()
    size = (key.curve.key_size + 7) // 8
    return {"crv": names[key.curve.name], "x": numbers.x.to_bytes(size), "y": numbers.y.to_bytes(size)}


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _invalid(detail: str) -> KeyVaultError:
    return KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)
