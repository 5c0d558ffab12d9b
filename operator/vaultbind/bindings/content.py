"""Pure: the values that were read, as the content of the Secret, or why there is none."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from vaultbind.api.binding import BindingSpec, WhenMissing
from vaultbind.api.conditions import Reason
from vaultbind.api.refs import VaultObjectRef
from vaultbind.bindings.facts import Content, Facts
from vaultbind.bindings.mark import Mark
from vaultbind.bindings.missing import decide_gone, describe_gone, forgive
from vaultbind.keyvault import KeyVaultError
from vaultbind.rendering.digest import matches, parse_digest, source_digest
from vaultbind.rendering.ends import earlier
from vaultbind.rendering.problems import RenderProblem
from vaultbind.rendering.render import Rendered, render
from vaultbind.rendering.values import VaultValue
from vaultbind.rendering.wanted import found_sources, ref_of
from vaultbind.vaults.causes import Trouble, decide_trouble, trouble_for_readers
from vaultbind.vaults.look import sighting_of
from vaultbind.vaults.reads import Reading
from vaultbind.vaults.session import VaultPausedError

_NEXT_STEP: Final[Mapping[Reason, str]] = {
    Reason.OBJECT_NOT_FOUND: "create it or correct its name, or mark the entry optional",
    Reason.OBJECT_DISABLED: "enable it in the vault",
    Reason.PROPERTY_NOT_FOUND: "correct the value or `property`",
    Reason.DECODE_FAILED: "correct the value or `decode`",
    Reason.EXTRACT_FAILED: "correct the value or `extract.format`",
}
"""What to do where the message itself does not say it."""


def with_content(
    facts: Facts,
    source: Mapping[str, Any],
    readings: Mapping[VaultObjectRef, Reading],
    looked_at: datetime,
) -> Facts:
    """Render what was read at `looked_at`; trouble where that cannot be."""
    values = {ref: reading.value for ref, reading in readings.items()}
    passwords = facts.passwords.values
    rendered = render(facts.spec, values, now=facts.now, passwords=passwords)
    gone = () if isinstance(rendered, Rendered) else decide_gone(facts, values, rendered)
    facts = replace(facts, gone=gone)
    if gone and facts.spec.target.when_missing is WhenMissing.DELETE:
        return replace(facts, stale=False)
    if gone:
        rendered = render(forgive(facts.spec, values), values, now=facts.now, passwords=passwords)
    if not isinstance(rendered, Rendered):
        trouble = _trouble_in(rendered, facts.now)
        if gone:  # templates or the type need what is gone
            message = f"{describe_gone(facts)}; whenMissing Prune cannot do without: {trouble.message}"
            trouble = replace(trouble, reason=Reason.OBJECT_NOT_FOUND, message=message)
        return replace(facts, gone=(), trouble=trouble)
    content = _content(source, rendered, _found_first(facts.spec, values), looked_at, facts.mark)
    return replace(facts, content=content, stale=False)


def trouble_of(error: BaseException, ref: VaultObjectRef) -> Trouble:
    """What a failed read means; raises what is no failure of the vault."""
    if isinstance(error, VaultPausedError):
        return trouble_for_readers(error.trouble)
    if isinstance(error, KeyVaultError):
        return decide_trouble(error, ref)
    raise error


def _trouble_in(problems: tuple[RenderProblem, ...], now: datetime) -> Trouble:
    """The first problem, how many more there are, and what to do; time alone may end it."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    step = f"; {_NEXT_STEP[first.reason]}" if first.reason in _NEXT_STEP else ""
    wait = (first.retry_at - now).total_seconds() if first.retry_at is not None else None
    return Trouble(reason=first.reason, message=f"{first}{more}{step}", retry_after=wait)


def _found_first(
    spec: BindingSpec, values: Mapping[VaultObjectRef, VaultValue | None]
) -> Mapping[VaultObjectRef, VaultValue | None]:
    """After a start only the status, which names the first ones, tells what had been found."""
    found = {ref_of(source) for entry in spec.finds for source in found_sources(entry)}
    if not found:
        return values
    return {ref: values[ref] for ref in sorted(values, key=lambda ref: ref not in found)}


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
    return Content(data=rendered.data, objects=tuple(objects), digest=digest, told=rendered.told)


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
