"""Keeps the CA Secret, the caBundle of the webhook configurations and the serving Secrets right.

The controller's leader runs it; the webhook and the broker only mount what it writes.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vaultbind.engine.clock import Clock
from vaultbind.injection.authority import (
    Authorities,
    advance,
    is_serving_due,
    parse_authorities,
    render_authorities,
)
from vaultbind.injection.certificates import make_authority, make_serving
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS, Resource

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 5.0

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSettings:
    """What to keep, all in our own namespace but the webhook configurations."""

    namespace: str
    authority_secret: str = "vaultbind-ca"  # noqa: S105 - a Secret's name
    serving: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """DNS names by the Secret that holds their certificate."""
    webhooks: str = ""
    """Name of the mutating and of the validating configuration; empty: none."""


@dataclass(slots=True, kw_only=True)
class TrustKeeper:
    """Every pass reads what is and writes only what is not right."""

    client: KubeClient
    settings: TrustSettings
    clock: Clock

    async def run(self, pause: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep) -> None:
        """Pass again and again, until cancelled; what fails is told and comes again soon."""
        while True:
            wait = CHECK_SECONDS
            try:
                await self.keep()
            except KubeError as error:
                wait = RETRY_SECONDS
                level = logging.INFO if error.kind is KubeErrorKind.CONFLICT else logging.WARNING
                logger.log(level, "certificates are not kept for now: %s", error.message)
            except Exception as error:  # noqa: BLE001 - what somebody put into our Secret must not end the operator
                wait = RETRY_SECONDS
                logger.error("certificates are not kept for now: unexpected %s", type(error).__name__)
            await pause(wait)

    async def keep(self) -> None:
        """One pass: an authority is told to whoever checks before its certificate is served.

        Raises KubeError.
        """
        authorities = await self._keep_authorities()
        if self.settings.webhooks:
            for resource in (MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS):
                await self._keep_bundle(resource, authorities.bundle())
        for name, dns in self.settings.serving.items():
            await self._keep_serving(name, dns, authorities)

    async def _keep_authorities(self) -> Authorities:
        secret = await self._find(SECRETS, self.settings.authority_secret)
        known = parse_authorities(_decode(secret)) if secret else None
        wanted = advance(known, self.clock.now(), make_authority)
        if wanted is not known:
            await self._store(self.settings.authority_secret, "Opaque", render_authorities(wanted), secret)
            logger.info(
                "the certificate authorities in Secret %s were renewed", self.settings.authority_secret
            )
        return wanted

    async def _keep_serving(self, name: str, dns: tuple[str, ...], authorities: Authorities) -> None:
        secret = await self._find(SECRETS, name)
        data = _decode(secret) if secret else {}
        wanted = dict(data) | {"ca.crt": authorities.bundle()}
        now = self.clock.now()
        if is_serving_due(data, authorities, dns, now):
            pair = make_serving(authorities.current, dns, now)
            wanted |= {"tls.crt": pair.certificate, "tls.key": pair.key}
        if wanted != data:
            await self._store(name, "kubernetes.io/tls", wanted, secret)
            logger.info("the serving certificate in Secret %s was renewed", name)

    async def _keep_bundle(self, resource: Resource, bundle: bytes) -> None:
        """The list is written as a whole, guarded by its version: a merge patch knows no single webhook."""
        found = await self._find(resource, self.settings.webhooks)
        if found is None:
            return
        encoded = base64.b64encode(bundle).decode()
        webhooks: list[JsonObject] = found.get("webhooks") or []
        if all((item.get("clientConfig") or {}).get("caBundle") == encoded for item in webhooks):
            return
        changed = [
            {**item, "clientConfig": {**(item.get("clientConfig") or {}), "caBundle": encoded}}
            for item in webhooks
        ]
        body = {"metadata": _guard(found), "webhooks": changed}
        await self.client.merge_patch(resource, "", self.settings.webhooks, body, metadata_only=True)
        logger.info("the caBundle of %s %s was renewed", resource.kind, self.settings.webhooks)

    async def _find(self, resource: Resource, name: str) -> JsonObject | None:
        namespace = self.settings.namespace if resource.namespaced else ""
        try:
            return await self.client.get(resource, namespace, name)
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                return None
            raise

    async def _store(
        self, name: str, type_: str, data: Mapping[str, bytes], before: JsonObject | None
    ) -> None:
        encoded: dict[str, str | None] = {
            key: base64.b64encode(value).decode() for key, value in data.items()
        }
        if before is None:
            body = {"metadata": {"name": name}, "type": type_, "data": encoded}
            await self.client.create(SECRETS, self.settings.namespace, body, metadata_only=True)
            return
        gone: dict[str, str | None] = {key: None for key in before.get("data") or {} if key not in data}
        body = {"metadata": _guard(before), "data": gone | encoded}
        await self.client.merge_patch(SECRETS, self.settings.namespace, name, body, metadata_only=True)


def _guard(obj: Mapping[str, Any]) -> JsonObject:
    metadata = obj["metadata"]
    return {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}


def _decode(secret: Mapping[str, Any]) -> dict[str, bytes]:
    data: Mapping[str, str] = secret.get("data") or {}
    try:
        return {key: base64.b64decode(value) for key, value in data.items()}
    except binascii.Error:
        return {}
