"""Steps five to seven: three bindings, each with its Secret compared with the vault."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from vaultbind.cli.demo.checks import (
    Problems,
    check_data,
    check_in_sync,
    check_public_key,
    check_tls,
    decode_data,
    parse_property,
)
from vaultbind.cli.demo.clusters import DEMO_MANAGER
from vaultbind.cli.demo.manifests import BINDING_PUBLIC_KEY, BINDING_SECRETS, BINDING_TLS
from vaultbind.cli.demo.outcome import Closing, Look, is_not
from vaultbind.cli.demo.stage import Stage
from vaultbind.cli.demo.steps import Step
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

CHAIN_LENGTH: Final = 2


class BindingStep(Step):
    """Apply one binding, wait for Ready, read the Secret and compare it with the vault."""

    binding: ClassVar[str]
    type: ClassVar[str] = "Opaque"
    proof: ClassVar[str]

    async def act(self, stage: Stage) -> None:
        """Apply the manifest."""
        body = stage.manifests.bindings[self.binding]
        await stage.client.create(VAULT_BINDINGS, stage.namespace, body, field_manager=DEMO_MANAGER)

    async def look(self, stage: Stage) -> Look:
        """Read the conditions, then the Secret."""
        binding = await stage.fetch_binding(self.binding)
        secret = await stage.fetch(SECRETS, self.binding)
        if problems := check_in_sync(binding):
            return Look(problems=problems)
        if secret is None:
            return is_not(f"there is no Secret {self.binding}")
        if secret["type"] != self.type:
            return is_not(f"the Secret has type {secret['type']}")
        data = decode_data(secret)
        keys = ", ".join(sorted(data))
        told = f"VaultBinding {self.binding} is Ready; Secret {self.binding} ({self.type}) has {keys}"
        return Look(problems=await self.check(stage, binding, data), told=told)

    async def finish(self, stage: Stage) -> Closing:
        """Tell what was compared."""
        _ = stage
        return Closing(notes=(self.proof,))

    @abstractmethod
    async def check(self, stage: Stage, binding: Mapping[str, Any], data: Mapping[str, bytes]) -> Problems:
        """Compare with the vault."""


class SecretsStep(BindingStep):
    """Two plain secrets and a property of a JSON value."""

    name: ClassVar = "secrets"
    title: ClassVar = "binding two secrets and a JSON property"
    expected: ClassVar = (
        f"VaultBinding {BINDING_SECRETS} is Ready and each key of its Secret equals the vault"
    )
    binding: ClassVar = BINDING_SECRETS
    proof: ClassVar = "read back: each value equals what the vault gives to a client of its own"

    async def check(self, stage: Stage, binding: Mapping[str, Any], data: Mapping[str, bytes]) -> Problems:
        """Compare all values in memory."""
        return check_data(data, await fetch_wanted(stage, binding))


class TlsStep(BindingStep):
    """A certificate with its chain."""

    name: ClassVar = "tls"
    title: ClassVar = "binding a certificate with its chain"
    expected: ClassVar = (
        f"VaultBinding {BINDING_TLS} is Ready; tls.crt holds {CHAIN_LENGTH} certificates, leaf first, each "
        "signed by the next; tls.key belongs to the leaf; the leaf is the vault's"
    )
    binding: ClassVar = BINDING_TLS
    type: ClassVar = "kubernetes.io/tls"
    proof: ClassVar = (
        f"read back: {CHAIN_LENGTH} certificates, leaf first, signatures verify, the key fits the leaf, and "
        "the leaf is the vault's"
    )

    async def check(self, stage: Stage, binding: Mapping[str, Any], data: Mapping[str, bytes]) -> Problems:
        """Parse and verify the chain."""
        name = binding["spec"]["dataFrom"][0]["tls"]["name"]
        certificate = await stage.vault.certificates.get_certificate(name)
        return check_tls(data, certificate.cer, CHAIN_LENGTH)


class PublicKeyStep(BindingStep):
    """The public half of a key."""

    name: ClassVar = "public-key"
    title: ClassVar = "binding a public key"
    expected: ClassVar = f"VaultBinding {BINDING_PUBLIC_KEY} is Ready and its PEM is the vault's public key"
    binding: ClassVar = BINDING_PUBLIC_KEY
    proof: ClassVar = "read back: the PEM is the public key of the vault's key"

    async def check(self, stage: Stage, binding: Mapping[str, Any], data: Mapping[str, bytes]) -> Problems:
        """Compare the keys themselves."""
        entry = binding["spec"]["data"][0]
        key = await stage.vault.keys.get_key(entry["publicKey"]["name"])
        return check_public_key(data.get(entry["key"]), key.key.to_public_key())


async def fetch_wanted(stage: Stage, binding: Mapping[str, Any]) -> dict[str, bytes]:
    """What a binding of secrets must give, read from the vault by our own client; raises KeyVaultError."""
    wanted = {}
    for entry in binding["spec"]["data"]:
        source = entry["secret"]
        value = (await stage.vault.secrets.get_secret(source["name"])).value.expose_secret()
        name = source.get("property")
        wanted[entry["key"]] = parse_property(value, name) if name else value.encode()
    return wanted
