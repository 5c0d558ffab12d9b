"""Certificates in all forms that a vault holds, and then damaged."""

import base64
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from vaultbind.keyvault.certs.bundle import parse_bundle, render_pem

WRITTEN_BY: Final = Path(__file__).resolve().parent.parent / "tests/unit/keyvault/certs/written_by"
"""PFX files of many programs, in base64; fixed, so that each input can be made again."""
PFX: Final = "application/x-pkcs12"
PEM: Final = "application/x-pem-file"
Given = tuple[str, str | None]


@cache
def certificates() -> tuple[Given, ...]:
    """Values with their content type: PFX with and without password, PEM with and without key, DER."""
    packed = {path.stem: path.read_text() for path in sorted(WRITTEN_BY.glob("*.txt"))}
    bundle = parse_bundle(packed["openssl3"], PFX)
    chain = render_pem(bundle.chain).decode()
    leaf = base64.b64encode(bundle.leaf.public_bytes(Encoding.DER)).decode()
    files = [(text, PFX) for text in packed.values()]
    return (*files, (bundle.require_private_key().decode() + chain, PEM), (chain, PEM), (leaf, None))


def draw_certificate(draw: Random) -> Given:
    """One of them with bytes changed, cut out or doubled, now and then under another content type."""
    value, content_type = draw.choice(certificates())
    is_text = content_type == PEM
    content = bytearray(value.encode() if is_text else base64.b64decode(value))
    for _ in range(draw.choice((0, 1, 1, 2, 8))):
        _damage(draw, content)
    if draw.random() < 0.1:
        content_type = draw.choice((PFX, PEM, None, "text/plain", ""))
    text = content.decode("latin-1") if is_text else base64.b64encode(bytes(content)).decode()
    return text, content_type


def _damage(draw: Random, content: bytearray) -> None:
    at = draw.randrange(len(content) + 1)
    length = draw.choice((1, 1, 4, 64))
    what = draw.random()
    if what < 0.5 and at < len(content):
        content[at] = draw.randrange(256)
    elif what < 0.75:
        del content[at : at + length]
    else:
        content[at:at] = content[at : at + length] or bytes(length)
