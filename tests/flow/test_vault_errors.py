"""What can be wrong with an object of the vault: each has its reason, and the last good Secret stays."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from typing import Any

import pytest

from tests.flow.world import ApiError, World
from vaultbind.keyvault.simulation import Ending, Fault
from vaultbind.keyvault.simulation.access import Denial
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.keyvault.simulation.issuing import Chain, issue_chain
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, SECRETS, VAULT_BINDINGS
from vaultbind.vaults.fence import FencedTransport

REVEALING = "caller oid=6f1c8f4e tid=11111111-2222 /subscriptions/77 wrote hunter2"
PLAIN: dict[str, Any] = {"data": [{"key": "k", "secret": {"name": "a"}}]}
TLS: dict[str, Any] = {"dataFrom": [{"tls": {"name": "a"}}]}
HUGE = 25_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """How a good vault becomes a bad one, what that is called, and how it is mended."""

    reason: str
    damage: Callable[[World], Any]
    mend: Callable[[World], Any] = lambda world: world.vault.set_secret("a", "1")
    begin: Callable[[VaultDriver], Any] = lambda vault: vault.set_secret("a", "1")
    """What is in the vault at first; mended, it gives the same Secret."""
    spec: dict[str, Any] = field(default_factory=lambda: PLAIN)
    words: tuple[str, ...] = ("secret a",)
    read_timeout: float = 10.0
    """Seconds."""
    of_vault: str = ""
    """What the KeyVault tells, where it is in trouble as a whole."""
    expiring: tuple[str, ...] = ()
    """What condition Expiring tells besides: when it is damaged, and when it is mended."""


def fault(**members: Any) -> Callable[[World], Any]:
    return lambda world: world.emulator.faults.add(Fault(message=REVEALING, **members))


def heal(world: World) -> None:
    world.emulator.faults.clear()
    world.emulator.estate.access.clear()


def purge(world: World) -> None:
    world.vault.delete("secrets", "a")
    world.vault.purge("secrets", "a")


@cache
def chain() -> Chain:
    """One for all rows: issued again it gives the same bytes."""
    return issue_chain(["shop.example"], not_before=1_600_000_000, not_after=4_000_000_000)


def issue(vault: VaultDriver, *, exportable: bool = True) -> None:
    vault.issue_certificate("a", ["shop.example"], exportable=exportable, chain=chain())


def replace_by_a_secret(world: World) -> None:
    world.vault.delete("certificates", "a")
    world.vault.purge("certificates", "a")
    world.vault.set_secret("a", "hunter2")


def issue_instead(world: World) -> None:
    purge(world)
    issue(world.vault)


def spoil(world: World) -> None:
    """Give the certificate's newest version a value that is none: no call to the vault can do that."""
    issue(world.vault)
    secrets = world.vault.vault.secrets.store
    secrets.replace(replace(secrets.get("a"), value="hunter2"))


def of_secret(**source: Any) -> dict[str, Any]:
    return {"data": [{"key": "k", "secret": {"name": "a", **source}}]}


GET = "/secrets/a*"
CASES = {
    "not found": Case(
        reason="ObjectDeleted",
        damage=lambda world: world.vault.delete("secrets", "a"),
        mend=lambda world: world.vault.recover("secrets", "a"),
    ),
    "purged": Case(
        reason="ObjectNotFound",
        damage=purge,
    ),
    "disabled": Case(
        reason="ObjectDisabled",
        damage=lambda world: world.vault.enable("secrets", "a", enabled=False),
        mend=lambda world: world.vault.enable("secrets", "a"),
        words=("secret a", "403 SecretDisabled"),
    ),
    "not yet valid": Case(
        reason="ObjectNotYetValid",
        damage=lambda world: world.vault.set_secret(
            "a", "hunter2", not_before=world.clock.now() + timedelta(days=365)
        ),
        expiring=("NotYetValid", "Valid"),
    ),
    "forbidden": Case(
        reason="Forbidden",
        damage=fault(path=GET, status=403, inner_code="ForbiddenByRbac"),
        mend=heal,
        words=("secret a", "403 ForbiddenByRbac"),
    ),
    "forbidden by policy": Case(
        reason="Forbidden",
        damage=lambda world: world.emulator.estate.access.deny(
            Denial(kind="secrets", action="get", code="ForbiddenByPolicy")
        ),
        mend=heal,
        words=("secret a", "403 ForbiddenByPolicy"),
    ),
    "firewall": Case(
        reason="Forbidden",
        damage=fault(path=GET, status=403, inner_code="ForbiddenByFirewall"),
        mend=heal,
        words=("403 ForbiddenByFirewall",),
        of_vault="Forbidden",
    ),
    "unauthorized": Case(
        reason="Unauthorized",
        damage=fault(path=GET, status=401),
        mend=heal,
        words=("401 Unauthorized",),
        of_vault="Unauthorized",
    ),
    "throttled": Case(
        reason="Throttled",
        damage=fault(path=GET, status=429),
        mend=heal,
        words=("429",),
        of_vault="Throttled",
    ),
    "throttled for a minute": Case(
        reason="Throttled",
        damage=fault(path=GET, status=429, retry_after=60),
        mend=heal,
        words=("429",),
        of_vault="Throttled",
    ),
    "timeout": Case(
        reason="Timeout",
        damage=fault(path=GET, delay=6.0),
        mend=heal,
        words=("secret a", "ReadTimeout"),
        read_timeout=2.0,
    ),
    "refused": Case(
        reason="Unreachable",
        damage=fault(path=GET, ending=Ending.REFUSED, before_auth=True),
        mend=heal,
        words=("secret a", "ConnectionCut"),
    ),
    "cut": Case(
        reason="Unreachable",
        damage=fault(path=GET, ending=Ending.CUT),
        mend=heal,
        words=("secret a", "ConnectionCut"),
    ),
    "500": Case(
        reason="VaultError", damage=fault(path=GET, status=500), mend=heal, words=("secret a", "HTTP 500")
    ),
    "503": Case(
        reason="VaultError", damage=fault(path=GET, status=503), mend=heal, words=("secret a", "HTTP 503")
    ),
    "an unknown refusal": Case(
        reason="VaultError", damage=fault(path=GET, status=418), mend=heal, words=("secret a", "HTTP 418")
    ),
    "a 404 that is none of Key Vault's": Case(
        reason="VaultError", damage=fault(path=GET, status=404), mend=heal, words=("secret a", "HTTP 404")
    ),
    "property missing": Case(
        reason="PropertyNotFound",
        spec=of_secret(property="/x"),
        begin=lambda vault: vault.set_secret("a", '{"x": "1"}'),
        damage=lambda world: world.vault.set_secret("a", '{"y": "hunter2"}'),
        mend=lambda world: world.vault.set_secret("a", '{"x": "1"}'),
        words=("secret a", "/x"),
    ),
    "not JSON": Case(
        reason="PropertyNotFound",
        spec=of_secret(property="/x"),
        begin=lambda vault: vault.set_secret("a", '{"x": "1"}'),
        damage=lambda world: world.vault.set_secret("a", "hunter2"),
        mend=lambda world: world.vault.set_secret("a", '{"x": "1"}'),
    ),
    "cannot be decoded": Case(
        reason="DecodeFailed",
        spec=of_secret(decode="Base64"),
        begin=lambda vault: vault.set_secret("a", "MQ=="),
        damage=lambda world: world.vault.set_secret("a", "hunter2!"),
        mend=lambda world: world.vault.set_secret("a", "MQ=="),
    ),
    "a secret instead of the certificate": Case(
        reason="NotACertificate",
        spec=TLS,
        begin=issue,
        damage=replace_by_a_secret,
        mend=issue_instead,
        words=("certificate a", "bind it with `secret`"),
    ),
    "a certificate that cannot be read": Case(
        reason="NotACertificate",
        spec=TLS,
        begin=issue,
        damage=spoil,
        mend=lambda world: issue(world.vault),
        words=("certificate a cannot be read",),
    ),
    "the key is not exportable any more": Case(
        reason="KeyNotExportable",
        spec=TLS,
        begin=issue,
        damage=lambda world: issue(world.vault, exportable=False),
        mend=lambda world: issue(world.vault),
        words=("certificate a has no exportable private key",),
    ),
    "over 1 MiB": Case(
        reason="ValueTooLarge",
        spec={"data": [{"key": f"k{number}", "secret": {"name": "a"}} for number in range(45)]},
        damage=lambda world: world.vault.set_secret("a", "hunter2" + "x" * HUGE),
        words=(),
    ),
}


async def begin(world: World, case: Case) -> None:
    """A binding with a good Secret, at rest."""
    world.life.operator.clients.open_transport = partial(FencedTransport, read_timeout=case.read_timeout)
    case.begin(world.seed)
    await world.connect()
    await world.bind("app", **case.spec)
    await world.ready("app")
    await world.calm()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_each_error_has_its_reason_and_the_secret_stays(world: World, case: Case) -> None:
    await begin(world, case)
    good = await world.secret("app")
    uid = (await world.there(SECRETS, "app"))["metadata"]["uid"]
    case.damage(world)
    await world.request_look("app", "now")
    message = await world.told("app", case.reason)
    assert await world.secret("app") == good
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    for word in case.words:
        assert word in message
    assert await world.events() == sorted(f"{reason} app" for reason in (case.reason, *case.expiring[:1]))
    await world.advance(61)
    for word in ("hunter2", "oid", "tid=", "11111111-2222", "subscriptions"):
        assert word not in str(await world.status("app"))
        assert word not in str(await world.status(world.vault_name, CLUSTER_KEY_VAULTS))
        assert not any(word in line for line in world.log.lines), word
    assert [line for line in (await world.spent()).writes if "secrets" in line] == []
    case.mend(world)
    await world.advance(400)
    await world.advance(400)
    await world.ready("app")
    assert await world.secret("app") == good
    assert (await world.there(SECRETS, "app"))["metadata"]["uid"] == uid
    assert await world.events() == sorted(f"{reason} app" for reason in ("Synced", *case.expiring[1:]))
    assert await world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Connected")


async def test_a_requested_look_that_failed_is_owed(world: World) -> None:
    """An older look shows no change, but it is not what was asked for: no pass takes it for the answer."""
    await begin(world, CASES["an unknown refusal"])
    fault(path=GET, status=418)(world)
    await world.request_look("app", "now")
    for longest_wait in (5, 10):
        await world.advance(longest_wait + 1)
        await world.told("app", "VaultError")
    assert await world.events() == ["VaultError app"]
    assert (await world.spent()).vault.count("secrets.get a") >= 3
    heal(world)
    await world.advance(400)
    await world.ready("app")
    assert await world.events() == ["Synced app"]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_new_binding_waits_without_a_secret(world: World, case: Case) -> None:
    await begin(world, case)
    case.damage(world)
    await world.next_look()
    await world.bind("new", **case.spec)
    await world.told("new", case.reason)
    assert await world.conditions("new") == {
        "Ready": f"False {case.reason}",
        "Synced": f"False {case.reason}",
    }
    assert await world.get(SECRETS, "new") is None
    case.mend(world)
    await world.advance(400)
    await world.advance(400)
    await world.ready("new")
    assert await world.secret("new") == await world.secret("app")


VAULT_WIDE = {name: case for name, case in CASES.items() if case.of_vault}


@pytest.mark.parametrize("case", VAULT_WIDE.values(), ids=VAULT_WIDE.keys())
async def test_what_concerns_the_whole_vault_is_told_by_the_keyvault(world: World, case: Case) -> None:
    await begin(world, case)
    case.damage(world)
    await world.request_look("app", "now")
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", case.of_vault))
    await world.settled()
    world.emulator.stats.clear()
    await world.bind("more", **case.spec)
    await world.told("more", case.reason)
    assert (await world.spent()).vault == [], "it is left alone"


async def test_an_object_becomes_valid_by_time_alone(world: World) -> None:
    world.seed.set_secret("a", "1", not_before=world.clock.now() + timedelta(hours=2))
    await world.connect(refreshInterval="365d")
    await world.bind("app", **PLAIN)
    message = await world.told("app", "ObjectNotYetValid")
    assert "secret a" in message
    await world.advance(7100)
    await world.told("app", "ObjectNotYetValid")
    await world.advance(400)
    await world.ready("app")
    assert await world.secret("app") == {"k": b"1"}


async def test_a_certificate_without_an_exportable_key(world: World) -> None:
    world.seed.issue_certificate("web", ["shop.example"], exportable=False)
    await world.connect()
    await world.bind("app", data=[{"key": "k", "certificate": {"name": "web", "include": "Key"}}])
    assert "certificate web" in await world.told("app", "KeyNotExportable")
    await world.bind("public", data=[{"key": "k", "certificate": {"name": "web", "include": "Leaf"}}])
    await world.ready("public")


async def test_a_key_that_no_secret_can_have_is_refused_at_the_door(world: World) -> None:
    """Of a new binding and of one that has its Secret, which stays."""
    await begin(world, CASES["not found"])
    before = await world.there(SECRETS, "app")
    data = [{"key": "bad/key", "secret": {"name": "a"}}]
    with pytest.raises(ApiError, match=r"data\[0\]\.key"):
        await world.bind("new", data=data)
    with pytest.raises(ApiError, match=r"data\[0\]\.key"):
        await world.patch(VAULT_BINDINGS, "app", {"spec": {"data": data}})
    await world.next_look()
    assert (await world.spent()).writes == []
    assert await world.there(SECRETS, "app") == before
    await world.ready("app")


async def test_an_optional_object_may_be_missing_but_not_forbidden(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    entries = [*PLAIN["data"], {"key": "more", "secret": {"name": "b"}, "optional": True}]
    await world.bind("app", data=entries)
    await world.ready("app")
    world.emulator.estate.access.deny(Denial(kind="secrets", action="get", name="b"))
    await world.request_look("app", "now")
    assert "secret b" in await world.told("app", "Forbidden")
    assert await world.secret("app") == {"k": b"1"}
