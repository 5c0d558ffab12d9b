"""Flags that the commands of `vaultbind crypto` share, as one value."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from vaultbind.api.cryptojob import CryptoJobSpec, CryptoOperation
from vaultbind.api.vault_ref import DEFAULT_VAULT
from vaultbind.cli.crypto_checks import check_flags
from vaultbind.cli.crypto_files import STANDARD, check_output, parse_document, read_input, write_output
from vaultbind.cli.crypto_job import JobPlace, submit

MOST_INLINE: Final = 768 * 1024
"""Bytes that a job can hold in base64."""
F = TypeVar("F", bound=Callable[..., Any])
in_option: Final = click.option(
    "--in", "source", default=STANDARD, metavar="FILE", help="Input; standard input when left out."
)
out_option: Final = click.option(
    "--out", "target", default=STANDARD, metavar="FILE", help="Output; standard output when left out."
)
_KEY: Final = click.option("--key", required=True, metavar="NAME", help="Name of the key in the vault.")
_USE: Final = (
    click.option(
        "--key-version", default="", metavar="HEX", help="Its version; the latest, or what the input names."
    ),
    click.option(
        "--algorithm", default="", metavar="NAME", help="The service's name; usual for the key's type."
    ),
)
_PLACE: Final = (
    click.option(
        "--vault-url",
        default="",
        envvar="AZURE_KEYVAULT_URL",
        help="Address of the vault (AZURE_KEYVAULT_URL).",
    ),
    click.option(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="More certificates to trust, as PEM.",
    ),
    click.option(
        "--job", is_flag=True, help="Submit a CryptoJob and wait for it, instead of asking the vault."
    ),
    click.option("-n", "--namespace", default="", help="With --job: its namespace."),
    click.option("--name", default="", help="With --job: its name; made up when left out."),
    click.option(
        "--vault", default="", help="With --job: name of the KeyVault; ClusterKeyVault default if none."
    ),
    click.option(
        "--vault-kind",
        type=click.Choice(["KeyVault", "ClusterKeyVault"]),
        default="KeyVault",
        show_default=True,
        help="With --job: kind of --vault.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, max=86_400, min_open=True),
        default=60.0,
        show_default=True,
        help="With --job: seconds to wait for its end.",
    ),
    click.option(
        "--kubeconfig", default="", metavar="FILE", help="With --job: which cluster; else the usual one."
    ),
)


def common_options(command: F) -> F:
    """Add the options that every use of a key has."""
    return _add(command, _KEY, *_USE, *_PLACE)


def rotation_options(command: F) -> F:
    """Add those of a rotation: it takes no version and no algorithm."""
    return _add(command, _KEY, *_PLACE)


def _add(command: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says; which of it counts depends on the command."""

    operation: CryptoOperation
    key: str
    vault_url: str
    ca_file: Path | None
    job: bool
    place: JobPlace
    key_version: str = ""
    algorithm: str = ""
    source: str = STANDARD
    target: str = STANDARD
    envelope: bool = False
    aad: bytes = b""
    from_secret: str = ""
    to_secret: str = ""
    to_configmap: str = ""

    @classmethod
    def of(cls, operation: CryptoOperation, given: Mapping[str, Any]) -> "Flags":
        """Gather what click parsed; raises click.UsageError where it does not fit."""
        place = JobPlace(**{field.name: given[field.name] for field in fields(JobPlace)})
        names = {field.name for field in fields(cls)} - {"aad", "place", "operation"}
        known = {name: value for name, value in given.items() if name in names}
        flags = cls(operation=operation, place=place, aad=given.get("aad", "").encode(), **known)
        check_flags(flags)
        check_output(flags.target)
        return flags

    def spec(self, **fields_: Any) -> CryptoJobSpec:
        """The operation as the room of CryptoJobs knows it."""
        return CryptoJobSpec(
            vault=DEFAULT_VAULT,
            key=self.key,
            key_version=self.key_version.lower(),
            operation=self.operation,
            algorithm=self.algorithm,
            **fields_,
        )

    def submit(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Submit a job with these fields and wait; returns its status."""
        key = {"name": self.key, **({"version": self.key_version} if self.key_version else {})}
        algorithm = {"algorithm": self.algorithm} if self.algorithm else {}
        return submit(self.place, {"key": key, "operation": self.operation.value, **algorithm, **spec})

    def extras(self) -> dict[str, Any]:
        """Envelope and additional data, where they are asked for."""
        found: dict[str, Any] = {"envelope": True} if self.envelope else {}
        return {**found, **({"aad": inline(self.aad)} if self.aad else {})}

    def ciphertext(self) -> dict[str, Any]:
        """Input of the opposite operation, inline: an envelope, or all that a document tells."""
        data = read_input(self.source)
        if self.envelope:
            return {"input": inline(data), **self.extras()}
        document = parse_document(data, self.operation)
        found: dict[str, Any] = {"input": inline(document.data)}
        if document.algorithm and not self.algorithm:
            found["algorithm"] = document.algorithm
        if document.key_id and not self.key_version:
            found["key"] = {"name": self.key, "version": document.key_id.rpartition("/")[2]}
        for name in ("iv", "tag", "aad"):
            value = getattr(document, name)
            if value is not None:
                found[name] = inline(value)
        return found

    def into(self, kind: str, name: str) -> dict[str, Any]:
        """Output of the job, where one is named; it stays when the job goes."""
        return {"output": {kind: {"name": name, "owner": "None"}}} if name else {}

    def write_status(self, status: Mapping[str, Any]) -> None:
        """Give back what a job put into its status, or tell where it is."""
        if "output" in status:
            click.echo(f"{status['output']['kind']} {status['output']['name']}")
            return
        result = dict(status["result"])
        document = {"result": result.pop("value"), "keyId": status["keyId"], "algorithm": status["algorithm"]}
        write_output(self.target, json.dumps({**document, **result}, indent=2).encode() + b"\n")


def inline(data: bytes) -> dict[str, str]:
    """Bytes as a job has them; raises click.BadParameter where they are too many."""
    if len(data) > MOST_INLINE:
        message = f"a job holds at most {MOST_INLINE} bytes; leave --job out"
        raise click.BadParameter(message, param_hint="--in")
    return {"value": base64.b64encode(data).decode("ascii")}
