"""Pure: the Secret or ConfigMap that holds a result, and whose one is that exists already."""

import base64
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final

from vaultbind.api.cryptojob import CryptoJobSpec, HolderKind, OutputOwner
from vaultbind.api.names import (
    ANNOTATION_ALGORITHM,
    ANNOTATION_JOB,
    ANNOTATION_KEY_ID,
    API_VERSION,
    KIND_CRYPTO_JOB,
    LABEL_JOB_UID,
)
from vaultbind.cryptojobs.facts import Facts, Result
from vaultbind.cryptojobs.inputs import SECRET_DATA, unpack
from vaultbind.cryptojobs.operate import encode

MOST_BYTES: Final = 1024 * 1024
"""Bytes of keys and values that a Secret or ConfigMap may hold."""


class Claimant(Enum):
    """Relation of an object with the output's name to the job."""

    THIS_JOB = auto()  # its result is there already
    FORMER_SELF = auto()  # a job of this name made it, and is gone
    FOREIGN = auto()


def decide_claimant(metadata: Mapping[str, Any], *, job: str, uid: str) -> Claimant:
    """Tell whose an existing Secret or ConfigMap is, from its metadata alone."""
    label = (metadata.get("labels") or {}).get(LABEL_JOB_UID)
    if label == uid:
        return Claimant.THIS_JOB
    controller = next(
        (item for item in metadata.get("ownerReferences") or () if item.get("controller")), None
    )
    named = (metadata.get("annotations") or {}).get(ANNOTATION_JOB) == job
    if label is None or not named:
        return Claimant.FOREIGN
    if controller is None or (controller.get("kind"), controller.get("name")) == (KIND_CRYPTO_JOB, job):
        return Claimant.FORMER_SELF
    return Claimant.FOREIGN


def render_data(spec: CryptoJobSpec, result: Result, content: str) -> dict[str, bytes] | None:
    """Keys of the output; None where a whole Secret was expected and something else came out."""
    if result.secret is not None:
        return unpack(result.secret) if content == SECRET_DATA else {spec.output.key: result.secret}
    texts = {
        "keyId": result.key_id,
        "algorithm": result.algorithm,
        spec.output.key: result.value,
        "content": content,
    }
    data = {key: text.encode() for key, text in texts.items() if text}
    extras = {"iv": result.iv, "tag": result.tag, "aad": result.aad}
    return data | {key: encode(value).encode() for key, value in extras.items() if value is not None}


def is_too_large(data: Mapping[str, bytes]) -> bool:
    """Whether the API server would refuse it."""
    return sum(len(key) + len(value) for key, value in data.items()) > MOST_BYTES


def render_output(facts: Facts, data: Mapping[str, bytes], result: Result) -> dict[str, Any]:
    """Body of the POST."""
    output = facts.spec.output
    kind = output.kind or HolderKind.SECRET
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": kind.value,
        "metadata": {
            "name": output.name,
            "namespace": facts.key.namespace,
            **_metadata(facts, result),
        },
    }
    if kind is HolderKind.SECRET:
        coded = {name: base64.b64encode(value).decode("ascii") for name, value in data.items()}
        return {**body, "type": "Opaque", "data": coded}
    return {**body, "data": {name: value.decode() for name, value in data.items()}}


def render_replacement(body: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a merge patch of what a former self left: keys that are not in `body` go.

    `found` is the whole object, whose uid and resourceVersion guard the patch.
    """
    metadata, old = body["metadata"], found["metadata"]
    patch_metadata = {
        "uid": old["uid"],
        "resourceVersion": old["resourceVersion"],
        "labels": metadata["labels"],
        "annotations": metadata["annotations"],
        "ownerReferences": metadata.get("ownerReferences", []),
    }
    patch: dict[str, Any] = {"metadata": patch_metadata, "data": dict(body["data"])}
    for field in ("data", "binaryData"):
        gone = set(found.get(field) or {}) - set(body["data"] if field == "data" else ())
        if gone:
            patch[field] = patch.get(field, {}) | dict.fromkeys(sorted(gone))
    return patch


def _metadata(facts: Facts, result: Result) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "labels": {LABEL_JOB_UID: facts.uid},
        "annotations": {
            ANNOTATION_JOB: facts.key.name,
            ANNOTATION_KEY_ID: result.key_id,
            ANNOTATION_ALGORITHM: result.algorithm,
        },
    }
    if facts.spec.output.owner is OutputOwner.JOB:
        owner = {
            "apiVersion": API_VERSION,
            "kind": KIND_CRYPTO_JOB,
            "name": facts.key.name,
            "uid": facts.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
        metadata["ownerReferences"] = [owner]
    return metadata
