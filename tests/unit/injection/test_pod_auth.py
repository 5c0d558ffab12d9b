"""`vaultbind.dev/auth: pod`: what the pod becomes, what its agent is told, and who is refused."""

import contextlib
import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.injection.cluster import FakeCluster
from tests.unit.injection.pods import BINDINGS, INSTALLATION, OLD_CLUSTER, make_pod, named
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.facts import Installation
from vaultbind.injection.lookup import KeyLookup
from vaultbind.injection.mutate import Mutation, mutate
from vaultbind.injection.pod_auth import PodAuthLookup
from vaultbind.injection.reviews import PodReviews
from vaultbind.injection.sources import (
    PodAuth,
    Source,
    VaultAddress,
    parse_sources,
    render_sources,
    source_of,
)
from vaultbind.kube.errors import KubeErrorKind
from vaultbind.kube.resources import (
    CLUSTER_KEY_VAULTS,
    KEY_VAULTS,
    NAMESPACES,
    SECRETS,
    SERVICE_ACCOUNTS,
    VAULT_BINDINGS,
)
from vaultbind.vaults.policy import VaultPolicy

OFFERED = replace(INSTALLATION, pod_auth_audience="api://AzureADTokenExchange", broker_url="", broker_ca="")
"""No broker at all: that is what it is for."""
CLIENT = "11111111-0000-0000-0000-000000000001"
TENANT = "22222222-0000-0000-0000-000000000002"
OTHER_TENANT = "33333333-0000-0000-0000-000000000003"
ADDRESS = VaultAddress(url="https://shop.vault.azure.net", tenant_id=TENANT)
DATA = [{"key": "PASSWORD", "secret": {"name": "shop-password"}}]
AUTH = PodAuth(
    client_id=CLIENT,
    sources={name: source_of(ADDRESS, {"data": DATA}) for name in ("shop-db", "shop-tls")},
)


def done(pod: dict[str, Any], installation: Installation = OFFERED) -> Mutation:
    found = mutate(pod, installation, BINDINGS, AUTH)
    assert found is not None
    return found


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in container["env"]}


def test_the_agent_asks_the_vault_and_no_broker() -> None:
    spec = done(make_pod({"auth": "pod", "refresh": "on"})).pod["spec"]

    for name, mode in (("vaultbind-agent", "init"), ("vaultbind-refresh", "refresh")):
        agent = named(spec["initContainers"], name)
        assert agent["command"] == ["python3", "-I", "-m", "vaultbind.injection.direct", mode]
        assert agent["resources"]["limits"] == {"memory": "128Mi"}
        told = environment(agent)
        assert not [key for key in told if "BROKER" in key]
        assert parse_sources(told["VAULTBIND_SOURCES"].replace("$$", "$")) == AUTH


def test_its_token_is_for_the_exchange_and_for_nobody_else() -> None:
    spec = done(make_pod({"auth": "pod"})).pod["spec"]

    (source,) = named(spec["volumes"], "vaultbind-token")["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "api://AzureADTokenExchange"
    holders = [
        item["name"]
        for item in (*spec["initContainers"], *spec["containers"])
        if "vaultbind-token" in {mount["name"] for mount in item.get("volumeMounts", [])}
    ]
    assert holders == ["vaultbind-agent"]


def test_what_was_done_is_told() -> None:
    annotations = done(make_pod({"auth": "pod"})).pod["metadata"]["annotations"]

    assert json.loads(annotations["vaultbind.dev/injected"])["auth"] == "pod"


SHAPES = {
    "files": make_pod({"auth": "pod"}),
    "variables": make_pod({"auth": "pod", "mode": "env"}),
    "both, refreshed": make_pod({"auth": "pod", "mode": "both", "refresh": "5s"}),
    "with Azure's webhook behind us": make_pod(
        {"auth": "pod"}, volumes=[{"name": "azure-identity-token", "projected": {"sources": []}}]
    ),
    "on the host's network, with the node's names": make_pod({"auth": "pod"}, hostNetwork=True),
}


@pytest.mark.parametrize("pod", SHAPES.values(), ids=SHAPES)
def test_twice_is_as_once_and_the_pod_given_is_left_alone(pod: dict[str, Any]) -> None:
    before = deepcopy(pod)
    once = done(pod)

    assert pod == before
    assert done(once.pod).pod == once.pod


REFUSED_PODS = {
    "not offered": (make_pod({"auth": "pod"}), INSTALLATION, "injection.podAuth.enabled"),
    "nothing to ask": (
        make_pod({"auth": "pod", "mode": "env", "env-source": "secret"}),
        OFFERED,
        "variables out of a Secret ask no vault",
    ),
    "nothing to ask on an older cluster": (
        make_pod({"auth": "pod", "mode": "env"}),
        replace(OLD_CLUSTER, pod_auth_audience="x"),
        "variables out of a Secret ask no vault",
    ),
}


@pytest.mark.parametrize(("pod", "installation", "message"), REFUSED_PODS.values(), ids=REFUSED_PODS)
def test_a_refused_pod(pod: dict[str, Any], installation: Installation, message: str) -> None:
    with pytest.raises(InjectionError, match=message) as caught:
        mutate(pod, installation, BINDINGS, AUTH)
    assert str(caught.value).startswith("annotation vaultbind.dev/auth: pod ")


def test_a_pod_of_the_broker_hears_of_the_other_way_where_there_is_no_broker() -> None:
    with pytest.raises(InjectionError, match=r"runs no broker.*use annotations vaultbind\.dev/auth: pod, or"):
        mutate(make_pod(), OFFERED, BINDINGS)


# -- what the agent is told


def test_each_vault_is_told_once_and_of_a_spec_only_what_values_are_made_of() -> None:
    made = {"data": DATA, "dataFrom": [{"tls": {"name": "web"}}]}
    template = {"template": {"data": {"a": "{{ b }}"}}}
    spec = {**made, "target": {"creationPolicy": "None", "labels": {"a": "b"}, **template}, "suspend": True}
    auth = replace(AUTH, sources={name: source_of(ADDRESS, spec) for name in "abc"})
    told = json.loads(render_sources(auth))

    assert len(told["vaults"]) == 1
    assert told["bindings"]["a"] == {"vault": 0, "spec": {**made, "target": template}}
    assert parse_sources(render_sources(auth)) == auth


WORDS = st.text(max_size=6)
ADDRESSES = st.builds(VaultAddress, url=WORDS, tenant_id=WORDS, authority_host=WORDS, ca_bundle=WORDS)
SPECS = st.fixed_dictionaries({"data": st.lists(st.dictionaries(WORDS, WORDS), min_size=1, max_size=2)})
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["clientId", "vaults", "bindings", "url", "vault", "spec"]), below)
    ),
    max_leaves=12,
)


@given(WORDS, st.dictionaries(WORDS, st.builds(source_of, ADDRESSES, SPECS), max_size=2))
def test_the_agent_reads_what_the_webhook_writes(client_id: str, sources: dict[str, Source]) -> None:
    auth = PodAuth(client_id=client_id, sources=sources)

    assert parse_sources(render_sources(auth)) == auth


@given(ANY_JSON)
def test_anything_else_is_read_or_refused(told: Any) -> None:
    with contextlib.suppress(ValueError):
        parse_sources(json.dumps(told))


def test_more_than_a_variable_can_hold_is_refused() -> None:
    address = replace(ADDRESS, ca_bundle="x" * 100_000)
    with pytest.raises(InjectionError, match="name fewer bindings, or leave out"):
        render_sources(PodAuth(client_id=CLIENT, sources={"a": source_of(address, {"data": DATA})}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"clientId":"x","vaults":[{}],"bindings":{}}', "null"])
def test_what_nobody_wrote_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="not what the webhook writes"):
        parse_sources(text)


# -- what the webhook asks for


class Stage:
    """A namespace with a ServiceAccount, a binding and a vault that it may read."""

    def __init__(self) -> None:
        self.now = 0.0
        self.cluster = FakeCluster()
        self.account(client_id=CLIENT, tenant_id=TENANT)
        self.vault()
        self.bind("shop-db", data=DATA)
        self.cluster.put(NAMESPACES, "", "shop", metadata={"labels": {"team": "shop"}})
        self.lookup = PodAuthLookup(self.cluster.client, VaultPolicy(), lambda: self.now)

    def account(self, name: str = "web", **ids: str) -> None:
        annotations = {
            f"azure.workload.identity/{key.replace('_', '-')}": value for key, value in ids.items()
        }
        self.cluster.put(SERVICE_ACCOUNTS, "shop", name, metadata={"annotations": annotations})

    def vault(self, **spec: Any) -> None:
        access = [{"namespaces": {"selector": {"matchLabels": {"team": "shop"}}}, "objects": ["shop-*"]}]
        known = {"url": "https://shop.vault.azure.net", "access": access}
        self.cluster.put(CLUSTER_KEY_VAULTS, "", "default", spec=known | spec)

    def bind(self, name: str, **spec: Any) -> None:
        self.cluster.put(VAULT_BINDINGS, "shop", name, spec=spec)

    async def fetch(self, *bindings: str, account: str = "web") -> PodAuth:
        return await self.lookup.fetch("shop", account, bindings or ("shop-db",))


async def test_identity_and_vault_come_from_the_cluster() -> None:
    stage = Stage()
    found = await stage.fetch()

    assert found == PodAuth(client_id=CLIENT, sources={"shop-db": source_of(ADDRESS, {"data": DATA})})


async def test_the_vault_names_the_tenant_where_the_account_does_not() -> None:
    stage = Stage()
    stage.account(client_id=CLIENT)
    stage.vault(
        auth={"workloadIdentity": {"tenantId": OTHER_TENANT}},
        authorityHost="https://login.microsoftonline.us",
    )
    address = (await stage.fetch()).sources["shop-db"].vault
    stage.account("other", client_id=CLIENT, tenant_id=TENANT)
    named = (await stage.fetch(account="other")).sources["shop-db"].vault

    assert named.tenant_id == TENANT, "the pod's identity is where its account says"
    assert (address.tenant_id, address.authority_host) == (OTHER_TENANT, "https://login.microsoftonline.us")


async def test_a_namespaced_vault_with_the_operators_own_identity_is_no_matter_here() -> None:
    """The rule of ambient identities protects an identity that is not used."""
    stage = Stage()
    spec = {"url": "https://own.vault.azure.net", "auth": {"default": {}}}
    stage.cluster.put(KEY_VAULTS, "shop", "own", spec=spec)
    stage.bind("own", vaultRef={"name": "own"}, data=DATA)

    assert (await stage.fetch("own")).sources["own"].vault.url == "https://own.vault.azure.net"


def _no_account(stage: Stage) -> None:
    stage.account("web")


def _no_tenant(stage: Stage) -> None:
    stage.account(client_id=CLIENT)


def _no_binding(stage: Stage) -> None:
    stage.cluster.objects.clear()
    stage.account(client_id=CLIENT, tenant_id=TENANT)


def _no_vault(stage: Stage) -> None:
    stage.bind("shop-db", vaultRef={"name": "none"}, data=DATA)


def _broken_binding(stage: Stage) -> None:
    stage.bind("shop-db", data=[])


def _broken_vault(stage: Stage) -> None:
    stage.vault(url="http://plain")


def _foreign_vault(stage: Stage) -> None:
    stage.vault(url="https://shop.vault.evil.test")


def _foreign_authority(stage: Stage) -> None:
    stage.vault(authorityHost="https://login.evil.test")


def _foreign_object(stage: Stage) -> None:
    stage.bind("shop-db", data=[{"key": "A", "secret": {"name": "bank-password"}}])


def _key_store(stage: Stage) -> None:
    store = {"name": "web", "format": "PKCS12", "passwordRef": {"name": "stores", "key": "password"}}
    spec = {"data": [{"key": "store.p12", "certificate": store}]}
    stage.cluster.put(VAULT_BINDINGS, "shop", "shop-db", spec=spec)


def _finds(stage: Stage) -> None:
    spec = {"dataFrom": [{"find": {"name": {"regexp": "app-.*"}}}]}
    stage.cluster.put(VAULT_BINDINGS, "shop", "shop-db", spec=spec)


def _foreign_namespace(stage: Stage) -> None:
    stage.cluster.put(NAMESPACES, "", "shop", metadata={"labels": {"team": "bank"}})


REFUSED = {
    "no client id": (
        _no_account,
        "vaultbind.dev/auth: pod needs annotation azure.workload.identity/client-id",
    ),
    "no tenant": (_no_tenant, "vaultbind.dev/auth: pod needs the tenant"),
    "no binding": (_no_binding, "vaultbind.dev/auth: pod needs its spec when the pod is created"),
    "no vault": (_no_vault, "KeyVault shop/none, which VaultBinding shop-db names, does not exist"),
    "a binding that cannot be used": (_broken_binding, "VaultBinding shop-db cannot be used: spec"),
    "a key store with a password": (
        _key_store,
        "VaultBinding shop-db cannot be used: spec.data: a key store with a passwordRef is for a Secret only",
    ),
    "objects that are looked for": (
        _finds,
        "VaultBinding shop-db cannot be used: spec.dataFrom: find is not implemented for pods yet",
    ),
    "a vault that cannot be used": (_broken_vault, "ClusterKeyVault default cannot be used: spec.url"),
    "a host that is not allowed": (_foreign_vault, "spec.url: the host must end in one of"),
    "an authority that is not allowed": (_foreign_authority, "spec.authorityHost: must be one of"),
    "an object that access leaves out": (_foreign_object, "namespace shop may not read secret bank-password"),
    "a namespace that access leaves out": (_foreign_namespace, "namespace shop may not read secret"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
async def test_refused(change: Any, message: str) -> None:
    stage = Stage()
    change(stage)
    with pytest.raises(InjectionError) as caught:
        await stage.fetch()
    assert message in str(caught.value)


async def test_pods_that_start_together_cost_one_question_each_kind() -> None:
    stage = Stage()
    for _ in range(3):
        await stage.fetch()
    assert sorted(stage.cluster.calls) == [
        "get clusterkeyvaults default",
        "get namespaces shop",
        "get serviceaccounts web",
        "get vaultbindings shop-db",
    ]
    stage.now = 6.0
    await stage.fetch()
    assert len(stage.cluster.calls) == 8


def _account_gets_its_identity(stage: Stage) -> None:
    stage.account(client_id=CLIENT, tenant_id=TENANT)


def _namespace_gets_its_label(stage: Stage) -> None:
    stage.cluster.put(NAMESPACES, "", "shop", metadata={"labels": {"team": "shop"}})


def _binding_is_mended(stage: Stage) -> None:
    stage.bind("shop-db", data=DATA)


def _vault_is_mended(stage: Stage) -> None:
    stage.vault()


MENDED = {
    "the account's client id": (_no_account, _account_gets_its_identity),
    "the account's tenant": (_no_tenant, _account_gets_its_identity),
    "the namespace's label": (_foreign_namespace, _namespace_gets_its_label),
    "the binding's spec": (_broken_binding, _binding_is_mended),
    "the vault's spec": (_broken_vault, _vault_is_mended),
}


@pytest.mark.parametrize(("spoil", "mend"), MENDED.values(), ids=MENDED)
async def test_who_does_what_the_refusal_says_is_not_refused_again(spoil: Any, mend: Any) -> None:
    stage = Stage()
    spoil(stage)
    with pytest.raises(InjectionError):
        await stage.fetch()
    mend(stage)

    assert (await stage.fetch()).client_id == CLIENT, "at the same moment"


NOT_OURS_YET: dict[str, dict[str, Any]] = {
    "a ServiceAccount's token": {
        "workloadIdentity": {"tenantId": OTHER_TENANT, "serviceAccountRef": {"namespace": "ops", "name": "x"}}
    },
    "a certificate": {
        "servicePrincipal": {
            "clientId": CLIENT,
            "tenantId": OTHER_TENANT,
            "certificateRef": {"namespace": "ops", "name": "x", "key": "pem"},
        }
    },
    "a way of a newer release": {"madeUpLater": {"tenantId": OTHER_TENANT}},
}


@pytest.mark.parametrize("auth", NOT_OURS_YET.values(), ids=NOT_OURS_YET)
async def test_an_auth_that_is_not_used_need_not_be_implemented(auth: dict[str, Any]) -> None:
    stage = Stage()
    stage.account(client_id=CLIENT)
    stage.vault(auth=auth)

    assert (await stage.fetch()).sources["shop-db"].vault.tenant_id == OTHER_TENANT


@pytest.mark.parametrize(
    "spec",
    [{"madeUpLater": "x"}, {"auth": {"madeUpLater": "x"}, "madeUpLater": "x"}],
    ids=["alone", "beside such an auth"],
)
async def test_what_is_used_has_to_be_implemented(spec: dict[str, Any]) -> None:
    stage = Stage()
    stage.vault(**spec)
    with pytest.raises(InjectionError, match=r"spec\.madeUpLater: this release does not know"):
        await stage.fetch()


async def test_a_bundle_by_reference_is_refused_as_the_webhook_may_read_neither_kind() -> None:
    stage = Stage()
    stage.account(client_id=CLIENT)
    stage.vault(caBundleRef={"kind": "ConfigMap", "namespace": "ops", "name": "company", "key": "ca.crt"})
    with pytest.raises(InjectionError, match=r"spec\.caBundleRef .* write the certificates into caBundle"):
        await stage.fetch()


async def test_what_was_missing_counts_as_soon_as_it_is_there() -> None:
    stage = Stage()
    with pytest.raises(InjectionError, match="VaultBinding shop-tls does not exist"):
        await stage.fetch("shop-tls")

    stage.bind("shop-tls", data=DATA)

    assert set((await stage.fetch("shop-tls")).sources) == {"shop-tls"}


# -- the whole review


def reviews(stage: Stage, *, offered: bool = True) -> PodReviews:
    return PodReviews(
        installation=lambda: OFFERED if offered else INSTALLATION,
        lookup=KeyLookup(stage.cluster.client, lambda: 0.0),
        pod_auth=stage.lookup if offered else None,
    )


async def test_a_review_asks_for_the_pods_own_account() -> None:
    stage = Stage()
    found = await reviews(stage).review(make_pod({"auth": "pod"}, serviceAccountName="web"), "shop")

    assert found is not None
    told = parse_sources(environment(found.pod["spec"]["initContainers"][0])["VAULTBIND_SOURCES"])
    assert told.client_id == CLIENT
    with pytest.raises(InjectionError, match="on ServiceAccount default"):
        await reviews(stage).review(make_pod({"auth": "pod"}), "shop")


async def test_a_forged_review_tells_where_a_vault_is_and_nothing_that_opens_it() -> None:
    """Nobody is asked who sent it; credentials that the KeyVault names are not even read."""
    stage = Stage()
    ref = {"namespace": "ops", "name": "azure", "key": "secret"}
    stage.cluster.put(SECRETS, "ops", "azure", data={"secret": "czNjcjN0"})
    stage.vault(auth={"servicePrincipal": {"clientId": OTHER_TENANT, "tenantId": TENANT, "secretRef": ref}})
    found = await reviews(stage).review(make_pod({"auth": "pod"}, serviceAccountName="web"), "shop")

    assert found is not None
    told = json.loads(environment(found.pod["spec"]["initContainers"][0])["VAULTBIND_SOURCES"])
    assert set(told) == {"clientId", "vaults", "bindings"}
    assert set(told["vaults"][0]) == {"url", "tenant_id", "authority_host", "ca_bundle"}
    assert set(told["bindings"]["shop-db"]) == {"vault", "spec"}
    assert "czNjcjN0" not in str(found)
    assert not [call for call in stage.cluster.calls if "secrets" in call]


async def test_for_pods_of_the_broker_nothing_is_asked() -> None:
    stage = Stage()
    found = PodReviews(
        installation=lambda: INSTALLATION,
        lookup=KeyLookup(stage.cluster.client, lambda: 0.0),
        pod_auth=stage.lookup,
    )
    assert await found.review(make_pod(), "shop") is not None
    assert stage.cluster.calls == []


async def test_where_it_is_not_offered_nothing_is_asked() -> None:
    stage = Stage()
    with pytest.raises(InjectionError, match="not offered by this installation"):
        await reviews(stage, offered=False).review(make_pod({"auth": "pod"}), "shop")
    assert stage.cluster.calls == []


async def test_a_server_that_does_not_answer_refuses_the_pod() -> None:
    stage = Stage()
    stage.cluster.errors["get serviceaccounts"] = KubeErrorKind.FORBIDDEN
    with pytest.raises(InjectionError, match="VaultBindings cannot be read"):
        await reviews(stage).review(make_pod({"auth": "pod"}, serviceAccountName="web"), "shop")
