"""The CRDs, the parsers and the tests know the same fields."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from tests.unit.api import cases, cases_cryptojob
from tests.unit.api.schema import CRDS, KINDS, REFUSALS, is_refused, places, version
from vaultbind.api import binding, cryptojob, data_from, grammar, implemented, keyvault, names
from vaultbind.api.refs import VaultObjectKind

FIELDS = {
    "VaultBinding": implemented.BINDING_FIELDS,
    "KeyVault": implemented.KEYVAULT_FIELDS,
    "ClusterKeyVault": implemented.CLUSTER_KEYVAULT_FIELDS,
    "CryptoJob": implemented.CRYPTOJOB_FIELDS,
}
DURATION = "^([0-9]+(d|h|m|s))+$"
GRAMMARS = {
    (item.pattern, item.longest) for item in vars(grammar).values() if isinstance(item, grammar.Grammar)
} | {(DURATION, 32)}
each_kind = pytest.mark.parametrize("kind", KINDS)


def known_places(kind: str) -> dict[str, Mapping[str, Any]]:
    return {path: schema for path, schema in places(kind, "spec").items() if not is_refused(kind, path)}


@each_kind
def test_parser_and_schema_know_the_same_fields(kind: str) -> None:
    free = {"spec.auth.default", "spec.output.status"}  # an object without fields
    schema = {
        path: set(place.get("properties", {}))
        for path, place in known_places(kind).items()
        if place["type"] == "object" and ("properties" in place or path in free)
    }
    assert {path: set(fields.split()) for path, fields in FIELDS[kind].items()} == schema


@each_kind
def test_refused_fields_and_values_are_in_the_schema(kind: str) -> None:
    for refusal in REFUSALS[kind]:
        place = places(kind)[refusal.path]
        assert refusal.values <= set(place.get("enum", [True])), refusal.path


ENUMS: Mapping[str, type[StrEnum] | frozenset[str]] = {
    "spec.operation": cryptojob.CryptoOperation,
    "spec.algorithm": frozenset().union(*cryptojob.ALGORITHMS.values()),
    **{f"spec.{place}.decode": binding.Decode for place in ("input", "signature", "iv", "aad", "tag")},
    "spec.messageType": cryptojob.MessageType,
    "spec.signature.format": cryptojob.SignatureForm,
    "spec.output.format": cryptojob.SignatureForm,
    "spec.output.secret.owner": cryptojob.OutputOwner,
    "spec.output.configMap.owner": cryptojob.OutputOwner,
    "spec.vaultRef.kind": frozenset({"KeyVault", "ClusterKeyVault"}),
    "spec.refreshPolicy": binding.RefreshPolicy,
    "spec.target.creationPolicy": binding.CreationPolicy,
    "spec.target.whenMissing": binding.WhenMissing,
    "spec.target.template.keep": binding.Keep,
    "spec.data[].secret.decode": binding.Decode,
    "spec.data[].certificate.include": binding.Include,
    "spec.data[].certificate.format": binding.CertificateFormat,
    "spec.data[].publicKey.format": binding.PublicKeyFormat,
    "spec.dataFrom[].extract.format": data_from.ExtractFormat,
    "spec.dataFrom[].find.kinds[]": VaultObjectKind,
    "spec.rollout.restart[].kind": binding.WorkloadKind,
    "spec.detection": keyvault.Detection,
    "spec.caBundleRef.kind": keyvault.BundleKind,
    "spec.rotation.keys[].policy": keyvault.RotationMode,
    "spec.expiry.scope": keyvault.ExpiryScope,
    "spec.crypto.allowedOperations[]": cryptojob.CryptoOperation,
    "spec.access[].kinds[]": VaultObjectKind,
    "spec.access[].namespaces.selector.matchExpressions[].operator": frozenset(
        {"In", "NotIn", "Exists", "DoesNotExist"}
    ),
}


@each_kind
def test_each_value_of_an_enum_is_implemented_or_refused(kind: str) -> None:
    refused = {refusal.path: refusal.values for refusal in REFUSALS[kind]}
    for path, place in known_places(kind).items():
        if "enum" in place:
            assert set(place["enum"]) == {str(value) for value in ENUMS[path]} | refused.get(path, set()), (
                path
            )


@each_kind
def test_patterns_and_lengths_are_those_of_the_grammars(kind: str) -> None:
    for path, place in known_places(kind).items():
        for schema in (place, place.get("additionalProperties", {})):
            if "pattern" in schema:
                assert (schema["pattern"], schema["maxLength"]) in GRAMMARS, path


@pytest.mark.parametrize(
    ("path", "shape"),
    [("spec.url", grammar.HTTPS_URL), ("spec.authorityHost", grammar.HTTPS_URL)],
)
def test_rules_that_hold_a_grammar(path: str, shape: grammar.Grammar) -> None:
    place = places("KeyVault")[path]
    (rule,) = place["x-kubernetes-validations"]
    assert rule == {"rule": f"self.matches('{shape.pattern}')", "message": shape.sentence}
    assert place["maxLength"] == shape.longest


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_keys_of_labels_and_annotations(field: str) -> None:
    rules = [
        rule["rule"] for rule in places("VaultBinding")[f"spec.target.{field}"]["x-kubernetes-validations"]
    ]
    assert any(f"k.matches('{grammar.QUALIFIED_KEY.pattern}')" in rule for rule in rules)


REFUSED = (
    *(cases.INVALID_BINDINGS + cases.INVALID_KEYVAULTS + cases.INVALID_CLUSTER_KEYVAULTS),
    *(cases.LATER_BINDINGS + cases.LATER_KEYVAULTS),
    *cases_cryptojob.INVALID_CRYPTOJOBS,
)
SERVER_MESSAGES = [
    *(case.server for case in REFUSED if case.server),
    *(message for _, _, message in cases.LATER_RULES + cases.LATER_KEYVAULT_RULES),
    # a test of its own:
    "only suspend, activeDeadlineSeconds, ttlSecondsAfterFinished and backoffLimit may change",
]


@each_kind
def test_each_rule_of_the_server_has_a_case_that_breaks_it(kind: str) -> None:
    """`tests/apiserver/test_crds.py` sends these cases to the real API server."""
    messages = [
        rule["message"]
        for place in places(kind).values()
        for rule in place.get("x-kubernetes-validations", ())
    ]
    assert messages
    assert [text for text in messages if not any(said in text for said in SERVER_MESSAGES)] == []


LATER_CASES = {
    "VaultBinding": cases.LATER_BINDINGS,
    "KeyVault": cases.LATER_KEYVAULTS,
    "CryptoJob": (),
}


@pytest.mark.parametrize("kind", list(LATER_CASES))
def test_each_refusal_has_a_case(kind: str) -> None:
    later = LATER_CASES[kind]
    told = {re.sub(r"\[\d+\]", "[]", case.path) for case in later}
    assert {refusal.path for refusal in REFUSALS[kind]} <= told


@each_kind
def test_every_place_is_described_and_bounded(kind: str) -> None:
    """Without bounds the API server refuses the rules for their cost."""
    for path, place in places(kind).items():
        if not path.endswith("[]"):
            assert place["description"].strip().endswith("."), path
        _assert_bounded(path, place)


def _assert_bounded(path: str, place: Mapping[str, Any]) -> None:
    if place["type"] == "string":
        assert {"maxLength", "enum", "format"} & set(place), path
    if place["type"] == "array":
        assert {"maxItems", "x-kubernetes-list-type"} <= set(place), path
    if "additionalProperties" in place:
        assert "maxProperties" in place, path
        assert "maxLength" in place["additionalProperties"], path


@each_kind
def test_nothing_has_a_default_but_the_status(kind: str) -> None:
    """A default inside a union leaves two members when another one is applied."""
    defaults = {path: place["default"] for path, place in places(kind).items() if "default" in place}
    assert defaults == {"status": {"observedGeneration": -1}}


@each_kind
def test_names(kind: str) -> None:
    spec = CRDS[kind]["spec"]
    assert spec["group"] == names.GROUP
    assert version(kind)["name"] == names.VERSION
    assert spec["names"]["categories"] == ["vaultbind"]
    assert CRDS[kind]["metadata"]["name"] == f"{spec['names']['plural']}.{names.GROUP}"
    assert kind in {
        *(names.KIND_BINDING, names.KIND_KEYVAULT, names.KIND_CLUSTER_KEYVAULT, names.KIND_CRYPTO_JOB)
    }


def test_both_kinds_of_vault_have_the_same_fields() -> None:
    """ClusterKeyVault has `access` besides, and a namespace in each reference."""
    one, other = places("KeyVault"), places("ClusterKeyVault")
    references = ("secretRef", "certificateRef", "serviceAccountRef", "caBundleRef")
    assert {path for path in set(other) - set(one) if not path.startswith("spec.access")} == {
        path + ".namespace" for path in one if path.endswith(references)
    }
    leaves = [path for path in one if "properties" not in one[path] and "items" not in one[path]]
    assert [path for path in leaves if one[path] != other[path]] == []


def test_no_column_points_at_a_field_that_is_not_there() -> None:
    for kind in KINDS:
        paths = set(places(kind)) | {"metadata.creationTimestamp"}
        for column in version(kind)["additionalPrinterColumns"]:
            field = re.sub(r"\[\?.*?\]", "[]", column["jsonPath"]).removeprefix(".")
            assert field in paths, column
