"""A job's life: waiting, suspension, deadlines, attempts, time to live, unusable keys, outages."""

from datetime import timedelta
from typing import Any

import pytest

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import MERGE
from vaultbind.api.durations import parse_duration
from vaultbind.keyvault.simulation import Fault
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CONFIG_MAPS, CRYPTO_JOBS, SECRETS

TEXT = {"text": "a"}


async def test_a_job_waits_for_its_keyvault(world: World) -> None:
    world.seed.create_key("release")
    await jobs.submit(world, "sign", "Sign", "release", input=TEXT, backoffLimit=0)
    assert "does not exist" in await jobs.told(world, "sign", "KeyVaultNotFound")
    assert "Stalled" not in await jobs.conditions(world, "sign")
    await jobs.connect(world)
    await jobs.complete(world, "sign")
    assert "attempts" not in await jobs.status(world, "sign")


async def test_a_suspended_job_is_held_back(world: World) -> None:
    world.seed.create_key("release")
    await jobs.connect(world)
    await jobs.submit(world, "sign", "Sign", "release", input=TEXT, suspend=True, activeDeadlineSeconds=30)
    await jobs.told(world, "sign", "Suspended")
    assert await jobs.conditions(world, "sign") == {
        "Suspended": "True Suspended",
        "Ready": "Unknown Suspended",
    }
    assert [line for line in (await world.spent()).vault if line.startswith("keys.")] == []
    await world.advance(600)
    await world.patch(CRYPTO_JOBS, "sign", {"spec": {"suspend": False}})
    await jobs.complete(world, "sign")
    assert await jobs.conditions(world, "sign") == {
        "Suspended": "False Resumed",
        "Complete": "True Completed",
        "Ready": "True Completed",
    }


async def test_a_job_fails_at_its_deadline(world: World) -> None:
    await jobs.connect(world)
    await jobs.submit(
        world, "sign", "Sign", "missing", input=TEXT, activeDeadlineSeconds=300, backoffLimit=1000
    )
    await jobs.told(world, "sign", "KeyNotFound")
    await world.advance(240)
    assert "Failed" not in await jobs.conditions(world, "sign")
    await world.advance(61)
    assert await jobs.conditions(world, "sign") == {
        "Failed": "True DeadlineExceeded",
        "Ready": "False DeadlineExceeded",
        "Stalled": "True DeadlineExceeded",
    }
    status = await jobs.status(world, "sign")
    assert timedelta(seconds=300) <= parse_duration(status["duration"]) < timedelta(seconds=400)
    world.vault.create_key("missing")
    await world.advance(600)
    assert (await jobs.status(world, "sign")) == status, "finished is final"


@pytest.mark.parametrize("operation", ["Sign", "RotateKey"])
async def test_a_deadline_ends_what_the_vault_is_being_asked_for(world: World, operation: str) -> None:
    """A second of the real clock: a request on a socket is cancelled."""
    world.seed.create_key("slow")
    await jobs.connect(world)
    world.emulator.faults.add(Fault(method="POST", delay=30.0, path="/keys/slow*"))
    fields: dict[str, Any] = {"input": TEXT} if operation == "Sign" else {"minAge": "30m"}
    await jobs.submit(world, "slow", operation, "slow", activeDeadlineSeconds=1, **fields)
    await jobs.ended(world, "slow")
    assert await jobs.conditions(world, "slow") == {
        "Failed": "True DeadlineExceeded",
        "Ready": "False DeadlineExceeded",
        "Stalled": "True DeadlineExceeded",
    }
    status = await jobs.status(world, "slow")
    assert timedelta(seconds=1) <= parse_duration(status["duration"]) < timedelta(seconds=9)
    is_told = "is not known" in await jobs.told(world, "slow", "DeadlineExceeded")
    assert is_told is (operation == "RotateKey")


async def test_attempts_are_counted_up_to_the_limit(world: World) -> None:
    await jobs.connect(world)
    await jobs.submit(world, "sign", "Sign", "missing", input=TEXT, backoffLimit=2)
    await jobs.told(world, "sign", "KeyNotFound")
    assert (await jobs.status(world, "sign"))["attempts"] == 1
    await world.restart()
    assert (await jobs.status(world, "sign"))["attempts"] == 2
    await world.advance(20)
    assert "3 attempts failed, the last one with KeyNotFound" in await jobs.told(
        world, "sign", "BackoffLimitExceeded"
    )
    status = await jobs.status(world, "sign")
    assert status["attempts"] == 3
    assert (await world.events()) == ["BackoffLimitExceeded sign"]


async def test_a_key_that_comes_in_time_is_used(world: World) -> None:
    await jobs.connect(world)
    await jobs.submit(world, "sign", "Sign", "late", input=TEXT)
    await jobs.told(world, "sign", "KeyNotFound")
    world.vault.create_key("late")
    await world.advance(20)
    await jobs.complete(world, "sign")
    assert (await jobs.status(world, "sign"))["attempts"] == 1


async def test_a_finished_job_is_deleted_in_time(world: World) -> None:
    world.seed.create_key("release")
    await jobs.connect(world)
    output: dict[str, Any] = {"configMap": {}}
    await jobs.submit(
        world, "short", "Sign", "release", input=TEXT, output=output, ttlSecondsAfterFinished=100
    )
    await jobs.submit(world, "failed", "Sign", "no", input=TEXT, backoffLimit=0, ttlSecondsAfterFinished=100)
    await jobs.submit(world, "long", "Sign", "release", input=TEXT)
    await jobs.ended(world, "short", "failed", "long")
    await world.advance(90)
    assert await world.get(CRYPTO_JOBS, "short") is not None
    await world.advance(15)
    assert await world.get(CRYPTO_JOBS, "short") is None
    assert await world.get(CRYPTO_JOBS, "failed") is None

    async def is_gone() -> bool:
        return await world.get(CONFIG_MAPS, "short") is None

    await world.until(is_gone)
    await world.patch(CRYPTO_JOBS, "long", {"spec": {"ttlSecondsAfterFinished": 0}})
    await world.settled()
    assert await world.get(CRYPTO_JOBS, "long") is None


def change(world: World, **changes: Any) -> None:
    now = int(world.clock.now().timestamp())
    world.vault.vault.keys.update("release", now=now, changes=Changes(**changes))


def when(world: World, days: float) -> int:
    return int((world.clock.now() + timedelta(days=days)).timestamp())


@pytest.mark.parametrize("case", ["disabled", "operations", "early", "expired"])
async def test_a_key_is_checked_before_it_is_used(world: World, case: str) -> None:
    world.seed.create_key("release", key_type="RSA")
    if case == "disabled":
        change(world, enabled=False)
    elif case == "operations":
        change(world, operations=("verify", "encrypt"))
    elif case == "early":
        change(world, not_before=when(world, 1))
    else:
        change(world, not_before=when(world, -2), expires=when(world, -1))
    reason = {
        "disabled": "KeyDisabled",
        "operations": "KeyOperationNotAllowed",
        "early": "KeyNotYetValid",
        "expired": "KeyExpired",
    }[case]
    await jobs.connect(world)
    await jobs.submit(world, "sign", "Sign", "release", input=TEXT)
    assert "release" in await jobs.told(world, "sign", reason)
    assert [line for line in (await world.spent()).vault if "sign" in line] == []
    if case == "early":
        await world.advance(86_401)
        assert "attempts" not in await jobs.status(world, "sign")
    else:
        change(world, enabled=True, operations=("sign",), expires=when(world, 1))
        await world.advance(20)
    await jobs.complete(world, "sign")


@pytest.mark.parametrize("case", ["disabled", "operations", "expired", "early", "forbidden"])
async def test_a_job_that_was_claimed_long_ago_checks_its_key_again(world: World, case: str) -> None:
    """Claimed, then suspended; what the key and its KeyVault allow has changed when it goes on."""
    version = world.seed.create_key("release", key_type="RSA")
    await jobs.connect(world)
    await jobs.submit(world, "sign", "Sign", "release", input=TEXT, suspend=True)
    await jobs.told(world, "sign", "Suspended")
    path = f"{CRYPTO_JOBS.path(world.namespace, 'sign')}/status"
    claim = {"keyId": jobs.key_id(world, "release", version), "algorithm": "RS256"}
    await world.cluster.request("PATCH", path, {"status": claim}, content_type=MERGE)
    await world.mark()
    broken: dict[str, tuple[str, dict[str, Any]]] = {
        "disabled": ("KeyDisabled", {"enabled": False}),
        "operations": ("KeyOperationNotAllowed", {"operations": ("verify",)}),
        "expired": ("KeyExpired", {"not_before": when(world, -2), "expires": when(world, -1)}),
        "early": ("KeyNotYetValid", {"not_before": when(world, 1)}),
        "forbidden": ("OperationNotAllowed", {}),
    }
    reason, changes = broken[case]
    await _allow(world, "Verify" if case == "forbidden" else "Sign")
    change(world, **changes)
    await world.patch(CRYPTO_JOBS, "sign", {"spec": {"suspend": False}})
    await jobs.told(world, "sign", reason)
    assert [line for line in (await world.spent()).vault if line.startswith("keys.sign")] == []
    assert "result" not in await jobs.status(world, "sign")
    change(world, enabled=True, operations=("sign",), not_before=when(world, -2), expires=when(world, 2))
    await _allow(world, "Sign")
    await world.advance(86_401 if case == "early" else 20)
    await jobs.complete(world, "sign")


async def _allow(world: World, operation: str) -> None:
    crypto = {"allowedKeys": ["*"], "allowedOperations": [operation]}
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"crypto": crypto}})
    await world.settled()


async def test_an_expired_key_still_decrypts_unwraps_verifies_and_rotates(world: World) -> None:
    key = world.seed.create_key("release", key_type="RSA")
    await jobs.connect(world)
    await world.create(SECRETS, "plain", data={"k": "YWFhYWFhYWFhYWFhYWFhYQ=="})
    source = {"secretKeyRef": {"name": "plain", "key": "k"}}
    for name, operation in (("seal", "Encrypt"), ("wrap", "WrapKey")):
        await jobs.submit(world, name, operation, "release", input=source, output={"configMap": {}})
    await jobs.submit(world, "sign", "Sign", "release", input=TEXT, output={"configMap": {}})
    await jobs.complete(world, "seal", "wrap", "sign")
    change(world, not_before=when(world, -2), expires=when(world, -1))
    for name, operation, made in (("open", "Decrypt", "seal"), ("unwrap", "UnwrapKey", "wrap")):
        await jobs.submit(
            world, name, operation, "release", input={"configMapRef": {"name": made}}, output={"secret": {}}
        )
    signature = {"configMapRef": {"name": "sign"}}
    await jobs.submit(world, "verify", "Verify", "release", input=TEXT, signature=signature)
    await jobs.complete(world, "open", "unwrap", "verify")
    for name, operation in (("seal-again", "Encrypt"), ("wrap-again", "WrapKey")):
        await jobs.submit(world, name, operation, "release", input=source)
        await jobs.told(world, name, "KeyExpired")
    await jobs.submit(world, "rotate", "RotateKey", "release", minAge="1m")
    await jobs.complete(world, "rotate")
    assert (await jobs.status(world, "rotate"))["previousKeyId"] == jobs.key_id(world, "release", key)


async def test_a_key_that_cannot_do_it_at_all(world: World) -> None:
    world.seed.create_key("release")
    await jobs.connect(world)
    await world.create(SECRETS, "plain", data={"k": "YQ=="})
    source = {"secretKeyRef": {"name": "plain", "key": "k"}}
    await jobs.submit(world, "seal", "Encrypt", "release", input=source, backoffLimit=0)
    await jobs.ended(world, "seal")
    assert "KeyOperationNotAllowed" in await jobs.told(world, "seal", "BackoffLimitExceeded")


@pytest.mark.parametrize("status", [429, 503])
async def test_a_vault_in_trouble_is_waited_for_and_counts_no_attempt(world: World, status: int) -> None:
    world.seed.create_key("release")
    await jobs.connect(world)
    world.emulator.faults.add(Fault(status=status))
    names = [f"sign-{number}" for number in range(6)]
    for name in names:
        await jobs.submit(world, name, "Sign", "release", input=TEXT)
    await world.advance(30)
    await world.advance(120)
    for name in names:
        assert "Failed" not in await jobs.conditions(world, name), await world.tell()
    world.emulator.faults.clear()
    for _ in range(3):
        await world.advance(400)
    await jobs.complete(world, *names)


@pytest.mark.sandbox_only("the real one refuses such a spec by its rules")
async def test_a_wrong_spec_that_the_schema_let_through_stalls(world: World) -> None:
    """The embedded API lets it through, as an older CRD would."""
    await jobs.connect(world)
    await jobs.submit(world, "odd", "Sign", "release", input={"text": "a", "value": "AAAA"})
    await jobs.told(world, "odd", "InvalidSpec")
    world.vault.create_key("release")
    await jobs.submit(world, "done", "Sign", "release", input=TEXT)
    await jobs.complete(world, "done")
    await world.patch(CRYPTO_JOBS, "done", {"spec": {"input": {"value": "AAAA"}}})
    await world.settled()
    assert (await jobs.conditions(world, "done"))["Complete"] == "True Completed", "finished is final"
    assert await jobs.conditions(world, "odd") == {
        "Ready": "False InvalidSpec",
        "Stalled": "True InvalidSpec",
    }
