"""Asks again what a log says was asked, and tells what ends differently."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vaultbind.keyvault.arguments import telling
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.errors import KeyVaultError
from vaultbind.keyvault.simulation.access_log import AccessLogEntry, parse_lines, render_lines
from vaultbind.keyvault.simulation.client import MockKeyVaultClient

TRANSIENT: Final = frozenset({"401", "429", "500", "502", "503", "504", "cut", "refused"})
"""Outcomes that say nothing about the objects: challenges, throttling and failures are not compared."""
SUCCESS: Final = "2xx"
PLACEHOLDER: Final = "replayed"
_BODIES: Final[dict[tuple[str, str], bytes | None]] = {
    ("secrets", "set"): b'{"value":"%s"}' % PLACEHOLDER.encode(),
    ("secrets", "update"): b'{"attributes":{}}',
    ("keys", "create"): b'{"kty":"EC"}',
    ("keys", "update"): b'{"attributes":{}}',
    ("keys", "rotate"): None,
    ("certificates", "update"): b'{"attributes":{}}',
    **{
        (kind, action): None
        for kind in ("secrets", "keys", "certificates")
        for action in ("delete", "recover", "purge", "backup")
    },
}
"""Requests other than GET that need nothing which the log does not have; values are placeholders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A request that ended as `outcome` this time: a status, `2xx`, or the kind of an error without one."""

    entry: AccessLogEntry
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """How many requests were asked again, those that were not, and those that ended differently."""

    replayed: int
    skipped: tuple[AccessLogEntry, ...]
    differences: tuple[Difference, ...]


@telling
async def replay(
    log: Iterable[AccessLogEntry], client: KeyVaultClient, *, writes: bool = False
) -> ReplayResult:
    """Ask a vault again, in order, and compare statuses.

    Only GETs, unless `writes` allows to change the vault: then secrets get a placeholder as value.
    Skipped are requests whose bodies the log does not have (imports, restores, cryptography) and those whose
    outcome was transient. The time of a MockKeyVaultClient moves as in the log.

        result = await replay(client.access_log, client)
        print(result.replayed, result.differences)

    Raises what `send_request` raises for no reason of the vault: nothing, usually.
    """
    replayed, skipped, differences = 0, [], []
    last: float | None = None
    for entry in log:
        if isinstance(client, MockKeyVaultClient):
            await client.advance(max(0.0, entry.time - (entry.time if last is None else last)))
        last = entry.time
        if not _is_replayable(entry, writes=writes):
            skipped.append(entry)
            continue
        replayed += 1
        outcome = await _ask(entry, client)
        if outcome != (SUCCESS if entry.outcome.startswith("2") else entry.outcome):
            differences.append(Difference(entry=entry, outcome=outcome))
    return ReplayResult(replayed=replayed, skipped=tuple(skipped), differences=tuple(differences))


def save_log(entries: Iterable[AccessLogEntry], path: Path) -> None:
    """Write JSON Lines; raises OSError."""
    path.write_text(render_lines(entries), encoding="utf-8")


def load_log(path: Path) -> Sequence[AccessLogEntry]:
    """Read what `save_log` wrote; raises OSError, and KeyVaultError (VALIDATION) that names the line."""
    return parse_lines(path.read_text(encoding="utf-8"))


def _is_replayable(entry: AccessLogEntry, *, writes: bool) -> bool:
    if entry.outcome in TRANSIENT or not entry.kind:
        return False
    return entry.method == "GET" or (writes and (entry.kind, entry.action) in _BODIES)


async def _ask(entry: AccessLogEntry, client: KeyVaultClient) -> str:
    path = entry.route.replace("{name}", entry.name).replace("{version}", entry.version)
    if entry.route.endswith("{name}") and entry.action == "get":
        path += "/"  # as clients ask for the latest version
    body = _BODIES.get((entry.kind, entry.action))
    try:
        await client.send_request(entry.method, path, body, name=entry.name or None)
    except KeyVaultError as error:
        return str(error.http_status) if error.http_status is not None else error.kind.value
    return SUCCESS
