"""Runs the controller inside Kopf, from start to a clean stop."""

import asyncio
import logging
import signal
from collections.abc import Collection, Coroutine
from typing import Any

import kopf

from vaultbind.api.names import GROUP
from vaultbind.app.operator import Operator
from vaultbind.handlers.registry import build_registry, end_timers
from vaultbind.handlers.storages import EndlessBackoff, NullDiffBase, NullProgress
from vaultbind.kube.leases import LeaseElector

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 5.0
KOPF_STOP_SECONDS = 3.0
"""Together below ten seconds, with room for the Lease."""
LAST_SECONDS = 1.0
"""For what is cancelled at the very end: with the two above still below ten seconds."""
WITHDRAW_SECONDS = 6.0
"""For what is given up before the work began; a claim of the Lease has five to be withdrawn."""
BROKEN = "a part of it ended"
KOPF_IDENTITY: Any = "vaultbind"
"""Told, lest Kopf asks for the user's name: the user of a pod has none, and Kopf would not start."""


class ControllerError(RuntimeError):
    """The controller ended although nobody asked it to: a dead watch, a lost Lease or a failure in Kopf."""


def render_settings() -> kopf.OperatorSettings:
    """Kopf's settings: no scanning, quick workers, endless patience, nothing kept on objects."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = 290
    settings.watching.client_timeout = 320
    settings.watching.connect_timeout = 15
    settings.queueing.idle_timeout = 0.1
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = EndlessBackoff()
    settings.persistence.finalizer = f"{GROUP}/none"
    settings.persistence.diffbase_storage = NullDiffBase()
    settings.persistence.progress_storage = NullProgress()
    settings.posting.enabled = False
    return settings


async def start_controller(operator: Operator, stop: asyncio.Event, elector: LeaseElector | None) -> None:
    """Run until `stop` is set, then drain. Raises ControllerError where it ended by itself."""
    catch_signals(stop)
    if not await _leads(operator, elector, stop):
        await operator.stop(DRAIN_SECONDS)
        if operator.broken.is_set() and not stop.is_set():
            raise ControllerError(BROKEN)
        return
    if elector is not None:
        operator.lead_while(lambda: elector.is_leader)
    work = asyncio.create_task(operator.work(), name="engine")
    ready, kopf_stop = asyncio.Event(), asyncio.Event()
    feed = asyncio.create_task(_run_kopf(operator, ready, kopf_stop), name="kopf")
    causes = {
        "stop": asyncio.create_task(stop.wait()),
        "the watch is dead": asyncio.create_task(operator.feed.dead.wait()),
        BROKEN: asyncio.create_task(operator.broken.wait()),
        "the feed ended": feed,
        "the engine ended": work,
    }
    if elector is not None:
        causes["the Lease was lost"] = asyncio.create_task(elector.lost.wait())
    rearm = asyncio.create_task(rearm_signals(ready, stop))
    await asyncio.wait(causes.values(), return_when=asyncio.FIRST_COMPLETED)
    failed = [_describe(cause, task) for cause, task in causes.items() if task.done() and cause != "stop"]
    await _shut_down(operator, elector, feed, kopf_stop)
    await _cancel([*causes.values(), rearm], LAST_SECONDS)
    if failed and not stop.is_set():
        raise ControllerError("; ".join(failed))


async def _run_kopf(operator: Operator, ready: asyncio.Event, stop: asyncio.Event) -> None:
    namespaces = operator.settings.namespaces
    await kopf.operator(
        registry=build_registry(operator),
        settings=render_settings(),
        clusterwide=not namespaces,
        namespaces=namespaces,
        standalone=True,
        identity=KOPF_IDENTITY,
        ready_flag=ready,
        stop_flag=stop,
    )


async def _leads(operator: Operator, elector: LeaseElector | None, stop: asyncio.Event) -> bool:
    """Prepare, and wait for the Lease; False where the process has to end before."""
    ends = (stop, operator.broken)
    if not await _is_done_before(operator.prepare(), *ends):
        return False
    if elector is not None:
        logger.info("waiting for the Lease")
        if not await _is_done_before(elector.wait_until_leader(), *ends):
            return False
        logger.info("this process leads")
    return True


async def _is_done_before(work: Coroutine[Any, Any, None], *ends: asyncio.Event) -> bool:
    """Do the work unless one of `ends` comes first; raises what the work raises."""
    task = asyncio.create_task(work)
    ending = [asyncio.create_task(end.wait()) for end in ends]
    await asyncio.wait((task, *ending), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await _cancel(ending, LAST_SECONDS)
        task.result()
        return True
    await _cancel([task, *ending], WITHDRAW_SECONDS)
    return False


def _describe(cause: str, task: asyncio.Task[Any]) -> str:
    """What ended, and of what type the error was: its message could carry anything."""
    error = None if task.cancelled() else task.exception()
    return cause if error is None else f"{cause} ({type(error).__name__})"


async def _shut_down(
    operator: Operator, elector: LeaseElector | None, feed: asyncio.Task[None], kopf_stop: asyncio.Event
) -> None:
    """Stop taking work, drain, release the Lease, then stop Kopf."""
    logger.info("stopping")
    await operator.stop(DRAIN_SECONDS)
    if elector is not None:
        await elector.release()
    end_timers()
    kopf_stop.set()
    await asyncio.wait((feed,), timeout=KOPF_STOP_SECONDS)


def catch_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set `stop`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except (RuntimeError, NotImplementedError, ValueError):
            return  # not the main thread: whoever runs us there sets `stop`


async def rearm_signals(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Kopf replaces signal handlers when it starts; take them back."""
    await ready.wait()
    catch_signals(stop)


async def _cancel(tasks: Collection[asyncio.Task[Any]], seconds: float) -> None:
    """Bounded: a cancellation can get lost in code that is not ours (Python 3.11's `asyncio.wait_for`)."""
    for task in tasks:
        task.cancel()
        task.add_done_callback(_retrieve)
    await asyncio.wait(tasks, timeout=seconds)


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Let asyncio not tell of an error by itself, with a text that could carry anything."""
    if not task.cancelled():
        task.exception()
