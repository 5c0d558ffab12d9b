"""Settings of the ways by which expiry and rotation are told, and heard of, besides looks and statuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from vaultbind.api.address import parse_address
from vaultbind.expiry.sink import SinkSettings, parse_sink
from vaultbind.vaults.events import WebhookSettings

NO_EVENTS = "none"
"""Nobody tells of changes: looks find them."""


class OutletFlags(TypedDict, total=False):
    """Flags of `vaultbind run`, as they were given."""

    cloudevents_sink: str
    cloudevents_token_file: str
    rotation_handlers: Sequence[str]
    events: str
    events_address: str
    events_secret_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletSettings:
    """What is told to whom."""

    sink: SinkSettings | None = None
    """Where CloudEvents go."""
    handlers: tuple[str, ...] = ()
    """`package.module:attribute` of each rotation handler."""
    webhook: WebhookSettings | None = None
    """Where Event Grid may tell of changes."""


def parse_outlets(flags: OutletFlags, problems: list[str]) -> OutletSettings:
    """Check the flags; each mistake is a line more in `problems`."""
    given: Mapping[str, object] = flags
    unknown = set(given) - set(OutletFlags.__annotations__)
    if unknown:
        raise TypeError(f"no such flags: {', '.join(sorted(unknown))}")
    handlers = tuple(flags.get("rotation_handlers", ()))
    webhook = _parse_webhook(flags, problems)
    return OutletSettings(sink=_parse_sink(flags, problems), handlers=handlers, webhook=webhook)


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


def _parse_webhook(flags: OutletFlags, problems: list[str]) -> WebhookSettings | None:
    secret_file = flags.get("events_secret_file", "")
    if flags.get("events", NO_EVENTS) == NO_EVENTS:
        if secret_file:
            problems.append("--events-secret-file: needs --events webhook")
        return None
    if not secret_file:
        problems.append("--events webhook: needs --events-secret-file, or anybody could send")
        return None
    try:
        address = parse_address(flags.get("events_address", ":8082"))
    except ValueError as error:
        problems.append(f"--events-address: {error}")
        return None
    return WebhookSettings(host=address.host, port=address.port, secret_file=Path(secret_file))
