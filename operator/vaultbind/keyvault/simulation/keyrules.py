"""What a key may be used for, and when: enabled, key_ops, time window, release policy."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import orjson

from vaultbind.keyvault.simulation.algorithms import Operation
from vaultbind.keyvault.simulation.problems import VaultProblem, bad_parameter, disabled
from vaultbind.keyvault.simulation.records import KeyVersion, Kind

FORWARD: Final = frozenset({Operation.ENCRYPT, Operation.SIGN, Operation.WRAP})
"""Operations that need a key inside its time window; the others must work on what was made before."""


def check_use(record: KeyVersion, operation: Operation, now: int) -> None:
    """Raise VaultProblem (403) when the key is disabled, not meant for this, or outside its window."""
    if not record.attributes.enabled:
        raise disabled(Kind.KEYS, operation)
    if operation not in record.operations:
        message = f"Operation {operation} is not permitted on this key."
        raise VaultProblem(403, "Forbidden", message, inner="KeyOperationForbidden")
    if operation in FORWARD:
        _check_window(record, operation, now)


def _check_window(record: KeyVersion, operation: Operation, now: int) -> None:
    """Status and code are the service's; no recording that we know shows its inner codes for these two."""
    begin, end = record.attributes.not_before, record.attributes.expires
    if begin is not None and now < begin:
        message = f"Operation {operation} is not allowed on a key that is not yet valid."
        raise VaultProblem(403, "Forbidden", message, inner="KeyNotYetValid")
    if end is not None and now >= end:
        message = f"Operation {operation} is not allowed on an expired key."
        raise VaultProblem(403, "Forbidden", message, inner="KeyExpired")


def parse_release_policy(content: Any) -> Mapping[str, Any] | None:
    """Release policy of a request, completed; raises VaultProblem (BadParameter)."""
    if content is None:
        return None
    if not isinstance(content, Mapping) or not isinstance(content.get("data"), str):
        raise _invalid_policy()
    policy = {
        "contentType": content.get("contentType") or "application/json; charset=utf-8",
        "data": content["data"].rstrip("="),
        "immutable": content.get("immutable") is True,
    }
    release_conditions(policy)
    return policy


def release_conditions(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    """Conditions inside a release policy; raises VaultProblem (BadParameter)."""
    text = policy["data"]
    try:
        conditions = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise _invalid_policy() from None
    if not isinstance(conditions, dict) or not isinstance(conditions.get("anyOf"), list):
        raise _invalid_policy()
    return conditions


def _invalid_policy() -> VaultProblem:
    return bad_parameter("Property release_policy has invalid value\r\n")


def check_exportable(*, exportable: bool, release_policy: Mapping[str, Any] | None) -> None:
    """Raise VaultProblem (BadParameter) unless a key is exportable and has a release policy, or neither."""
    if exportable and release_policy is None:
        raise bad_parameter("A release policy is required for an exportable key.")
    if release_policy is not None and not exportable:
        raise bad_parameter("A release policy is for exportable keys only.")
