"""`vaultbind emulator`: a Key Vault on this machine."""

import asyncio
import re
import signal
from pathlib import Path
from typing import Final

import click

from vaultbind.emulator import Emulator, EmulatorConfig, EmulatorConfigError, SeedError

LATENCY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s)")


def parse_latency(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    """Seconds of `10ms` or `0.5s`; raises click.BadParameter."""
    match = LATENCY.fullmatch(text)
    if match is None:
        raise click.BadParameter("must be a duration such as 10ms or 0.5s")
    return float(match[1]) * (0.001 if match[2] == "ms" else 1.0)


@click.command(name="emulator", context_settings={"auto_envvar_prefix": "VAULTBIND_EMULATOR"})
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8443, show_default=True, help="0 picks a free one."
)
@click.option(
    "--ca-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the CA's certificate here (its key beside it); an existing one is kept.",
)
@click.option(
    "--seed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file of what the vaults hold at the start.",
)
@click.option(
    "--latency",
    callback=parse_latency,
    default="0ms",
    metavar="DURATION",
    show_default=True,
    help="Added to each vault request.",
)
@click.option(
    "--allow-non-loopback", is_flag=True, help="Permit a --host that others can reach. It is open to all."
)
def emulator(  # noqa: PLR0917 - one parameter per flag
    host: str,
    port: int,
    ca_file: Path | None,
    seed: Path | None,
    latency: float,
    allow_non_loopback: bool,  # noqa: FBT001 - click passes by name
) -> None:
    """Serve simulated Key Vaults over HTTPS: any https://NAME.vault.localhost:PORT is one."""
    try:
        config = EmulatorConfig(
            host=host,
            port=port,
            allow_non_loopback=allow_non_loopback,
            ca_file=ca_file,
            seed=seed.read_text(encoding="utf-8") if seed else "",
            latency=latency,
        )
        asyncio.run(_serve(config))
    except (EmulatorConfigError, SeedError) as error:
        raise click.ClickException("\n".join(error.problems)) from None
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror or error}") from None


async def _serve(config: EmulatorConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Emulator.start(config) as running:
        click.echo(f"ready {running.url}")
        await stop.wait()
