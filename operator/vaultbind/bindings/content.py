"""Pure: the values that were read, as the content of the Secret, or why there is none."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from vaultbind.api.refs import VaultObjectRef
from vaultbind.bindings.compare import mark_of
from vaultbind.bindings.facts import Content, Facts
from vaultbind.bindings.mark import Mark
from vaultbind.keyvault import KeyVaultError
from vaultbind.rendering.digest import matches, parse_digest, source_digest
from vaultbind.rendering.ends import earlier
from vaultbind.rendering.problems import RenderProblem
from vaultbind.rendering.render import Rendered, render
from vaultbind.rendering.values import VaultValue
from vaultbind.vaults.causes import Trouble, decide_trouble
from vaultbind.vaults.look import sighting_of
from vaultbind.vaults.reads import Reading
from vaultbind.vaults.session import VaultPausedError


def with_content(
    facts: Facts,
    source: Mapping[str, Any],
    readings: Mapping[VaultObjectRef, Reading],
    looked_at: datetime,
) -> Facts:
    """Render what was read at `looked_at`; trouble where that cannot be."""
    values = {ref: reading.value for ref, reading in readings.items()}
    rendered = render(facts.spec, values, now=facts.now)
    if not isinstance(rendered, Rendered):
        return replace(facts, trouble=_trouble_in(rendered, facts.now))
    content = _content(source, rendered, values, looked_at, mark_of(facts))
    return replace(facts, content=content, stale=False)


def trouble_of(error: BaseException, ref: VaultObjectRef) -> Trouble:
    """What a failed read means; raises what is no failure of the vault."""
    if isinstance(error, VaultPausedError):
        return error.trouble
    if isinstance(error, KeyVaultError):
        return decide_trouble(error, ref)
    raise error


def _trouble_in(problems: tuple[RenderProblem, ...], now: datetime) -> Trouble:
    """The first problem, and how many more there are; time alone may end it."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    wait = (first.retry_at - now).total_seconds() if first.retry_at is not None else None
    return Trouble(reason=first.reason, message=f"{first}{more}", retry_after=wait)


def _content(
    source: Mapping[str, Any],
    rendered: Rendered,
    values: Mapping[VaultObjectRef, VaultValue | None],
    looked_at: datetime,
    mark: Mark | None,
) -> Content:
    """Content with its digest: the one that the Secret has, where that still fits beyond doubt."""
    prints = {
        ref: sighting_of(value.properties).fingerprint if value is not None else None
        for ref, value in values.items()
    }
    objects = [
        _object(ref, value, rendered.ends.get(ref)) for ref, value in values.items() if value is not None
    ]
    digest = source_digest(source, prints, looked_at)
    if mark is not None and matches(parse_digest(mark.digest), source, prints):
        digest = mark.digest
    return Content(data=rendered.data, objects=tuple(objects), digest=digest)


def _object(ref: VaultObjectRef, value: VaultValue, own_end: datetime | None) -> dict[str, Any]:
    properties = value.properties
    entry: dict[str, Any] = {
        "kind": ref.kind.value,
        "name": ref.name,
        "version": properties.version,
        "enabled": properties.enabled,
    }
    expires = earlier(properties.expires_on, own_end)
    if expires is not None:
        entry["expires"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)  # the year 1 has four digits
    return entry
