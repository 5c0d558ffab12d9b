"""The reference and the examples are true: tables are fresh, manifests are what the parsers take."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.api.schema import CRDS, ROOT
from tools import gen_reasons, gen_spec
from vaultbind.api.binding_parser import parse_binding
from vaultbind.api.conditions import ConditionType, Reason
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.keyvault_parser import parse_keyvault

PAGES = sorted((ROOT / "docs" / "spec" / "v1alpha1").glob("*.md"))
EXAMPLES = sorted({*(ROOT / "examples").glob("*.yaml")} - {ROOT / "examples" / "vault.yaml"})
"""All that can be applied; `vault.yaml` is the emulator's."""
PARSERS = {
    "VaultBinding": parse_binding,
    "KeyVault": parse_keyvault,
    "ClusterKeyVault": parse_keyvault,
    "CryptoJob": parse_cryptojob,
}


def manifests() -> Iterator[Any]:
    for path in EXAMPLES:
        yield from (
            pytest.param(obj, id=f"{path.name}-{n}")
            for n, obj in enumerate(yaml.safe_load_all(path.read_text()))
            if obj["kind"] != "ServiceAccount"
        )
    for path in PAGES:
        blocks = re.findall(r"^```yaml\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)
        yield from (
            pytest.param(yaml.safe_load(text), id=f"{path.name}-{n}") for n, text in enumerate(blocks)
        )


@pytest.mark.parametrize("obj", list(manifests()))
def test_every_manifest_is_accepted(obj: dict[str, Any]) -> None:
    PARSERS[obj["kind"]](obj)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_of_fields_are_fresh(page: Path) -> None:
    assert gen_spec.render(page.read_text(), CRDS) == page.read_text(), "run `make verify`"


def test_every_field_is_in_a_table() -> None:
    text = "".join(page.read_text() for page in PAGES)
    for kind, field in [("VaultBinding", "data[].secret.property"), ("KeyVault", "auth.default")]:
        assert f"| `spec.{field}` |" in text, kind
    assert "| `spec.access[].namespaces.selector.matchExpressions[].values` |" in text


def test_the_page_of_reasons_is_fresh() -> None:
    assert gen_reasons.TARGET.read_text() == gen_reasons.render(), "run `make verify`"


def test_the_reference_names_every_reason_and_condition() -> None:
    text = "".join(page.read_text() for page in PAGES)
    missing = [reason.word for reason in Reason if f"`{reason.word}`" not in text]
    missing += [kind.value for kind in ConditionType if f"`{kind.value}`" not in text]
    assert missing == []
