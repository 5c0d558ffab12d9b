"""What a pod asks for: its label and annotations, parsed once; every mistake is refused by name."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar

from vaultbind.api import grammar
from vaultbind.api.durations import parse_duration
from vaultbind.api.names import GROUP
from vaultbind.injection import names
from vaultbind.injection.errors import InjectionError

T = TypeVar("T")

DEFAULT_MOUNT_PATH: Final = "/var/run/secrets/vaultbind"
DEFAULT_FILE_MODE: Final = 0o444
DEFAULT_REFRESH: Final = timedelta(minutes=1)
SHORTEST_REFRESH: Final = timedelta(seconds=5)
LONGEST_REFRESH: Final = timedelta(days=1)
MOST_BINDINGS: Final = 16
_HIDING: Final = frozenset(
    {*("/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/sbin", "/sys", "/usr")}
    | {"/run", "/tmp", "/var", "/var/run", "/var/run/secrets"}  # noqa: S108 - refused, not used
)
"""Mounting here would hide the image's own files or the pod's ServiceAccount."""
_KERNEL: Final = ("/proc/", "/sys/", "/dev/")
_MODE: Final = re.compile(r"0?[0-7]{3}")
_PROCESS: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,14}")
"""As the kernel keeps it: at most 15 characters."""
SIGNALS: Final = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH")


class Mode(StrEnum):
    """How values reach the containers."""

    FILES = "files"
    ENV = "env"
    BOTH = "both"

    @property
    def has_files(self) -> bool:
        """Whether files are mounted."""
        return self is not Mode.ENV

    @property
    def has_env(self) -> bool:
        """Whether variables are set."""
        return self is not Mode.FILES


class EnvSource(StrEnum):
    """Where variables come from: the agent's file, the binding's Secret, or whichever the cluster offers."""

    AUTO = "auto"
    FILE = "file"
    SECRET = "secret"  # noqa: S105 - a word of the annotation


class Auth(StrEnum):
    """Whom the agent asks: our broker by the pod's token, or the vault itself as the pod's own identity."""

    BROKER = "broker"
    POD = "pod"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChange:
    """What the agent does after it wrote new content. No signal: nothing."""

    signal: str = ""
    process: str = ""
    """Name of the process to signal; empty: the main process of every other container."""

    def __str__(self) -> str:
        """As the agent takes it."""
        return f"{self.signal}:{self.process}" if self.signal else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one pod asks for."""

    bindings: tuple[str, ...]
    mode: Mode = Mode.FILES
    mount_path: str = DEFAULT_MOUNT_PATH
    containers: tuple[str, ...] = ()
    """Empty: all of `spec.containers` but the proxies of service meshes."""
    refresh: timedelta | None = None
    file_mode: int = DEFAULT_FILE_MODE
    on_change: OnChange = OnChange()
    env_source: EnvSource = EnvSource.AUTO
    auth: Auth = Auth.BROKER


def is_asked(metadata: Mapping[str, Any]) -> bool:
    """Whether a pod wants anything. Raises InjectionError where the label is neither "true" nor "false"."""
    value = (metadata.get("labels") or {}).get(names.LABEL_INJECT)
    if value not in (None, "true", "false"):
        raise InjectionError(f'label {names.LABEL_INJECT} must be "true" or "false"')
    return value == "true"


def parse_wish(metadata: Mapping[str, Any]) -> Wish:
    """Parse the annotations of an opted-in pod. Raises InjectionError for the first mistake."""
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    _check_spelling(annotations)
    wish = Wish(
        bindings=_take(annotations, names.BINDINGS, _parse_bindings, "")
        if names.BINDINGS in annotations
        else _missing(),
        mode=_take(annotations, names.MODE, _choice(Mode), Mode.FILES.value),
        mount_path=_take(annotations, names.MOUNT_PATH, _parse_mount_path, DEFAULT_MOUNT_PATH),
        containers=_take(annotations, names.CONTAINERS, _parse_containers, ""),
        refresh=_take(annotations, names.REFRESH, _parse_refresh, "off"),
        file_mode=_take(annotations, names.FILE_MODE, _parse_file_mode, f"{DEFAULT_FILE_MODE:04o}"),
        on_change=_take(annotations, names.ON_CHANGE, _parse_on_change, "none"),
        env_source=_take(annotations, names.ENV_SOURCE, _choice(EnvSource), EnvSource.AUTO.value),
        auth=_take(annotations, names.AUTH, _choice(Auth), Auth.BROKER.value),
    )
    _check_together(wish, annotations)
    return wish


def _check_spelling(annotations: Mapping[str, str]) -> None:
    """Refuse what looks like one of ours misspelt; others under our prefix may be somebody else's."""
    for key in sorted(annotations):
        if not key.startswith(f"{GROUP}/") or key in names.ASKED:
            continue
        near = difflib.get_close_matches(key.lower(), names.ASKED, n=1, cutoff=0.93)
        if near and key != names.INJECTED:
            raise InjectionError(f"annotation {key} is not known; did you mean {near[0]}?")


def _check_together(wish: Wish, annotations: Mapping[str, str]) -> None:
    if wish.on_change.signal and wish.refresh is None:
        raise InjectionError(f"annotation {names.ON_CHANGE} needs {names.REFRESH}: nothing changes without")
    if names.ENV_SOURCE in annotations and not wish.mode.has_env:
        raise InjectionError(f"annotation {names.ENV_SOURCE} needs {names.MODE}: env or both")
    if not wish.mode.has_files:
        for key in (names.MOUNT_PATH, names.FILE_MODE):
            if key in annotations:
                raise InjectionError(f"annotation {key} needs {names.MODE}: files or both")


def _missing() -> tuple[str, ...]:
    raise InjectionError(f"annotation {names.BINDINGS} is missing; name the VaultBindings, such as shop-db")


def _take(annotations: Mapping[str, str], key: str, parse: Callable[[str], T], default: str) -> T:
    try:
        return parse(annotations.get(key, default).strip())
    except ValueError as error:
        raise InjectionError(f"annotation {key} {error}") from None


def _choice(kind: type[T]) -> Callable[[str], T]:
    def parse(text: str) -> T:
        try:
            return kind(text)  # type: ignore[call-arg] # an enum is called with its value
        except ValueError:
            words = [str(item) for item in kind]  # type: ignore[attr-defined] # an enum has members
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}") from None

    return parse


def _split(text: str, what: grammar.Grammar, kind: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(","))
    for name in found:
        if not what.is_met(name):
            raise ValueError(f"must be names of {kind}, separated by commas; {name[:64]!r} is none")
        if found.count(name) > 1:
            raise ValueError(f"names {name} twice")
    return found


def _parse_bindings(text: str) -> tuple[str, ...]:
    found = _split(text, grammar.DNS_SUBDOMAIN, "VaultBindings")
    if len(found) > MOST_BINDINGS:
        raise ValueError(f"names {len(found)} bindings; at most {MOST_BINDINGS} can be")
    return found


def _parse_containers(text: str) -> tuple[str, ...]:
    return _split(text, grammar.DNS_LABEL, "containers") if text else ()


def _parse_mount_path(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or str(path) != text or text.startswith("//") or ".." in path.parts:
        raise ValueError("must be an absolute path without '..', '//' or a '/' at its end")
    if ":" in text or len(text) > 255 or not text.isprintable():
        raise ValueError("must be at most 255 printable characters without ':'")
    if text in _HIDING or text.startswith(_KERNEL):
        raise ValueError(f"would hide files that containers need; use a folder of its own, such as {text}/x")
    return text


def _parse_refresh(text: str) -> timedelta | None:
    if text in ("off", "on"):
        return DEFAULT_REFRESH if text == "on" else None
    try:
        found = parse_duration(text)
    except ValueError:
        raise ValueError("must be off, on or an interval such as 30s") from None
    if not SHORTEST_REFRESH <= found <= LONGEST_REFRESH:
        raise ValueError("must be an interval from 5s to 1d")
    return found


def _parse_file_mode(text: str) -> int:
    if not _MODE.fullmatch(text):
        raise ValueError("must be an octal mode such as 0440")
    mode = int(text, 8)
    if mode & 0o333 or not mode & 0o400:
        raise ValueError("must let the owner read and nobody write or execute, such as 0400, 0440 or 0444")
    return mode


def _parse_on_change(text: str) -> OnChange:
    kind, _, rest = text.partition(":")
    if text == "none":
        return OnChange()
    if text == "restart":
        return OnChange(signal="SIGTERM")
    signal, _, process = rest.partition(":")
    if kind != "signal" or signal not in SIGNALS or not _PROCESS.fullmatch(process):
        raise ValueError(
            f"must be none, restart or signal:SIGHUP:PROCESS with one of {', '.join(SIGNALS)} and the "
            "process's name of at most 15 characters"
        )
    return OnChange(signal=signal, process=process)
