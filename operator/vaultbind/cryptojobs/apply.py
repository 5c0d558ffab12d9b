"""All that changes anything: the operation in the vault, the output in the cluster, the end of an old job."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import HolderKind
from vaultbind.api.names import ANNOTATION_ALGORITHM, ANNOTATION_KEY_ID, FIELD_MANAGER
from vaultbind.cryptojobs.deadline import Deadline
from vaultbind.cryptojobs.facts import Applied, Decision, Expire, Facts, Result, Rotate, Run, Setback, Weight
from vaultbind.cryptojobs.operate import Draw, operate, rotate
from vaultbind.cryptojobs.outputs import (
    Claimant,
    decide_claimant,
    is_too_large,
    render_data,
    render_output,
    render_replacement,
)
from vaultbind.cryptojobs.setbacks import TROUBLES, final, setback_of
from vaultbind.engine.engine import GoneError, StaleStateError
from vaultbind.keyvault import KeyVaultClient
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import CONFIG_MAPS, CRYPTO_JOBS, SECRETS, Resource
from vaultbind.vaults.session import VaultSession

HOLDERS: Final[Mapping[HolderKind, Resource]] = {
    HolderKind.SECRET: SECRETS,
    HolderKind.CONFIG_MAP: CONFIG_MAPS,
}
MOST_IN_STATUS: Final = 65_536
"""Characters of status.result.value and .aad in the CRD."""


@dataclass(slots=True, kw_only=True)
class JobWorker:
    """Applies decisions; `draw` gives random bytes.

    The deadline ends what the vault is asked for, not the write of what it has answered.
    """

    client: KubeClient
    deadline: Deadline
    draw: Draw

    async def apply(self, facts: Facts, decision: Decision, session: VaultSession | None) -> Applied:
        """Do what was decided.

        Raises StaleStateError where the cluster or the vault has moved on, GoneError where the job is gone.
        """
        try:
            if isinstance(decision, Expire):
                await self._expire(facts)
                raise GoneError
            if isinstance(decision, Rotate) and session is not None:
                return await self._rotate(facts, session)
            if isinstance(decision, Run) and session is not None:
                return await self._run(facts, decision, session)
        except TROUBLES as error:
            return Applied(setback=setback_of(facts, error, session))
        return Applied()

    async def _rotate(self, facts: Facts, session: VaultSession) -> Applied:
        async def call(client: KeyVaultClient) -> Result:
            made = await rotate(client, facts.spec.key)
            return Result(key_id=made.key.kid)

        return Applied(result=await self.deadline.keep(facts, session.use(call)))

    async def _run(self, facts: Facts, decision: Run, session: VaultSession) -> Applied:
        async def call(client: KeyVaultClient) -> Result | Setback:
            return await operate(client, decision, self.draw)

        result = await self.deadline.keep(facts, session.use(call))
        if isinstance(result, Setback):
            return Applied(setback=result)
        if facts.spec.output.kind is not None:
            return await self._store(facts, decision, result, facts.spec.output.kind)
        if len(result.value) > MOST_IN_STATUS or len(result.aad or b"") * 4 / 3 > MOST_IN_STATUS:
            return Applied(
                setback=final(Reason.RESULT_TOO_LARGE, "the result is too large for a status; name an output")
            )
        if result.valid is False and facts.spec.fail_on_invalid:
            return Applied(
                result=result,
                setback=final(Reason.SIGNATURE_INVALID, "the signature is not right for the input"),
            )
        return Applied(result=result)

    async def _store(self, facts: Facts, decision: Run, result: Result, kind: HolderKind) -> Applied:
        """Put the result into its Secret or ConfigMap, unless an earlier pass has done so already."""
        data = render_data(facts.spec, result, decision.payload.content)
        if data is None:
            return Applied(
                setback=final(Reason.OPERATION_REFUSED, "what was decrypted is not the data of a Secret")
            )
        if is_too_large(data):
            return Applied(
                setback=final(
                    Reason.RESULT_TOO_LARGE, f"the result is too large for a {kind}; 1 MiB is the most"
                )
            )
        body = render_output(facts, data, result)
        try:
            await self.client.create(
                HOLDERS[kind], facts.key.namespace, body, field_manager=FIELD_MANAGER, metadata_only=True
            )
        except KubeError as error:
            if error.kind is not KubeErrorKind.ALREADY_EXISTS:
                raise
            return await self._meet(facts, kind, body, result)
        return Applied(result=result)

    async def _meet(self, facts: Facts, kind: HolderKind, body: Mapping[str, Any], result: Result) -> Applied:
        """The output's name is taken: this job's own result stands, a former self's gives way."""
        namespace, name = facts.key.namespace, facts.spec.output.name
        found = await self._find(HOLDERS[kind], namespace, name)
        claimant = decide_claimant(found["metadata"], job=facts.key.name, uid=facts.uid)
        if claimant is Claimant.THIS_JOB:
            told = found["metadata"].get("annotations") or {}
            key_id = str(told.get(ANNOTATION_KEY_ID, result.key_id))
            algorithm = str(told.get(ANNOTATION_ALGORITHM, result.algorithm))
            return Applied(result=Result(key_id=key_id, algorithm=algorithm))
        if claimant is Claimant.FOREIGN:
            return Applied(setback=_foreign(kind, name))
        try:
            await self.client.merge_patch(
                HOLDERS[kind],
                namespace,
                name,
                render_replacement(body, found),
                field_manager=FIELD_MANAGER,
                metadata_only=True,
            )
        except KubeError as error:
            if error.kind not in (KubeErrorKind.CONFLICT, KubeErrorKind.NOT_FOUND):
                raise
            raise StaleStateError from None
        return Applied(result=result)

    async def _find(self, resource: Resource, namespace: str, name: str) -> Mapping[str, Any]:
        try:
            return await self.client.get(resource, namespace, name)
        except KubeError as error:
            if error.kind is not KubeErrorKind.NOT_FOUND:
                raise
            raise StaleStateError from None  # it went meanwhile: the next pass makes it

    async def _expire(self, facts: Facts) -> None:
        """Delete the job at the end of its time to live; what it owns goes with it."""
        try:
            await self.client.delete(
                CRYPTO_JOBS,
                facts.key.namespace,
                facts.key.name,
                uid=facts.uid,
                resource_version=facts.version,
            )
        except KubeError as error:
            if error.kind is KubeErrorKind.CONFLICT:
                raise StaleStateError from None
            if error.kind is not KubeErrorKind.NOT_FOUND:
                raise


def _foreign(kind: HolderKind, name: str) -> Setback:
    return Setback(
        reason=Reason.OUTPUT_NOT_OWNED,
        message=f"{kind} {name} exists and is not this job's; delete it, or make a job with another output",
        weight=Weight.ATTEMPT,
    )
