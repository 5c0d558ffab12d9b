"""`vaultbind crypto sign` and `verify`: files of any size, only their digest is sent."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import click

from vaultbind.api.cryptojob import CryptoJobSpec, CryptoOperation, MessageType, SignatureForm
from vaultbind.cli.crypto_files import open_input, read_input, render_document, write_output
from vaultbind.cli.crypto_flags import Flags, common_options, in_option, out_option
from vaultbind.cli.crypto_work import RefusedError, fetch_key, hash_stream, perform, pick_algorithm, run
from vaultbind.cryptojobs.facts import Payload, Result
from vaultbind.keyvault import KeyVaultClient

NOT_VALID: Final = 1
FORMS: Final[Mapping[str, SignatureForm]] = {
    "raw": SignatureForm.RAW,
    "der": SignatureForm.DER,
    "jws": SignatureForm.JWS,
    "jws-detached": SignatureForm.JWS_DETACHED,
}
_DIGEST: Final = click.option(
    "--digest", is_flag=True, help="The input is the digest (bytes, or hexadecimal text) and is not hashed."
)
_FORM: Final = click.option(
    "--form",
    type=click.Choice(list(FORMS)),
    default="raw",
    show_default=True,
    help="der is what OpenSSL takes; raw is r and s for elliptic curves.",
)


@click.command()
@common_options
@in_option
@out_option
@_DIGEST
@_FORM
@click.option("--binary", is_flag=True, help="Write the bytes of the signature, not base64.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON document with key id and algorithm.")
def sign(digest: bool, form: str, binary: bool, as_json: bool, **given: Any) -> None:  # noqa: FBT001 - click's
    """Sign a file or standard input; gives base64, or a JWS."""
    flags = Flags.of(CryptoOperation.SIGN, given)
    if flags.job:
        fields = _job_fields(flags, digest=digest)
        told = flags.submit({**fields, "output": {"status": {}, "format": FORMS[form].value}})
        result = Result(key_id=told["keyId"], value=told["result"]["value"])
        algorithm = told["algorithm"]
    else:
        result, algorithm = _ask(flags, FORMS[form], b"", digest=digest)
    if as_json:
        write_output(flags.target, render_document(result, algorithm))
    elif binary and not FORMS[form].is_jws:
        write_output(flags.target, base64.b64decode(result.value))
    else:
        write_output(flags.target, result.value.encode() + b"\n")


@click.command()
@common_options
@in_option
@_DIGEST
@_FORM
@click.option(
    "--signature",
    required=True,
    metavar="FILE",
    help="The signature: base64, bytes, a JWS, or JSON of `sign`.",
)
def verify(digest: bool, form: str, signature: str, **given: Any) -> None:  # noqa: FBT001 - click's
    """Verify the signature of a file or standard input; exit status 1 where it is not valid."""
    flags = Flags.of(CryptoOperation.VERIFY, given)
    found = parse_signature(read_input(signature), FORMS[form])
    if flags.job:
        shown = found.decode("ascii") if FORMS[form].is_jws else base64.b64encode(found).decode("ascii")
        fields = _job_fields(flags, digest=digest)
        told = flags.submit({**fields, "signature": {"value": shown, "format": FORMS[form].value}})
        valid = bool(told["result"]["valid"])
    else:
        result, _ = _ask(flags, FORMS[form], found, digest=digest)
        valid = bool(result.valid)
    click.echo("valid" if valid else "not valid")
    if not valid:
        raise click.exceptions.Exit(NOT_VALID)


def parse_signature(data: bytes, form: SignatureForm) -> bytes:
    """Signature as bytes (a JWS as its text) from what a file holds."""
    text = data.strip()
    if text.startswith(b"{"):
        try:
            text = str(json.loads(text)["result"]).encode()
        except (ValueError, KeyError, TypeError):
            raise click.ClickException("--signature: it is no JSON of `vaultbind crypto sign`") from None
    if form.is_jws:
        return text
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return data


def _ask(flags: Flags, form: SignatureForm, signature: bytes, *, digest: bool) -> tuple[Result, str]:
    """Let the vault do it; a file is hashed piece by piece, unless a JWS needs the whole of it."""

    async def work(client: KeyVaultClient) -> tuple[Result, str]:
        spec = flags.spec(form=form, message_type=MessageType.DIGEST)
        if digest:
            data = _digest(read_input(flags.source))
        elif form.is_jws:
            spec, data = flags.spec(form=form), read_input(flags.source)
        else:
            data = await _hash(client, spec, flags.source)
        return await perform(client, spec, Payload(data=data, signature=signature))

    return run(flags.vault_url, flags.ca_file, work)


async def _hash(client: KeyVaultClient, spec: CryptoJobSpec, source: str) -> bytes:
    """Which hash it is the algorithm says, and that may depend on the key."""
    algorithm = spec.algorithm
    if not algorithm:
        algorithm = pick_algorithm(spec, Payload(data=b""), await fetch_key(client, spec))
    try:
        with open_input(source) as file:
            return hash_stream(file, algorithm)
    except ValueError:
        raise RefusedError(f"{algorithm} is no algorithm that signs") from None


def _digest(data: bytes) -> bytes:
    """Bytes of a digest, which may be written in hexadecimal as `sha256sum` does it."""
    words = data.split()
    try:
        return bytes.fromhex(words[0].decode("ascii"))
    except (ValueError, IndexError):
        return data


def _job_fields(flags: Flags, *, digest: bool) -> dict[str, Any]:
    data = read_input(flags.source)
    if digest:
        coded = base64.b64encode(_digest(data)).decode("ascii")
        return {"messageType": MessageType.DIGEST.value, "input": {"value": coded}}
    return {"input": {"value": base64.b64encode(data).decode("ascii")}}
