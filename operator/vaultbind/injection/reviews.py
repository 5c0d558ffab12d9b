"""One admission review: the pod as it shall be, or why our kinds' object cannot be used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.errors import SpecError
from vaultbind.api.keyvault import KeyVaultSpec
from vaultbind.api.keyvault_parser import parse_keyvault
from vaultbind.api.names import KIND_BINDING, KIND_CLUSTER_KEYVAULT, KIND_CRYPTO_JOB, KIND_KEYVAULT
from vaultbind.api.refs import ObjectKey
from vaultbind.injection.annotations import Auth, Wish
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.facts import Installation
from vaultbind.injection.lookup import KeyLookup
from vaultbind.injection.mutate import Mutation, mutate, wish_of
from vaultbind.injection.pod_auth import PodAuthLookup
from vaultbind.injection.sources import PodAuth
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, KEY_VAULTS
from vaultbind.rendering.checked import parse_checked
from vaultbind.vaults.access import describe_crypto_refusal, is_crypto_allowed

_PARSERS: Final[Mapping[str, Callable[[Mapping[str, Any]], object]]] = {
    KIND_BINDING: parse_checked,
    KIND_KEYVAULT: parse_keyvault,
    KIND_CLUSTER_KEYVAULT: parse_keyvault,
    KIND_CRYPTO_JOB: parse_cryptojob,
}


@dataclass(slots=True, kw_only=True)
class PodReviews:
    """Reviews pods with what is known of the installation at that moment."""

    installation: Callable[[], Installation]
    lookup: KeyLookup
    pod_auth: PodAuthLookup | None = None
    """None: this installation lets no pod ask vaults as itself."""

    async def review(self, pod: Mapping[str, Any], namespace: str) -> Mutation | None:
        """Return the changed pod, None where it wants nothing. Raises InjectionError."""
        wish = wish_of(pod)
        if wish is None:
            return None
        try:
            bindings = await self.lookup.fetch(namespace, wish.bindings) if wish.mode.has_env else {}
            pod_auth = await self._fetch_pod_auth(wish, pod, namespace)
        except KubeError as error:
            raise InjectionError(f"VaultBindings cannot be read: {error.kind.value}; try again") from None
        return mutate(pod, self.installation(), bindings, pod_auth)

    async def _fetch_pod_auth(self, wish: Wish, pod: Mapping[str, Any], namespace: str) -> PodAuth | None:
        if wish.auth is not Auth.POD or self.pod_auth is None:
            return None
        account = (pod.get("spec") or {}).get("serviceAccountName") or "default"
        return await self.pod_auth.fetch(namespace, account, wish.bindings)


@dataclass(slots=True, kw_only=True)
class JobReviews:
    """Tells early whether a new CryptoJob may use its key; the operator judges again before it does."""

    client: KubeClient

    async def review(self, obj: Mapping[str, Any]) -> str:
        """Return a warning for a job whose KeyVault cannot be asked, or nothing.

        Raises InjectionError where `spec.crypto` of the KeyVault does not allow it. Needs the right to get
        KeyVaults and ClusterKeyVaults.
        """
        try:
            job = parse_cryptojob(obj)
            found = await self._fetch(job.vault)
        except SpecError:
            return ""  # told elsewhere: of a job by `check_object`, of a KeyVault by its status
        if isinstance(found, str):
            return f"{found}: whether it allows this job is seen later"
        if not is_crypto_allowed(found.crypto, job.key, job.operation):
            raise InjectionError(describe_crypto_refusal(job.key, job.operation))
        return ""

    async def _fetch(self, vault: ObjectKey) -> KeyVaultSpec | str:
        resource = KEY_VAULTS if vault.kind == KIND_KEYVAULT else CLUSTER_KEY_VAULTS
        try:
            return parse_keyvault(await self.client.get(resource, vault.namespace, vault.name))
        except KubeError as error:
            reason = "does not exist" if error.kind is KubeErrorKind.NOT_FOUND else "cannot be read"
            return f"{vault.kind} {vault.name} {reason}"


def check_object(obj: Mapping[str, Any]) -> str:
    """Return a warning for an object of ours, or nothing.

    Raises InjectionError where its spec cannot be used. The CRDs' rules have passed it; what
    is left are rules that only the operator's own parser knows.
    """
    try:
        _PARSERS[str(obj.get("kind"))](obj)
    except SpecError as error:
        if error.reason is Reason.NOT_IMPLEMENTED:
            return str(error)
        raise InjectionError(str(error)) from None
    return ""
