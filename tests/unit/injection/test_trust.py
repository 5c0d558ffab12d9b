import asyncio
import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.injection.cluster import FakeCluster
from vaultbind.injection.authority import parse_authorities
from vaultbind.injection.certificates import AUTHORITY_LIFETIME, SERVING_LIFETIME, Pair, is_issued_by
from vaultbind.injection.trust import TrustKeeper, TrustSettings
from vaultbind.kube.errors import KubeErrorKind
from vaultbind.kube.resources import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS

START = datetime(2026, 1, 1, tzinfo=UTC)
DNS = ("vaultbind-webhook.system.svc",)
SETTINGS = TrustSettings(namespace="system", serving={"webhook-tls": DNS}, webhooks="vaultbind")


@dataclass
class Clock:
    time: datetime = START

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - START).total_seconds()


@dataclass
class Stage:
    cluster: FakeCluster = field(default_factory=FakeCluster)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        for resource in (MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS):
            self.cluster.put(
                resource,
                "",
                "vaultbind",
                webhooks=[
                    {"name": "a", "clientConfig": {"service": {"name": "x"}}, "timeoutSeconds": 5},
                    {"name": "b"},
                ],
            )

    @property
    def keeper(self) -> TrustKeeper:
        return TrustKeeper(client=self.cluster.client, settings=SETTINGS, clock=self.clock)

    def data(self, name: str) -> dict[str, bytes]:
        secret = self.cluster.objects["secrets", "system", name]
        return {key: base64.b64decode(value) for key, value in secret["data"].items()}

    def bundles(self) -> set[bytes]:
        return {
            base64.b64decode(item["clientConfig"]["caBundle"])
            for (plural, _, _), obj in self.cluster.objects.items()
            if plural.endswith("webhookconfigurations")
            for item in obj["webhooks"]
        }

    def writes(self) -> list[str]:
        return [call for call in self.cluster.calls if call.split()[0] in ("create", "patch")]


async def test_from_nothing_to_all(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    await stage.keeper.keep()

    authorities = parse_authorities(stage.data("vaultbind-ca"))
    assert authorities is not None
    served = stage.data("webhook-tls")
    assert served["ca.crt"] == authorities.bundle()
    assert is_issued_by(Pair(certificate=served["tls.crt"], key=served["tls.key"]), authorities.current)
    assert stage.bundles() == {authorities.bundle()}
    first = stage.cluster.objects["mutatingwebhookconfigurations", "", "vaultbind"]["webhooks"][0]
    assert first["clientConfig"]["service"] == {"name": "x"}
    assert first["timeoutSeconds"] == 5
    assert "PRIVATE" not in caplog.text


async def test_who_checks_is_told_before_anything_is_served() -> None:
    stage = Stage()
    await stage.keeper.keep()

    assert stage.writes() == [
        "create secrets vaultbind-ca",
        "patch mutatingwebhookconfigurations vaultbind",
        "patch validatingwebhookconfigurations vaultbind",
        "create secrets webhook-tls",
    ]


async def test_a_second_pass_writes_nothing() -> None:
    stage = Stage()
    await stage.keeper.keep()
    stage.cluster.calls.clear()
    await stage.keeper.keep()

    assert stage.writes() == []


async def test_a_serving_certificate_is_renewed_in_time() -> None:
    stage = Stage()
    await stage.keeper.keep()
    before = stage.data("webhook-tls")
    stage.cluster.calls.clear()
    stage.clock.time += SERVING_LIFETIME * 0.7
    await stage.keeper.keep()

    assert stage.writes() == ["patch secrets webhook-tls"]
    assert stage.data("webhook-tls")["tls.crt"] != before["tls.crt"]
    assert stage.data("webhook-tls")["ca.crt"] == before["ca.crt"]


async def test_authorities_change_with_overlap() -> None:
    """At each step whoever knows the bundle of the step before trusts what is served."""
    stage = Stage()
    known = b""
    seen = set()
    for month in range(70):
        stage.clock.time = START + timedelta(days=30) * month
        await stage.keeper.keep()
        authorities = parse_authorities(stage.data("vaultbind-ca"))
        assert authorities is not None
        served = stage.data("webhook-tls")
        assert is_issued_by(Pair(certificate=served["tls.crt"], key=b""), authorities.current)
        assert not known or authorities.current.certificate in known
        (known,) = stage.bundles()
        seen.add(known)

    assert len(seen) >= 3
    assert timedelta(days=30) * 70 > AUTHORITY_LIFETIME


async def test_what_others_changed_is_put_right() -> None:
    stage = Stage()
    await stage.keeper.keep()
    bundle = stage.bundles()
    config = stage.cluster.objects["mutatingwebhookconfigurations", "", "vaultbind"]
    config["webhooks"][1]["clientConfig"]["caBundle"] = ""
    stage.cluster.objects["secrets", "system", "webhook-tls"]["data"]["tls.key"] = "?"
    await stage.keeper.keep()

    assert stage.bundles() == bundle
    assert stage.data("webhook-tls")["tls.key"].startswith(b"-----BEGIN PRIVATE KEY")


async def test_configurations_that_are_not_there_are_left_out() -> None:
    stage = Stage(cluster=FakeCluster())
    stage.cluster.objects.clear()
    await stage.keeper.keep()

    assert stage.writes() == ["create secrets vaultbind-ca", "create secrets webhook-tls"]


async def test_failures_are_told_and_come_again_soon(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        stage.cluster.errors.clear()
        if len(waits) == 1:
            stage.cluster.errors["patch mutatingwebhookconfigurations"] = KubeErrorKind.CONFLICT
        if len(waits) == 4:
            raise asyncio.CancelledError

    stage.cluster.errors["get secrets"] = KubeErrorKind.FORBIDDEN
    with pytest.raises(asyncio.CancelledError):
        await stage.keeper.run(pause)

    assert waits == [5.0, 5.0, 300.0, 300.0]
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["certificates are not kept for now: get secrets: forbidden"]


async def test_what_nobody_foresaw_is_told_by_its_type_and_comes_again_soon(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person may have put anything into the Secrets: it must not end the operator."""
    waits: list[float] = []

    async def keep(_: TrustKeeper) -> None:
        raise RecursionError("hunter2")

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr(TrustKeeper, "keep", keep)
    with pytest.raises(asyncio.CancelledError):
        await Stage().keeper.run(pause)

    assert waits == [5.0]
    assert [record.message for record in caplog.records] == [
        "certificates are not kept for now: unexpected RecursionError"
    ]
