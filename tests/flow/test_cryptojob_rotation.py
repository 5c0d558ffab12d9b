"""RotateKey: once, and not again while the key is young."""

from tests.flow import jobs
from tests.flow.world import World
from vaultbind.keyvault.simulation import Fault
from vaultbind.kube.resources import CRYPTO_JOBS

DAY = 86_400


def versions(world: World, key: str) -> int:
    return len(world.vault.vault.keys.store.versions(key))


async def test_a_key_is_rotated_once(world: World) -> None:
    old = world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    await jobs.submit(world, "rotate", "RotateKey", "seal", minAge="30m")
    await jobs.complete(world, "rotate")
    assert versions(world, "seal") == 2
    new = world.vault.vault.keys.get("seal")
    status = await jobs.status(world, "rotate")
    assert status["previousKeyId"] == jobs.key_id(world, "seal", old)
    assert status["keyId"] == jobs.key_id(world, "seal", new)
    assert "result" not in status
    assert await jobs.conditions(world, "rotate") == {"Complete": "True Completed", "Ready": "True Completed"}
    await world.restart()
    assert versions(world, "seal") == 2


async def test_a_young_version_is_not_rotated(world: World) -> None:
    old = world.seed.create_key("seal", key_type="RSA")  # an hour old
    await jobs.connect(world)
    await jobs.submit(world, "rotate", "RotateKey", "seal")
    await jobs.complete(world, "rotate")
    assert "younger than minAge (1d)" in await jobs.told(world, "rotate", "RotationNotDue")
    assert (await jobs.conditions(world, "rotate"))["Complete"] == "True RotationNotDue"
    assert versions(world, "seal") == 1
    status = await jobs.status(world, "rotate")
    assert (status["keyId"], status.get("previousKeyId")) == (jobs.key_id(world, "seal", old), None)
    await world.delete(CRYPTO_JOBS, "rotate")
    await jobs.submit(world, "rotate", "RotateKey", "seal", minAge="1h")
    await jobs.complete(world, "rotate")
    assert versions(world, "seal") == 2
    await world.delete(CRYPTO_JOBS, "rotate")  # as GitOps does it
    await jobs.submit(world, "rotate", "RotateKey", "seal", minAge="1h")
    await jobs.complete(world, "rotate")
    assert versions(world, "seal") == 2


async def test_two_jobs_for_one_key_rotate_it_once_each_or_share(world: World) -> None:
    world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    for name in ("one", "two"):
        await jobs.submit(world, name, "RotateKey", "seal", minAge="30m")
    await jobs.complete(world, "one", "two")
    new = jobs.key_id(world, "seal", world.vault.vault.keys.get("seal"))
    assert new in {(await jobs.status(world, name))["keyId"] for name in ("one", "two")}
    assert versions(world, "seal") in {2, 3}


async def test_a_rotation_whose_answer_is_lost_is_not_repeated(world: World) -> None:
    world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    world.emulator.faults.add(Fault(method="POST", route="/keys/*/rotate", ending="cut", count=1))  # type: ignore[arg-type]
    await jobs.submit(world, "rotate", "RotateKey", "seal", minAge="30m")
    await world.advance(400)
    await jobs.complete(world, "rotate")
    assert versions(world, "seal") == 2
    status = await jobs.status(world, "rotate")
    assert status["keyId"] == jobs.key_id(world, "seal", world.vault.vault.keys.get("seal"))
