"""KeyVaults: who may connect to what, with which identity, and what the status tells."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.flow.world import World, stamp
from vaultbind.keyvault.simulation import Ending, Fault
from vaultbind.keyvault.simulation.access import Denial
from vaultbind.kube.resources import (
    CLUSTER_KEY_VAULTS,
    EVENTS,
    KEY_VAULTS,
    NAMESPACES,
    SECRETS,
    VAULT_BINDINGS,
    Resource,
)

RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
TENANT = "11111111-2222-3333-4444-555555555555"
REVEALING = f"caller oid=6f1c8f4e-0000-4000-8000-aaaaaaaaaaaa tid={TENANT} /subscriptions/77 hunter2"
DATA = [{"key": "a", "secret": {"name": "a"}}]


async def told(world: World, reason: str, resource: Resource = CLUSTER_KEY_VAULTS, name: str = "") -> str:
    """Wait until a KeyVault's Ready gives that reason; return its message."""
    name = name or world.vault_name
    await world.until(lambda: world.has(resource, name, "Ready", reason))
    await world.settled()
    conditions = (await world.status(name, resource))["conditions"]
    return next(str(item["message"]) for item in conditions if item["type"] == "Ready")


async def vault_events(world: World) -> list[str]:
    """Reasons of all Events about the world's ClusterKeyVault, in their order."""
    events = await world.cluster.objects(EVENTS, "default")
    ours = [event for event in events if event["involvedObject"].get("name") == world.vault_name]
    return [
        event["reason"] for event in sorted(ours, key=lambda event: int(event["metadata"]["resourceVersion"]))
    ]


def principals(world: World) -> set[str]:
    """Who asked the vault."""
    return {entry.principal for entry in world.emulator.stats.recent() if entry.kind and entry.principal}


def tokens(world: World) -> list[str]:
    """How tokens were asked for."""
    return [entry.action for entry in world.emulator.stats.recent() if entry.action.startswith("token.")]


async def works(world: World) -> None:
    """A binding through the world's ClusterKeyVault gets its Secret."""
    world.seed.set_secret("a", "1")
    await world.bind("app", data=DATA)
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}


@dataclass(slots=True)
class Listener:
    """Counts connections; speaks no word."""

    port: int = 0
    connections: int = 0


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()

    async def meet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.connections += 1
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        listener.port = server.sockets[0].getsockname()[1]
        yield listener


# -- identities --------------------------------------------------------------------------------------

MANAGED: dict[str, tuple[dict[str, str], str]] = {
    "of the system": ({}, "system-assigned"),
    "by client id": ({"clientId": TENANT}, TENANT),
    "by resource id": (
        {"resourceId": RESOURCE},
        RESOURCE,
    ),
}


@pytest.mark.parametrize(("identity", "principal"), MANAGED.values(), ids=MANAGED.keys())
async def test_a_vault_connects_with_a_managed_identity(
    world: World, identity: dict[str, str], principal: str
) -> None:
    await world.create(
        CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(auth={"managedIdentity": identity})
    )
    assert await told(world, "Connected") == "the vault answers"
    await works(world)
    assert principals(world) == {principal}
    assert tokens(world) == ["token.managedIdentity"]


async def test_a_vault_connects_with_the_default_identity(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `auth`, too: what the process has, Azure's own variables say."""
    for name, value in {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": "of-the-process",
        "AZURE_CLIENT_SECRET": "any",
        "AZURE_AUTHORITY_HOST": world.emulator.authority_host,
    }.items():
        monkeypatch.setenv(name, value)
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(auth={"default": {}}))
    await told(world, "Connected")
    await works(world)
    assert principals(world) == {"of-the-process"}
    assert tokens(world) == ["token.clientSecret"]
    spec = world.vault_spec()
    del spec["auth"]
    await world.create(CLUSTER_KEY_VAULTS, f"{world.vault_name}-silent", spec=spec)
    await told(world, "Connected", name=f"{world.vault_name}-silent")
    assert tokens(world) == ["token.clientSecret"], "one session, one identity"


async def test_the_default_identity_falls_back_to_the_managed_one(world: World) -> None:
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(auth={"default": {}}))
    await told(world, "Connected")
    assert tokens(world) == ["token.managedIdentity"]


async def test_a_vault_connects_with_the_workload_identity_of_the_process(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("a.b.c")
    for name, value in {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": "of-the-process",
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
        "AZURE_AUTHORITY_HOST": world.emulator.authority_host,
    }.items():
        monkeypatch.setenv(name, value)
    auths: dict[str, dict[str, str]] = {
        "of-the-process": {},
        TENANT: {"clientId": TENANT, "tenantId": TENANT},
    }
    for number, (principal, ids) in enumerate(auths.items()):
        name = f"{world.vault_name}-{number}"
        world.emulator.stats.clear()
        await world.create(CLUSTER_KEY_VAULTS, name, spec=world.vault_spec(auth={"workloadIdentity": ids}))
        await told(world, "Connected", name=name)
        assert principals(world) == {principal}
        assert tokens(world) == ["token.assertion"]


async def test_a_workload_identity_that_is_not_there_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    await world.create(
        CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(auth={"workloadIdentity": {}})
    )
    message = await told(world, "Unauthorized")
    assert "AZURE_FEDERATED_TOKEN_FILE" in message


def principal_spec(world: World, **ref: str) -> dict[str, Any]:
    """A KeyVault of the namespace with an identity of its own."""
    reference = {"name": "principal", "key": "secret", **ref}
    auth = {"clientId": TENANT, "tenantId": TENANT, "secretRef": reference}
    spec = world.vault_spec(auth={"servicePrincipal": auth}, authorityHost=world.emulator.authority_host)
    if "namespace" not in ref:
        del spec["access"]
    return spec


def encoded(text: str) -> dict[str, str]:
    return {"secret": base64.b64encode(text.encode()).decode()}


async def test_a_vault_connects_with_a_service_principal(world: World) -> None:
    await world.create(SECRETS, "principal", data=encoded("right"))
    world.emulator._identity.clients[TENANT] = "right"
    await world.create(KEY_VAULTS, "near", spec=principal_spec(world))
    await told(world, "Connected", KEY_VAULTS, "near")
    spec = principal_spec(world, namespace=world.namespace)
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=spec)
    await told(world, "Connected")
    await works(world)
    assert principals(world) == {TENANT}
    assert set(tokens(world)) == {"token.clientSecret"}


async def test_a_client_secret_that_is_missing_is_named_and_found_when_it_comes(world: World) -> None:
    world.seed.set_secret("a", "1")
    world.emulator._identity.clients[TENANT] = "right"
    await world.create(KEY_VAULTS, "near", spec=principal_spec(world))
    message = await told(world, "Unauthorized", KEY_VAULTS, "near")
    assert f"key secret of Secret {world.namespace}/principal cannot be read: not found" in message
    assert [entry for entry in world.emulator.stats.recent() if entry.kind] == []
    await world.create(VAULT_BINDINGS, "app", spec={"vaultRef": {"name": "near"}, "data": DATA})
    await world.told("app", "Unauthorized")
    await world.create(SECRETS, "principal", data={"other": "YQ=="})
    await world.advance(400)
    assert "is missing or empty" in await told(world, "Unauthorized", KEY_VAULTS, "near")
    await world.patch(SECRETS, "principal", {"data": encoded("right")})
    await world.advance(400)
    await told(world, "Connected", KEY_VAULTS, "near")
    await world.ready("app")


async def test_a_rotated_client_secret_is_read_again(world: World) -> None:
    clients = world.emulator._identity.clients
    clients[TENANT] = "first"
    await world.create(SECRETS, "principal", data=encoded("first"))
    await world.create(KEY_VAULTS, "near", spec=principal_spec(world))
    await told(world, "Connected", KEY_VAULTS, "near")
    clients[TENANT] = "second"
    world.emulator.faults.add(Fault(status=401, route="/secrets*"))
    await world.next_look()
    await told(world, "Unauthorized", KEY_VAULTS, "near")
    world.emulator.faults.clear()
    await world.advance(400)
    assert "AADSTS7000215" in await told(world, "Unauthorized", KEY_VAULTS, "near")
    await world.patch(SECRETS, "principal", {"data": encoded("second")})
    await world.advance(400)
    await told(world, "Connected", KEY_VAULTS, "near")


async def test_a_token_that_cannot_be_had_is_told(world: World) -> None:
    world.emulator.faults.add(Fault(status=400, path="/msi*", before_auth=True, message=REVEALING))
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec())
    await told(world, "Unauthorized")
    world.emulator.faults.clear()
    await world.advance(400)
    await told(world, "Connected")


# -- refusals, before anything is sent ------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.localhost", "shop.vault.evil.localhost", "shop.vault.localhost.evil.localhost"]
)
async def test_a_url_that_is_not_allowed_sees_no_connection(world: World, host: str) -> None:
    async with listening() as listener:
        url = f"https://{host}:{listener.port}"
        await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(url=url))
        message = await told(world, "UrlNotAllowed")
        assert message.startswith("spec.url: ")
        await world.bind("app", data=DATA)
        assert "UrlNotAllowed" in await world.told("app", "KeyVaultNotReady")
        await world.next_look()
        assert listener.connections == 0
    assert await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS) == {
        "Ready": "False UrlNotAllowed",
        "Stalled": "True UrlNotAllowed",
    }
    assert tokens(world) == []


async def test_the_port_is_part_of_what_is_allowed(world: World) -> None:
    async with listening() as listener:
        url = f"https://shop.vault.localhost:{listener.port}"
        await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(url=url))
        await told(world, "UrlNotAllowed")
        assert listener.connections == 0


async def test_an_allowed_url_sees_a_connection(quiet_world: World) -> None:
    """What the tests beside this one would see if nothing were refused."""
    world = quiet_world
    async with listening() as listener:
        policy = replace(world.settings.policy, vault_suffixes=(f".vault.localhost:{listener.port}",))
        world.settings = replace(world.settings, policy=policy)
        await world.start_operator()
        url = f"https://shop.vault.localhost:{listener.port}"
        await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(url=url))
        await told(world, "Unreachable")
        assert listener.connections > 0


async def test_an_authority_host_that_is_not_allowed_sees_no_connection(world: World) -> None:
    await world.create(SECRETS, "principal", data=encoded("right"))
    async with listening() as listener:
        spec = {**principal_spec(world), "authorityHost": f"https://127.0.0.1:{listener.port}"}
        await world.create(KEY_VAULTS, "near", spec=spec)
        message = await told(world, "UrlNotAllowed", KEY_VAULTS, "near")
        assert message.startswith("spec.authorityHost: ")
        await world.next_look()
        assert listener.connections == 0
    spec = principal_spec(world)
    await world.patch(KEY_VAULTS, "near", {"spec": {"authorityHost": spec["authorityHost"]}})
    await told(world, "Connected", KEY_VAULTS, "near")


async def test_an_allowed_authority_host_sees_a_connection(quiet_world: World) -> None:
    world = quiet_world
    async with listening() as listener:
        hosts = (f"127.0.0.1:{listener.port}",)
        policy = replace(world.settings.policy, authority_hosts=hosts)
        world.settings = replace(world.settings, policy=policy)
        await world.start_operator()
        await world.create(SECRETS, "principal", data=encoded("right"))
        spec = {**principal_spec(world), "authorityHost": f"https://127.0.0.1:{listener.port}"}
        await world.create(KEY_VAULTS, "near", spec=spec)
        await told(world, "Unauthorized", KEY_VAULTS, "near")
        assert listener.connections > 0


AMBIENT: dict[str, Any] = {
    "default": {"default": {}},
    "none": None,
    "managed": {"managedIdentity": {}},
    "workload": {"workloadIdentity": {}},
}
each_ambient = pytest.mark.parametrize("auth", AMBIENT.values(), ids=AMBIENT.keys())


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where a vault would be asked, and where the process would ask for all identities that it has."""

    vault: Listener
    identity: Listener

    @property
    def url(self) -> str:
        return f"https://shop.vault.localhost:{self.vault.port}"


@pytest.fixture
async def doors(quiet_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Doors]:
    """An operator that nothing but the rule of ambient identities keeps from these doors."""
    token = tmp_path / "token"
    token.write_text("a.b.c")
    async with listening() as vault, listening() as identity:
        for name, value in {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{identity.port}/msi/token",
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": "of-the-process",
            "AZURE_FEDERATED_TOKEN_FILE": str(token),
            "AZURE_AUTHORITY_HOST": f"https://127.0.0.1:{identity.port}",
        }.items():
            monkeypatch.setenv(name, value)
        policy = quiet_world.settings.policy
        suffixes = (*policy.vault_suffixes, f".vault.localhost:{vault.port}")
        quiet_world.settings = replace(quiet_world.settings, policy=replace(policy, vault_suffixes=suffixes))
        yield Doors(vault=vault, identity=identity)


def ambient_spec(world: World, auth: dict[str, Any] | None, **spec: str) -> dict[str, Any]:
    """A KeyVault of the namespace that would ask as the operator."""
    found = world.vault_spec(auth=auth, **spec)
    del found["access"]
    if auth is None:
        del found["auth"]
    return found


@each_ambient
async def test_a_namespaced_vault_cannot_use_the_identity_of_the_operator(
    quiet_world: World, doors: Doors, auth: dict[str, Any] | None
) -> None:
    world = quiet_world
    await world.start_operator()
    await world.create(KEY_VAULTS, "near", spec=ambient_spec(world, auth, url=doors.url))
    await told(world, "AmbientIdentityNotAllowed", KEY_VAULTS, "near")
    await world.create(VAULT_BINDINGS, "app", spec={"vaultRef": {"name": "near"}, "data": DATA})
    assert "AmbientIdentityNotAllowed" in await world.told("app", "KeyVaultNotReady")
    await world.next_look()
    assert (doors.vault.connections, doors.identity.connections) == (0, 0)


@each_ambient
async def test_where_the_operator_allows_it_both_see_a_connection(
    quiet_world: World, doors: Doors, auth: dict[str, Any] | None
) -> None:
    """What the test above would see: a vault is asked first, and only one that answers needs a token."""
    world = quiet_world
    policy = replace(world.settings.policy, ambient_for_namespaced=True)
    world.settings = replace(world.settings, policy=policy)
    await world.start_operator()
    await world.create(KEY_VAULTS, "near", spec=ambient_spec(world, auth, url=doors.url))
    await told(world, "Unreachable", KEY_VAULTS, "near")
    assert (doors.vault.connections > 0, doors.identity.connections) == (True, 0)
    await world.create(KEY_VAULTS, "far", spec=ambient_spec(world, auth))
    await told(world, "Unauthorized", KEY_VAULTS, "far")
    assert doors.identity.connections > 0


async def test_it_connects_where_the_operator_says_so(quiet_world: World) -> None:
    world = quiet_world
    policy = replace(world.settings.policy, ambient_for_namespaced=True)
    world.settings = replace(world.settings, policy=policy)
    await world.start_operator()
    await world.create(KEY_VAULTS, "near", spec=ambient_spec(world, AMBIENT["managed"]))
    await told(world, "Connected", KEY_VAULTS, "near")


BROKEN_BUNDLE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


async def test_a_ca_bundle_that_is_none_is_an_invalid_spec(world: World) -> None:
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(caBundle=BROKEN_BUNDLE))
    message = await told(world, "InvalidSpec")
    assert "CA bundle" in message
    assert (await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS))["Stalled"] == "True InvalidSpec"
    await world.bind("app", data=DATA)
    await world.told("app", "KeyVaultNotReady")
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"caBundle": world.emulator.ca_pem}})
    await told(world, "Connected")
    assert await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS) == {
        "Ready": "True Connected",
        "Expiring": "False Valid",
    }
    await world.told("app", "ObjectNotFound")


async def test_the_ca_bundle_of_a_vault_is_trusted(world: World) -> None:
    """And without it the emulator's certificate is not."""
    spec = world.vault_spec()
    del spec["caBundle"]
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=spec)
    assert "CertificateUntrusted" in await told(world, "Unreachable")
    assert list(world.emulator.stats.recent()) == []
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"caBundle": world.emulator.ca_pem}})
    await told(world, "Connected")


# -- access of namespaces -----------------------------------------------------------------------------------


async def test_access_by_namespace(world: World) -> None:
    """By name and by label; labels count as they are now."""
    world.seed.set_secret("a", "1")
    label = {"selector": {"matchLabels": {"team": "shop"}, "matchExpressions": [
        {"key": "stage", "operator": "NotIn", "values": ["test"]}
    ]}}  # fmt: skip
    await world.connect(access=[{"namespaces": label}, {"namespaces": {"names": ["elsewhere"]}}])
    await world.bind("app", data=DATA)
    message = await world.told("app", "AccessDenied")
    assert f"namespace {world.namespace} may not read secret a" in message
    assert (await world.spent()).vault == []
    await world.patch(NAMESPACES, world.namespace, {"metadata": {"labels": {"team": "shop"}}})
    await world.ready("app")
    await world.spent()
    await world.patch(NAMESPACES, world.namespace, {"metadata": {"labels": {"stage": "test"}}})
    await world.told("app", "AccessDenied")
    world.vault.set_secret("a", "2")
    await world.next_look()
    assert [line for line in (await world.spent()).vault if "get" in line] == []
    assert await world.secret("app") == {"a": b"1"}
    await world.patch(NAMESPACES, world.namespace, {"metadata": {"labels": {"stage": None}}})
    await world.ready("app")
    assert await world.secret("app") == {"a": b"2"}
    named = [{"namespaces": {"names": [world.namespace]}}]
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"access": named}})
    await world.patch(NAMESPACES, world.namespace, {"metadata": {"labels": {"team": None}}})
    await world.ready("app")


OPERATORS = {
    "In": ({"values": ["test", "live"]}, {"stage": "live"}, {"stage": "old"}),
    "NotIn": ({"values": ["test", "live"]}, {"stage": None}, {"stage": "live"}),
    "Exists": ({}, {"stage": ""}, {"stage": None}),
    "DoesNotExist": ({}, {"stage": None}, {"stage": ""}),
}
"""Each with its values, labels of a namespace that it picks, and of one that it does not."""


async def test_every_operator_of_a_selector(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect(access=[{"namespaces": {"names": ["elsewhere"]}}])
    await world.bind("app", data=DATA)
    for operator, (values, fitting, other) in OPERATORS.items():
        expression = {"key": "stage", "operator": operator, **values}
        rule = {"namespaces": {"selector": {"matchExpressions": [expression]}}}
        await world.patch(NAMESPACES, world.namespace, {"metadata": {"labels": other}})
        await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"access": [rule]}})
        await world.settled()
        assert await world.has(VAULT_BINDINGS, "app", "Synced", "AccessDenied"), operator
        await world.patch(NAMESPACES, world.namespace, {"metadata": {"labels": fitting}})
        await world.ready("app")


async def test_access_by_object_and_kind(world: World) -> None:
    for name in ("web-password", f"{world.namespace}-db", "other"):
        world.seed.set_secret(name, "1")
    world.seed.create_key("web-key")
    rules = [
        {"namespaces": {"all": True}, "objects": ["web-*"], "kinds": ["secret"]},
        {"namespaces": {"all": True}, "objects": ["{namespace}-*"]},
    ]
    await world.connect(access=rules)
    sources = {
        "granted": {"secret": {"name": "web-password"}},
        "own": {"secret": {"name": f"{world.namespace}-db"}},
        "other": {"secret": {"name": "other"}},
        "kind": {"publicKey": {"name": "web-key"}},
    }
    for name, source in sources.items():
        await world.bind(name, data=[{"key": "k", **source}])
    await world.ready("granted", "own")
    assert "may not read secret other" in await world.told("other", "AccessDenied")
    assert "may not read key web-key" in await world.told("kind", "AccessDenied")
    assert (await world.spent()).vault == [f"secrets.get {world.namespace}-db", "secrets.get web-password"]


# -- what a look shows -----------------------------------------------------------------------------


async def test_status_of_a_vault(world: World) -> None:
    begun = stamp(world.clock.now())
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "1")
    await world.connect()
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    condition, expiring = status.pop("conditions")
    assert (expiring["type"], expiring["status"], expiring["reason"]) == ("Expiring", "False", "Valid")
    assert (condition["type"], condition["status"], condition["observedGeneration"]) == ("Ready", "True", 1)
    assert begun <= condition["lastTransitionTime"] <= stamp(world.clock.now())
    counts = {"objects": 0, "expired": 0, "expiring": 0, "detection": "List"}
    assert status == {"observedGeneration": 1, **counts}
    await world.bind("app", data=[*DATA, {"key": "b", "secret": {"name": "b"}}])
    await world.ready("app")
    await world.next_look()
    assert (await world.status(world.vault_name, CLUSTER_KEY_VAULTS))["objects"] == 2
    await world.calm()
    for _ in range(3):
        await world.next_look()
    assert (await world.spent()).writes == []


REASONS: dict[str, tuple[list[Fault], list[Denial], str]] = {
    "401": ([Fault(status=401, route="/secrets*", message=REVEALING)], [], "Unauthorized"),
    "firewall": (
        [Fault(status=403, route="/secrets*", inner_code="ForbiddenByFirewall", message=REVEALING)],
        [],
        "Forbidden",
    ),
    "firewall of the emulator": ([], [Denial(code="ForbiddenByFirewall")], "Forbidden"),
    "refused": ([Fault(ending=Ending.REFUSED, before_auth=True, route="/secrets*")], [], "Unreachable"),
    "cut": ([Fault(ending=Ending.CUT, route="/secrets*")], [], "Unreachable"),
    "503": ([Fault(status=503, message=REVEALING, route="/secrets*")], [], "Unreachable"),
    "500": ([Fault(status=500, message=REVEALING, route="/secrets*")], [], "Unreachable"),
    "429": ([Fault(status=429, message=REVEALING, route="/secrets*")], [], "Throttled"),
    "429 for a minute": ([Fault(status=429, retry_after=60, route="/secrets*")], [], "Throttled"),
}


@pytest.mark.parametrize(("faults", "denials", "reason"), REASONS.values(), ids=REASONS.keys())
async def test_reasons_of_a_vault(
    world: World, faults: list[Fault], denials: list[Denial], reason: str
) -> None:
    """From Connected to the reason and back; the vault's own text is never told."""
    await world.connect()
    world.emulator.faults.add(*faults)
    world.emulator.estate.access.deny(*denials)
    await world.next_look()
    message = await told(world, reason)
    for word in (TENANT, "oid", "subscriptions", "hunter2"):
        assert word not in message
        assert not any(word in line for line in world.log.lines), word
    assert await vault_events(world) == [reason]
    writes = (await world.spent()).writes
    world.emulator.faults.clear()
    world.emulator.estate.access.clear()
    await world.advance(400)
    await told(world, "Connected")
    assert await vault_events(world) == [reason, "Connected"]
    assert len(writes) == 2, writes


async def test_a_vault_is_looked_at_once_per_interval(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect(refreshInterval="10s")
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    for _ in range(4):
        await world.advance(9)
        await world.advance(2)
    assert (await world.spent()).vault == ["secrets.list"] * 4
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"refreshInterval": "1h"}})
    await world.settled()
    await world.calm()
    await world.advance(3000)
    assert (await world.spent()).vault == []
    await world.advance(601)
    assert (await world.spent()).vault == ["secrets.list"]


@pytest.mark.parametrize(
    ("detection", "look", "used"),
    [("List", "secrets.list", "List"), ("Auto", "secrets.list", "List"), ("Get", "secrets.get a", "Get")],
)
async def test_changes_are_found_by_lists_and_by_gets(
    world: World, detection: str, look: str, used: str
) -> None:
    world.seed.set_secret("a", "1")
    await world.connect(detection=detection)
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    await world.next_look()
    assert (await world.spent()).vault == [look]
    world.vault.set_secret("a", "2")
    await world.next_look()
    assert await world.secret("app") == {"a": b"2"}
    assert (await world.spent()).vault == sorted({look, "secrets.get a"}), "the get of the look is enough"
    assert (await world.status(world.vault_name, CLUSTER_KEY_VAULTS))["detection"] == used


async def test_a_vault_gets_no_more_requests_than_its_limit(world: World) -> None:
    names = [f"s{number}" for number in range(8)]
    for name in names:
        world.seed.set_secret(name, "1")
    await world.connect(rateLimit={"requestsPerSecond": 2, "burst": 2})
    await world.bind("app", data=[{"key": name, "secret": {"name": name}} for name in names])
    await world.ready("app")
    times = [entry.time for entry in world.emulator.stats.recent() if entry.kind]
    assert len(times) == len(names)
    assert times[-1] - times[0] >= (len(names) - 2 - 2) / 2, "the first may come late, by its new connection"
