"""What the webhook has to ask the API server for a pod that goes to its vaults as itself."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from vaultbind.api import grammar
from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.errors import SpecError
from vaultbind.api.keyvault import KeyVaultSpec, ServicePrincipalAuth, WorkloadIdentityAuth
from vaultbind.api.keyvault_parser import parse_keyvault
from vaultbind.api.names import KIND_KEYVAULT
from vaultbind.api.refs import ObjectKey
from vaultbind.injection import names
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.recent import Recent
from vaultbind.injection.sources import PodAuth, Source, VaultAddress, source_of
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import (
    CLUSTER_KEY_VAULTS,
    KEY_VAULTS,
    NAMESPACES,
    SERVICE_ACCOUNTS,
    VAULT_BINDINGS,
    Resource,
)
from vaultbind.rendering.checked import parse_for_pods
from vaultbind.vaults.access import decide_access
from vaultbind.vaults.policy import VaultPolicy, decide_policy

KEEP_SECONDS: Final = 5.0
_SAID: Final = f"annotation {names.AUTH}: pod"

Place = tuple[Resource, str, str]


class PodAuthLookup:
    """Finds out as whom a pod asks and what for; what was found counts for five seconds.

    What a refusal was made of is not kept: whoever follows its advice at once is not refused again.
    Needs the right to get VaultBindings, KeyVaults, ClusterKeyVaults, Namespaces and ServiceAccounts.
    """

    def __init__(self, client: KubeClient, policy: VaultPolicy, clock: Callable[[], float]) -> None:
        self._client = client
        self._policy = policy
        self._recent: Recent[Place, Mapping[str, Any] | None] = Recent(
            ask=self._ask, seconds=KEEP_SECONDS, clock=clock, keeps=lambda found: found is not None
        )

    async def fetch(self, namespace: str, account: str, bindings: Sequence[str]) -> PodAuth:
        """Return what the pod's agent is told.

        Raises InjectionError where something is missing or not allowed, KubeError where nothing can be read.
        """
        try:
            client_id, tenant_id = await self._identity(namespace, account)
            found = await asyncio.gather(*(self._source(namespace, name, tenant_id) for name in bindings))
        except InjectionError:
            self._recent.forget(lambda place: place[1] in (namespace, ""))
            raise
        return PodAuth(client_id=client_id, sources=dict(zip(bindings, found, strict=True)))

    async def _identity(self, namespace: str, account: str) -> tuple[str, str]:
        obj = await self._recent.get((SERVICE_ACCOUNTS, namespace, account)) or {}
        annotations = obj.get("metadata", {}).get("annotations") or {}
        client_id = str(annotations.get(names.CLIENT_ID, ""))
        if not grammar.CLIENT_ID.is_met(client_id):
            raise InjectionError(
                f"{_SAID} needs annotation {names.CLIENT_ID} on ServiceAccount {account}: the pod's identity"
            )
        return client_id, str(annotations.get(names.TENANT_ID, ""))

    async def _source(self, namespace: str, name: str, tenant_id: str) -> Source:
        obj = await self._recent.get((VAULT_BINDINGS, namespace, name))
        if obj is None:
            raise InjectionError(
                f"VaultBinding {name} does not exist in the pod's namespace; {_SAID} needs its spec when the "
                "pod is created: create it first"
            )
        try:
            spec = parse_for_pods(obj)
        except SpecError as error:
            raise InjectionError(f"VaultBinding {name} cannot be used: {error}") from None
        vault = await self._vault(namespace, name, spec)
        return source_of(_address(spec.vault, vault, tenant_id), obj["spec"])

    async def _vault(self, namespace: str, name: str, spec: BindingSpec) -> KeyVaultSpec:
        """The binding's vault, where that namespace may use it for those objects."""
        key = spec.vault
        resource = KEY_VAULTS if key.kind == KIND_KEYVAULT else CLUSTER_KEY_VAULTS
        obj = await self._recent.get((resource, key.namespace, key.name))
        if obj is None:
            raise InjectionError(f"{key}, which VaultBinding {name} names, does not exist: create it first")
        try:
            vault = _parse_vault({**obj, "kind": key.kind})
        except SpecError as error:
            raise InjectionError(f"{key} cannot be used: {error}") from None
        # the rule of ambient identities protects the operator's own, which is not asked here
        denial = decide_policy(vault, namespaced=False, policy=self._policy)
        if denial is None and vault.access is not None:
            place = await self._recent.get((NAMESPACES, "", namespace)) or {}
            labels = place.get("metadata", {}).get("labels") or {}
            denial = decide_access(vault.access, namespace=namespace, labels=labels, sources=spec.sources())
        if denial is not None:
            raise InjectionError(f"VaultBinding {name}: {key}: {denial.message}")
        return vault

    async def _ask(self, place: Place) -> Mapping[str, Any] | None:
        try:
            return await self._client.get(*place)
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                return None
            raise


def _parse_vault(obj: Mapping[str, Any]) -> KeyVaultSpec:
    """Parse a KeyVault. Its `spec.auth` is used for the tenant only: what we cannot do there is no matter.

    Raises SpecError.
    """
    try:
        return parse_keyvault(obj)
    except SpecError as error:
        if error.reason is not Reason.NOT_IMPLEMENTED or not error.path.startswith("spec.auth."):
            raise
    spec = obj["spec"]
    named = [
        part["tenantId"] for part in spec["auth"].values() if isinstance(part, Mapping) and "tenantId" in part
    ]
    auth = {"workloadIdentity": {"tenantId": named[0]} if named else {}}
    return parse_keyvault({**obj, "spec": {**spec, "auth": auth}})


def _address(key: ObjectKey, vault: KeyVaultSpec, tenant_id: str) -> VaultAddress:
    """The pod's identity is of the tenant that its ServiceAccount names, else of the vault's.

    Raises InjectionError where nobody names one, or where we would have to read what we may not.
    """
    if vault.ca_bundle_ref is not None:
        raise InjectionError(
            f"{key}: spec.caBundleRef is not used with {_SAID}, for the webhook reads neither ConfigMaps nor "
            "Secrets: write the certificates into caBundle"
        )
    own = vault.auth.tenant_id if isinstance(vault.auth, ServicePrincipalAuth | WorkloadIdentityAuth) else ""
    tenant = tenant_id or own
    if not grammar.TENANT_ID.is_met(tenant):
        raise InjectionError(
            f"{_SAID} needs the tenant: annotation {names.TENANT_ID} on the ServiceAccount, or "
            f"tenantId in spec.auth of {key}"
        )
    return VaultAddress(
        url=vault.url,
        tenant_id=tenant,
        authority_host=vault.authority_host,
        ca_bundle=vault.ca_bundle,
    )
