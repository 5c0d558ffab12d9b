"""What a client is made of and the cluster keeps: read by reference, never told."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.unit.api.cases import PEM
from vaultbind.api.conditions import Reason
from vaultbind.api.keyvault import BundleKind, BundleRef
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.bindings.content import trouble_of
from vaultbind.cryptojobs.setbacks import setback_of_pause
from vaultbind.keyvault import KeyVaultError
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import CONFIG_MAPS, SECRETS, Resource
from vaultbind.vaults.causes import decide_pause, decide_trouble, trouble_for_readers
from vaultbind.vaults.material import Material, Piece, has_outdated
from vaultbind.vaults.session import VaultPausedError

HIDDEN = "hunter2"


@dataclass
class FakeKube:
    """Objects by plural and `namespace/name`."""

    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    error: KubeErrorKind | None = None

    def put(self, plural: str, name: str, version: str = "1", **body: Any) -> None:
        self.objects[plural, name] = {"metadata": {"resourceVersion": version}, **body}

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        if self.error is not None:
            raise KubeError(self.error, message="text of the API server")
        found = self.objects.get((resource.plural, f"{namespace}/{name}"))
        if found is None:
            raise KubeError(KubeErrorKind.NOT_FOUND, message="text of the API server")
        return found

    async def get_metadata(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        return {"metadata": (await self.get(resource, namespace, name))["metadata"]}


def material(kube: FakeKube) -> Material:
    return Material(kube=cast("KubeClient", kube))


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def ref(kind: BundleKind = BundleKind.CONFIG_MAP) -> BundleRef:
    return BundleRef(kind=kind, namespace="n", name="company", key="ca")


BUNDLES: dict[str, tuple[BundleKind, Mapping[str, Any]]] = {
    "ConfigMap": (BundleKind.CONFIG_MAP, {"data": {"ca": PEM}}),
    "ConfigMap, binary": (BundleKind.CONFIG_MAP, {"binaryData": {"ca": encoded(PEM)}}),
    "Secret": (BundleKind.SECRET, {"data": {"ca": encoded(PEM)}}),
}


@pytest.mark.parametrize(("kind", "body"), BUNDLES.values(), ids=BUNDLES.keys())
async def test_bundles(kind: BundleKind, body: Mapping[str, Any]) -> None:
    kube = FakeKube()
    plural = "secrets" if kind is BundleKind.SECRET else "configmaps"
    kube.put(plural, "n/company", version="7", **body)
    made = material(kube)
    assert await made.fetch_bundle(ref(kind)) == PEM
    resource = SECRETS if kind is BundleKind.SECRET else CONFIG_MAPS
    assert made.pieces == [Piece(resource=resource, namespace="n", name="company", version="7")]


@dataclass(frozen=True, kw_only=True)
class Failed:
    reason: Reason
    told: str
    kind: BundleKind = BundleKind.CONFIG_MAP
    body: Mapping[str, Any] | None = None
    error: KubeErrorKind | None = None


FAILED = {
    "gone": Failed(
        reason=Reason.CA_BUNDLE_NOT_FOUND,
        told="key ca of ConfigMap n/company cannot be read: not found; create it or correct spec.caBundleRef",
    ),
    "no data": Failed(reason=Reason.CA_BUNDLE_NOT_FOUND, body={}, told="is missing or empty"),
    "no key": Failed(
        reason=Reason.CA_BUNDLE_NOT_FOUND, body={"data": {"other": PEM}}, told="is missing or empty"
    ),
    "empty": Failed(reason=Reason.CA_BUNDLE_NOT_FOUND, body={"data": {"ca": ""}}, told="is missing or empty"),
    "empty in a Secret": Failed(
        reason=Reason.CA_BUNDLE_NOT_FOUND,
        kind=BundleKind.SECRET,
        body={"data": {"ca": ""}},
        told="key ca of Secret n/company is missing or empty",
    ),
    "no text": Failed(
        reason=Reason.CA_BUNDLE_INVALID,
        kind=BundleKind.SECRET,
        body={"data": {"ca": encoded(b"\xff\xfe")}},
        told="must hold at least one PEM certificate",
    ),
    "something else": Failed(
        reason=Reason.CA_BUNDLE_INVALID, body={"data": {"ca": HIDDEN}}, told="at least one PEM certificate"
    ),
    "with a key": Failed(
        reason=Reason.CA_BUNDLE_INVALID,
        body={"data": {"ca": f"{PEM}-----BEGIN EC PRIVATE KEY-----{HIDDEN}"}},
        told="must not hold a private key",
    ),
    "no right": Failed(
        reason=Reason.RIGHT_MISSING,
        error=KubeErrorKind.FORBIDDEN,
        told="forbidden; the operator has no right to get configmaps in namespace n; grant it",
    ),
    "no right on Secrets": Failed(
        reason=Reason.RIGHT_MISSING,
        kind=BundleKind.SECRET,
        error=KubeErrorKind.FORBIDDEN,
        told="the operator has no right to get secrets in namespace n; grant it",
    ),
    "no cluster": Failed(
        reason=Reason.CLUSTER_ERROR, error=KubeErrorKind.UNREACHABLE, told="cannot be read: no connection"
    ),
}


@pytest.mark.parametrize("case", FAILED.values(), ids=FAILED.keys())
async def test_bundles_that_cannot_be_used(case: Failed) -> None:
    """The reason is the KeyVault's; a binding is told to look there. The vault is left alone for a while."""
    kube = FakeKube(error=case.error)
    if case.body is not None:
        kube.put("secrets" if case.kind is BundleKind.SECRET else "configmaps", "n/company", **case.body)
    with pytest.raises(KeyVaultError) as caught:
        await material(kube).fetch_bundle(ref(case.kind))
    error = caught.value
    trouble = decide_trouble(error)
    assert (trouble.reason, trouble.vault_wide) == (case.reason, True)
    assert case.told in trouble.message
    assert decide_pause(error, 1, 0.0) > 0
    assert error.__cause__ is None
    for text in (HIDDEN, "text of the API server"):
        assert text not in str(error) + trouble.message
    assert trouble_for_readers(trouble).reason is Reason.KEYVAULT_NOT_READY
    wanted = VaultObjectRef(VaultObjectKind.SECRET, "db")
    assert decide_trouble(error, wanted).reason is Reason.KEYVAULT_NOT_READY


async def test_a_piece_is_outdated_when_it_changes_goes_or_may_not_be_read() -> None:
    kube = FakeKube()
    kube.put("configmaps", "n/company", data={"ca": PEM})
    kube.put("configmaps", "n/other")
    made = material(kube)
    await made.fetch_bundle(ref())

    async def outdated() -> bool:
        return await has_outdated(cast("KubeClient", kube), made.pieces)

    assert await has_outdated(cast("KubeClient", kube), ()) is False
    assert not await outdated()
    kube.put("configmaps", "n/company", version="2", data={"ca": PEM})
    assert await outdated()
    kube.put("configmaps", "n/company", version="1")
    assert not await outdated()
    kube.error = KubeErrorKind.UNREACHABLE
    assert not await outdated(), "trouble of the cluster is no news"
    for error in (KubeErrorKind.NOT_FOUND, KubeErrorKind.FORBIDDEN):
        kube.error = error
        assert await outdated()


async def test_whoever_meets_the_pause_after_it_is_told_the_same() -> None:
    with pytest.raises(KeyVaultError) as caught:
        await material(FakeKube()).fetch_bundle(ref())
    paused = VaultPausedError(decide_trouble(caught.value))
    assert (
        trouble_of(paused, VaultObjectRef(VaultObjectKind.SECRET, "db")).reason is Reason.KEYVAULT_NOT_READY
    )
    assert setback_of_pause(paused.trouble).reason is Reason.KEYVAULT_NOT_READY
