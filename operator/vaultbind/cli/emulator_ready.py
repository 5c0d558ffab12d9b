"""What `vaultbind emulator` says when it listens: its address, and what a client has to be told."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from vaultbind.cli.emulator_ctl import TOKEN_VARIABLE

SERVICE_LINK: Final = "tcp://"
"""How a variable begins that Kubernetes sets for a Service."""


class ListenPort(click.IntRange):
    """A port; a Service named vaultbind-emulator brings a variable of the flag's name that is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Leave out what Kubernetes means by it, and say so; raises click.BadParameter for all else."""
        if not _is_service_link(value, param, ctx):
            return super().convert(value, param, ctx)
        click.echo(
            "VAULTBIND_EMULATOR_PORT is what Kubernetes sets for a Service named vaultbind-emulator, and is "
            "ignored: say --port, or enableServiceLinks: false in the pod",
            err=True,
        )
        assert param is not None  # noqa: S101 - an option has asked
        return param.default


def _is_service_link(value: object, param: click.Parameter | None, ctx: click.Context | None) -> bool:
    if not isinstance(value, str) or not value.startswith(SERVICE_LINK) or param is None or ctx is None:
        return False
    return ctx.get_parameter_source(param.name or "") is ParameterSource.ENVIRONMENT


def render_environment(url: str, ca_file: Path | None, *, has_token: bool) -> dict[str, str]:
    """Variables by which a client of the Azure SDK or of our library finds, trusts and asks the emulator."""
    trust = {"SSL_CERT_FILE": str(ca_file.resolve())} if ca_file is not None else {}
    header = f"${TOKEN_VARIABLE}" if has_token else "any"
    return {
        "AZURE_KEYVAULT_URL": url,
        **trust,
        "IDENTITY_ENDPOINT": f"{url}/msi/token",
        "IDENTITY_HEADER": header,
    }


def render_ready(url: str, environment: Mapping[str, str], *, as_json: bool) -> list[str]:
    """Lines: one document for scripts; else `ready` and the address, and below it what to paste."""
    if as_json:
        return [json.dumps({"ready": url, "environment": environment})]
    exports = [f"export {name}={_quoted(value)}" for name, value in environment.items()]
    missing = "" if "SSL_CERT_FILE" in environment else "# --ca-file writes what clients have to trust"
    return [f"ready {url}", *exports, *([missing] if missing else [])]


def _quoted(value: str) -> str:
    """The token is not shown: its variable's name is, for the shell to look up."""
    return f'"{value}"' if value.startswith("$") else shlex.quote(value)
