from typing import Any

import pytest

from vaultbind.api.binding_parser import parse_binding
from vaultbind.injection.facts import BindingKeys, Variable, keys_of


def keys(spec: dict[str, Any]) -> BindingKeys:
    return keys_of(parse_binding({"metadata": {"name": "shop", "namespace": "a"}, "spec": spec}))


def test_keys_that_are_names_become_variables() -> None:
    data = [
        {"key": "PASSWORD", "secret": {"name": "a"}},
        {"key": "_x1", "optional": True, "secret": {"name": "b"}},
        {"key": "a.json", "secret": {"name": "c"}},
        {"key": "1st", "secret": {"name": "d"}},
        {"key": "a-b", "secret": {"name": "e"}},
    ]

    assert keys({"data": data}) == BindingKeys(
        secret="shop",
        variables=(Variable(name="PASSWORD"), Variable(name="_x1", optional=True)),
        unusable=("a.json", "1st", "a-b"),
    )


def test_the_target_names_the_secret() -> None:
    spec = {"target": {"name": "other"}, "data": [{"key": "A", "secret": {"name": "a"}}]}

    assert keys(spec).secret == "other"


def test_a_tls_entry_gives_files_only() -> None:
    assert keys({"dataFrom": [{"tls": {"name": "web"}}]}) == BindingKeys(
        secret="shop", unusable=("tls.crt", "tls.key", "ca.crt")
    )


def test_an_extract_entry_gives_keys_that_only_the_vault_knows() -> None:
    assert keys({"dataFrom": [{"extract": {"name": "db"}}]}) == BindingKeys(secret="shop", is_open=True)


@pytest.mark.parametrize(
    ("keep", "variables", "unusable"),
    [
        ("None", (Variable(name="URL"),), ("app.conf",)),
        ("All", (Variable(name="USER", optional=True), Variable(name="URL")), ("a-b", "app.conf")),
    ],
)
def test_templates_say_which_keys_there_are(
    keep: str, variables: tuple[Variable, ...], unusable: tuple[str, ...]
) -> None:
    """A key that both give is the template's, and that is always there."""
    data = [
        {"key": "USER", "optional": True, "secret": {"name": "a"}},
        {"key": "URL", "optional": True, "secret": {"name": "b"}},
        {"key": "a-b", "secret": {"name": "c"}},
    ]
    template = {"data": {"URL": "{{ USER }}", "app.conf": "x"}, "keep": keep}

    assert keys({"data": data, "target": {"template": template}}) == BindingKeys(
        secret="shop", variables=variables, unusable=unusable
    )
