"""What `vaultbind crypto` reads and writes: plain bytes, documents of a result, streams."""

import base64
import binascii
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import click

from vaultbind.api.cryptojob import ALGORITHMS, CryptoOperation
from vaultbind.cryptojobs.facts import Payload, Result
from vaultbind.cryptojobs.operate import encode

STANDARD: Final = "-"
IN_MEMORY: Final = 64 * 1024 * 1024
"""Bytes of an output that are kept in memory until it is complete."""
_BYTES: Final = ("iv", "tag", "aad")


@contextmanager
def open_input(name: str, flag: str = "--in") -> Iterator[IO[bytes]]:
    """A file, or standard input for `-`; raises click.BadParameter that names the flag."""
    if name == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below; what its reader raises is no matter of ours
    except OSError as error:
        raise _bad_file(name, flag, error) from None
    with file:
        yield file


def read_input(name: str, flag: str = "--in") -> bytes:
    """All of a file or of standard input; raises click.BadParameter that names the flag."""
    with open_input(name, flag) as file:
        return file.read()


def _bad_file(name: str, flag: str, error: OSError) -> click.BadParameter:
    return click.BadParameter(f"{name}: {error.strerror or type(error).__name__}", param_hint=flag)


def check_output(name: str) -> None:
    """Tell what cannot be written before anything is asked; raises click.BadParameter that names --out."""
    path = Path(name)
    if name != STANDARD and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise click.BadParameter(f"{name}: it cannot be written", param_hint="--out")


@contextmanager
def collect_output(name: str) -> Iterator[IO[bytes]]:
    """Bytes that come out at the end, and only if nothing failed: half a plaintext looks like a whole one.

    A file is made readable for its owner alone. Raises click.BadParameter that names --out.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
        yield spool
        spool.seek(0)
        if name == STANDARD:
            shutil.copyfileobj(spool, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise _bad_file(name, "--out", error) from None
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(spool, file)


def write_output(name: str, data: bytes) -> None:
    """Write all at once."""
    with collect_output(name) as file:
        file.write(data)


def render_document(result: Result, algorithm: str) -> bytes:
    """A result as JSON, with the same fields as an output of a CryptoJob."""
    fields: dict[str, Any] = {"result": result.value, "keyId": result.key_id, "algorithm": algorithm}
    if result.valid is not None:
        fields = {"valid": result.valid, "keyId": result.key_id, "algorithm": algorithm}
    for name in _BYTES:
        value = getattr(result, name)
        if value is not None:
            fields[name] = encode(value)
    shown = {name: value for name, value in fields.items() if value != ""}
    return json.dumps(shown, indent=2).encode() + b"\n"


def parse_document(data: bytes, operation: CryptoOperation) -> Payload:
    """A document that `render_document` wrote, or the data of an output; raises click.BadParameter."""
    try:
        found = json.loads(data)
        fields: Mapping[str, Any] = found["data"] if isinstance(found.get("data"), dict) else found
        values = {name: base64.b64decode(fields[name], validate=True) for name in _BYTES if name in fields}
        algorithm = str(fields.get("algorithm", ""))
        if algorithm and algorithm not in ALGORITHMS[operation]:
            raise click.BadParameter(f"its algorithm is none of {operation}", param_hint="--in")
        return Payload(
            data=base64.b64decode(fields["result"], validate=True),
            key_id=str(fields.get("keyId", "")),
            algorithm=algorithm,
            iv=values.get("iv"),
            tag=values.get("tag"),
            aad=values.get("aad"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise click.BadParameter(
            "the input is no document of `vaultbind crypto`, nor the data of a CryptoJob's output",
            param_hint="--in",
        ) from None
