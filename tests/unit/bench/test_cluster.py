"""Whose requests the API server counted: whatever nobody has thought of is the operator's."""

from collections import Counter

import pytest

from bench.cluster import of_operator

NOTHING = {"writes": 0, "reads": 0, "reviews": 0}


@pytest.mark.parametrize(
    ("verb", "name", "kind"),
    [
        ("POST", "secrets", "writes"),
        ("PATCH", "vaultbindings/status", "writes"),
        ("PATCH", "vaultbindings", "writes"),
        ("DELETE", "secrets", "writes"),
        ("APPLY", "deployments", "writes"),
        ("PUT", "configmaps", "writes"),
        ("GET", "vaultbindings", "reads"),
        ("LIST", "namespaces", "reads"),
        ("POST", "selfsubjectaccessreviews", "reviews"),
    ],
)
def test_a_request_is_the_operators(verb: str, name: str, kind: str) -> None:
    assert of_operator(Counter({(verb, name): 3})) == NOTHING | {kind: 3, f"{verb} {name}": 3}


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        ("WATCH", "secrets"),
        ("GET", "/openapi/v3"),
        ("PUT", "leases"),
        ("LIST", "services"),
        ("POST", "vaultbindings"),
    ],
)
def test_a_request_is_of_somebody_else_or_a_stream(verb: str, name: str) -> None:
    assert of_operator(Counter({(verb, name): 3})) == NOTHING


def test_what_did_not_happen_is_not_told() -> None:
    assert of_operator(Counter({("POST", "secrets"): 0})) == NOTHING
