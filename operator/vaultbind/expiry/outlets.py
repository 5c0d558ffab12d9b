"""Settings of the ways by which expiry and rotation are told, and heard of, besides looks and statuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from vaultbind.expiry.sink import SinkSettings, parse_sink


class OutletFlags(TypedDict, total=False):
    """Flags of `vaultbind run`, as they were given."""

    cloudevents_sink: str
    cloudevents_token_file: str
    rotation_handlers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletSettings:
    """What is told to whom."""

    sink: SinkSettings | None = None
    """Where CloudEvents go."""
    handlers: tuple[str, ...] = ()
    """`package.module:attribute` of each rotation handler."""


def parse_outlets(flags: OutletFlags, problems: list[str]) -> OutletSettings:
    """Check the flags; each mistake is a line more in `problems`."""
    given: Mapping[str, object] = flags
    unknown = set(given) - set(OutletFlags.__annotations__)
    if unknown:
        raise TypeError(f"no such flags: {', '.join(sorted(unknown))}")
    handlers = tuple(flags.get("rotation_handlers", ()))
    return OutletSettings(sink=_parse_sink(flags, problems), handlers=handlers)


def _parse_sink(flags: OutletFlags, problems: list[str]) -> SinkSettings | None:
    url, token_file = flags.get("cloudevents_sink", ""), flags.get("cloudevents_token_file", "")
    if token_file and not url:
        problems.append("--cloudevents-token-file: needs --cloudevents-sink")
    if not url:
        return None
    try:
        return parse_sink(url, token_file)
    except ValueError as error:
        problems.append(f"--cloudevents-sink: {error}")
        return None
