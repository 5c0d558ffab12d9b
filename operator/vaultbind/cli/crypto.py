"""`vaultbind crypto`: what a CryptoJob does, from a terminal, a pipeline or a pod."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from vaultbind.api.cryptojob import CryptoJobSpec, CryptoOperation
from vaultbind.api.durations import parse_duration
from vaultbind.cli import crypto_sign
from vaultbind.cli.crypto_files import (
    collect_output,
    open_input,
    parse_document,
    read_input,
    render_document,
    write_output,
)
from vaultbind.cli.crypto_flags import Flags, common_options, in_option, out_option, rotation_options
from vaultbind.cli.crypto_work import decrypt_stream, encrypt_stream, perform, perform_rotation, run
from vaultbind.cryptojobs.facts import Payload

F = TypeVar("F", bound=Callable[..., Any])
ENVELOPE: Final = click.option(
    "--envelope", is_flag=True, help="For payloads of any size: encrypted here, the vault wraps the key."
)
AAD: Final = click.option(
    "--aad", default="", metavar="TEXT", help="Additional data that is authenticated (AES-GCM, envelopes)."
)
FROM_SECRET: Final = click.option(
    "--from-secret", default="", metavar="NAME[/KEY]", help="With --job: the Secret, or one key of it."
)
TO_CONFIG_MAP: Final = click.option(
    "--to-configmap",
    default="",
    metavar="NAME",
    help="With --job: put the result there, not into the status.",
)
TO_SECRET: Final = click.option(
    "--to-secret", default="", metavar="NAME", help="With --job: the Secret that gets the plaintext."
)


@click.group(name="crypto")
def crypto() -> None:
    """Use keys of a vault that never leave it: encrypt, sign, wrap, rotate and back.

    Exit status: 0 done, 1 the signature is not valid, 2 wrong usage, 3 refused, 4 may work later.
    """


@crypto.command()
@common_options
@in_option
@out_option
@ENVELOPE
@AAD
@FROM_SECRET
@TO_CONFIG_MAP
def encrypt(**given: Any) -> None:
    """Encrypt a file or standard input.

    Gives a JSON document that `decrypt` takes; with --envelope the envelope itself.
    """
    _protect(CryptoOperation.ENCRYPT, given)


@crypto.command()
@common_options
@in_option
@out_option
@FROM_SECRET
@TO_CONFIG_MAP
def wrap(**given: Any) -> None:
    """Wrap a symmetric key; gives a JSON document that `unwrap` takes."""
    _protect(CryptoOperation.WRAP_KEY, given)


@crypto.command()
@common_options
@in_option
@out_option
@ENVELOPE
@AAD
@TO_SECRET
def decrypt(**given: Any) -> None:
    """Decrypt a document of `encrypt`, the data of an output as JSON, or with --envelope an envelope."""
    _reveal(CryptoOperation.DECRYPT, given)


@crypto.command()
@common_options
@in_option
@out_option
@TO_SECRET
def unwrap(**given: Any) -> None:
    """Unwrap a document of `wrap`."""
    _reveal(CryptoOperation.UNWRAP_KEY, given)


@crypto.command()
@rotation_options
@click.option(
    "--min-age", default="24h", metavar="DURATION", show_default=True, help="A younger version stays."
)
def rotate(min_age: str, **given: Any) -> None:
    """Make a new version of the key; prints the id of the latest."""
    flags = Flags.of(CryptoOperation.ROTATE_KEY, given)
    try:
        spec = flags.spec(min_age=parse_duration(min_age))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--min-age") from None
    if flags.job:
        told = flags.submit({"minAge": min_age})
        click.echo(told["keyId"])
        return
    key_id, made = run(flags.vault_url, flags.ca_file, lambda client: perform_rotation(client, spec))
    if not made:
        click.echo("the latest version is younger than --min-age and stays", err=True)
    click.echo(key_id)


crypto.add_command(crypto_sign.sign)
crypto.add_command(crypto_sign.verify)


def _protect(operation: CryptoOperation, given: dict[str, Any]) -> None:
    flags = Flags.of(operation, given)
    if flags.job:
        _protect_by_job(flags)
        return
    spec = flags.spec(envelope=flags.envelope)
    if flags.envelope:
        _stream(flags, spec, encrypt_stream)
        return
    payload = Payload(data=read_input(flags.source), aad=flags.aad or None)
    result, algorithm = run(flags.vault_url, flags.ca_file, lambda client: perform(client, spec, payload))
    write_output(flags.target, render_document(result, algorithm))


def _protect_by_job(flags: Flags) -> None:
    """Plaintext does not belong into a job: it has to be in a Secret already."""
    if not flags.from_secret:
        raise click.UsageError("--job needs --from-secret: plaintext does not go into a job")
    name, _, key = flags.from_secret.partition("/")
    source = {"secretKeyRef": {"name": name, "key": key}} if key else {"secretRef": {"name": name}}
    told = flags.submit({"input": source, **flags.extras(), **flags.into("configMap", flags.to_configmap)})
    flags.write_status(told)


def _reveal(operation: CryptoOperation, given: dict[str, Any]) -> None:
    flags = Flags.of(operation, given)
    if flags.job:
        _reveal_by_job(flags)
        return
    spec = flags.spec(envelope=flags.envelope)
    if flags.envelope:
        _stream(flags, spec, decrypt_stream)
        return
    payload = parse_document(read_input(flags.source), operation)
    result, _ = run(flags.vault_url, flags.ca_file, lambda client: perform(client, spec, payload))
    write_output(flags.target, result.secret or b"")


def _reveal_by_job(flags: Flags) -> None:
    if not flags.to_secret:
        raise click.UsageError("--job needs --to-secret: plaintext goes into a Secret only")
    told = flags.submit({**flags.ciphertext(), **flags.into("secret", flags.to_secret)})
    click.echo(f"{told['output']['kind']} {told['output']['name']}")


def _stream(flags: Flags, spec: CryptoJobSpec, work: Callable[..., Any]) -> None:
    with open_input(flags.source) as source, collect_output(flags.target) as target:
        run(flags.vault_url, flags.ca_file, lambda client: work(client, spec, source, target, flags.aad))
