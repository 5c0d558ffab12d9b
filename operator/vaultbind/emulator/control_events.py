"""Control paths for event subscriptions, and the one that completes an endpoint's validation."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from vaultbind.emulator.event_broker import EventBroker
from vaultbind.keyvault.simulation import ApiRequest


def get_subscriptions(_: ApiRequest, broker: EventBroker) -> tuple[int, Any]:
    """GET subscriptions: how each stands."""
    return 200, broker.summarize()


def add_subscription(request: ApiRequest, broker: EventBroker) -> tuple[int, Any]:
    """POST subscriptions: add one, or replace the one of this name; raises ControlError."""
    active = broker.subscribe(orjson.loads(request.body))
    return 201, {"name": active.spec.name, "state": str(active.state)}


def remove_subscriptions(request: ApiRequest, broker: EventBroker) -> tuple[int, Any]:
    """DELETE subscriptions: one (`?name=`) or all."""
    return 200, {"removed": broker.unsubscribe(request.query.get("name", ""))}


def validate(request: ApiRequest, broker: EventBroker) -> tuple[int, Any]:
    """GET validate: what an endpoint's owner opens instead of echoing the code, which is the permission."""
    if broker.validate(request.query.get("name", ""), request.query.get("code", "")):
        return 200, {"validated": request.query["name"]}
    return 404, {"errors": ["no such subscription waits for this code (any more)"]}


VALIDATE: Final = "validate"
EVENT_OPERATIONS: Final[Mapping[tuple[str, str], Callable[[ApiRequest, EventBroker], tuple[int, Any]]]] = {
    ("subscriptions", "GET"): get_subscriptions,
    ("subscriptions", "POST"): add_subscription,
    ("subscriptions", "DELETE"): remove_subscriptions,
    (VALIDATE, "GET"): validate,
}
