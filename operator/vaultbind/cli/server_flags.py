"""Flags, probes and certificates that the serving commands (webhook, broker) share."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import click

from vaultbind.api.address import Address, parse_address
from vaultbind.cli.flags import METRICS_HELP, Command, Option, log_options, with_options
from vaultbind.injection.tls import ServingTls
from vaultbind.telemetry.health import HealthChecks, LoopLag, Verdict
from vaultbind.telemetry.metrics import Metrics
from vaultbind.telemetry.server import TelemetryServer

logger = logging.getLogger(__name__)

LAG_LIMIT = 10.0
"""Seconds by which the event loop may be late before the process counts as unwell."""


def _parse(_: click.Context, __: click.Parameter, value: str) -> Address:
    try:
        return parse_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def server_flags(port: int) -> Callable[[Command], Command]:
    """Add the common flags; `port` is the default of --listen."""
    return with_options(_options(port))


def _options(port: int) -> list[Option]:
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
            help=METRICS_HELP,
        ),
        option(
            "--drain",
            type=click.FloatRange(0, 60),
            default=5.0,
            envvar="VAULTBIND_DRAIN",
            help="Seconds to serve on after SIGTERM, until the cluster sends nothing here any more.",
        ),
        *log_options(),
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
