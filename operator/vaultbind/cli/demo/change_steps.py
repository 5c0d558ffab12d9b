"""The last steps: the vault changes, a person changes, the vault loses an object."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from vaultbind.cli.demo.binding_steps import fetch_wanted
from vaultbind.cli.demo.checks import check_condition, check_data, check_in_sync
from vaultbind.cli.demo.clusters import DEMO_MANAGER
from vaultbind.cli.demo.manifests import BINDING_SECRETS
from vaultbind.cli.demo.outcome import Closing, DemoError, Look, is_not
from vaultbind.cli.demo.stage import Stage
from vaultbind.cli.demo.steps import Step
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind
from vaultbind.kube.resources import SECRETS

ROTATED: Final = ("password", "db-password")
"""Key of the Secret and the vault's object, as examples/bindings.yaml has them."""
EDITED: Final = "username"
DELETED: Final = "db-username"


class RotateStep(Step):
    """A new version in the vault."""

    name: ClassVar = "rotate"
    title: ClassVar = f"{ROTATED[1]} was rotated in the vault; waiting for the next look"
    expected: ClassVar = (
        f"key {ROTATED[0]} of Secret {BINDING_SECRETS} holds the new value, the others are as before"
    )

    def __init__(self) -> None:
        """Nothing is known before `act`."""
        self._wanted: dict[str, bytes] = {}
        self._revision = 0

    async def act(self, stage: Stage) -> None:
        """Write a new version through the vault's API."""
        binding = await stage.fetch_binding(BINDING_SECRETS)
        self._revision = binding["status"]["revision"]
        await stage.begin_count()
        await stage.vault.secrets.set_secret(ROTATED[1], secrets.token_urlsafe(24))
        self._wanted = await fetch_wanted(stage, binding)

    async def look(self, stage: Stage) -> Look:
        """Compare the Secret with what was written."""
        if problems := check_data(await stage.fetch_data(BINDING_SECRETS), self._wanted):
            return Look(problems=problems)
        binding = await stage.fetch_binding(BINDING_SECRETS)
        if problems := check_in_sync(binding):
            return Look(problems=problems)
        revision = binding["status"]["revision"]
        if revision == self._revision:
            return is_not(f"status.revision is still {revision}")
        return Look(
            told=f"{ROTATED[1]} was rotated in the vault; the Secret has the new value (revision {revision})"
        )

    async def finish(self, stage: Stage) -> Closing:
        """Tell what it took."""
        return await _tell_cost(stage)


class RepairStep(Step):
    """A person edits the Secret."""

    name: ClassVar = "repair"
    title: ClassVar = "the Secret was edited by hand; waiting for the repair"
    expected: ClassVar = f"key {EDITED} of Secret {BINDING_SECRETS} is what the vault holds again"

    def __init__(self) -> None:
        """Nothing is known before `act`."""
        self._wanted: dict[str, bytes] = {}

    async def act(self, stage: Stage) -> None:
        """Overwrite one key, and make sure that the cluster took it."""
        self._wanted = await fetch_wanted(stage, await stage.fetch_binding(BINDING_SECRETS))
        await stage.begin_count()
        edited = base64.b64encode(b"edited by hand").decode()
        patched = await stage.client.merge_patch(
            SECRETS, stage.namespace, BINDING_SECRETS, {"data": {EDITED: edited}}, field_manager=DEMO_MANAGER
        )
        if patched["data"][EDITED] != edited:
            raise DemoError("the cluster did not take the edit")

    async def look(self, stage: Stage) -> Look:
        """Compare the Secret with the vault, and ask who owns its keys now."""
        secret = await stage.fetch(SECRETS, BINDING_SECRETS)
        if problems := check_data(await stage.fetch_data(BINDING_SECRETS), self._wanted):
            return Look(problems=problems)
        if DEMO_MANAGER in _managers(secret or {}):
            return is_not("the edited key still belongs to whoever edited it")
        return Look(told=f"Secret {BINDING_SECRETS} was edited by hand and repaired")

    async def finish(self, stage: Stage) -> Closing:
        """Tell what it took."""
        return await _tell_cost(stage)


class DeleteStep(Step):
    """The vault loses an object."""

    name: ClassVar = "delete"
    title: ClassVar = f"{DELETED} was deleted in the vault; waiting for the next look"
    expected: ClassVar = (
        f"Secret {BINDING_SECRETS} is kept as it was; its VaultBinding has Synced False ObjectDeleted, "
        f"which names {DELETED}, and Ready True SecretKept"
    )

    def __init__(self) -> None:
        """Nothing is known before `act`."""
        self._before: dict[str, bytes] = {}
        self._uid = ""

    async def act(self, stage: Stage) -> None:
        """Remember the Secret, delete the object, and make sure that it is gone."""
        secret = await stage.client.get(SECRETS, stage.namespace, BINDING_SECRETS)
        self._uid = secret["metadata"]["uid"]
        self._before = await stage.fetch_data(BINDING_SECRETS)
        await stage.begin_count()
        stage.driver.delete("secrets", DELETED)
        try:
            await stage.vault.secrets.get_secret(DELETED)
        except KeyVaultError as error:
            if error.kind is not KeyVaultErrorKind.SECRET_NOT_FOUND:
                raise
        else:
            raise DemoError(f"{DELETED} is still in the vault")

    async def look(self, stage: Stage) -> Look:
        """Compare the Secret with what it was, and read the conditions."""
        secret = await stage.fetch(SECRETS, BINDING_SECRETS)
        if secret is None or secret["metadata"]["uid"] != self._uid:
            return is_not(f"the Secret {BINDING_SECRETS} was deleted")
        if check_data(await stage.fetch_data(BINDING_SECRETS), self._before):
            return is_not(f"the Secret {BINDING_SECRETS} was changed")
        binding = await stage.fetch_binding(BINDING_SECRETS)
        problems = check_condition(binding, "Synced", "False", "ObjectDeleted")
        problems = problems or check_condition(binding, "Ready", "True", "SecretKept")
        if problems:
            return Look(problems=problems)
        message = _message(binding)
        if DELETED not in message:
            return is_not(f"the condition does not name {DELETED}")
        return Look(told=f"{DELETED} was deleted in the vault; the Secret is kept: ObjectDeleted, {message}")

    async def finish(self, stage: Stage) -> Closing:
        """Tell what it took."""
        return await _tell_cost(stage)


def _message(binding: dict[str, Any]) -> str:
    conditions = binding["status"]["conditions"]
    return next(str(item["message"]) for item in conditions if item["type"] == "Synced")


def _managers(secret: dict[str, Any]) -> set[str]:
    """Field managers that own anything in the Secret's data."""
    fields = (secret.get("metadata") or {}).get("managedFields") or ()
    return {item["manager"] for item in fields if "f:data" in (item.get("fieldsV1") or {})}


async def _tell_cost(stage: Stage) -> Closing:
    cost = await stage.fetch_cost()
    vault = _tell_counts(cost.vault, "vault request")
    writes = _tell_counts(cost.writes, "cluster write")
    return Closing(notes=(f"it took {vault} and {writes}, {stage.cluster.counted_by}",), cost=cost)


def _tell_counts(counts: Mapping[str, int], what: str) -> str:
    total = sum(counts.values())
    plural = "" if total == 1 else "s"
    items = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)
    return f"{total} {what}{plural}" + (f" ({items})" if items else "")
