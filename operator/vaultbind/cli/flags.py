"""Flags that several long-running commands share."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import click

from vaultbind.telemetry.logs import LogFormat

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Any], Any]

METRICS_HELP = "HOST:PORT of /metrics, /healthz and /readyz."


def with_options(options: Sequence[Option]) -> Callable[[Command], Command]:
    """Add options to a command, in the order of its help."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def vault_options() -> list[Option]:
    """Which vaults, and which authorities, may be talked to."""
    return [
        click.option(
            "--allowed-vault-suffixes",
            default="",
            envvar="VAULTBIND_ALLOWED_VAULT_SUFFIXES",
            help="Comma-separated suffixes of vault hosts, with port if not 443. Default: Azure's clouds.",
        ),
        click.option(
            "--allowed-authority-hosts",
            default="",
            envvar="VAULTBIND_ALLOWED_AUTHORITY_HOSTS",
            help="Comma-separated hosts that spec.authorityHost may name. Default: Azure's clouds.",
        ),
    ]


def policy_options(whose: str) -> list[Option]:
    """Which vaults may be talked to, and with what identity; `whose` own identity it would be."""
    return [
        *vault_options(),
        click.option(
            "--ambient-credentials-for-namespaced",
            is_flag=True,
            envvar="VAULTBIND_AMBIENT_CREDENTIALS_FOR_NAMESPACED",
            help=f"Let namespaced KeyVaults use the {whose}'s own identity: "
            "every tenant may then read what it can.",
        ),
    ]


def log_options() -> list[Option]:
    """How a process tells what it does."""
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
