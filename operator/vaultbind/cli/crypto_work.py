"""`vaultbind crypto` without a cluster: the library at work, by the same code as a CryptoJob."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final, TypeVar

import click

from vaultbind.api.cryptojob import CryptoJobSpec
from vaultbind.cryptojobs.facts import Payload, Result, Run, Setback
from vaultbind.cryptojobs.operate import operate, rotate, try_sizes
from vaultbind.cryptojobs.rules import check_key, choose_algorithm, other_sizes
from vaultbind.keyvault import (
    Key,
    KeyVaultClient,
    KeyVaultConfig,
    KeyVaultError,
    KeyWrapAlgorithm,
    SignatureAlgorithm,
)

REFUSED: Final = 3
LATER: Final = 4
HASHES: Final = {"256": "sha256", "384": "sha384", "512": "sha512"}
USUAL_HASH: Final = "sha256"
"""Of the default algorithms of all keys but two curves'."""
T = TypeVar("T")
Work = Callable[[KeyVaultClient], Awaitable[T]]


class RefusedError(click.ClickException):
    """The vault, or the job, refuses for good."""

    exit_code = REFUSED


class LaterError(click.ClickException):
    """The same command may work later."""

    exit_code = LATER


def run(vault_url: str, ca_file: Path | None, work: Work[T]) -> T:
    """Let the vault do it. Raises RefusedError, LaterError."""
    config = _configure(vault_url, ca_file)
    try:
        return asyncio.run(_run(config, work))
    except KeyVaultError as error:
        if error.code == "BadCaBundle":
            raise _bad_ca_file(ca_file) from None
        place = "" if error.vault else f"{vault_url}: "  # errors on the way name the vault themselves
        raise (LaterError if error.retryable else RefusedError)(f"{place}{error}") from None


def _configure(vault_url: str, ca_file: Path | None) -> KeyVaultConfig:
    """Raises click.UsageError that names the flag."""
    try:
        config = KeyVaultConfig.from_env({**os.environ, "AZURE_KEYVAULT_URL": vault_url})
    except KeyVaultError as error:
        raise click.UsageError(f"--vault-url {vault_url}: {error.detail}") from None
    if ca_file is None:
        return config
    try:
        return replace(config, ca_pem=ca_file.read_text(encoding="utf-8"))
    except (KeyVaultError, OSError, UnicodeDecodeError):
        raise _bad_ca_file(ca_file) from None


def _bad_ca_file(ca_file: Path | None) -> click.BadParameter:
    return click.BadParameter(f"{ca_file or ''}: it is no certificate in PEM", param_hint="--ca-file")


async def _run(config: KeyVaultConfig, work: Work[T]) -> T:
    async with KeyVaultClient(config) as client:
        return await work(client)


async def fetch_key(client: KeyVaultClient, spec: CryptoJobSpec, named: Payload | None = None) -> Key:
    """The key that is asked for, or the version that a document names; raises RefusedError, KeyVaultError."""
    version = spec.key_version
    if named is not None and named.key_id and not version:
        stem, _, version = named.key_id.rpartition("/")
        if not stem.lower().endswith(f"/keys/{spec.key}".lower()):
            raise RefusedError(f"the input was made with another key: {named.key_id}")
    key = await client.keys.get_key(spec.key, version)
    problem = check_key(spec, key, datetime.now(UTC))
    if problem is not None:
        raise RefusedError(problem.message)
    return key


async def perform(client: KeyVaultClient, spec: CryptoJobSpec, payload: Payload) -> tuple[Result, str]:
    """Do an operation on a payload; returns the algorithm, too. Raises RefusedError, KeyVaultError."""
    key = await fetch_key(client, spec, payload)
    algorithm = pick_algorithm(spec, payload, key)
    others = other_sizes(spec, payload.algorithm, algorithm)
    run_ = Run(spec=spec, vault_key=key, algorithm=algorithm, others=others, payload=payload)
    done = await operate(client, run_, secrets.token_bytes)
    if isinstance(done, Setback):
        raise RefusedError(done.message)
    return done, done.algorithm


def pick_algorithm(spec: CryptoJobSpec, payload: Payload, key: Key) -> str:
    """The algorithm that is asked for, named or usual; raises RefusedError."""
    algorithm = choose_algorithm(spec, payload.algorithm, key)
    if not algorithm:
        raise RefusedError(f"key {spec.key} is of type {key.key.kty}, which cannot {spec.operation}")
    return algorithm


async def encrypt_stream(
    client: KeyVaultClient, spec: CryptoJobSpec, source: IO[bytes], target: IO[bytes], aad: bytes
) -> None:
    """A file of any size into an envelope; raises RefusedError, KeyVaultError, OSError."""
    key = await fetch_key(client, spec)
    algorithm = pick_algorithm(spec, Payload(data=b""), key)

    async def encrypt(name: str) -> None:
        """The vault is asked before anything is read or written."""
        wrap = KeyWrapAlgorithm(name)
        await client.envelopes.encrypt_stream(key, source, target, algorithm=wrap, aad=aad)

    await try_sizes(algorithm, other_sizes(spec, "", algorithm), encrypt)


async def decrypt_stream(
    client: KeyVaultClient, spec: CryptoJobSpec, source: IO[bytes], target: IO[bytes], aad: bytes
) -> None:
    """An envelope back into the file; raises KeyVaultError, OSError."""
    await client.envelopes.decrypt_stream(source, target, key=spec.key, aad=aad)


async def perform_rotation(client: KeyVaultClient, spec: CryptoJobSpec) -> tuple[str, bool]:
    """Id of the latest version, and whether it was made now; raises KeyVaultError."""
    key = await client.keys.get_key(spec.key)
    created = key.properties.created_on
    if created is not None and datetime.now(UTC) - created < spec.min_age:
        return key.key.kid, False
    return (await rotate(client, spec.key)).key.kid, True


def hash_of(algorithm: str) -> str:
    """Name of the hash of a signature's algorithm."""
    return HASHES[SignatureAlgorithm(algorithm).value[2:5]]


def hash_stream(source: IO[bytes], *names: str) -> dict[str, bytes]:
    """Digests of a file by their hashes, in one pass; raises OSError."""
    digests = {name: hashlib.new(name) for name in names}
    while chunk := source.read(1024 * 1024):
        for digest in digests.values():
            digest.update(chunk)
    return {name: digest.digest() for name, digest in digests.items()}
