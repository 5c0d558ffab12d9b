"""`vaultbind crypto --job`: submit a CryptoJob, wait with a progress line, give back what it says."""

import asyncio
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.errors import SpecError
from vaultbind.api.names import API_VERSION, KIND_CLUSTER_KEYVAULT, KIND_CRYPTO_JOB, KIND_KEYVAULT
from vaultbind.cli.crypto_work import LaterError, RefusedError

FIELD_MANAGER: Final = "crypto.vaultbind.dev"
"""Of jobs that people submit; not the operator's."""
POLL_SECONDS: Final = 0.3
KEPT_SECONDS: Final = 3600
"""How long a job stays after its end, for whoever wants to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlace:
    """Where the job is made, and how long it may take."""

    namespace: str
    name: str
    vault: str
    vault_kind: str
    timeout: float
    kubeconfig: str = ""

    def another(self, suffix: str) -> "JobPlace":
        """The same for one more job; a name that was made up is made up again."""
        return replace(self, name=f"{self.name}-{suffix}") if self.name else self


class JobFailedError(RefusedError):
    """The job has ended as Failed; its status may tell more."""

    def __init__(self, failed: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Say what condition Failed says."""
        super().__init__(f"{failed['reason']}: {failed['message']}")
        self.status = status
        self.is_about_input = failed["reason"] == Reason.INPUT_INVALID.word


def render_job(place: JobPlace, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest; raises click.UsageError where the API server would refuse it."""
    vault = {"vaultRef": {"kind": place.vault_kind, "name": place.vault}} if place.vault else {}
    name = place.name or f"{str(spec['operation']).lower()}-{secrets.token_hex(4)}"
    job = {
        "apiVersion": API_VERSION,
        "kind": KIND_CRYPTO_JOB,
        "metadata": {"name": name},
        "spec": {**vault, **spec, "ttlSecondsAfterFinished": KEPT_SECONDS},
    }
    try:
        parse_cryptojob(job)
    except SpecError as error:
        raise click.UsageError(str(error)) from None
    return job


def submit(place: JobPlace, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Create the job and wait for its end; returns its status. Raises RefusedError, LaterError."""
    return asyncio.run(_submit(place, render_job(place, spec)))


async def _submit(place: JobPlace, job: Mapping[str, Any]) -> Mapping[str, Any]:
    from vaultbind.kube.connection import connect
    from vaultbind.kube.errors import KubeConfigError, KubeError

    try:
        async with await connect(kubeconfig=place.kubeconfig) as client:
            return await _wait(client, place, job)
    except KubeConfigError as error:
        raise click.UsageError(str(error)) from None
    except KubeError as error:
        raise (LaterError if error.retryable else RefusedError)(error.message) from None


async def _wait(client: Any, place: JobPlace, job: Mapping[str, Any]) -> Mapping[str, Any]:
    from vaultbind.kube.resources import CRYPTO_JOBS

    namespace = place.namespace or client.connection.default_namespace
    name = job["metadata"]["name"]
    await _create(client, namespace, job)
    line = Progress(f"CryptoJob {namespace}/{name}")
    ends = time.monotonic() + place.timeout
    ready: Mapping[str, Any] = {}
    while time.monotonic() < ends:
        found = await client.get(CRYPTO_JOBS, namespace, name)
        status: Mapping[str, Any] = found.get("status") or {}
        conditions = {item["type"]: item for item in status.get("conditions") or ()}
        ready = conditions.get("Ready", {})
        line.show(ready)
        if "Complete" in conditions:
            line.end()
            return status
        if "Failed" in conditions:
            line.end()
            raise JobFailedError(conditions["Failed"], status)
        await asyncio.sleep(POLL_SECONDS)
    line.end()
    late = f"CryptoJob {namespace}/{name} has not ended within {place.timeout:.0f} s and goes on"
    why = f"{ready.get('reason')}: {ready.get('message')}" if ready else "no operator has looked at it yet"
    raise LaterError(f"{late}; {why}{_hint(place, ready)}")


async def _create(client: Any, namespace: str, job: Mapping[str, Any]) -> None:
    """Raises RefusedError where there is no such place, KubeError."""
    from vaultbind.kube.errors import KubeError, KubeErrorKind
    from vaultbind.kube.resources import CRYPTO_JOBS

    try:
        await client.create(CRYPTO_JOBS, namespace, job, field_manager=FIELD_MANAGER)
    except KubeError as error:
        if error.kind is not KubeErrorKind.NOT_FOUND:
            raise
        raise RefusedError(
            f"the cluster has no namespace {namespace}, or does not know CryptoJobs: "
            f"name another with --namespace, or install vaultbind's kinds ({error.message})"
        ) from None


def _hint(place: JobPlace, ready: Mapping[str, Any]) -> str:
    """Whoever leaves --vault-kind out asks for a KeyVault."""
    is_missing = ready.get("reason") == Reason.KEYVAULT_NOT_FOUND.word
    if not is_missing or not place.vault or place.vault_kind != KIND_KEYVAULT:
        return ""
    return f"; a {KIND_CLUSTER_KEYVAULT} is meant with --vault-kind {KIND_CLUSTER_KEYVAULT}"


class Progress:
    """One line on standard error, written over itself on a terminal."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.last = ""
        self.terminal = sys.stderr.isatty()

    def show(self, ready: Mapping[str, Any]) -> None:
        """Tell how far the job is, where that has changed."""
        text = f"{self.title}: {ready.get('reason', 'waiting')}"
        if text != self.last:
            click.echo(f"\r\033[K{text}" if self.terminal else text, err=True, nl=not self.terminal)
            self.last = text

    def end(self) -> None:
        """Leave the line."""
        if self.terminal:
            click.echo(err=True)
