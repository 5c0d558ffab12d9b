"""What a KeyVault lets jobs do: by key, by operation, by namespace."""

import pytest

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import encode
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CRYPTO_JOBS, KEY_VAULTS, SECRETS

TENANT = "11111111-1111-1111-1111-111111111111"
TEXT = {"text": "a"}


@pytest.mark.parametrize(
    ("crypto", "allowed"),
    [
        (None, False),
        ({"allowedKeys": ["*"]}, False),
        ({"allowedOperations": ["Sign"]}, False),
        ({"allowedKeys": ["ci-*"], "allowedOperations": ["Verify", "Encrypt"]}, False),
        ({"allowedKeys": ["app-*"], "allowedOperations": ["Sign"]}, False),
        ({"allowedKeys": ["app-*", "CI-*"], "allowedOperations": ["Sign"]}, True),
    ],
)
async def test_what_a_keyvault_allows(world: World, crypto: object, allowed: bool) -> None:
    world.seed.create_key("ci-release")
    await world.connect(**({"crypto": crypto} if crypto is not None else {}))
    await jobs.submit(world, "sign", "Sign", "ci-release", input=TEXT)
    if allowed:
        await jobs.complete(world, "sign")
        return
    message = await jobs.told(world, "sign", "OperationNotAllowed")
    assert "Sign with key ci-release is not allowed" in message
    assert (await jobs.conditions(world, "sign"))["Stalled"] == "True OperationNotAllowed"
    assert [line for line in (await world.spent()).vault if line.startswith("keys.")] == []
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"crypto": jobs.ALL}})
    await jobs.complete(world, "sign")


async def test_access_of_a_clusterkeyvault_counts_for_keys_as_well(world: World) -> None:
    world.seed.create_key("release")
    rule = {"namespaces": {"all": True}, "kinds": ["secret"]}
    await jobs.connect(world, access=[rule])
    await jobs.submit(world, "sign", "Sign", "release", input=TEXT)
    assert "may not read key release" in await jobs.told(world, "sign", "AccessDenied")
    await world.patch(
        CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"access": [{"namespaces": {"all": True}}]}}
    )
    await jobs.complete(world, "sign")


async def test_a_keyvault_of_the_namespace_allows_all_that_it_does_not_forbid(world: World) -> None:
    world.seed.create_key("release")
    await world.create(SECRETS, "principal", data=encode(secret="a"))
    auth = {"clientId": "c", "tenantId": TENANT, "secretRef": {"name": "principal", "key": "secret"}}
    spec = world.vault_spec(auth={"servicePrincipal": auth}, authorityHost=world.emulator.authority_host)
    del spec["access"]
    await world.create(KEY_VAULTS, "near", spec=spec)
    body = {"vaultRef": {"name": "near"}, "key": {"name": "release"}, "operation": "Sign", "input": TEXT}
    await world.create(CRYPTO_JOBS, "sign", spec=body)
    by_kind = {**body, "vaultRef": {"kind": "KeyVault", "name": "near"}}
    await world.create(CRYPTO_JOBS, "sign-by-kind", spec=by_kind)
    await jobs.complete(world, "sign", "sign-by-kind")
    await world.patch(KEY_VAULTS, "near", {"spec": {"crypto": {"allowedOperations": ["Verify"]}}})
    await world.settled()
    await world.create(CRYPTO_JOBS, "again", spec=body)
    await jobs.told(world, "again", "OperationNotAllowed")
