"""Events and subscriptions as JSON: CloudEvents 1.0 and the Event Grid schema, as Azure writes them. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from vaultbind.emulator.control_state import ControlError
from vaultbind.keyvault.simulation.events import VaultEvent
from vaultbind.keyvault.simulation.problems import NOUNS

SUBSCRIPTION_ID: Final = "00000000-0000-0000-0000-000000000000"
VALIDATION_TYPE: Final = "Microsoft.EventGrid.SubscriptionValidationEvent"
TOPIC: Final = "keyvault"
"""Name of the namespace topic from which events are pulled, unless a subscription says another."""


class Schema(StrEnum):
    """How events are written."""

    CLOUD_EVENTS = "cloudevents"
    EVENT_GRID = "eventgrid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who gets which events, and how. Without `endpoint` they wait until they are pulled."""

    name: str
    endpoint: str = ""
    schema: Schema = Schema.CLOUD_EVENTS
    topic: str = TOPIC
    vault: str = "*"
    type: str = "*"
    """Glob on the type, such as `*.SecretNewVersionCreated`."""
    duplicates: float = 0.0
    """Share of the events that come twice, evenly spread."""
    shuffle: bool = False
    """Whether events that wait together are mixed."""
    audience: str = ""
    """For whom a token of Entra is that pushes show; empty: none is shown."""


FIELDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "name": str,
    "endpoint": str,
    "schema": str,
    "topic": str,
    "vault": str,
    "type": str,
    "duplicates": (int, float),
    "shuffle": bool,
    "audience": str,
}


def parse_subscription(content: Any) -> Subscription:
    """Read a subscription; raises ControlError with all mistakes."""
    if not isinstance(content, Mapping):
        raise ControlError("the body must be an object")
    problems = [
        f"{name} is unknown; there are: {', '.join(FIELDS)}" for name in content if name not in FIELDS
    ]
    for name, kind in FIELDS.items():
        value = content.get(name)
        if value is not None and (
            not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)
        ):
            problems.append(f"{name} has the wrong type")
    if not problems:
        problems += _find_value_problems(content)
    if problems:
        raise ControlError(*problems)
    given = {name: value for name, value in content.items() if value is not None}
    return Subscription(**{**given, "schema": Schema(given.get("schema", Schema.CLOUD_EVENTS))})


def _fits(value: Any, kind: type | tuple[type, ...]) -> bool:
    return value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool)))


def _find_value_problems(content: Mapping[str, Any]) -> list[str]:
    problems = []
    for name, default in (("name", ""), ("topic", TOPIC)):
        text = content.get(name) or default
        if not 1 <= len(text) <= 64 or not text.replace("-", "").isalnum():
            problems.append(f"{name} must have 1 to 64 letters, digits and hyphens")
    endpoint = content.get("endpoint") or ""
    if endpoint and not _is_address(endpoint):
        problems.append("endpoint must be an http or https address")
    if content.get("schema") not in {None, *Schema}:
        problems.append(f"schema must be one of {', '.join(Schema)}")
    if not endpoint and content.get("schema") == Schema.EVENT_GRID:
        problems.append("events that are pulled are CloudEvents: schema eventgrid needs an endpoint")
    if not endpoint and content.get("audience"):
        problems.append("audience is for pushes, which show a token: it needs an endpoint")
    if not 0 <= (content.get("duplicates") or 0) <= 1:
        problems.append("duplicates must be between 0 and 1")
    return problems


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half a bracket, a port beyond 65535
        return False


def arm_id(vault: str) -> str:
    """Azure's resource id of a vault."""
    return (
        f"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/emulator"
        f"/providers/Microsoft.KeyVault/vaults/{vault}"
    )


def render_event(event: VaultEvent, schema: Schema, base: Callable[[str], str]) -> dict[str, Any]:
    """One event; `base` gives a vault's URL."""
    data = {
        "Id": f"{base(event.vault)}/{event.kind}/{event.name}/{event.version}",
        "VaultName": event.vault,
        "ObjectType": NOUNS[event.kind],
        "ObjectName": event.name,
        "Version": event.version,
        "NBF": _epoch(event.not_before),
        "EXP": _epoch(event.expires),
    }
    if schema is Schema.CLOUD_EVENTS:
        return {
            "id": event.id,
            "source": arm_id(event.vault),
            "specversion": "1.0",
            "type": event.type,
            "subject": event.name,
            "time": moment(event.time),
            "data": data,
        }
    return {
        "id": event.id,
        "topic": arm_id(event.vault),
        "subject": event.name,
        "eventType": event.type,
        "eventTime": moment(event.time),
        "data": data,
        "dataVersion": "1",
        "metadataVersion": "1",
    }


def render_validation(identifier: str, code: str, url: str, now: float) -> dict[str, Any]:
    """The event with which the Event Grid schema asks an endpoint whether it wants events."""
    return {
        "id": identifier,
        "topic": arm_id("*"),
        "subject": "",
        "eventType": VALIDATION_TYPE,
        "eventTime": moment(now),
        "data": {"validationCode": code, "validationUrl": url},
        "dataVersion": "2",
        "metadataVersion": "1",
    }


def moment(seconds: float) -> str:
    """Time as events have it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _epoch(seconds: int | None) -> str | None:
    return None if seconds is None else str(seconds)
