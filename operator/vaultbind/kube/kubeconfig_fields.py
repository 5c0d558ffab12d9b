"""Fields of a kubeconfig by their types: what is wrong is told by file, place and key, never by the value."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from vaultbind.kube.errors import KubeConfigError

Pem = bytes | Path
"""Certificates or a key: as they are, or the file that holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """An object of a kubeconfig. A key that is absent, null or empty reads as an empty value, as for kubectl.

    Every method raises `KubeConfigError` where the value is of another type.
    """

    file: Path
    """In which it stands; relative paths are meant from its folder."""
    place: str
    """For people, such as `user 'admin'`; empty for the whole file."""
    content: Mapping[str, Any] = field(repr=False)

    def refuse(self, complaint: str) -> NoReturn:
        """Raise `KubeConfigError` with file and place in front."""
        place = f", {self.place}" if self.place else ""
        raise KubeConfigError(f"kubeconfig {self.file}{place}: {complaint}")

    def text(self, key: str) -> str:
        """A string. A number is none: YAML would have changed a token that looks like one."""
        value = self.content.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.refuse(f"{key} must be a string; put it into quotes")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.content.get(key)
        if value is not None and not isinstance(value, bool):
            self.refuse(f"{key} must be true or false")
        return bool(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Strings of a list."""
        values = self._list(key)
        if not all(isinstance(value, str) for value in values):
            self.refuse(f"{key} must be a list of strings; put numbers into quotes")
        return tuple(values)

    def path(self, key: str) -> Path | None:
        """A file, seen from the folder of the kubeconfig."""
        text = self.text(key)
        return self.file.parent / text if text else None

    def pem(self, key: str) -> Pem | None:
        """What `KEY-data` holds in base64, else the file that `KEY` names."""
        encoded = self.text(f"{key}-data")
        if not encoded:
            return self.path(key)
        try:
            return base64.b64decode("".join(encoded.split()), validate=True)
        except (binascii.Error, ValueError):
            self.refuse(f"{key}-data is no base64: certificates and keys stand there as base64 of PEM")

    def inner(self, key: str) -> "Fields | None":
        """An object in this one; None where there is none."""
        value = self.content.get(key)
        return None if value is None else self._fields(value, key, self.place)

    def objects(self, key: str, place: str = "") -> "tuple[Fields, ...]":
        """Objects of a list."""
        return tuple(
            self._fields(value, f"{key}[{number}]", place or self.place)
            for number, value in enumerate(self._list(key))
        )

    def _list(self, key: str) -> list[Any]:
        value = self.content.get(key)
        if value is not None and not isinstance(value, list):
            self.refuse(f"{key} must be a list")
        return value or []

    def _fields(self, value: object, key: str, place: str) -> "Fields":
        if not isinstance(value, dict):
            self.refuse(f"{key} must be an object")
        return Fields(file=self.file, place=place, content=value)
