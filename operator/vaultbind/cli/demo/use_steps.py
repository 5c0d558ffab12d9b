"""Steps that use what is bound: a key of the vault signs, and an end that comes near is told."""

import base64
import binascii
from datetime import UTC, datetime
from typing import ClassVar, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from vaultbind.cli.demo.checks import check_condition
from vaultbind.cli.demo.clusters import DEMO_MANAGER
from vaultbind.cli.demo.manifests import BINDING_TLS, JOB_SIGN, JsonObject
from vaultbind.cli.demo.outcome import Closing, DemoError, Look, is_not
from vaultbind.cli.demo.stage import Stage
from vaultbind.cli.demo.steps import Step
from vaultbind.kube.resources import CONFIG_MAPS, CRYPTO_JOBS

RESULT: Final = "result"
"""Key of the ConfigMap that holds the signature."""


class SignStep(Step):
    """Apply a CryptoJob, and verify what it made without the vault."""

    name: ClassVar = "sign"
    title: ClassVar = f"CryptoJob {JOB_SIGN} asks for a signature"
    expected: ClassVar = (
        f"CryptoJob {JOB_SIGN} is Complete; its ConfigMap has a signature that the public key verifies"
    )

    async def act(self, stage: Stage) -> None:
        """Apply the manifest."""
        body = stage.manifests.job
        await stage.client.create(CRYPTO_JOBS, stage.namespace, body, field_manager=DEMO_MANAGER)

    async def look(self, stage: Stage) -> Look:
        """Read the job and its result."""
        job = await stage.client.get(CRYPTO_JOBS, stage.namespace, JOB_SIGN)
        if problems := check_condition(job, "Complete", "True", "Completed"):
            return Look(problems=problems)
        result = await stage.fetch(CONFIG_MAPS, job["spec"]["output"]["configMap"]["name"])
        if result is None:
            return is_not("the job's ConfigMap is not there")
        key = await stage.vault.keys.get_key(job["spec"]["key"]["name"])
        pem = key.key.to_pem()
        if not is_signed(pem, job["spec"]["input"]["text"].encode(), result["data"].get(RESULT, "")):
            return is_not("the signature does not belong to the text and the vault's key")
        return Look(told=f"CryptoJob {JOB_SIGN} is Complete: {key.name} signed, and never left the vault")

    async def finish(self, stage: Stage) -> Closing:
        """Tell what was verified."""
        _ = stage
        return Closing(notes=("read back: the signature was verified with the public key alone",))


class ExpiryStep(Step):
    """A certificate ends in some days, and its binding says so."""

    name: ClassVar = "expiry"
    title: ClassVar = f"the certificate of {BINDING_TLS} ends soon; is it told?"
    expected: ClassVar = f"VaultBinding {BINDING_TLS} has Expiring True ExpiresSoon and the certificate's end"

    async def look(self, stage: Stage) -> Look:
        """Compare the status with the vault's certificate."""
        binding = await stage.fetch_binding(BINDING_TLS)
        if problems := check_condition(binding, "Expiring", "True", "ExpiresSoon"):
            return Look(problems=problems)
        certificate = await stage.vault.certificates.get_certificate(_certificate_of(binding))
        ends = certificate.properties.expires_on
        if ends is None:
            raise DemoError("the vault's certificate has no end")
        told = str(binding["status"].get("expires", ""))
        if told != ends.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"):
            return is_not(f"status.expires is {told or 'not set'}")
        days = (ends - datetime.now(UTC)).days
        return Look(told=f"VaultBinding {BINDING_TLS} says that its certificate ends in {days} days")


def is_signed(pem: bytes, text: bytes, jws: str) -> bool:
    """Whether a detached JWS with ES256 (RFC 7515, appendix F) is of this text, by `cryptography` alone."""
    public = load_pem_public_key(pem)
    header, _, tail = jws.partition("..")
    try:
        raw = base64.urlsafe_b64decode(tail + "=" * (-len(tail) % 4))
    except (ValueError, binascii.Error):
        return False
    if not isinstance(public, ec.EllipticCurvePublicKey) or len(raw) != 64:
        return False
    payload = base64.urlsafe_b64encode(text).rstrip(b"=").decode()
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        public.verify(signature, f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _certificate_of(binding: JsonObject) -> str:
    """Name of the certificate: it is read by the secret of its name, which has the private key."""
    (found,) = binding["status"]["objects"]
    return str(found["name"])
