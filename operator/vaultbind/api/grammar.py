"""Grammars of the texts in our specs: the same patterns that the CRDs have (a test compares them)."""

import re
from dataclasses import dataclass, field
from typing import Final

from vaultbind.api.refs import VaultObjectKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """A pattern for a whole text, its longest length and the sentence that tells people what fits."""

    pattern: str
    longest: int
    sentence: str
    shape: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the pattern once."""
        object.__setattr__(self, "shape", re.compile(self.pattern))

    def is_met(self, text: str) -> bool:
        """Tell whether the whole `text` fits."""
        return len(text) <= self.longest and self.shape.fullmatch(text) is not None


DNS_SUBDOMAIN: Final = Grammar(
    pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    longest=253,
    sentence="must be a name of lower case letters, digits, '-' and '.'",
)
DNS_LABEL: Final = Grammar(
    pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    longest=63,
    sentence="must be a name of at most 63 lower case letters, digits and '-'",
)
OBJECT_NAME: Final = Grammar(
    pattern=r"^[0-9a-zA-Z-]+$",
    longest=127,
    sentence="must be a name of at most 127 letters, digits and '-'",
)
OBJECT_VERSION: Final = Grammar(
    pattern=r"^[0-9a-fA-F]{32}$", longest=32, sentence="must be a version of 32 hexadecimal digits"
)
OBJECT_PATTERN: Final = Grammar(
    pattern=r"^([-0-9a-zA-Z*]|\{namespace\})+$",
    longest=127,
    sentence="must be a pattern of letters, digits, '-', '*' and {namespace}",
)
SECRET_KEY: Final = Grammar(
    pattern=r"^[-._a-zA-Z0-9]+$",
    longest=253,
    sentence="must be a key of at most 253 letters, digits, '-', '_' and '.'",
)
SECRET_TYPE: Final = Grammar(
    pattern=r"^(?s:.)+$", longest=253, sentence="must be text of 1 to 253 characters"
)
QUALIFIED_KEY: Final = Grammar(
    pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    longest=317,
    sentence="must be [PREFIX/]NAME, NAME at most 63 characters of letters, digits, '-', '_' and '.'",
)
LABEL_VALUE: Final = Grammar(
    pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
    longest=63,
    sentence="must be at most 63 letters, digits, '-', '_' and '.'",
)
JSON_PROPERTY: Final = Grammar(
    pattern=r"^(?s:.)+$", longest=1024, sentence="must be text of 1 to 1024 characters"
)
OBJECT_KIND: Final = Grammar(
    pattern=f"^({'|'.join(VaultObjectKind)})$",
    longest=16,
    sentence=f"must be one of {', '.join(VaultObjectKind)}",
)
TAG_NAME: Final = Grammar(pattern=r"^(?s:.)+$", longest=512, sentence="must be text of 1 to 512 characters")
TAG_VALUE: Final = Grammar(
    pattern=r"^(?s:.)*$", longest=512, sentence="must be text of at most 512 characters"
)
REGEXP: Final = Grammar(pattern=r"^(?s:.)+$", longest=256, sentence="must be text of 1 to 256 characters")
REPLACEMENT: Final = Grammar(
    pattern=r"^(?s:.)*$", longest=256, sentence="must be text of at most 256 characters"
)
ANNOTATION_VALUE: Final = Grammar(
    pattern=r"^(?s:.)*$", longest=4096, sentence="must be text of at most 4096 characters"
)
TEMPLATE: Final = Grammar(
    pattern=r"^(?s:.)*$", longest=65536, sentence="must be text of at most 65536 characters"
)
HTTPS_URL: Final = Grammar(
    pattern=r"^https://[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?/?$",
    longest=512,
    sentence="must be https://HOST or https://HOST:PORT, without user, path or query",
)
CLIENT_ID: Final = Grammar(
    pattern=r"^[0-9a-zA-Z-]+$", longest=64, sentence="must be an id of at most 64 letters, digits and '-'"
)
TENANT_ID: Final = Grammar(
    pattern=r"^[0-9a-zA-Z.-]+$",
    longest=253,
    sentence="must be a tenant's id or domain name",
)
RESOURCE_ID: Final = Grammar(
    pattern=r"^/[-0-9a-zA-Z_./()]+$", longest=512, sentence="must be an Azure resource id, it starts with /"
)
PEM_TEXT: Final = Grammar(pattern=r"^(?s:.)+$", longest=65_536, sentence="must be PEM text of at most 64 KiB")
BASE64: Final = Grammar(
    pattern=r"^[A-Za-z0-9+/]*={0,2}$", longest=1_048_576, sentence="must be base64 of at most 1 MiB"
)
BASE64_BLOCK: Final = Grammar(
    pattern=r"^[A-Za-z0-9+/]*={0,2}$", longest=24, sentence="must be base64 of at most 16 bytes"
)
BASE64_AAD: Final = Grammar(
    pattern=r"^[A-Za-z0-9+/]*={0,2}$", longest=65_536, sentence="must be base64 of at most 64 KiB"
)
INLINE_TEXT: Final = Grammar(
    pattern=r"^(?s:.)+$", longest=1_048_576, sentence="must be text of 1 to 1048576 characters"
)
COMPACT_JWS: Final = Grammar(
    pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+$",
    longest=1_048_576,
    sentence="must be a JWS in compact form",
)
KEY_PATTERN: Final = Grammar(
    pattern=r"^[-0-9a-zA-Z*]+$",
    longest=127,
    sentence="must be a pattern of letters, digits, '-' and '*'",
)
