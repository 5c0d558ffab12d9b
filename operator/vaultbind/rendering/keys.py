"""What the API server asks of a Secret's keys and size."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.given_keys import KEYS_OF_TYPE, given_keys, has_keys_of_type
from vaultbind.rendering.problems import RenderProblem

TLS_CERTIFICATE: Final = "tls.crt"
TLS_KEY: Final = "tls.key"
TLS_AUTHORITY: Final = "ca.crt"
TLS_KEYS: Final = (TLS_CERTIFICATE, TLS_KEY, TLS_AUTHORITY)

MAX_BYTES: Final = 1024 * 1024
"""Of all values together; keys are not counted."""

_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}", re.ASCII)


def is_key(text: str) -> bool:
    """Whether a Secret may have such a key."""
    return _KEY.fullmatch(text) is not None and text != "." and not text.startswith("..")


def check_keys(spec: BindingSpec) -> tuple[RenderProblem, ...]:
    """Keys that no Secret may have, and keys that two entries give (ca.crt counts as given by each `tls`)."""
    given = Counter(entry.key for entry in spec.data)
    given.update(TLS_KEYS * given_keys((), spec.data_from).tls_entries)
    return tuple(
        RenderProblem(reason=Reason.INVALID_SPEC, entry=key, message=message)
        for key, times in given.items()
        for message in _complaints(key, times)
    )


def check_size(data: Mapping[str, bytes]) -> tuple[RenderProblem, ...]:
    """A problem if the values are too much for one Secret."""
    size = sum(map(len, data.values()))
    if size <= MAX_BYTES:
        return ()
    text = f"the values have {size} bytes together, a Secret holds at most {MAX_BYTES}"
    return (RenderProblem(reason=Reason.VALUE_TOO_LARGE, entry="", message=text),)


def check_type(spec: BindingSpec, data: Mapping[str, bytes]) -> tuple[RenderProblem, ...]:
    """A problem if the Secret's type needs a key that nothing gives; the spec alone cannot tell that."""
    if has_keys_of_type(spec.target.type, data.keys()):
        return ()
    text = f"type {spec.target.type} needs key {KEYS_OF_TYPE[spec.target.type]}, which no entry gives"
    return (RenderProblem(reason=Reason.TYPE_KEYS_MISSING, entry="", message=text),)


def _complaints(key: str, times: int) -> list[str]:
    complaints = []
    if not is_key(key):
        complaints.append("not a key that a Secret may have")
    if times > 1:
        complaints.append("more than one entry gives this key")
    return complaints
