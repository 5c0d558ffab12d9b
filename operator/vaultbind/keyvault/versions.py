"""Versions of the service's interface."""

import re
from typing import Final

API_VERSIONS: Final = (
    *("2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6"),
    *("2025-07-01", "2026-04-01"),
)
"""Those that there are, oldest first."""
_PREVIEW: Final = re.compile(r"-preview(\.[0-9]{1,3})?$")
_DATE: Final = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]")


def is_api_version(text: str) -> bool:
    """Whether that is a version, or a preview of one; a later one than these has a date."""
    version = _PREVIEW.sub("", text)
    is_later = _DATE.fullmatch(version) is not None and version > API_VERSIONS[-1]
    return version in API_VERSIONS or is_later
