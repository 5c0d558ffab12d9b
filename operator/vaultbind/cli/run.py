"""`vaultbind run`: the controller."""

import asyncio
import gc
import logging
import os
import socket
import sys
import uuid
from typing import Any

import click

from vaultbind.app.operator import Operator
from vaultbind.cli.flags import METRICS_HELP, log_options, policy_options, with_options
from vaultbind.engine.clock import SystemClock
from vaultbind.expiry.handlers import HandlerError
from vaultbind.handlers.controller import ControllerError, start_controller
from vaultbind.kube.connection import connect
from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.leases import LeaseElector
from vaultbind.settings import DriftDetection, RunSettings, SettingsError, parse_settings
from vaultbind.telemetry.health import HealthChecks, LoopLag, Verdict
from vaultbind.telemetry.logs import configure
from vaultbind.telemetry.metrics import Metrics
from vaultbind.telemetry.server import TelemetryServer

logger = logging.getLogger(__name__)

LAG_LIMIT = 10.0
"""Seconds by which the event loop may be late before the process counts as unwell."""


@click.command()
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    envvar="VAULTBIND_NAMESPACE",
    help="Work in this namespace only; may be repeated. Default: the whole cluster.",
)
@click.option(
    "--metrics-address",
    default=":8080",
    show_default=True,
    envvar="VAULTBIND_METRICS_ADDRESS",
    help=METRICS_HELP,
)
@click.option(
    "--leader-election/--no-leader-election",
    default=True,
    show_default=True,
    envvar="VAULTBIND_LEADER_ELECTION",
    help="Work only while holding a Lease, so that two replicas can run.",
)
@click.option(
    "--lease-namespace", default="", envvar="VAULTBIND_LEASE_NAMESPACE", help="Default: our own namespace."
)
@click.option(
    "--lease-name",
    default="vaultbind",
    show_default=True,
    envvar="VAULTBIND_LEASE_NAME",
    help="Name of the Lease; replicas of one installation share it.",
)
@with_options(policy_options("operator"))
@click.option(
    "--drift-detection",
    type=click.Choice([item.value for item in DriftDetection]),
    default=DriftDetection.WATCH.value,
    show_default=True,
    envvar="VAULTBIND_DRIFT_DETECTION",
    help="How an edited Secret is noticed: Watch, at once, takes the right to list and watch Secrets; "
    "Get, with each look at the vault, does without.",
)
@click.option(
    "--stale-after",
    default="1h",
    show_default=True,
    envvar="VAULTBIND_STALE_AFTER",
    help="How long a Secret counts as Ready while its vault fails.",
)
@click.option(
    "--serving-certificate",
    "serving_certificates",
    multiple=True,
    envvar="VAULTBIND_SERVING_CERTIFICATE",
    help="SECRET=DNS-NAME[,DNS-NAME...]: keep a certificate of our own authority in that Secret of our "
    "namespace, for webhook and broker to mount; may be repeated.",
)
@click.option(
    "--webhook-configuration",
    default="",
    envvar="VAULTBIND_WEBHOOK_CONFIGURATION",
    help="Name of the mutating and validating webhook configurations whose caBundle is kept.",
)
@click.option(
    "--restarts-per-minute",
    type=click.IntRange(1, 600),
    default=20,
    show_default=True,
    envvar="VAULTBIND_RESTARTS_PER_MINUTE",
    help="How many workloads may be restarted in a minute, over all bindings (spec.rollout).",
)
@click.option(
    "--cloudevents-sink",
    default="",
    envvar="VAULTBIND_CLOUDEVENTS_SINK",
    help="URL that is told of expiry and rotation by CloudEvents, at least once each. Default: none.",
)
@click.option(
    "--cloudevents-token-file",
    default="",
    envvar="VAULTBIND_CLOUDEVENTS_TOKEN_FILE",
    help="File with a bearer token for the sink, read for each event.",
)
@click.option(
    "--rotation-handler",
    "rotation_handlers",
    multiple=True,
    envvar="VAULTBIND_ROTATION_HANDLER",
    help="MODULE:ATTRIBUTE of a RotationHandler of your own in the image, called on expiry and rotation; "
    "may be repeated.",
)
@click.option(
    "--events",
    type=click.Choice(["none", "webhook", "pull"]),
    default="none",
    show_default=True,
    envvar="VAULTBIND_EVENTS",
    help="Whether Event Grid tells of changes (webhook), or is asked for them (pull, takes the extra "
    "vaultbind[eventgrid]), so that they arrive before the next look.",
)
@click.option(
    "--events-address",
    default=":8082",
    show_default=True,
    envvar="VAULTBIND_EVENTS_ADDRESS",
    help="HOST:PORT of the webhook's path /events, plain HTTP behind an ingress.",
)
@click.option(
    "--events-secret-file",
    default="",
    envvar="VAULTBIND_EVENTS_SECRET_FILE",
    help="File with the secret that senders show, as ?code= or in header X-Vaultbind-Key; with pull the "
    "namespace's access key, without which the operator's own identity asks.",
)
@click.option(
    "--events-entra-tenant",
    default="",
    envvar="VAULTBIND_EVENTS_ENTRA_TENANT",
    help="Id of the Entra tenant whose tokens senders show to the webhook; with a secret as well, both are "
    "demanded.",
)
@click.option(
    "--events-entra-audience",
    "events_entra_audiences",
    multiple=True,
    envvar="VAULTBIND_EVENTS_ENTRA_AUDIENCE",
    help="For whom their tokens are: id or URI of the webhook's application; may be repeated.",
)
@click.option(
    "--events-entra-sender",
    "events_entra_senders",
    multiple=True,
    envvar="VAULTBIND_EVENTS_ENTRA_SENDER",
    help="Id of an application that may send; may be repeated. Default: Event Grid's (public cloud).",
)
@click.option(
    "--events-entra-authority",
    default="https://login.microsoftonline.com",
    show_default=True,
    envvar="VAULTBIND_EVENTS_ENTRA_AUTHORITY",
    help="Where that tenant's tokens come from, https://HOST.",
)
@click.option(
    "--events-endpoint",
    default="",
    envvar="VAULTBIND_EVENTS_ENDPOINT",
    help="https:// address of the Event Grid namespace, for pull.",
)
@click.option("--events-topic", default="", envvar="VAULTBIND_EVENTS_TOPIC", help="Its topic, for pull.")
@click.option(
    "--events-subscription",
    default="",
    envvar="VAULTBIND_EVENTS_SUBSCRIPTION",
    help="The topic's queue subscription, for pull.",
)
@with_options(log_options())
def run(*, log_format: str, log_level: str, **flags: Any) -> None:
    """Run the operator against the cluster of KUBECONFIG, or the one it runs in.

    The identity for vaults comes from the KeyVault objects and from Azure's own variables (AZURE_*,
    IDENTITY_ENDPOINT). Stops cleanly on SIGTERM.
    """
    configure(log_format, log_level)
    try:
        settings = parse_settings(**flags)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    try:
        gc.freeze()  # what the imports have made stays: no collection needs to walk it
        asyncio.run(_run(settings))
    except (KubeConfigError, ControllerError, HandlerError, OSError) as error:
        click.echo(f"vaultbind run: {error}", err=True)
        sys.exit(1)


async def _run(settings: RunSettings) -> None:
    metrics = Metrics()
    client = await connect(observer=metrics.kube)
    logger.info("API server %s", client.connection.server)
    identity = f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    operator = Operator(
        settings=settings, client=client, clock=SystemClock(), metrics=metrics, identity=identity
    )
    elector = _elector(settings, operator) if settings.leader_election else None
    lag = LoopLag()
    sampling = asyncio.create_task(lag.run())
    server = TelemetryServer(
        settings.metrics.host,
        settings.metrics.port,
        metrics,
        live=_live(operator, lag),
        ready=_ready(operator, elector),
    )
    metrics.show_loop_lag(lag.seconds)
    metrics.show_leader(lambda: elector is None or elector.is_leader)
    try:
        async with server:
            logger.info("metrics and probes on %s:%d", settings.metrics.host, server.port)
            await start_controller(operator, asyncio.Event(), elector)
    finally:
        sampling.cancel()
        await client.aclose()


def _elector(settings: RunSettings, operator: Operator) -> LeaseElector:
    namespace = settings.lease_namespace or operator.client.connection.default_namespace
    return LeaseElector(operator.client, namespace, settings.lease_name, operator.identity)


def _live(operator: Operator, lag: LoopLag) -> HealthChecks:
    checks = HealthChecks()
    checks.add("loop", lag.check(LAG_LIMIT))
    checks.add("sweep", lambda: Verdict(ok=not operator.feed.dead.is_set(), detail="watches are alive"))
    return checks


def _ready(operator: Operator, elector: LeaseElector | None) -> HealthChecks:
    """A standby is ready as it is: it holds its caches and waits for the Lease."""

    def synced() -> Verdict:
        standby = elector is not None and not elector.is_leader
        reached = operator.warm if standby else operator.feed.synced
        return Verdict(ok=reached.is_set(), detail="standby" if standby else "first list")

    checks = HealthChecks()
    checks.add("synced", synced)
    return checks
