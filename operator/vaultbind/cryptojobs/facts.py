"""What `observe` finds out, and what `plan` decides: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoJobSpec
from vaultbind.api.refs import ObjectKey
from vaultbind.keyvault import Key


class Weight(Enum):
    """What a setback means for the job."""

    WAIT = auto()  # something else has to come first; no attempt was made
    ATTEMPT = auto()  # counts towards backoffLimit
    FINAL = auto()  # trying again would end the same way


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """Why a job is not further, for its conditions; the message never holds a value."""

    reason: Reason
    message: str
    weight: Weight
    retry_after: float | None = None
    woken: bool = False
    """Somebody brings the job back when that is over, so it need not come by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What the operation works on. Nothing of it leaves the process but to the vault."""

    data: bytes = field(repr=False)
    signature: bytes = field(default=b"", repr=False)
    iv: bytes | None = field(default=None, repr=False)
    aad: bytes | None = field(default=None, repr=False)
    tag: bytes | None = field(default=None, repr=False)
    content: str = ""
    """`SecretData` where `data` is, or becomes, all keys of a Secret."""
    key_id: str = ""
    algorithm: str = ""
    """Of the output that was named as input, where one was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is needed to decide about one job at one moment."""

    key: ObjectKey
    uid: str
    version: str
    """resourceVersion of the job."""
    created: datetime
    spec: CryptoJobSpec
    now: datetime
    status: Mapping[str, Any]
    operator: str = ""
    """Identity of this process, for the claim."""
    not_ours_for: float = 0.0
    """Seconds for which the job is left to the operator that has claimed it."""
    claim_to_renew: bool = False
    """It is claimed, by an operator that seems to be gone, and others may see that, too."""
    vault_key: Key | None = None
    payload: Payload | None = None
    setback: Setback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Nothing to do: finished, but for a time to live, or another operator's for now."""

    next_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """The time to live is over: delete the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldBack:
    """Suspended by its spec."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Fail for good, or wait: what the setback says."""

    setback: Setback


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Write down which key and algorithm the job uses, before it uses them."""

    key_id: str
    algorithm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Do the operation and put its result where it belongs."""

    spec: CryptoJobSpec
    vault_key: Key
    algorithm: str
    others: tuple[str, ...] = ()
    """Algorithms to try where the vault refuses that one."""
    payload: Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate:
    """Make a new version of the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclude:
    """The job is complete without anything to do: a rotation that is done already, or not due."""

    reason: Reason
    message: str
    key_id: str


Decision = Rest | Expire | HoldBack | GiveUp | Claim | Run | Rotate | Conclude


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an operation gave. `secret` never leaves the process but into a Secret."""

    key_id: str
    algorithm: str = ""
    """Empty for a rotation and where nothing was done."""
    value: str = ""
    """Public: a ciphertext, signature or wrapped key in base64, or a JWS."""
    secret: bytes | None = field(default=None, repr=False)
    """A plaintext or unwrapped key."""
    valid: bool | None = None
    iv: bytes | None = None
    tag: bytes | None = None
    aad: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of a decision."""

    result: Result | None = None
    setback: Setback | None = None
