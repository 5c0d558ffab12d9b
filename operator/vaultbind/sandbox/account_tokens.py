"""Tokens of ServiceAccounts (TokenRequest), and the keys by which others check them."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from vaultbind.sandbox.documents import JsonObject
from vaultbind.sandbox.errors import StatusError

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
KEYS_PATH: Final = "/openid/v1/jwks"
_SHORTEST: Final = 600
_DEFAULT: Final = 3600
_KEY_ID: Final = "sandbox"
_HALF: Final = 32


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Signs with a key of its own, made at the start."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    def answer(self, account: Mapping[str, Any], request: Mapping[str, Any], now: datetime) -> JsonObject:
        """The TokenRequest with its status. Raises StatusError for a lifetime that is too short."""
        spec = request.get("spec") or {}
        seconds = int(spec.get("expirationSeconds") or _DEFAULT)
        if seconds < _SHORTEST:
            message = "spec.expirationSeconds: Invalid value: may not specify a duration less than 10 minutes"
            raise StatusError(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message)
        audiences = list(spec.get("audiences") or [ISSUER])
        ends = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        metadata = account["metadata"]
        claims = {
            "iss": ISSUER,
            "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
            "aud": audiences,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int(ends.timestamp()),
        }
        return {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
            "spec": {"audiences": audiences, "expirationSeconds": seconds},
            "status": {"token": self._sign(claims), "expirationTimestamp": f"{ends:%Y-%m-%dT%H:%M:%SZ}"},
        }

    def _sign(self, claims: JsonObject) -> str:
        header = {"alg": "ES256", "kid": _KEY_ID, "typ": "JWT"}
        signed = f"{_encode(orjson.dumps(header))}.{_encode(orjson.dumps(claims))}"
        numbers = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encode(b''.join(number.to_bytes(_HALF) for number in numbers))}"

    def render_keys(self) -> JsonObject:
        """The public key as a JSON Web Key Set."""
        numbers = self.key.public_key().public_numbers()
        point = {"x": _encode(numbers.x.to_bytes(_HALF)), "y": _encode(numbers.y.to_bytes(_HALF))}
        return {
            "keys": [{"kty": "EC", "crv": "P-256", "kid": _KEY_ID, "use": "sig", "alg": "ES256", **point}]
        }
