"""A certificate's secret in the other of the two forms, as `outContentType` asks for it."""

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vaultbind.keyvault.certs.pem import decode_base64
from vaultbind.keyvault.certs.pfx import parse_pfx
from vaultbind.keyvault.simulation.policies import PEM, PFX
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.records import SecretVersion


def convert(record: SecretVersion, content_type: str) -> str:
    """Value as PEM, key first; raises VaultProblem (BadParameter) for all but a certificate's PFX to PEM."""
    content = None
    if record.managed and record.content_type == PFX and content_type == PEM:
        content = parse_pfx(decode_base64(record.value) or b"")
    if content is None:
        raise bad_parameter("The outContentType is not supported for this secret: only PFX to PEM is.")
    keys = (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for key in content.private_keys
    )
    certificates = (one.public_bytes(Encoding.PEM) for one in content.certificates)
    return b"".join((*keys, *certificates)).decode()
