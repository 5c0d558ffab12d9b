"""The operations themselves: one call of the vault each, all through the client library."""

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoOperation, MessageType, SignatureForm
from vaultbind.cryptojobs import forms
from vaultbind.cryptojobs.facts import Result, Run, Setback
from vaultbind.cryptojobs.setbacks import final
from vaultbind.keyvault import (
    EncryptionAlgorithm,
    Key,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
    KeyWrapAlgorithm,
    SignatureAlgorithm,
)

T = TypeVar("T")
IV_BYTES: Final = 16
Draw = Callable[[int], bytes]
"""Gives so many random bytes."""


async def operate(client: KeyVaultClient, run: Run, draw: Draw) -> Result | Setback:
    """Do the operation. Raises KeyVaultError; a setback is what no other try would change."""
    if run.spec.operation is CryptoOperation.ENCRYPT and run.payload.iv is None and "CBC" in run.algorithm:
        run = replace(run, payload=replace(run.payload, iv=draw(IV_BYTES)))
    operations = _ENVELOPES if run.spec.envelope else _OPERATIONS
    try:
        return await try_sizes(run.algorithm, run.others, partial(_call, operations, client, run))
    except forms.FormError as error:
        return final(Reason.INPUT_INVALID, f"spec.signature: {error}")


async def try_sizes(algorithm: str, others: Sequence[str], call: Callable[[str], Awaitable[T]]) -> T:
    """Call with the first algorithm that fits the key's size.

    Raises KeyVaultError: where the vault refused each of several, one that says so.
    """
    *first, last = (algorithm, *others)
    for each in first:
        try:
            return await call(each)
        except KeyVaultError as error:
            if error.kind is not KeyVaultErrorKind.BAD_PARAMETER:
                raise
    try:
        return await call(last)
    except KeyVaultError as error:
        if not first or error.kind is not KeyVaultErrorKind.BAD_PARAMETER:
            raise
        raise _none_fits(error, (*first, last)) from None


def _none_fits(error: KeyVaultError, tried: Sequence[str]) -> KeyVaultError:
    """The last refusal alone would tell of an algorithm that nobody asked for."""
    return KeyVaultError(
        error.kind,
        code=error.code,
        detail=f"none of {', '.join(tried)} fits key and input; name the algorithm",
        object_name=error.object_name,
        http_status=error.http_status,
        request_id=error.request_id,
    )


async def _call(
    operations: "Mapping[CryptoOperation, _Operate]", client: KeyVaultClient, run: Run, algorithm: str
) -> Result:
    done = await operations[run.spec.operation](client, replace(run, algorithm=algorithm))
    return replace(done, algorithm=algorithm)


async def _encrypt(client: KeyVaultClient, run: Run) -> Result:
    payload, algorithm = run.payload, EncryptionAlgorithm(run.algorithm)
    done = await client.keys.encrypt(run.vault_key, algorithm, payload.data, iv=payload.iv, aad=payload.aad)
    return Result(key_id=done.key_id, value=encode(done.ciphertext), iv=done.iv, tag=done.tag, aad=done.aad)


async def _decrypt(client: KeyVaultClient, run: Run) -> Result:
    payload = run.payload
    done = await client.keys.decrypt(
        run.vault_key,
        EncryptionAlgorithm(run.algorithm),
        payload.data,
        iv=payload.iv,
        tag=payload.tag,
        aad=payload.aad,
    )
    return Result(key_id=done.key_id, secret=done.plaintext)


async def _sign(client: KeyVaultClient, run: Run) -> Result:
    key, algorithm, data = run.vault_key, SignatureAlgorithm(run.algorithm), run.payload.data
    if run.spec.form.is_jws:
        return await _sign_jws(client, run)
    if run.spec.message_type is MessageType.DIGEST:
        done = await client.keys.sign(key, algorithm, data)
    else:
        done = await client.keys.sign(key, algorithm, message=data)
    signature = done.signature
    if run.spec.form is SignatureForm.DER:
        signature = forms.to_der(signature, run.algorithm)
    return Result(key_id=done.key_id, value=encode(signature))


async def _sign_jws(client: KeyVaultClient, run: Run) -> Result:
    data = run.payload.data
    header = forms.jws_header(run.algorithm, run.vault_key.key.kid)
    done = await client.keys.sign(
        run.vault_key, SignatureAlgorithm(run.algorithm), message=forms.jws_signing_input(header, data)
    )
    detached = run.spec.form is SignatureForm.JWS_DETACHED
    return Result(key_id=done.key_id, value=forms.render_jws(header, data, done.signature, detached=detached))


async def _verify(client: KeyVaultClient, run: Run) -> Result:
    key, algorithm = run.vault_key, SignatureAlgorithm(run.algorithm)
    message, signature = _signed(run)
    if run.spec.message_type is MessageType.DIGEST:
        done = await client.keys.verify(key, algorithm, message, signature=signature)
    else:
        done = await client.keys.verify(key, algorithm, message=message, signature=signature)
    return Result(key_id=run.vault_key.key.kid, valid=done.is_valid)


def _signed(run: Run) -> tuple[bytes, bytes]:
    """What was signed, and the signature as the service takes it. Raises FormError."""
    payload, form = run.payload, run.spec.form
    if form.is_jws:
        text = payload.signature.decode("ascii", "replace")
        detached = form is SignatureForm.JWS_DETACHED
        return forms.parse_jws(text, payload.data, run.algorithm, detached=detached)
    if form is SignatureForm.DER:
        return payload.data, forms.from_der(payload.signature, run.algorithm)
    return payload.data, payload.signature


async def _wrap(client: KeyVaultClient, run: Run) -> Result:
    done = await client.keys.wrap_key(run.vault_key, KeyWrapAlgorithm(run.algorithm), run.payload.data)
    return Result(key_id=done.key_id, value=encode(done.encrypted_key))


async def _unwrap(client: KeyVaultClient, run: Run) -> Result:
    done = await client.keys.unwrap_key(run.vault_key, KeyWrapAlgorithm(run.algorithm), run.payload.data)
    return Result(key_id=done.key_id, secret=done.key)


async def _encrypt_envelope(client: KeyVaultClient, run: Run) -> Result:
    payload = run.payload
    envelope = await client.envelopes.encrypt(
        run.vault_key, payload.data, algorithm=KeyWrapAlgorithm(run.algorithm), aad=payload.aad or b""
    )
    return Result(key_id=run.vault_key.key.kid, value=encode(envelope), aad=payload.aad)


async def _decrypt_envelope(client: KeyVaultClient, run: Run) -> Result:
    """The envelope names key version and algorithm; the claim has compared the first."""
    payload = run.payload
    plaintext = await client.envelopes.decrypt(payload.data, key=run.spec.key, aad=payload.aad or b"")
    return Result(key_id=run.vault_key.key.kid, secret=plaintext)


async def rotate(client: KeyVaultClient, name: str) -> Key:
    """Make a new version of the key. Raises KeyVaultError; its answer may be lost although it worked."""
    return await client.keys.rotate_key(name)


def encode(data: bytes) -> str:
    """Bytes as outputs have them."""
    return base64.b64encode(data).decode("ascii")


_Operate = Callable[[KeyVaultClient, Run], Awaitable[Result]]
_OPERATIONS: Final[Mapping[CryptoOperation, _Operate]] = {
    CryptoOperation.ENCRYPT: _encrypt,
    CryptoOperation.DECRYPT: _decrypt,
    CryptoOperation.SIGN: _sign,
    CryptoOperation.VERIFY: _verify,
    CryptoOperation.WRAP_KEY: _wrap,
    CryptoOperation.UNWRAP_KEY: _unwrap,
}
_ENVELOPES: Final[Mapping[CryptoOperation, _Operate]] = {
    CryptoOperation.ENCRYPT: _encrypt_envelope,
    CryptoOperation.DECRYPT: _decrypt_envelope,
}
