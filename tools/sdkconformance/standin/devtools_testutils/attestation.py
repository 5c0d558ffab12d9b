"""A stand-in on loopback for the SDK's attestation service: GET /generate-test-token.

Its token is an RS256 JWT with the claim that the suites' release policies ask for (`sdk-test`) and, in
`x-ms-runtime`, an RSA key to wrap the released key with. The public half of its own key is at /certs.
"""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _render_jwk(key: rsa.RSAPrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    public = {"n": _encode(_octets(numbers.n)), "e": _encode(_octets(numbers.e))}
    return {"kty": "RSA", "kid": kid, **public, **more}


class Attestation:
    """Signs tokens for one authority."""

    def __init__(self) -> None:
        self.authority = ""
        self._signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._wrapper = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(self) -> str:
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", "kid": "signer", "jku": f"{self.authority}/certs"}
        claims = {
            "iss": self.authority,
            "iat": now,
            "nbf": now - 60,
            "exp": now + 3600,
            "sdk-test": True,
            "x-ms-runtime": {"keys": [_render_jwk(self._wrapper, "wrapper", key_ops=["encrypt"])]},
        }
        signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
        signature = self._signer.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encode(signature)}"

    def answer(self, path: str) -> dict[str, Any] | None:
        if path == "/generate-test-token":
            return {"token": self.token()}
        if path == "/certs":
            return {"keys": [_render_jwk(self._signer, "signer", use="sig", alg="RS256")]}
        return None


def start() -> str:
    """Serve until the process ends; returns the authority."""
    attestation = Attestation()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = attestation.answer(self.path.split("?")[0])
            if content is None:
                self.send_error(404)
                return
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    attestation.authority = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return attestation.authority
