"""Pure: forms of signatures.

Key Vault gives ECDSA as r and s, one after the other; others want DER or a JWS.
"""

import base64
import json
from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

_COORDINATE_BYTES: Final = {"ES256": 32, "ES256K": 32, "ES384": 48, "ES512": 66}


class FormError(ValueError):
    """A signature that is not of the form that was asked for; the message holds nothing of it."""


def to_der(signature: bytes, algorithm: str) -> bytes:
    """ECDSA-Sig-Value of X.509; other algorithms have one form only and stay as they are."""
    size = _COORDINATE_BYTES.get(algorithm)
    if size is None:
        return signature
    if len(signature) != 2 * size:
        raise FormError(f"a signature by {algorithm} has {2 * size} bytes")
    return encode_dss_signature(int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))


def from_der(signature: bytes, algorithm: str) -> bytes:
    """The opposite of `to_der`. Raises FormError."""
    size = _COORDINATE_BYTES.get(algorithm)
    if size is None:
        return signature
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(size) + s.to_bytes(size)
    except (ValueError, OverflowError):
        raise FormError(f"it is no DER signature by {algorithm}") from None


def jws_header(algorithm: str, key_id: str) -> str:
    """Protected header of RFC 7515, encoded: the algorithm and the versioned key."""
    return _encode(json.dumps({"alg": algorithm, "kid": key_id}, separators=(",", ":")).encode())


def jws_signing_input(header: str, payload: bytes) -> bytes:
    """What a JWS signs: encoded header, a dot, encoded payload."""
    return f"{header}.{_encode(payload)}".encode("ascii")


def render_jws(header: str, payload: bytes, signature: bytes, *, detached: bool) -> str:
    """Compact form; detached (RFC 7515, appendix F) leaves the payload out."""
    return f"{header}.{'' if detached else _encode(payload)}.{_encode(signature)}"


def parse_jws(text: str, payload: bytes, algorithm: str, *, detached: bool) -> tuple[bytes, bytes]:
    """Return what was signed and the signature. Raises FormError.

    The header's own algorithm must be the one that is verified by, so that nobody chooses another one; a
    payload inside must be the one that was given.
    """
    parts = text.strip().split(".")
    if len(parts) != 3:
        raise FormError("it is no JWS in compact form")
    header, inside, signature = parts
    if detached and inside:
        raise FormError("the JWS has a payload, it is not detached")
    if not detached and inside != _encode(payload):
        raise FormError("the payload of the JWS is not the input")
    try:
        protected = json.loads(_decode(header))
        found = _decode(signature)
    except (ValueError, RecursionError):  # the latter: brackets without end
        raise FormError("it is no JWS in compact form") from None
    if not isinstance(protected, dict) or protected.get("alg") != algorithm:
        raise FormError(f"the JWS was not made by {algorithm}")
    if {"crit", "b64"} & set(protected):
        raise FormError("the header of the JWS asks for extensions that are not known here")
    return jws_signing_input(header, payload), found


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    """Raises ValueError (binascii.Error) for anything else than base64url without padding."""
    if "=" in text:
        raise ValueError("padding")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
