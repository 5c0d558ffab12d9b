"""What a request will need that takes long to make, told before the request is carried out."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from vaultbind.keyvault.simulation.api.calls import parse_section
from vaultbind.keyvault.simulation.api.messages import ApiRequest, parse_body
from vaultbind.keyvault.simulation.api.routing import Action, parse_route
from vaultbind.keyvault.simulation.keymaterial import RSA_SIZES
from vaultbind.keyvault.simulation.problems import VaultProblem
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.keyvault.simulation.vault import SimulatedVault

MAKERS: Final = ("/create", "/rotate")
"""How the paths end that can make a key."""


def foresee_rsa(request: ApiRequest, vault: SimulatedVault | None) -> int:
    """Bits of the RSA key that a request will make, 0 when it makes none or will be refused."""
    if request.method != "POST" or not request.path.endswith(MAKERS):
        return 0
    try:
        route = parse_route(request.method, request.path)
        if route.kind is Kind.CERTIFICATES:
            return _policy_bits(request) if route.action is Action.CREATE else 0
        if route.kind is not Kind.KEYS:
            return 0
        if route.action is Action.CREATE:
            return _asked_bits(request)
        return 0 if vault is None else _rotated_bits(vault, route.name)
    except VaultProblem:
        return 0


def _asked_bits(request: ApiRequest) -> int:
    content = parse_body(request.body)
    bits = content.get("key_size") or RSA_SIZES[0]
    return bits if str(content.get("kty")).startswith("RSA") and bits in RSA_SIZES else 0


def _policy_bits(request: ApiRequest) -> int:
    """Bits of the key that a certificate's policy asks for; one that it reuses is made in vain."""
    key = parse_section(parse_section(parse_body(request.body), "policy"), "key_props")
    bits = key.get("key_size") or RSA_SIZES[0]
    is_rsa = str(key.get("kty") or "RSA").startswith("RSA")
    return bits if is_rsa and bits in RSA_SIZES else 0


def _rotated_bits(vault: SimulatedVault, name: str) -> int:
    material = vault.keys.get(name).material
    return material.key_size if isinstance(material, rsa.RSAPrivateKey) else 0
