"""`vaultbind crypto sign` and `verify`: files of any size, only their digest is sent."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import IO, Any, Final

import click

from vaultbind.api.cryptojob import CryptoJobSpec, CryptoOperation, MessageType, SignatureForm
from vaultbind.cli.crypto_files import open_input, read_input, render_document, write_output
from vaultbind.cli.crypto_flags import Flags, common_options, in_option, inline, out_option
from vaultbind.cli.crypto_job import JobFailedError
from vaultbind.cli.crypto_work import (
    HASHES,
    USUAL_HASH,
    fetch_key,
    hash_of,
    hash_stream,
    perform,
    pick_algorithm,
    run,
)
from vaultbind.cryptojobs.facts import Payload, Result
from vaultbind.cryptojobs.forms import FormError, from_der
from vaultbind.keyvault import KeyVaultClient

NOT_VALID: Final = 1
DIGEST_BYTES: Final = frozenset({32, 48, 64})
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
    _check_form(form, digest=digest)
    if binary and (as_json or FORMS[form].is_jws):
        raise click.UsageError("--binary goes with --form raw and der only, and not with --json")
    if flags.job:
        output: dict[str, Any] = {"output": {"status": {}, "format": FORMS[form].value}}
        told = _submit(flags, FORMS[form], output, digest=digest)
        result = Result(key_id=told["keyId"], value=told["result"]["value"])
        algorithm = told["algorithm"]
    else:
        result, algorithm = _ask(flags, FORMS[form], b"", digest=digest)
    if as_json:
        write_output(flags.target, render_document(result, algorithm))
    elif binary:
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
    _check_form(form, digest=digest)
    if flags.source == signature:
        raise click.UsageError("--signature and --in name the same; standard input can be one of them only")
    found = parse_signature(read_input(signature, "--signature"), FORMS[form])
    if flags.job:
        shown = found.decode("ascii") if FORMS[form].is_jws else base64.b64encode(found).decode("ascii")
        given_signature = {"signature": {"value": shown, "format": FORMS[form].value}}
        told = _submit(flags, FORMS[form], given_signature, digest=digest)
        valid = bool(told["result"]["valid"])
    else:
        result, _ = _ask(flags, FORMS[form], found, digest=digest)
        valid = bool(result.valid)
    click.echo("valid" if valid else "not valid")
    if not valid:
        raise click.exceptions.Exit(NOT_VALID)


def parse_signature(data: bytes, form: SignatureForm) -> bytes:
    """Signature as bytes (a JWS as its text) from what a file holds; raises click.BadParameter."""
    text = data.strip()
    if text.startswith(b"{"):
        try:
            text = str(json.loads(text)["result"]).encode()
        except (ValueError, KeyError, TypeError):
            message = "it is no JSON of `vaultbind crypto sign`"
            raise click.BadParameter(message, param_hint="--signature") from None
    if form.is_jws:
        if not text.isascii():
            raise click.BadParameter("it is no JWS", param_hint="--signature")
        return text
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return data


def _ask(flags: Flags, form: SignatureForm, signature: bytes, *, digest: bool) -> tuple[Result, str]:
    """Let the vault do it; a file is hashed piece by piece, unless a JWS needs the whole of it."""
    spec = flags.spec(form=form, message_type=MessageType.MESSAGE if form.is_jws else MessageType.DIGEST)
    if digest or form.is_jws:
        payload = Payload(
            data=_read_digest(flags) if digest else read_input(flags.source), signature=signature
        )
        return run(flags.vault_url, flags.ca_file, lambda client: perform(client, spec, payload))
    with open_input(flags.source) as file:

        async def work(client: KeyVaultClient) -> tuple[Result, str]:
            data = await _hash(client, spec, file)
            return await perform(client, spec, Payload(data=data, signature=signature))

        return run(flags.vault_url, flags.ca_file, work)


async def _hash(client: KeyVaultClient, spec: CryptoJobSpec, file: IO[bytes]) -> bytes:
    """Which hash it is the algorithm says, and that may depend on the key."""
    algorithm = spec.algorithm
    if not algorithm:
        algorithm = pick_algorithm(spec, Payload(data=b""), await fetch_key(client, spec))
    return hash_stream(file, hash_of(algorithm))[hash_of(algorithm)]


def _check_form(form: str, *, digest: bool) -> None:
    if digest and FORMS[form].is_jws:
        raise click.UsageError("--digest does not go with --form jws: a JWS signs a message")


def _read_digest(flags: Flags) -> bytes:
    """Bytes of a digest, which may be written in hexadecimal as `sha256sum` does it."""
    data = read_input(flags.source)
    words = data.split()
    try:
        coded = bytes.fromhex(words[0].decode("ascii"))
    except (ValueError, IndexError):
        coded = b""
    for found in (coded, data):
        if len(found) in DIGEST_BYTES:
            return found
    raise click.BadParameter("a digest has 32, 48 or 64 bytes", param_hint="--in")


# -- by a job -----------------------------------------------------------------------------------------


def _submit(
    flags: Flags, form: SignatureForm, fields: Mapping[str, Any], *, digest: bool
) -> Mapping[str, Any]:
    """Let a job do it; returns its status. Only a JWS takes the input itself into the cluster."""
    if form.is_jws:
        return flags.submit({"input": inline(read_input(flags.source)), **fields})
    if digest:
        return flags.submit(_as_digest(_read_digest(flags), fields))
    return _submit_hashed(flags, fields)


def _submit_hashed(flags: Flags, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Which hash it is the key may decide, and that the job's status tells: then another job is right."""
    wanted = hash_of(flags.algorithm) if flags.algorithm else USUAL_HASH
    with open_input(flags.source) as file:
        found = hash_stream(file, *({wanted} if flags.algorithm else HASHES.values()))
    if flags.algorithm:
        _check_der(fields, flags.algorithm)
    try:
        return flags.submit(_as_digest(found[wanted], fields))
    except JobFailedError as failed:
        used = str(failed.status.get("algorithm") or "")
        if flags.algorithm or not used or hash_of(used) == wanted or not failed.is_about_input:
            raise
        _check_der(fields, used)
        named = replace(flags, algorithm=used, place=flags.place.another(used.lower()))
        return named.submit(_as_digest(found[hash_of(used)], fields))


def _check_der(fields: Mapping[str, Any], algorithm: str) -> None:
    """Refuse a signature that no digest makes valid: another job would be for nothing."""
    given = fields.get("signature") or {}
    if given.get("format") != SignatureForm.DER.value:
        return
    try:
        from_der(base64.b64decode(given["value"]), algorithm)
    except FormError as error:
        raise click.BadParameter(str(error), param_hint="--signature") from None


def _as_digest(digest: bytes, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"messageType": MessageType.DIGEST.value, "input": inline(digest), **fields}
