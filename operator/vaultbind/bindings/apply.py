"""All writes to the Secret: one result per decision."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from vaultbind.api.names import FIELD_MANAGER
from vaultbind.api.refs import ObjectKey
from vaultbind.bindings.facts import Create, Decision, Patch, Recreate, Remove
from vaultbind.engine.engine import StaleStateError
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import SECRETS

logger = logging.getLogger(__name__)


class SecretIndex(Protocol):
    """Last known metadata of the Secrets that we write."""

    def get(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """Metadata, or None."""

    def put(self, metadata: Mapping[str, Any]) -> None:
        """Take newer metadata from the answer to a write or read; Secrets without our label are not kept."""

    def forget(self, namespace: str, name: str) -> None:
        """Take the absence of a Secret from an answer."""

    def writing(self, namespace: str, name: str) -> AbstractContextManager[None]:
        """Hold back what a watch tells of the Secret until the answer to a write is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of a decision."""

    written: bool = False
    found: Mapping[str, Any] | None = None
    """Metadata of a Secret that exists although none was known: decide again."""
    error: KubeError | None = None


@dataclass(slots=True, kw_only=True)
class SecretWriter:
    """Applies decisions. Conflicts become StaleStateError: the next event brings the truth."""

    client: KubeClient
    index: SecretIndex

    async def apply(self, key: ObjectKey, name: str, decision: Decision, manager: str) -> Applied:
        """Write what was decided; raises StaleStateError where the Secret has moved on."""
        try:
            with self.index.writing(key.namespace, name):
                return await self._write(key, name, decision, manager)
        except KubeError as error:
            return Applied(error=error)

    async def retire(self, key: ObjectKey, name: str, metadata: Mapping[str, Any]) -> None:
        """Delete a Secret that is no longer the target.

        Raises StaleStateError where it has moved on, KubeError where it cannot be deleted now.
        """
        with self.index.writing(key.namespace, name):
            try:
                await self.client.delete(
                    SECRETS,
                    key.namespace,
                    name,
                    uid=metadata["uid"],
                    resource_version=metadata["resourceVersion"],
                )
            except KubeError as error:
                if error.kind is KubeErrorKind.CONFLICT:
                    raise StaleStateError from None
                if error.kind is not KubeErrorKind.NOT_FOUND:
                    raise
            self.index.forget(key.namespace, name)
        logger.info("%s: Secret %s deleted, it is no longer the target", key, name)

    async def _write(self, key: ObjectKey, name: str, decision: Decision, manager: str) -> Applied:
        try:
            if isinstance(decision, Create):
                return await self._create(key, name, decision)
            if isinstance(decision, Patch):
                return await self._patch(key, name, decision, manager)
            if isinstance(decision, Recreate):
                return await self._recreate(key, name, decision)
            if isinstance(decision, Remove):
                return await self._remove(key, name, decision)
        except KubeError as error:
            if error.kind not in (KubeErrorKind.CONFLICT, KubeErrorKind.NOT_FOUND):
                raise
            await self._refresh(key.namespace, name)
            raise StaleStateError from None
        return Applied()

    async def _create(self, key: ObjectKey, name: str, decision: Create) -> Applied:
        try:
            stored = await self.client.create(
                SECRETS, key.namespace, decision.body, field_manager=FIELD_MANAGER, metadata_only=True
            )
        except KubeError as error:
            if error.kind is not KubeErrorKind.ALREADY_EXISTS:
                raise
            return Applied(found=await self._refresh(key.namespace, name))
        self.index.put(stored["metadata"])
        return Applied(written=True)

    async def _patch(self, key: ObjectKey, name: str, decision: Patch, manager: str) -> Applied:
        stored = await self.client.merge_patch(
            SECRETS, key.namespace, name, decision.body, field_manager=manager, metadata_only=True
        )
        self.index.put(stored["metadata"])
        return Applied(written=True)

    async def _recreate(self, key: ObjectKey, name: str, decision: Recreate) -> Applied:
        await self.client.create(
            SECRETS, key.namespace, _trial(decision.body), dry_run=True, metadata_only=True
        )
        await self.client.delete(
            SECRETS, key.namespace, name, uid=decision.uid, resource_version=decision.resource_version
        )
        self.index.forget(key.namespace, name)
        stored = await self.client.create(
            SECRETS, key.namespace, decision.body, field_manager=FIELD_MANAGER, metadata_only=True
        )
        self.index.put(stored["metadata"])
        return Applied(written=True)

    async def _remove(self, key: ObjectKey, name: str, decision: Remove) -> Applied:
        await self.client.delete(
            SECRETS, key.namespace, name, uid=decision.uid, resource_version=decision.resource_version
        )
        self.index.forget(key.namespace, name)
        logger.info("%s: Secret %s deleted: %s", key, name, decision.detail)
        return Applied(written=True)

    async def _refresh(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """Ask for the metadata once, after an answer that contradicts what is known."""
        try:
            found = await self.client.get_metadata(SECRETS, namespace, name)
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                self.index.forget(namespace, name)
                return None
            raise
        metadata: Mapping[str, Any] = found["metadata"]
        self.index.put(metadata)
        return metadata


def _trial(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same Secret under a name that the server makes, for a dry run beside the old one."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "name"}
    return {**body, "metadata": {**metadata, "generateName": "vaultbind-"}}
