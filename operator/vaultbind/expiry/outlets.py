"""Settings of the ways by which expiry and rotation are told, and heard of, besides looks and statuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from vaultbind.api.address import parse_address
from vaultbind.expiry.sink import SinkSettings, parse_sink
from vaultbind.vaults.events import PullSettings, WebhookSettings, is_pull_possible

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
    events_endpoint: str
    events_topic: str
    events_subscription: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletSettings:
    """What is told to whom."""

    sink: SinkSettings | None = None
    """Where CloudEvents go."""
    handlers: tuple[str, ...] = ()
    """`package.module:attribute` of each rotation handler."""
    webhook: WebhookSettings | None = None
    """Where Event Grid may tell of changes."""
    pull: PullSettings | None = None
    """Where it is asked for them."""


def parse_outlets(flags: OutletFlags, problems: list[str]) -> OutletSettings:
    """Check the flags; each mistake is a line more in `problems`."""
    given: Mapping[str, object] = flags
    unknown = set(given) - set(OutletFlags.__annotations__)
    if unknown:
        raise TypeError(f"no such flags: {', '.join(sorted(unknown))}")
    handlers = tuple(flags.get("rotation_handlers", ()))
    webhook = _parse_webhook(flags, problems)
    return OutletSettings(
        sink=_parse_sink(flags, problems),
        handlers=handlers,
        webhook=webhook,
        pull=_parse_pull(flags, problems),
    )


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
    if flags.get("events", NO_EVENTS) != "webhook":
        if secret_file and flags.get("events", NO_EVENTS) == NO_EVENTS:
            problems.append("--events-secret-file: needs --events webhook or pull")
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


def _parse_pull(flags: OutletFlags, problems: list[str]) -> PullSettings | None:
    if flags.get("events", NO_EVENTS) != "pull":
        return None
    endpoint, topic = flags.get("events_endpoint", ""), flags.get("events_topic", "")
    subscription, key_file = flags.get("events_subscription", ""), flags.get("events_secret_file", "")
    if not is_pull_possible():
        problems.append("--events pull: needs pip install vaultbind[eventgrid]")
    if not endpoint.startswith("https://"):
        problems.append("--events-endpoint: must be the https:// address of the namespace")
    if not (topic and subscription):
        problems.append("--events pull: needs --events-topic and --events-subscription")
    return PullSettings(
        endpoint=endpoint,
        topic=topic,
        subscription=subscription,
        key_file=Path(key_file) if key_file else None,
    )
