"""Flags of `vaultbind emulator` that say how its vaults behave."""

import re
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any, Final, TypeVar

import click

from vaultbind.api.durations import parse_duration
from vaultbind.keyvault.simulation import VaultSettings

Command = TypeVar("Command", bound=Callable[..., Any])
LATENCY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s)")
SIZES: Final = re.compile(r"[0-9]{1,2}(,[0-9]{1,2})*")
LARGEST_PAGE: Final = 25


def parse_latency(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    """Seconds of `10ms` or `0.5s`; raises click.BadParameter."""
    match = LATENCY.fullmatch(text)
    if match is None:
        raise click.BadParameter("must be a duration such as 10ms or 0.5s")
    return float(match[1]) * (0.001 if match[2] == "ms" else 1.0)


def parse_seconds(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    """Whole seconds of `5s` or `1m`; raises click.BadParameter."""
    try:
        return int(parse_duration(text).total_seconds())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def parse_sizes(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[int, ...]:
    """Page sizes of `0,3,25`; raises click.BadParameter."""
    sizes = tuple(map(int, text.split(","))) if SIZES.fullmatch(text) else ()
    if not sizes or not sizes[-1] or max(sizes) > LARGEST_PAGE:
        raise click.BadParameter(
            f"must be numbers of at most {LARGEST_PAGE} with commas between, the last at least 1"
        )
    return sizes


def vault_flags(command: Command) -> Command:
    """Add the flags; `take_settings` takes those of them out that are VaultSettings."""
    for option in reversed(_options()):
        command = option(command)
    return command


def take_settings(flags: MutableMapping[str, Any]) -> VaultSettings:
    """Settings of the vaults; what is left in `flags` are fields of EmulatorConfig."""
    return VaultSettings(
        deletion_seconds=flags.pop("deletion_delay"),
        issuance_seconds=flags.pop("issuance_time"),
        retention_days=flags.pop("retention_days"),
        purgeable=not flags.pop("purge_protection"),
    )


def _options() -> list[Callable[[Any], Any]]:
    duration = partial(click.option, default="0s", metavar="DURATION", show_default=True)
    return [
        duration("--latency", callback=parse_latency, default="0ms", help="Added to each vault request."),
        duration(
            "--deletion-delay",
            callback=parse_seconds,
            help="What deleting, recovering and purging take after their answer; "
            "the service takes some seconds.",
        ),
        click.option(
            "--retention-days",
            type=click.IntRange(7, 90),
            default=90,
            show_default=True,
            help="How long deleted objects can be recovered; then they are purged.",
        ),
        click.option(
            "--purge-protection", is_flag=True, help="Nobody purges; only the end of the retention does."
        ),
        duration(
            "--issuance-time",
            callback=parse_seconds,
            help="What an issuer takes to answer a certificate request; at 0s the next request sees it.",
        ),
        click.option(
            "--page-size",
            "page_sizes",
            callback=parse_sizes,
            default=str(LARGEST_PAGE),
            metavar="NUMBERS",
            show_default=True,
            help="Most objects on a page of a list; 0,3,25 begins with an empty and a short page.",
        ),
    ]
