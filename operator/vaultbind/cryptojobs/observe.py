"""All reads for one job, into frozen facts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoJobSpec, CryptoOperation
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.cryptojobs.apply import HOLDERS
from vaultbind.cryptojobs.deadline import Deadline
from vaultbind.cryptojobs.facts import Facts, Payload, Setback, Weight
from vaultbind.cryptojobs.inputs import (
    Holder,
    Holders,
    decode_holder,
    holders_needed,
    is_envelope_opened,
    parse_origin,
    parse_payload,
)
from vaultbind.cryptojobs.intake import Prepared
from vaultbind.cryptojobs.phase import (
    Claimant,
    Phase,
    claim_left,
    decide_phase,
    is_claim_to_renew,
    parse_stamp,
)
from vaultbind.cryptojobs.setbacks import TROUBLES, final, setback_of
from vaultbind.engine.cache import RawObject
from vaultbind.engine.clock import Clock
from vaultbind.engine.queue import Priority
from vaultbind.keyvault import Key
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.vaults.session import VaultSession

FRESH_SECONDS: Final = 5.0
"""How old what is known of a claimed job's key may be before the key is used."""
TIMESTAMP_GRAIN: Final = timedelta(seconds=1)
"""creationTimestamp is cut to whole seconds."""


@dataclass(slots=True, kw_only=True)
class JobObserver:
    """Reads keys through the vault's session, inputs through the cluster's client."""

    client: KubeClient
    clock: Clock
    deadline: Deadline
    claimant: Claimant
    _claimed: dict[ObjectKey, tuple[Key, float]] = field(default_factory=dict)
    """What the pass that claims has read, and when, for the pass that comes at once."""

    def forget(self, key: ObjectKey) -> None:
        """Drop what was kept for a job that is gone."""
        self._claimed.pop(key, None)

    async def observe(self, key: ObjectKey, obj: RawObject, prepared: Prepared, priority: Priority) -> Facts:
        """Find out what to decide on: what a new job needs to be claimed, a claimed one to be done.

        Raises StaleStateError where no KeyVault leads to the vault any more.
        """
        facts = self.known(key, obj, prepared)
        phase = decide_phase(facts.spec, facts.status, facts.now)
        if phase not in (Phase.NEW, Phase.CLAIMED) or facts.setback is not None:
            return facts
        if facts.not_ours_for or facts.claim_to_renew:
            return facts
        session = prepared.session
        assert session is not None  # noqa: S101 - a job without one has a setback
        try:
            look = self._for_claim if phase is Phase.NEW else self._for_run
            return await self.deadline.keep(facts, look(facts, session, priority))
        except TROUBLES as error:
            return replace(facts, setback=setback_of(facts, error, session))

    def known(self, key: ObjectKey, obj: RawObject, prepared: Prepared) -> Facts:
        """Facts without any read."""
        spec, denial = prepared.parsed.spec, prepared.denial
        status, now = obj.get("status") or {}, self.clock.now()
        assert spec is not None  # noqa: S101 - refused before
        setback = None
        if denial is not None:
            setback = Setback(reason=denial.reason, message=denial.message, weight=Weight.WAIT, woken=True)
        return Facts(
            key=key,
            uid=prepared.parsed.uid,
            version=str(obj["metadata"]["resourceVersion"]),
            created=parse_stamp(obj["metadata"].get("creationTimestamp")) or now,
            spec=spec,
            now=now,
            status=status,
            operator=self.claimant.name,
            not_ours_for=claim_left(status, self.claimant, now),
            claim_to_renew=is_claim_to_renew(status, self.claimant),
            setback=setback,
        )

    # -- a new job: which key and algorithm ---------------------------------------------------------

    async def _for_claim(self, facts: Facts, session: VaultSession, priority: Priority) -> Facts:
        spec = facts.spec
        only_whole = not is_envelope_opened(spec)
        origin = parse_origin(spec, await self._read_holders(facts, only_whole=only_whole))
        if isinstance(origin, Setback):
            return replace(facts, setback=origin)
        key_id, algorithm = origin
        version = spec.key_version
        if key_id and not version:
            version = _version_in(key_id, session.spec.url, spec.key)
            if not version:
                return replace(facts, setback=_other_key(spec, key_id))
        if is_envelope_opened(spec) and not key_id.lower().endswith(f"/keys/{spec.key}/{version}".lower()):
            return replace(facts, setback=_other_key(spec, key_id))
        found = await self._read_key(session, version, priority, facts)
        if found is not None:
            self._claimed[facts.key] = (found, self.clock.monotonic())
        payload = Payload(data=b"", key_id=key_id, algorithm=algorithm)
        return _with_key(replace(facts, payload=payload), found)

    # -- a claimed one: what it works on -------------------------------------------------------------

    async def _for_run(self, facts: Facts, session: VaultSession, priority: Priority) -> Facts:
        spec = facts.spec
        kept, read_at = self._claimed.pop(facts.key, (None, 0.0))
        if spec.operation is CryptoOperation.ROTATE_KEY:
            return _with_key(facts, await self._read_key(session, "", priority, facts))
        payload = parse_payload(spec, await self._read_holders(facts, only_whole=False))
        if isinstance(payload, Setback):
            return replace(facts, setback=payload)
        facts = replace(facts, payload=payload)
        key_id = str(facts.status.get("keyId"))
        is_fresh = self.clock.monotonic() - read_at < FRESH_SECONDS
        if kept is not None and is_fresh and kept.key.kid == key_id:
            return _with_key(facts, kept)
        return _with_key(facts, await self._read_key(session, key_id.rpartition("/")[2], priority, facts))

    async def _read_key(
        self, session: VaultSession, version: str, priority: Priority, facts: Facts
    ) -> Key | None:
        """The key, as it was when the job was made or later; jobs that came together share one get."""
        ref = VaultObjectRef(VaultObjectKind.KEY, facts.spec.key, version)
        reading = await session.read(ref, None, priority, not_before=self._not_before(facts))
        return reading.value if isinstance(reading.value, Key) else None

    def _not_before(self, facts: Facts) -> float:
        """Monotonic second of the job's making, for a new one.

        Now for a rotation and after a failed attempt; a moment ago for a claim that was left lying.
        """
        now = self.clock.monotonic()
        if facts.spec.operation is CryptoOperation.ROTATE_KEY or facts.status.get("attempts"):
            return now
        if facts.status.get("keyId"):
            return now - FRESH_SECONDS
        age = max(timedelta(0), facts.now - facts.created - TIMESTAMP_GRAIN)
        return now - age.total_seconds()

    async def _read_holders(self, facts: Facts, *, only_whole: bool) -> Holders:
        needed = holders_needed(facts.spec, only_whole=only_whole)
        found = await asyncio.gather(*(self._read_holder(facts.key.namespace, holder) for holder in needed))
        return dict(zip(needed, found, strict=True))

    async def _read_holder(self, namespace: str, holder: Holder) -> Mapping[str, bytes] | None:
        kind, name = holder
        try:
            obj: Mapping[str, Any] = await self.client.get(HOLDERS[kind], namespace, name)
        except KubeError as error:
            if error.kind is not KubeErrorKind.NOT_FOUND:
                raise
            return None
        return decode_holder(kind, obj)


def _with_key(facts: Facts, key: Key | None) -> Facts:
    if key is not None:
        return replace(facts, vault_key=key)
    return replace(
        facts,
        setback=Setback(
            reason=Reason.KEY_NOT_FOUND,
            message=f"the vault has no key {facts.spec.key}, or not the version that is asked for; "
            "create or recover it in the vault",
            weight=Weight.ATTEMPT,
        ),
    )


def _version_in(key_id: str, url: str, name: str) -> str:
    """Version of a key's id, where it is an id of that vault and key."""
    stem = f"{url.lower()}/keys/{name.lower()}/"
    version = key_id.lower().removeprefix(stem)
    return version if version.isalnum() and key_id.lower().startswith(stem) else ""


def _other_key(spec: CryptoJobSpec, key_id: str) -> Setback:
    name = key_id.rstrip("/").split("/")[-2] if key_id.count("/") > 1 else ""
    return final(
        Reason.INPUT_INVALID,
        f"the output named as input was made with key {name[:127]} or in another vault, not with {spec.key}; "
        "name that key and vault, or set key.version",
    )
