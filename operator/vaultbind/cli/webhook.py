"""`vaultbind webhook`: admission."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from vaultbind.api.address import Address
from vaultbind.cli.flags import vault_options, with_options
from vaultbind.cli.server_flags import beside, load_tls, server_flags
from vaultbind.handlers.admission import start_webhook
from vaultbind.handlers.admission_server import AdmissionServer
from vaultbind.handlers.controller import ControllerError
from vaultbind.injection.capability import EnvFiles
from vaultbind.injection.facts import Installation, Resources
from vaultbind.injection.lookup import KeyLookup
from vaultbind.injection.pod_auth import PodAuthLookup
from vaultbind.injection.reviews import PodReviews
from vaultbind.injection.tls import ServingTls
from vaultbind.kube.connection import connect
from vaultbind.kube.errors import KubeConfigError
from vaultbind.settings import parse_settings
from vaultbind.telemetry.logs import configure
from vaultbind.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)


@click.command()
@server_flags(9443)
@click.option(
    "--agent-image",
    required=True,
    envvar="VAULTBIND_AGENT_IMAGE",
    help="Image of the agent: our own, by digest.",
)
@click.option(
    "--agent-pull-policy",
    type=click.Choice(["Always", "IfNotPresent", "Never"]),
    default="IfNotPresent",
    show_default=True,
    envvar="VAULTBIND_AGENT_PULL_POLICY",
    help="imagePullPolicy of the agent's containers.",
)
@click.option(
    "--agent-memory-limit",
    default="64Mi",
    show_default=True,
    envvar="VAULTBIND_AGENT_MEMORY_LIMIT",
    help="Memory limit of the agent's containers; the files that it writes count, too.",
)
@click.option(
    "--agent-deadline",
    type=click.IntRange(5, 3600),
    default=120,
    show_default=True,
    envvar="VAULTBIND_AGENT_DEADLINE",
    help="Seconds for which the init container tries before it fails.",
)
@click.option(
    "--pod-auth-audience",
    default="",
    envvar="VAULTBIND_POD_AUTH_AUDIENCE",
    help="Let pods ask vaults as themselves (vaultbind.dev/auth: pod), with tokens of this audience, "
    "such as api://AzureADTokenExchange. Default: refused.",
)
@click.option(
    "--pod-auth-memory-limit",
    default="128Mi",
    show_default=True,
    envvar="VAULTBIND_POD_AUTH_MEMORY_LIMIT",
    help="Memory limit of agents that ask vaults themselves.",
)
@with_options(vault_options())
@click.option(
    "--broker-url",
    default="",
    envvar="VAULTBIND_BROKER_URL",
    help="Where agents find the broker, such as https://vaultbind-broker.vaultbind.svc:8443. "
    "Without one only variables from Secrets can be injected.",
)
@click.option(
    "--broker-ca-file",
    type=click.Path(path_type=Path),
    default=None,
    envvar="VAULTBIND_BROKER_CA_FILE",
    help="PEM file that agents trust. Default: ca.crt in --tls-dir.",
)
@click.option(
    "--env-files",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    envvar="VAULTBIND_ENV_FILES",
    help="Whether variables come from env files (Kubernetes 1.35); auto tries it.",
)
@click.option(
    "--namespace", default="", envvar="VAULTBIND_NAMESPACE", help="Of the trial pod. Default: our own."
)
def webhook(*, log_format: str, log_level: str, tls_dir: Path, **flags: object) -> None:
    """Serve admission reviews: pods with label vaultbind.dev/inject get their bindings, specs are checked.

    Talks to the API server and to nobody else. Stops cleanly on SIGTERM.
    """
    configure(log_format, log_level)
    tls = load_tls(tls_dir)
    try:
        asyncio.run(_serve(tls, **flags))  # type: ignore[arg-type] # click has checked the flags
    except (KubeConfigError, ControllerError, OSError) as error:
        click.echo(f"vaultbind webhook: {error}", err=True)
        sys.exit(1)


async def _serve(
    tls: ServingTls,
    *,
    listen: Address,
    metrics_address: Address,
    drain: float,
    env_files: str,
    namespace: str,
    broker_ca_file: Path | None,
    pod_auth_audience: str,
    allowed_vault_suffixes: str,
    allowed_authority_hosts: str,
    **agent: object,
) -> None:
    metrics = Metrics()
    client = await connect(observer=metrics.kube)
    server = AdmissionServer(listen.host, listen.port, tls)
    offered = EnvFiles(client=client, namespace=namespace or client.connection.default_namespace)
    offered.offered = env_files == "on"
    policy = parse_settings(
        allowed_vault_suffixes=allowed_vault_suffixes, allowed_authority_hosts=allowed_authority_hosts
    ).policy
    agent |= {"pod_auth_audience": pod_auth_audience}
    pods = PodReviews(
        installation=_installation(tls, offered, broker_ca_file, **agent),  # type: ignore[arg-type] # click
        lookup=KeyLookup(client, time.monotonic),
        pod_auth=PodAuthLookup(client, policy, time.monotonic) if pod_auth_audience else None,
    )
    tasks = await _follow(offered) if env_files == "auto" else []
    tasks.append(asyncio.create_task(_tell(server)))
    try:
        async with beside(metrics, metrics_address, tls, server.ready):
            count = metrics.injection.reviewed
            await start_webhook(client, server, pods, count, asyncio.Event(), drain=drain)
    finally:
        for task in tasks:
            task.cancel()
        await client.aclose()


async def _follow(offered: EnvFiles) -> list[asyncio.Task[None]]:
    await offered.check()
    return [asyncio.create_task(offered.run())]


async def _tell(server: AdmissionServer) -> None:
    await server.ready.wait()
    logger.info("admission on port %d", server.port)


def _installation(
    tls: ServingTls,
    offered: EnvFiles,
    broker_ca_file: Path | None,
    *,
    agent_image: str,
    agent_pull_policy: str,
    agent_memory_limit: str,
    agent_deadline: int,
    broker_url: str,
    pod_auth_audience: str,
    pod_auth_memory_limit: str,
) -> Callable[[], Installation]:
    """What each review starts from; authorities and env files may have changed since the last one."""

    def current() -> Installation:
        return Installation(
            image=agent_image,
            pull_policy=agent_pull_policy,
            broker_url=broker_url,
            broker_ca=broker_ca_file.read_text(encoding="ascii") if broker_ca_file else tls.authorities,
            env_files=offered.offered,
            deadline_seconds=agent_deadline,
            resources=Resources(memory_limit=agent_memory_limit),
            pod_auth_audience=pod_auth_audience,
            pod_auth_resources=Resources(memory_request="64Mi", memory_limit=pod_auth_memory_limit),
        )

    return current
