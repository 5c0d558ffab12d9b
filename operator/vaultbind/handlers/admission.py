"""Admission inside Kopf: pods are changed, objects of our kinds are checked."""

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Any

import kopf

from vaultbind.api.names import GROUP, VERSION
from vaultbind.handlers.admission_server import DECIDED, AdmissionServer
from vaultbind.handlers.controller import (
    KOPF_IDENTITY,
    ControllerError,
    catch_signals,
    rearm_signals,
    render_settings,
)
from vaultbind.handlers.goodbye import leave_no_request
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.reviews import JobReviews, PodReviews, check_object
from vaultbind.kube.client import KubeClient
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CRYPTO_JOBS, KEY_VAULTS, VAULT_BINDINGS

logger = logging.getLogger(__name__)

INJECT = "inject"
"""Path of pods on the server, and the handler's id."""
CHECK = "check"
"""How paths of our own kinds begin: `check-vaultbindings` and so on."""
KOPF_STOP_SECONDS = 5.0

Count = Callable[[str, str], None]
"""Told of each review: what, and how it ended (changed, untouched, allowed, warned, refused)."""


def build_admission_registry(client: KubeClient, pods: PodReviews, count: Count) -> kopf.OperatorRegistry:
    """All handlers of the webhook."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry, id="login")
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=client.server, aiohttp_session=client.connection.open_session())

    leave_no_request(registry)
    _add_pods(registry, pods, count)
    for resource in (VAULT_BINDINGS, KEY_VAULTS, CLUSTER_KEY_VAULTS, CRYPTO_JOBS):
        _add_check(registry, resource.plural, count, JobReviews(client=client))
    return registry


def _add_pods(registry: kopf.OperatorRegistry, pods: PodReviews, count: Count) -> None:
    @kopf.on.mutate("", "v1", "pods", operations=["CREATE"], registry=registry, id=INJECT)
    async def inject(body: kopf.Body, namespace: str | None, warnings: list[str], **_: Any) -> None:
        try:
            found = await pods.review(dict(body), namespace or "default")
        except InjectionError as error:
            count(INJECT, "refused")
            raise kopf.AdmissionError(f"vaultbind: {error}", code=400) from None
        count(INJECT, "changed" if found else "untouched")
        if found is not None:
            DECIDED.get().update(pod=found.pod)
            warnings.extend(f"vaultbind: {told}" for told in found.warnings)


def _add_check(registry: kopf.OperatorRegistry, plural: str, count: Count, jobs: JobReviews) -> None:
    @kopf.on.validate(
        GROUP, VERSION, plural, operations=["CREATE", "UPDATE"], registry=registry, id=f"{CHECK}-{plural}"
    )
    async def check(body: kopf.Body, warnings: list[str], **kwargs: Any) -> None:
        try:
            told = check_object(body)
            if plural == CRYPTO_JOBS.plural and kwargs["operation"] == "CREATE":
                told = told or await jobs.review(body)
        except InjectionError as error:
            count(CHECK, "refused")
            raise kopf.AdmissionError(f"vaultbind: {error}", code=422) from None
        count(CHECK, "warned" if told else "allowed")
        warnings.extend([f"vaultbind: {told}"] if told else [])


async def start_webhook(
    client: KubeClient,
    server: AdmissionServer,
    pods: PodReviews,
    count: Count,
    stop: asyncio.Event,
    *,
    drain: float = 0.0,
) -> None:
    """Serve until `drain` seconds after `stop` is set. Raises ControllerError where Kopf ended by itself."""
    gc.set_threshold(50_000, 50, 100)  # a full collection walks all modules: none during a review
    catch_signals(stop)
    settings = render_settings()
    settings.admission.server = server
    ready, kopf_stop = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(
        kopf.operator(
            registry=build_admission_registry(client, pods, count),
            settings=settings,
            clusterwide=True,
            standalone=True,
            identity=KOPF_IDENTITY,
            ready_flag=ready,
            stop_flag=kopf_stop,
        ),
        name="kopf",
    )
    stopping = asyncio.create_task(stop.wait())
    rearm = asyncio.create_task(_settle(ready, stop))
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    ended = serving.done()
    server.retire()
    await asyncio.wait((serving,), timeout=drain)
    kopf_stop.set()
    await asyncio.wait((serving,), timeout=KOPF_STOP_SECONDS)
    for task in (stopping, rearm, serving):
        task.cancel()
    await asyncio.gather(stopping, rearm, serving, return_exceptions=True)
    if ended and not stop.is_set():
        raise ControllerError("the webhook ended by itself")


async def _settle(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Once all is loaded: take the signals back, and let collections pass over what stays for ever."""
    await rearm_signals(ready, stop)
    gc.collect()
    gc.freeze()
