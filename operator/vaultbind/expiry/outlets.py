"""Settings of the ways by which expiry and rotation are told, and heard of, besides looks and statuses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from vaultbind.api.address import parse_address
from vaultbind.expiry.sink import SinkSettings, parse_sink
from vaultbind.vaults.bearer import EVENT_GRID, PUBLIC_AUTHORITY, EntraSettings
from vaultbind.vaults.events import PullSettings, WebhookSettings, is_pull_possible

NO_EVENTS = "none"
"""Nobody tells of changes: looks find them."""
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ORIGIN: Final = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?")


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
    events_entra_tenant: str
    events_entra_audiences: Sequence[str]
    events_entra_senders: Sequence[str]
    events_entra_authority: str


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
    secret_file, way = flags.get("events_secret_file", ""), flags.get("events", NO_EVENTS)
    entra = _parse_entra(flags, problems)
    if way != "webhook":
        if secret_file and way == NO_EVENTS:
            problems.append("--events-secret-file: needs --events webhook or pull")
        if entra is not None:
            problems.append("--events-entra-tenant: needs --events webhook")
        return None
    if not secret_file and not flags.get("events_entra_tenant"):
        problems.append(
            "--events webhook: needs --events-secret-file or --events-entra-tenant, or anybody could send"
        )
        return None
    try:
        address = parse_address(flags.get("events_address", ":8082"))
    except ValueError as error:
        problems.append(f"--events-address: {error}")
        return None
    return WebhookSettings(
        host=address.host,
        port=address.port,
        secret_file=Path(secret_file) if secret_file else None,
        entra=entra,
    )


def _parse_entra(flags: OutletFlags, problems: list[str]) -> EntraSettings | None:
    tenant, audiences = flags.get("events_entra_tenant", ""), tuple(flags.get("events_entra_audiences", ()))
    if not tenant:
        if audiences:
            problems.append("--events-entra-audience: needs --events-entra-tenant")
        return None
    if _GUID.fullmatch(tenant) is None:
        problems.append("--events-entra-tenant: must be the tenant's id, of 32 hexadecimal digits")
    if not audiences:
        problems.append(
            "--events-entra-tenant: needs --events-entra-audience, or tokens for others were taken"
        )
    authority = flags.get("events_entra_authority", PUBLIC_AUTHORITY).rstrip("/")
    if _ORIGIN.fullmatch(authority) is None:
        problems.append("--events-entra-authority: must be https://HOST")
    return EntraSettings(
        tenant=tenant.lower(),
        audiences=audiences,
        senders=tuple(flags.get("events_entra_senders", ())) or (EVENT_GRID,),
        authority=authority,
    )


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
