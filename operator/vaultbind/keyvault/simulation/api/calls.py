"""What every handler gets, and the parts of requests and answers that all kinds share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vaultbind.keyvault.simulation.api.messages import Address, parse_body
from vaultbind.keyvault.simulation.api.routing import Route
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.records import Attributes, Kind, VaultSettings
from vaultbind.keyvault.simulation.store import Deletion
from vaultbind.keyvault.simulation.vault import AnyVersion, SimulatedVault

TIMES = ("nbf", "exp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, understood: which vault, what for, under which address, when (epoch seconds)."""

    vault: SimulatedVault
    route: Route
    address: Address
    query: Mapping[str, str]
    body: bytes
    now: int
    page_sizes: tuple[int, ...]

    def content(self) -> dict[str, Any]:
        """JSON object of the request; raises VaultProblem (BadParameter)."""
        return parse_body(self.body)


def render_attributes(attributes: Attributes, settings: VaultSettings) -> dict[str, Any]:
    """Attributes as the wire has them; times in whole seconds."""
    content: dict[str, Any] = {
        "enabled": attributes.enabled,
        "created": attributes.created,
        "updated": attributes.updated,
        "recoveryLevel": settings.recovery_level,
        "recoverableDays": settings.retention_days,
    }
    if attributes.not_before is not None:
        content["nbf"] = attributes.not_before
    if attributes.expires is not None:
        content["exp"] = attributes.expires
    return content


def object_id(call: Call, kind: Kind, record: AnyVersion, *, versioned: bool = True) -> str:
    """URL of an object or of one version of it."""
    path = f"{call.address.base}/{kind}/{record.name}"
    return f"{path}/{record.version}" if versioned else path


def render_deletion(call: Call, deletion: Deletion[AnyVersion]) -> dict[str, Any]:
    """What a deleted object shows beyond its usual members."""
    return {
        "recoveryId": f"{call.address.base}/deleted{call.route.kind}/{deletion.history.latest.name}",
        "deletedDate": deletion.deleted,
        "scheduledPurgeDate": deletion.purge,
    }


def parse_changes(content: Mapping[str, Any]) -> Changes:
    """What a body asks to change; raises VaultProblem (BadParameter)."""
    attributes = content.get("attributes")
    if attributes is None:
        attributes = {}
    if not isinstance(attributes, Mapping):
        raise bad_parameter("Property attributes has invalid value\r\n")
    enabled = attributes.get("enabled")
    if enabled is not None and not isinstance(enabled, bool):
        raise bad_parameter("Property enabled has invalid value\r\n")
    return Changes(
        enabled=enabled,
        not_before=_parse_time(attributes, "nbf"),
        expires=_parse_time(attributes, "exp"),
        tags=_parse_tags(content.get("tags")),
        content_type=parse_text(content, "contentType"),
        operations=_parse_operations(content.get("key_ops")),
    )


def _parse_time(attributes: Mapping[str, Any], name: str) -> int | None:
    value = attributes.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 253_402_300_799:
        raise bad_parameter(f"Property {name} has invalid value\r\n")
    return value


def _parse_tags(tags: Any) -> Mapping[str, str] | None:
    if tags is None:
        return None
    if not isinstance(tags, Mapping) or not all(isinstance(value, str) for value in tags.values()):
        raise bad_parameter("Property tags has invalid value\r\n")
    return tags


def _parse_operations(operations: Any) -> tuple[str, ...] | None:
    if operations is None:
        return None
    if not isinstance(operations, list) or not all(isinstance(operation, str) for operation in operations):
        raise bad_parameter("Property key_ops has invalid value\r\n")
    return tuple(operations)


def parse_text(content: Mapping[str, Any], name: str) -> str | None:
    """Text member of a body; raises VaultProblem (BadParameter)."""
    value = content.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_parameter(f"Property {name} has invalid value\r\n")
    return value


def parse_integer(content: Mapping[str, Any], name: str) -> int | None:
    """Integer member of a body; raises VaultProblem (BadParameter)."""
    value = content.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise bad_parameter(f"Property {name} has invalid value\r\n")
    return value


def parse_section(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Object member of a body, empty when absent; raises VaultProblem (BadParameter)."""
    value = content.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise bad_parameter(f"Property {name} has invalid value\r\n")
    return value
