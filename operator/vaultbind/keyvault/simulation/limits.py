"""Limits of the service on names, tags, values and attributes, and the ids of versions."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from vaultbind.keyvault.simulation.problems import bad_parameter, invalid_name
from vaultbind.keyvault.simulation.records import Attributes

MAX_VALUE_BYTES: Final = 25_600
MAX_TAGS: Final = 15
MAX_TAG_LENGTH: Final = {"secrets": 512, "keys": 256, "certificates": 256}
MAX_CONTENT_TYPE: Final = 255
NAME: Final = re.compile(r"[0-9a-zA-Z-]{1,127}")


class VersionIds:
    """Ids of 32 hexadecimal digits, derived from a seed and a counter."""

    def __init__(self, seed: str) -> None:
        """Begin counting."""
        self._seed = seed
        self.count = 0

    def take(self) -> str:
        """Return the next id."""
        self.count += 1
        return hashlib.sha256(f"{self._seed}/{self.count}".encode()).hexdigest()[:32]


def check_name(name: str) -> None:
    """Raise VaultProblem (BadParameter) for a name that no object can have."""
    if not NAME.fullmatch(name):
        raise invalid_name(name)


def check_tags(kind: str, tags: Mapping[str, str] | None) -> None:
    """Raise VaultProblem (BadParameter) for too many or too long tags."""
    limit = MAX_TAG_LENGTH[kind]
    if tags and (len(tags) > MAX_TAGS or any(len(k) > limit or len(v) > limit for k, v in tags.items())):
        raise bad_parameter("Property has invalid value\r\n")


def check_secret(value: str, content_type: str | None) -> None:
    """Raise VaultProblem (BadParameter) for a secret over the service's limits."""
    if len(value.encode()) > MAX_VALUE_BYTES or (content_type and len(content_type) > MAX_CONTENT_TYPE):
        raise bad_parameter("Property has invalid value\r\n")


def check_window(attributes: Attributes) -> None:
    """Raise VaultProblem (BadParameter) when a version would expire before it begins."""
    begin, end = attributes.not_before, attributes.expires
    if begin is not None and end is not None and end <= begin:
        raise bad_parameter("Property has invalid value\r\n")
