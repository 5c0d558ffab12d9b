"""One key of each kind for tests, made once: RSA generation is slow."""

from functools import cache

from vaultbind.keyvault.simulation.keymaterial import KeyMaterial, generate

OCT = {bits: bytes(range(bits // 8)) for bits in (128, 192, 256)}


@cache
def make(kind: str) -> KeyMaterial:
    """`RSA`, a curve's name, or the bits of a symmetric key."""
    if kind.isdigit():
        return OCT[int(kind)]
    return generate("RSA", 2048, None) if kind == "RSA" else generate("EC", None, kind)
