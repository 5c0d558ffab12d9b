"""How each step can be broken underneath, to see that the demo notices."""

import base64
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vaultbind.cli.demo.clusters import DEMO_MANAGER
from vaultbind.cli.demo.manifests import BINDING_PUBLIC_KEY, BINDING_SECRETS, BINDING_TLS
from vaultbind.cli.demo.outcome import DemoError
from vaultbind.cli.demo.stage import OPERATOR_PRINCIPAL, Stage
from vaultbind.cli.demo.use_steps import RESULT
from vaultbind.keyvault.simulation.faults import Fault as VaultFault
from vaultbind.kube.resources import CONFIG_MAPS, SECRETS, VAULT_BINDINGS
from vaultbind.sandbox import Fault as ClusterFault

Deed = Callable[[Stage], Awaitable[None]]


async def _do_nothing(_: Stage) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Sabotage:
    """What is broken before a step acts, or after it has come out well once (then it is looked at again)."""

    before: Deed = _do_nothing
    after: Deed | None = None


async def _refuse_crds(stage: Stage) -> None:
    if stage.cluster.sandbox is None:
        raise DemoError("only the embedded cluster can be sabotaged")
    resource = "customresourcedefinitions.apiextensions.k8s.io"
    stage.cluster.sandbox.inject(ClusterFault(resource=resource, verb="create", status=403, count=None))


async def _fail_vault(stage: Stage) -> None:
    stage.emulator.faults.add(VaultFault(status=503, before_auth=True))


async def _kill_operator(stage: Stage) -> None:
    stage.operator.signal(signal.SIGKILL)
    await stage.operator.stop()


async def _refuse_tokens(stage: Stage) -> None:
    stage.emulator.faults.add(VaultFault(principal=OPERATOR_PRINCIPAL, status=401, before_auth=True))


async def _pause_operator(stage: Stage) -> None:
    stage.operator.signal(signal.SIGSTOP)


async def _change_value(stage: Stage) -> None:
    await _pause_operator(stage)
    await _overwrite(stage, BINDING_SECRETS, "username", b"something else")


async def _turn_chain(stage: Stage) -> None:
    await _pause_operator(stage)
    chain = x509.load_pem_x509_certificates((await stage.fetch_data(BINDING_TLS))["tls.crt"])
    turned = b"".join(item.public_bytes(Encoding.PEM) for item in reversed(chain))
    await _overwrite(stage, BINDING_TLS, "tls.crt", turned)


async def _swap_public_key(stage: Stage) -> None:
    await _pause_operator(stage)
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (key,) = await stage.fetch_data(BINDING_PUBLIC_KEY)
    await _overwrite(stage, BINDING_PUBLIC_KEY, key, pem)


async def _delete_binding(stage: Stage) -> None:
    await _pause_operator(stage)
    await stage.client.delete(VAULT_BINDINGS, stage.namespace, BINDING_SECRETS)


async def _forge_signature(stage: Stage) -> None:
    await _pause_operator(stage)
    name = stage.manifests.job["spec"]["output"]["configMap"]["name"]
    found = await stage.client.get(CONFIG_MAPS, stage.namespace, name)
    header, _, _ = found["data"][RESULT].partition("..")
    forged = {"data": {RESULT: f"{header}..{base64.urlsafe_b64encode(bytes(64)).decode()}"}}
    await stage.client.merge_patch(CONFIG_MAPS, stage.namespace, name, forged, field_manager=DEMO_MANAGER)


async def _deny_the_end(stage: Stage) -> None:
    await _pause_operator(stage)
    forged = {"status": {"expires": "2099-01-01T00:00:00Z"}}
    await stage.client.merge_patch(
        VAULT_BINDINGS,
        stage.namespace,
        BINDING_TLS,
        forged,
        subresource="status",
        field_manager=DEMO_MANAGER,
    )


async def _delete_secret(stage: Stage) -> None:
    await _pause_operator(stage)
    await stage.client.delete(SECRETS, stage.namespace, BINDING_SECRETS)


async def _overwrite(stage: Stage, name: str, key: str, value: bytes) -> None:
    body = {"data": {key: base64.b64encode(value).decode()}}
    await stage.client.merge_patch(SECRETS, stage.namespace, name, body, field_manager=DEMO_MANAGER)


SABOTAGES: Final[Mapping[str, Sabotage]] = {
    "cluster": Sabotage(before=_refuse_crds),
    "vault": Sabotage(before=_fail_vault),
    "operator": Sabotage(after=_kill_operator),
    "connect": Sabotage(before=_refuse_tokens),
    "secrets": Sabotage(after=_change_value),
    "tls": Sabotage(after=_turn_chain),
    "public-key": Sabotage(after=_swap_public_key),
    "pod": Sabotage(before=_delete_binding),
    "sign": Sabotage(after=_forge_signature),
    "expiry": Sabotage(before=_deny_the_end),
    "rotate": Sabotage(before=_pause_operator),
    "repair": Sabotage(before=_pause_operator),
    "delete": Sabotage(after=_delete_secret),
}
"""By the name of the step; the order is that of the steps."""
