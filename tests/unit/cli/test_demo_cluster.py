"""Which clusters the demo may use, what it puts there, and how it counts."""

from collections.abc import Callable

import pytest

from vaultbind.cli.demo.clusters import parse_writes
from vaultbind.cli.demo.current import Plan, check_plan
from vaultbind.cli.demo.manifests import (
    BINDING_PUBLIC_KEY,
    BINDING_SECRETS,
    BINDING_TLS,
    Place,
    fetch_manifests,
    find_folder,
)
from vaultbind.cli.demo.outcome import DemoError
from vaultbind.cli.demo.production import find_production_name
from vaultbind.cli.demo.sabotage import SABOTAGES
from vaultbind.cli.demo.steps import build_steps

URL = "https://shop.vault.localhost:7"
METRICS = """# TYPE vaultbind_kube_requests counter
vaultbind_kube_requests_total{resource="secrets",status="201",verb="create"} 2.0
vaultbind_kube_requests_total{resource="secrets",status="200",verb="patch"} 1.0
vaultbind_kube_requests_total{resource="secrets",status="200",verb="list"} 9.0
vaultbind_vault_requests_total{method="GET"} 5.0
"""
MISSING = ("keyvaults.vaultbind.dev",)


@pytest.mark.parametrize(
    ("name", "is_production"),
    [
        ("prod", True),
        ("PRD-1", True),
        ("eu-production-2", True),
        ("live", True),
        ("shop_prod", True),
        ("prod1", True),
        ("https://api.prod.example.test:6443", True),
        ("aksprod", True),
        ("aksPROD", True),
        ("shopprod", True),
        ("prodaks", True),
        ("myprodcluster", True),
        ("prodeuwest", True),
        ("shopprd", True),
        ("prdshop", True),
        ("aksproduction", True),
        ("productionaks", True),
        ("preproduction", True),
        ("preprod", True),
        ("nonprod", True),  # it may share a machine with what it is not; --yes is cheap
        ("aks-produktion", True),
        ("productive", True),
        ("productprod", True),
        ("product-catalog-prod", True),
        ("oliveprod", True),
        ("shoplive", True),
        ("liveaks", True),
        ("betalive", True),
        ("https://shopprod-dns-1a2b3c4d.hcp.westeurope.azmk8s.io:443", True),
        ("kind-kind", False),
        ("minikube", False),
        ("macbook-pro", False),
        ("olive", False),
        ("product-catalogue", False),
        ("product-catalog-dev", False),
        ("shopproducts", False),
        ("productivity", False),
        ("producer", False),
        ("producing", False),
        ("prodigy", False),
        ("reproduce", False),
        ("reproducible", False),
        ("reproduction", False),
        ("delivery-dev", False),
        ("keepalive", False),
        ("alive", False),
        ("livestream-test", False),
        ("https://shop-dns-1a2b3c4d.hcp.westeurope.azmk8s.io:443", False),
        ("staging", False),
        ("", False),
    ],
)
def test_names_that_speak_of_production(name: str, is_production: bool) -> None:
    assert bool(find_production_name(["dev", name])) is is_production


def never(_: str) -> bool:
    raise AssertionError("nobody was to be asked")


@pytest.mark.parametrize(
    ("plan", "yes", "ask", "refusal"),
    [
        pytest.param(Plan(names=("dev",)), False, never, "", id="all is there"),
        pytest.param(Plan(names=("dev",), missing_crds=MISSING), False, lambda _: True, "", id="agreed"),
        pytest.param(Plan(names=("dev",), missing_crds=MISSING), False, lambda _: False, "nothing", id="no"),
        pytest.param(Plan(names=("dev",), missing_crds=MISSING), False, None, "needs --yes", id="nobody"),
        pytest.param(Plan(names=("dev",), missing_crds=MISSING), True, never, "", id="yes beforehand"),
        pytest.param(Plan(names=("prod",)), False, never, "production", id="production"),
        pytest.param(Plan(names=("dev", "x-live")), False, never, "production", id="cluster of production"),
        pytest.param(Plan(names=("prod",), missing_crds=MISSING), True, never, "", id="production, yes"),
        pytest.param(Plan(names=("dev",), vaults=("v",)), True, never, "in use", id="in use, even with yes"),
    ],
)
def test_a_plan_is_refused_or_not(
    plan: Plan, yes: bool, ask: Callable[[str], bool] | None, refusal: str
) -> None:
    if not refusal:
        check_plan(plan, yes=yes, ask=ask)
        return
    with pytest.raises(DemoError, match=refusal):
        check_plan(plan, yes=yes, ask=ask)


def test_people_are_told_what_is_installed_where() -> None:
    asked: list[str] = []

    def agree(text: str) -> bool:
        asked.append(text)
        return True

    check_plan(Plan(names=("dev",), missing_crds=MISSING), yes=False, ask=agree)
    assert "1 CRDs" in asked[0]
    assert "'dev'" in asked[0]


def test_examples_are_applied_as_they_are_but_for_the_port() -> None:
    manifests = fetch_manifests(Place(), URL)
    assert manifests.vault["metadata"]["name"] == "shop"
    assert manifests.vault["spec"]["url"] == URL
    assert manifests.vault["spec"]["access"] == [{"namespaces": {"all": True}}]
    assert set(manifests.bindings) == {BINDING_SECRETS, BINDING_TLS, BINDING_PUBLIC_KEY}
    assert {item["metadata"]["namespace"] for item in manifests.bindings.values()} == {"shop"}
    assert len(manifests.crds) == 4
    assert "shop:" in manifests.seed


def test_on_somebodys_cluster_all_names_are_the_demos_own() -> None:
    manifests = fetch_manifests(Place(namespace="demo-1", vault="demo-2"), URL)
    assert manifests.vault["metadata"]["name"] == "demo-2"
    assert manifests.vault["spec"]["access"] == [{"namespaces": {"names": ["demo-1"]}}]
    for binding in manifests.bindings.values():
        assert binding["metadata"]["namespace"] == "demo-1"
        assert binding["spec"]["vaultRef"] == {"kind": "ClusterKeyVault", "name": "demo-2"}


def test_a_folder_that_is_nowhere_is_told() -> None:
    with pytest.raises(DemoError, match="nowhere"):
        find_folder("nowhere")


def test_every_step_can_be_sabotaged_in_the_order_of_the_steps() -> None:
    assert [step.name for step in build_steps()] == list(SABOTAGES)


def test_writes_are_read_out_of_metrics() -> None:
    assert parse_writes(METRICS) == {"secrets": 3}
    assert not parse_writes("")
