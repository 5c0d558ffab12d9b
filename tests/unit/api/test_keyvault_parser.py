"""KeyVault and ClusterKeyVault specs: what is accepted comes out whole, the CRD's rules are kept again."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api import cases
from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.api.errors import SpecError
from vaultbind.api.keyvault import (
    AccessRule,
    Auth,
    BundleKind,
    BundleRef,
    CryptoPolicy,
    DefaultAuth,
    Detection,
    KeyVaultSpec,
    ManagedIdentityAuth,
    NamespaceRule,
    RotationRule,
    SecretKeyRef,
    ServiceAccountRef,
    ServicePrincipalAuth,
    WorkloadIdentityAuth,
)
from vaultbind.api.keyvault_parser import parse_keyvault
from vaultbind.api.refs import VaultObjectKind

WITH_REFERENCES = {"service principal", "client certificate", "ServiceAccount", "bundle of a ConfigMap"}
"""Valid where the namespace is the KeyVault's own."""
NOTHING = CryptoPolicy(allowed_keys=(), allowed_operations=frozenset())


def parse(spec: object) -> KeyVaultSpec:
    return parse_keyvault({"kind": "KeyVault", "metadata": {"name": "v", "namespace": "shop"}, "spec": spec})


def parse_cluster(spec: object) -> KeyVaultSpec:
    return parse_keyvault({"kind": "ClusterKeyVault", "metadata": {"name": "v"}, "spec": spec})


@pytest.mark.parametrize("case", cases.INVALID_KEYVAULTS, ids=lambda case: case.name)
def test_invalid_specs_are_refused(case: cases.Refused) -> None:
    with pytest.raises(SpecError) as caught:
        parse(case.spec)
    assert (caught.value.path, caught.value.reason) == (case.path, Reason.INVALID_SPEC)
    assert case.problem in caught.value.problem


@pytest.mark.parametrize("case", cases.INVALID_CLUSTER_KEYVAULTS, ids=lambda case: case.name)
def test_invalid_specs_of_the_cluster_are_refused(case: cases.Refused) -> None:
    with pytest.raises(SpecError) as caught:
        parse_cluster(case.spec)
    assert (caught.value.path, caught.value.reason) == (case.path, Reason.INVALID_SPEC)
    assert case.problem in caught.value.problem


@pytest.mark.parametrize("kind", ["KeyVault", "ClusterKeyVault"])
def test_fields_of_later_releases_are_refused(kind: str) -> None:
    access = {"access": cases.EVERYWHERE} if kind == "ClusterKeyVault" else {}
    with pytest.raises(SpecError) as caught:
        parse_keyvault({"kind": kind, "metadata": {}, "spec": {**cases.vault(madeUpLater=1), **access}})
    assert (caught.value.path, caught.value.reason) == ("spec.madeUpLater", Reason.NOT_IMPLEMENTED)


@pytest.mark.parametrize("name", list(cases.VALID_KEYVAULTS))
def test_valid_specs_are_parsed_for_both_kinds(name: str) -> None:
    spec = cases.VALID_KEYVAULTS[name]
    assert parse(spec).access is None
    if name not in WITH_REFERENCES:
        assert parse_cluster({**spec, "access": cases.EVERYWHERE}).access is not None


def test_the_least_spec_gets_every_default() -> None:
    assert parse(cases.vault()) == KeyVaultSpec(
        url="https://shop.vault.azure.net",
        auth=DefaultAuth(),
        authority_host="",
        ca_bundle="",
        refresh_interval=timedelta(minutes=1),
        detection=Detection.AUTO,
        requests_per_second=200.0,
        burst=1000,
        warn_before=(timedelta(days=30), timedelta(days=7), timedelta(days=1)),
        access=None,
    )


def test_everything_comes_out() -> None:
    assert parse(cases.VALID_KEYVAULTS["everything else"]) == KeyVaultSpec(
        url="https://shop.vault.localhost:8443",
        auth=DefaultAuth(),
        authority_host="https://login.microsoftonline.com",
        ca_bundle=cases.PEM,
        refresh_interval=timedelta(seconds=90),
        detection=Detection.LIST,
        requests_per_second=10.0,
        burst=20,
        warn_before=(timedelta(days=30), timedelta(days=1)),
    )


def test_parts_that_are_left_out_get_their_defaults() -> None:
    assert parse(cases.VALID_KEYVAULTS["thresholds left out"]) == parse(cases.vault())
    assert parse(cases.VALID_KEYVAULTS["no thresholds"]).warn_before == ()


@pytest.mark.parametrize(
    ("name", "auth"),
    [
        ("default", DefaultAuth()),
        ("managed identity", ManagedIdentityAuth()),
        ("managed identity by id", ManagedIdentityAuth(client_id="c-1")),
        ("managed identity by resource", ManagedIdentityAuth(resource_id="/subscriptions/a/b(c)")),
        (
            "service principal",
            ServicePrincipalAuth(
                client_id="c",
                tenant_id="t",
                secret_ref=SecretKeyRef(namespace="shop", name="azure.sp", key="client_secret"),
            ),
        ),
        (
            "client certificate",
            ServicePrincipalAuth(
                client_id="c",
                tenant_id="t",
                certificate_ref=SecretKeyRef(namespace="shop", name="azure.sp", key="app.pem"),
            ),
        ),
        (
            "ServiceAccount",
            WorkloadIdentityAuth(service_account=ServiceAccountRef(namespace="shop", name="web")),
        ),
        ("workload identity", WorkloadIdentityAuth(client_id="c", tenant_id="contoso.com")),
    ],
)
def test_auth(name: str, auth: Auth) -> None:
    assert parse(cases.VALID_KEYVAULTS[name]).auth == auth


def test_a_reference_of_a_cluster_vault_names_its_namespace() -> None:
    auth = parse_cluster(cases.VALID_CLUSTER_KEYVAULTS["service principal"]).auth
    assert isinstance(auth, ServicePrincipalAuth)
    assert auth.secret_ref == SecretKeyRef(namespace="ops", name="s", key="k")


def test_a_bundle_by_reference() -> None:
    spec = cases.VALID_KEYVAULTS["bundle of a ConfigMap"]
    found = parse(spec)
    assert found.ca_bundle_ref == BundleRef(
        kind=BundleKind.CONFIG_MAP, namespace="shop", name="company", key="ca.crt"
    )
    ref = {**spec["caBundleRef"], "namespace": "ops", "kind": "Secret"}
    of_cluster = parse_cluster({**spec, "caBundleRef": ref, "access": cases.EVERYWHERE})
    assert of_cluster.ca_bundle_ref == BundleRef(
        kind=BundleKind.SECRET, namespace="ops", name="company", key="ca.crt"
    )
    with pytest.raises(SpecError, match=r"spec\.caBundleRef\.namespace: is required"):
        parse_cluster({**spec, "access": cases.EVERYWHERE})


@pytest.mark.parametrize("name", sorted(WITH_REFERENCES))
def test_equal_references_of_two_namespaces_are_not_equal(name: str) -> None:
    """Sessions, and with them credentials, are shared by KeyVaults of equal specs."""
    spec = cases.VALID_KEYVAULTS[name]
    one, other, again = (
        parse_keyvault({"kind": "KeyVault", "metadata": {"namespace": namespace}, "spec": spec})
        for namespace in ("shop", "bank", "shop")
    )
    assert one == again
    assert one != other
    assert hash(one) == hash(again)
    assert one.reads_cluster


def test_a_reference_of_a_namespaced_vault_cannot_leave_its_namespace() -> None:
    ref = {"namespace": "kube-system", "name": "s", "key": "k"}
    with pytest.raises(SpecError, match=r"secretRef\.namespace: this release does not know the field"):
        parse(cases.vault(auth={"servicePrincipal": {**cases.PRINCIPAL, "secretRef": ref}}))


def test_a_namespaced_vault_has_no_access() -> None:
    with pytest.raises(SpecError, match=r"spec\.access: this release does not know the field"):
        parse(cases.vault(access=cases.EVERYWHERE))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://shop.vault.azure.net/", "https://shop.vault.azure.net"),
        ("https://SHOP.Vault.Azure.Net", "https://shop.vault.azure.net"),
        ("https://shop.vault.azure.net:443", "https://shop.vault.azure.net"),
        ("https://shop.vault.azure.net:08443/", "https://shop.vault.azure.net:8443"),
        ("https://127.0.0.1:65535", "https://127.0.0.1:65535"),
    ],
)
def test_the_same_vault_has_one_url(url: str, told: str) -> None:
    assert parse({"url": url}).url == told


def test_access() -> None:
    spec = parse_cluster(cases.VALID_CLUSTER_KEYVAULTS["every rule"])
    in_rule = {"key": "example.com/env", "operator": "In", "values": ("prod", "")}
    absent_rule = {"key": "x", "operator": "DoesNotExist", "values": ()}
    assert spec.access == (
        AccessRule(
            namespaces=NamespaceRule(names=frozenset({"shop", "web"})),
            objects=("{namespace}-*", "shared"),
            kinds=frozenset({VaultObjectKind.SECRET, VaultObjectKind.KEY}),
        ),
        AccessRule(namespaces=NamespaceRule(match_labels={"team": "a"})),
        AccessRule(namespaces=NamespaceRule(match_expressions=(in_rule, absent_rule))),
    )
    assert parse_cluster(cases.VALID_CLUSTER_KEYVAULTS["everywhere"]).access == (
        AccessRule(namespaces=NamespaceRule(all=True)),
    )


FIELDS = st.sampled_from(
    [
        *("auth", "default", "managedIdentity", "servicePrincipal", "clientId", "tenantId", "secretRef"),
        *("namespace", "name", "key", "access", "namespaces", "names", "all", "selector", "matchLabels"),
        *("matchExpressions", "operator", "values", "objects", "kinds", "expiry", "warnBefore", "rateLimit"),
        *("burst", "caBundle", "refreshInterval", "url"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([cases.URL, "a", "7d", "In"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(FIELDS, below, max_size=5),
    max_leaves=12,
)


@given(spec=JSON)
def test_nothing_else_than_a_spec_error_gets_out(spec: object) -> None:
    url = {"url": cases.URL, **spec} if isinstance(spec, dict) else spec
    try:
        parsed = parse_cluster(url)
    except SpecError as error:
        assert error.path.startswith("spec")  # noqa: PT017 - most specs fail, which one is not known
    else:
        assert parsed.access


@pytest.mark.parametrize(
    ("crypto", "kind", "cluster"),
    [
        (None, CryptoPolicy(), NOTHING),
        ({}, CryptoPolicy(), NOTHING),
        (
            {"allowedKeys": ["ci-*"]},
            CryptoPolicy(allowed_keys=("ci-*",)),
            CryptoPolicy(allowed_keys=("ci-*",), allowed_operations=frozenset()),
        ),
        (
            {"allowedOperations": ["Sign"]},
            CryptoPolicy(allowed_operations=frozenset({CryptoOperation.SIGN})),
            CryptoPolicy(allowed_keys=(), allowed_operations=frozenset({CryptoOperation.SIGN})),
        ),
        ({"allowedKeys": [], "allowedOperations": []}, NOTHING, NOTHING),
    ],
)
def test_cryptojobs_may_do_all_on_a_keyvault_and_what_is_named_on_a_clusterkeyvault(
    crypto: object, kind: CryptoPolicy, cluster: CryptoPolicy
) -> None:
    spec = cases.vault(**({"crypto": crypto} if crypto is not None else {}))
    assert parse(spec).crypto == kind
    assert parse_cluster({**spec, "access": cases.EVERYWHERE}).crypto == cluster


def test_rules_for_keys() -> None:
    rules = [
        {"name": "sign-*", "policy": "Set", "rotateAfterCreation": "90d", "expiresAfter": "120d"},
        {"name": "*", "rotateBeforeExpiry": "48h"},
    ]
    assert parse(cases.vault(rotation={"keys": rules})).rotation == (
        RotationRule(
            name="sign-*", sets=True, after_creation=timedelta(days=90), expires_after=timedelta(days=120)
        ),
        RotationRule(name="*", before_expiry=timedelta(days=2)),
    )


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ([], "spec.rotation.keys: must not be empty"),
        ([{}], "spec.rotation.keys[0].name: is required"),
        ([{"name": "*", "policy": "Maybe"}], "spec.rotation.keys[0].policy: must be one of Check, Set"),
        ([{"name": "*", "expiresAfter": "36h"}], "spec.rotation.keys[0].expiresAfter: must be whole days"),
        ([{"name": "*", "expiresAfter": "0d"}], "spec.rotation.keys[0].expiresAfter: must be whole days"),
        (
            [{"name": "*", "rotateAfterCreation": "9d", "rotateBeforeExpiry": "9d"}],
            "at most one of rotateAfterCreation and rotateBeforeExpiry may be set",
        ),
    ],
)
def test_rules_for_keys_that_make_no_sense(keys: list[Any], problem: str) -> None:
    with pytest.raises(SpecError) as raised:
        parse(cases.vault(rotation={"keys": keys}))
    assert problem in str(raised.value)
