"""Flags, probes and certificates that the serving commands (webhook, broker) share."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from vaultbind.injection.tls import ServingTls
from vaultbind.settings import Address, parse_address
from vaultbind.telemetry.health import HealthChecks, LoopLag, Verdict
from vaultbind.telemetry.logs import LogFormat
from vaultbind.telemetry.metrics import Metrics
from vaultbind.telemetry.server import TelemetryServer

logger = logging.getLogger(__name__)

Command = TypeVar("Command", bound=Callable[..., Any])

LAG_LIMIT = 10.0
"""Seconds by which the event loop may be late before the process counts as unwell."""


def _parse(_: click.Context, __: click.Parameter, value: str) -> Address:
    try:
        return parse_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def server_flags(port: int) -> Callable[[Command], Command]:
    """Add the common flags; `port` is the default of --listen."""

    def decorate(command: Command) -> Command:
        for option in reversed(_options(port)):
            command = option(command)
        return command

    return decorate


def _options(port: int) -> list[Callable[[Any], Any]]:
    option = partial(click.option, show_default=True)
    return [
        option(
            "--listen",
            callback=_parse,
            metavar="HOST:PORT",
            default=f":{port}",
            envvar="VAULTBIND_LISTEN",
            help="HOST:PORT to serve on, with TLS 1.3.",
        ),
        option(
            "--tls-dir",
            type=click.Path(path_type=Path),
            default="/etc/vaultbind/tls",
            envvar="VAULTBIND_TLS_DIR",
            help="Folder with tls.crt, tls.key and ca.crt; looked at again every few seconds.",
        ),
        option(
            "--metrics-address",
            callback=_parse,
            metavar="HOST:PORT",
            default=":8080",
            envvar="VAULTBIND_METRICS_ADDRESS",
            help="HOST:PORT of /metrics, /healthz and /readyz.",
        ),
        option(
            "--drain",
            type=click.FloatRange(0, 60),
            default=5.0,
            envvar="VAULTBIND_DRAIN",
            help="Seconds to serve on after SIGTERM, until the cluster sends nothing here any more.",
        ),
        *_log_options(),
    ]


def _log_options() -> list[Callable[[Any], Any]]:
    option = partial(click.option, show_default=True)
    return [
        option(
            "--log-format",
            type=click.Choice([item.value for item in LogFormat]),
            default="text",
            envvar="VAULTBIND_LOG_FORMAT",
            help="Lines for people, or JSON objects for machines.",
        ),
        option(
            "--log-level",
            type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
            default="info",
            envvar="VAULTBIND_LOG_LEVEL",
            help="Lowest level that is written; no level shows a value.",
        ),
    ]


def load_tls(folder: Path) -> ServingTls:
    """Load the certificate. Raises click.ClickException with the next step."""
    try:
        return ServingTls(folder)
    except (OSError, ssl.SSLError) as error:
        text = getattr(error, "strerror", None) or type(error).__name__
        raise click.ClickException(
            f"the certificate in {folder} cannot be used: {text}; "
            "`vaultbind run --serving-certificate` writes one into a Secret, to be mounted there"
        ) from None


@asynccontextmanager
async def beside(
    metrics: Metrics, address: Address, tls: ServingTls, ready: asyncio.Event
) -> AsyncIterator[None]:
    """Serve metrics and probes, and follow the certificate's files, as long as the block lasts."""
    lag = LoopLag()
    metrics.show_loop_lag(lag.seconds)
    live, readiness = HealthChecks(), HealthChecks()
    live.add("loop", lag.check(LAG_LIMIT))
    readiness.add("serving", lambda: Verdict(ok=ready.is_set(), detail="the listener is open"))
    tasks = [asyncio.create_task(work) for work in (lag.run(), tls.run())]
    try:
        async with TelemetryServer(address.host, address.port, metrics, live=live, ready=readiness) as probes:
            logger.info("metrics and probes on %s:%d", address.host, probes.port)
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
