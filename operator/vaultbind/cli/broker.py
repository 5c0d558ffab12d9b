"""`vaultbind broker`: hands bound values to pods."""

import asyncio
import signal
import sys
from pathlib import Path

import click

from vaultbind.api.address import Address
from vaultbind.app.broker import BrokerProcess
from vaultbind.cli.flags import policy_options, with_options
from vaultbind.cli.server_flags import beside, load_tls, server_flags
from vaultbind.engine.clock import SystemClock
from vaultbind.injection.tls import ServingTls
from vaultbind.kube.connection import connect
from vaultbind.kube.errors import KubeConfigError
from vaultbind.settings import parse_settings
from vaultbind.telemetry.logs import configure
from vaultbind.telemetry.metrics import Metrics
from vaultbind.vaults.policy import VaultPolicy


@click.command()
@server_flags(8443)
@with_options(policy_options("broker"))
def broker(
    *,
    log_format: str,
    log_level: str,
    tls_dir: Path,
    listen: Address,
    metrics_address: Address,
    drain: float,
    **policy: object,
) -> None:
    """Hand the rendered values of VaultBindings to the pods that name them, and to nobody else.

    Every request is checked anew: the pod's token, the pod, and its ServiceAccount's right to get
    vaultbindings/values. Refusals are written to the log as vaultbind.audit. Stops cleanly on SIGTERM.
    """
    configure(log_format, log_level)
    tls = load_tls(tls_dir)
    allowed = parse_settings(**policy).policy  # type: ignore[arg-type] # click has checked the flags
    try:
        asyncio.run(_serve(tls, listen, metrics_address, drain, allowed))
    except (KubeConfigError, OSError) as error:
        click.echo(f"vaultbind broker: {error}", err=True)
        sys.exit(1)


async def _serve(
    tls: ServingTls, listen: Address, metrics_address: Address, drain: float, policy: VaultPolicy
) -> None:
    metrics = Metrics()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect(observer=metrics.kube)
    process = BrokerProcess(
        client=client, policy=policy, clock=SystemClock(), metrics=metrics, listen=listen, tls=tls
    )
    try:
        async with beside(metrics, metrics_address, tls, process.ready):
            await process.serve(stop, drain)
    finally:
        await client.aclose()
