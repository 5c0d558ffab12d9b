"""Where the engine's results go: status patches and Events."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vaultbind.api.refs import ObjectKey
from vaultbind.app.kinds import FED
from vaultbind.engine.cache import RawObject
from vaultbind.engine.engine import GoneError, SinkError, StaleStateError
from vaultbind.engine.report import Note
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.events import EventType, post_event, render_event

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class KubeSink:
    """Writes through the API server."""

    client: KubeClient
    now: Callable[[], datetime]
    instance: str

    async def write_status(self, key: ObjectKey, patch: Mapping[str, Any]) -> RawObject:
        """Merge-patch the status. Raises StaleStateError, GoneError, or SinkError."""
        try:
            stored = await self.client.merge_patch(
                FED[key.kind], key.namespace, key.name, patch, subresource="status"
            )
        except KubeError as error:
            if error.kind is KubeErrorKind.CONFLICT:
                raise StaleStateError from None
            if error.kind is KubeErrorKind.NOT_FOUND:
                raise GoneError from None
            raise SinkError(f"status: {error.message}") from None
        stored["metadata"].pop("managedFields", None)
        return stored

    async def post_note(self, obj: RawObject, note: Note) -> None:
        """Post an Event; one that cannot be posted is only logged."""
        event = render_event(
            obj,
            type=EventType(note.type.value),
            reason=note.reason.word,
            message=note.message,
            now=self.now(),
            instance=self.instance,
            once=note.once,
        )
        try:
            await post_event(self.client, event)
        except KubeError as error:
            logger.warning("event %s could not be posted: %s", note.reason.word, error.message)
