"""Seed files: what vaults hold at the start, in YAML. All mistakes are told at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson
import yaml

from vaultbind.api.durations import parse_duration
from vaultbind.emulator.clients import Client, parse_client
from vaultbind.emulator.config import is_vault_name
from vaultbind.emulator.seed_texts import find_broken_texts
from vaultbind.keyvault.simulation import Denial
from vaultbind.keyvault.simulation.access_forms import AccessForm, parse_access
from vaultbind.keyvault.simulation.denial_forms import parse_denials
from vaultbind.keyvault.simulation.policies import PEM, PFX

SEED_FIELDS: Final = frozenset({"vaults", "clients", "identities", "access", "deny"})
SECRET_FIELDS: Final = frozenset({"value", "json", "contentType", "tags", "enabled", "expires", "notBefore"})
CERTIFICATE_FIELDS: Final = frozenset(
    {"dnsNames", "chain", "includeRoot", "contentType", "expires", "exportable", "tags"}
)
KEY_FIELDS: Final = frozenset({"type", "size", "curve", "expires", "tags"})
FORMATS: Final = {"pfx": PFX, "pem": PEM, PFX: PFX, PEM: PEM}


class SeedError(ValueError):
    """A seed file that can not be used; `problems` names every mistake by its path, never a value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep all problems."""
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSecret:
    """One secret."""

    name: str
    value: str = field(repr=False)
    content_type: str | None = None
    tags: Mapping[str, str] | None = None
    enabled: bool = True
    not_before: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCertificate:
    """One certificate of a test CA; `chain` counts the leaf and the intermediates, not the root."""

    name: str
    dns_names: tuple[str, ...]
    chain: int = 2
    include_root: bool = False
    content_type: str = PFX
    exportable: bool = True
    expires: datetime | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedKey:
    """One key."""

    name: str
    key_type: str = "EC"
    size: int | None = None
    curve: str | None = None
    expires: datetime | None = None
    tags: Mapping[str, str] | None = None


SeedObject = SeedSecret | SeedCertificate | SeedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What a seed file asks for: objects by vault, and who may show what to do what."""

    vaults: Mapping[str, tuple[SeedObject, ...]]
    clients: Mapping[str, Client] = field(default_factory=dict, repr=False)
    identities: tuple[str, ...] = ()
    access: tuple[AccessForm, ...] = ()
    denials: tuple[Denial, ...] = ()


def parse_seed(text: str, now: datetime) -> Seed:
    """Read a seed file; relative times count from `now`. Raises SeedError with all mistakes."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise SeedError((f"not YAML{where}",)) from None
    reader = _Reader(now)
    broken = tuple(find_broken_texts(content))
    if broken:
        raise SeedError(broken)
    document = reader.mapping(content or {}, "seed", SEED_FIELDS)
    vaults = {
        str(name): reader.vault(name, vault, f"vaults.{name}")
        for name, vault in reader.names(document.get("vaults"), "vaults").items()
    }
    clients = {
        str(name): parse_client(client, f"clients.{name}", reader.problems)
        for name, client in reader.mapping(document.get("clients"), "clients").items()
    }
    identities = reader.items(document.get("identities"), "identities")
    if not all(isinstance(identity, str) for identity in identities):
        reader.problems.append("identities must hold client ids, resource ids or system-assigned")
    access = parse_access(document.get("access"), reader.problems)
    denials = parse_denials(reader.items(document.get("deny"), "deny"), reader.problems)
    if reader.problems:
        raise SeedError(tuple(reader.problems))
    return Seed(
        vaults=vaults,
        clients=clients,
        identities=tuple(identities),
        access=access,
        denials=tuple(denials),
    )


class _Reader:
    """Reads the parts of a seed file and collects what is wrong."""

    def __init__(self, now: datetime) -> None:
        self.problems: list[str] = []
        self._now = now

    def mapping(self, value: Any, where: str, known: frozenset[str] | None = None) -> Mapping[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.problems.append(f"{where} must be a mapping")
            return {}
        if known is not None:
            self.problems.extend(f"{where}.{name} is unknown" for name in value if name not in known)
        return value

    def items(self, value: Any, where: str) -> list[Any]:
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self.problems.append(f"{where} must be a list")
        return []

    def texts(self, value: Any, where: str) -> dict[str, str] | None:
        if value is None:
            return None
        mapping = self.mapping(value, where)
        wrong = [name for name, text in mapping.items() if not isinstance(text, str)]
        self.problems.extend(f"{where}.{name} must be a text" for name in wrong)
        return {str(name): text for name, text in mapping.items() if isinstance(text, str)}

    def scalar(self, form: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
        value = form.get(name)
        if value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
            return value
        self.problems.append(f"{where}.{name} must be {kind.__name__}")
        return None

    def time(self, form: Mapping[str, Any], name: str, where: str) -> datetime | None:
        value = form.get(name)
        if value is None:
            return None
        try:
            return _parse_time(value, self._now)
        except ValueError:
            self.problems.append(f"{where}.{name} must be a time such as +20d, -1h or 2030-01-31T12:00:00Z")
            return None

    def vault(self, name: Any, value: Any, where: str) -> tuple[SeedObject, ...]:
        if not is_vault_name(str(name)):
            self.problems.append(f"{where}: a vault's name has 1 to 60 letters, digits and hyphens")
        form = self.mapping(value, where, frozenset({"secrets", "certificates", "keys"}))
        readers: Mapping[str, Callable[[str, Any, str], SeedObject]] = {
            "secrets": self.secret,
            "certificates": self.certificate,
            "keys": self.key,
        }
        return tuple(
            read(str(name), item, f"{where}.{kind}.{name}")
            for kind, read in readers.items()
            for name, item in self.names(form.get(kind), f"{where}.{kind}").items()
        )

    def names(self, value: Any, where: str) -> Mapping[str, Any]:
        """A mapping whose keys are texts: YAML takes `off` for a switch and `0815` for a number."""
        mapping: Mapping[Any, Any] = self.mapping(value, where)
        unquoted = [name for name in mapping if not isinstance(name, str)]
        self.problems.extend(f"{where}: the name {name} must be in quotes" for name in unquoted)
        return mapping

    def secret(self, name: str, value: Any, where: str) -> SeedSecret:
        if isinstance(value, str):
            return SeedSecret(name=name, value=value)
        form = self.mapping(value, where, SECRET_FIELDS)
        if ("value" in form) == ("json" in form):
            self.problems.append(f"{where} needs either value or json")
        text = self.scalar(form, "value", str, where) or ""
        if "json" in form:
            text = self.json(form["json"], where)
        content_type = self.scalar(form, "contentType", str, where)
        return SeedSecret(
            name=name,
            value=text,
            content_type=content_type or ("application/json" if "json" in form else None),
            tags=self.texts(form.get("tags"), f"{where}.tags"),
            enabled=self.scalar(form, "enabled", bool, where) is not False,
            not_before=self.time(form, "notBefore", where),
            expires=self.time(form, "expires", where),
        )

    def json(self, value: Any, where: str) -> str:
        try:
            return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
        except orjson.JSONEncodeError:
            self.problems.append(f"{where}.json holds what JSON does not have, or itself")
            return ""

    def certificate(self, name: str, value: Any, where: str) -> SeedCertificate:
        form = self.mapping(value, where, CERTIFICATE_FIELDS)
        names = self.items(form.get("dnsNames"), f"{where}.dnsNames")
        if not names or not all(isinstance(entry, str) and entry for entry in names):
            self.problems.append(f"{where}.dnsNames must hold at least one name")
        chain = self.scalar(form, "chain", int, where)
        if chain is not None and not 1 <= chain <= 5:
            self.problems.append(f"{where}.chain must be between 1 and 5")
        content_type = self.scalar(form, "contentType", str, where) or PFX
        if content_type not in FORMATS:
            self.problems.append(f"{where}.contentType must be one of {', '.join(FORMATS)}")
        return SeedCertificate(
            name=name,
            dns_names=tuple(str(entry) for entry in names),
            chain=2 if chain is None else chain,
            include_root=self.scalar(form, "includeRoot", bool, where) is True,
            content_type=FORMATS.get(content_type, PFX),
            exportable=self.scalar(form, "exportable", bool, where) is not False,
            expires=self.time(form, "expires", where),
            tags=self.texts(form.get("tags"), f"{where}.tags"),
        )

    def key(self, name: str, value: Any, where: str) -> SeedKey:
        form = self.mapping(value, where, KEY_FIELDS)
        return SeedKey(
            name=name,
            key_type=self.scalar(form, "type", str, where) or "EC",
            size=self.scalar(form, "size", int, where),
            curve=self.scalar(form, "curve", str, where),
            expires=self.time(form, "expires", where),
            tags=self.texts(form.get("tags"), f"{where}.tags"),
        )


def _parse_time(value: Any, now: datetime) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = str(value)
    if text.startswith(("+", "-")):
        distance = parse_duration(text[1:])
        return now + distance if text.startswith("+") else now - distance
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
