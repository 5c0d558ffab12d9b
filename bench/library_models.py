"""What the models cost without the request: one page of a list, from the body to values that were read."""

import json
from collections.abc import Callable
from typing import Any

from bench.library_client import Stopwatch

ITEMS = 25
"""Of a page: the service's most."""


def measure_models(client: str, count: int) -> dict[str, float]:
    """Make the properties of `count` pages and read what both libraries know of each."""
    body = render_page()
    make = MAKERS[client]()
    read_all(make(body))
    with Stopwatch() as watch:
        for _ in range(count):
            read_all(make(body))
    return {"properties": count * ITEMS, **watch.figures}


def render_page() -> bytes:
    """A page as the service answers it; no two items have the same times."""
    return json.dumps({"value": [_item(number) for number in range(ITEMS)], "nextLink": None}).encode()


def read_all(items: list[Any]) -> None:
    """Read each item: the SDK parses a time when it is asked for."""
    for item in items:
        _ = item.name, item.enabled, item.content_type, item.tags
        _ = item.not_before, item.expires_on, item.created_on, item.updated_on


def make_ours() -> Callable[[bytes], list[Any]]:
    from vaultbind.keyvault.wire.documents import parse_page
    from vaultbind.keyvault.wire.secrets import parse_secret_properties

    return lambda body: parse_page(body, parse_secret_properties)[0]


def make_sdk() -> Callable[[bytes], list[Any]]:
    """As `list_properties_of_secrets` does it, for which the SDK has no public name."""
    from azure.keyvault.secrets import SecretProperties
    from azure.keyvault.secrets._generated._utils.model_base import _deserialize
    from azure.keyvault.secrets._generated.models import SecretItem

    def make(body: bytes) -> list[Any]:
        items = _deserialize(list[SecretItem], json.loads(body)["value"])
        return [SecretProperties._from_secret_item(item) for item in items]  # noqa: SLF001 - no public name

    return make


MAKERS: dict[str, Callable[[], Callable[[bytes], list[Any]]]] = {"ours": make_ours, "sdk": make_sdk}


def _item(number: int) -> dict[str, Any]:
    created = 1_700_000_000 + 1000 * number
    attributes = {
        "enabled": True,
        "created": created,
        "updated": created + 1,
        "exp": created + 31_536_000,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
    }
    return {
        "id": f"https://shop.vault.azure.net/secrets/s-{number:05}",
        "attributes": attributes,
        "contentType": "text/plain",
        "tags": {"team": "shop"},
    }
