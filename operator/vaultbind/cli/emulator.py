"""`vaultbind emulator`: a Key Vault on this machine."""

import asyncio
import errno
import signal
from pathlib import Path
from typing import Any

import click

from vaultbind.cli.emulator_ctl import TOKEN_VARIABLE, ctl, read_text, read_token
from vaultbind.cli.emulator_ctl_traffic import access, events, fault, throttle
from vaultbind.cli.emulator_flags import take_settings, vault_flags
from vaultbind.cli.emulator_ready import ListenPort, render_environment, render_ready
from vaultbind.emulator import Emulator, EmulatorConfig, EmulatorConfigError, SeedError, StorageError


@click.group(
    name="emulator",
    invoke_without_command=True,
    context_settings={"auto_envvar_prefix": "VAULTBIND_EMULATOR"},
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=ListenPort(0, 65_535), default=8443, show_default=True, help="0 picks a free one."
)
@click.option(
    "--ca-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the CA's certificate here (its key beside it); an existing one is kept.",
)
@click.option(
    "--name", "names", multiple=True, help="Another host name or address for the server's certificate."
)
@click.option(
    "--seed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file of what the vaults hold at the start.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file that keeps the vaults over restarts; a seed is for vaults that it does not know.",
)
@click.option("--vault", "vaults", multiple=True, help="A vault that exists from the start.")
@click.option(
    "--only-configured",
    is_flag=True,
    help="Serve the vaults of --vault and --seed alone; otherwise a vault is made when it is first asked.",
)
@vault_flags
@click.option(
    "--allow-non-loopback",
    is_flag=True,
    help="Permit a --host that others can reach; needs a token.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"File of the token that control and token requests must show; or variable {TOKEN_VARIABLE}.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How it tells that it listens, and which variables a client needs.",
)
@click.pass_context
def emulator(
    context: click.Context,
    /,
    *,
    seed: Path | None,
    only_configured: bool,
    token_file: Path | None,
    output: str,
    **flags: Any,
) -> None:
    """Serve simulated Key Vaults over HTTPS: any https://NAME.vault.localhost:PORT is one.

    Prints `ready https://...` when it listens, and below it the variables that a client needs.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        config = EmulatorConfig(
            seed=read_text(seed) if seed else "",
            on_first_use=not only_configured,
            token=read_token(token_file),
            settings=take_settings(flags),
            **flags,
        )
        asyncio.run(_serve(config, as_json=output == "json"))
    except EmulatorConfigError as error:
        raise click.ClickException("\n".join(error.problems)) from None
    except SeedError as error:
        raise click.ClickException("\n".join(f"{seed}: {problem}" for problem in error.problems)) from None
    except StorageError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot start: {_explain(error)}") from None


def _explain(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    hint = "; choose another --port, 0 picks a free one" if error.errno == errno.EADDRINUSE else ""
    return f"{where}{error.strerror or error}{hint}"


for command in (fault, throttle, access, events):
    ctl.add_command(command)
emulator.add_command(ctl)


async def _serve(config: EmulatorConfig, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Emulator.start(config) as running:
        environment = render_environment(running.url, config.ca_file, has_token=bool(config.token))
        click.echo("\n".join(render_ready(running.url, environment, as_json=as_json)))
        await stop.wait()
