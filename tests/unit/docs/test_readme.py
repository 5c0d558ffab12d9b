"""The README's example is the one that the demo applies, and its result is what the operator makes of it."""

import base64
import re
from typing import Any

import yaml

from tests.unit.docs.pages import ROOT, load
from vaultbind.api.binding_parser import parse_binding
from vaultbind.api.names import ANNOTATION_SOURCE, LABEL_BINDING_UID
from vaultbind.api.refs import ObjectKey
from vaultbind.bindings.manifest import render_metadata, render_secret
from vaultbind.bindings.mark import digest_keys, parse_mark

README = load("README.md")
COLUMNS = ["READY", "REASON", "SECRET", "VAULT", "EXPIRES", "AGE"]


def of_kind(kind: str) -> dict[str, Any]:
    found = [yaml.safe_load(text) for text in README.blocks("yaml")]
    return next(obj for obj in found if obj["kind"] == kind)


def examples() -> dict[str, Any]:
    objects = yaml.safe_load_all((ROOT / "examples" / "bindings.yaml").read_text())
    return {obj["metadata"]["name"]: obj for obj in objects}


def seed_values() -> dict[str, bytes]:
    """What the seed's objects give for the keys of the example."""
    secrets = yaml.safe_load((ROOT / "examples" / "vault.yaml").read_text())["vaults"]["shop"]["secrets"]
    return {
        "username": secrets["db-username"].encode(),
        "password": secrets["db-password"]["value"].encode(),
        "payment-api-key": secrets["payment"]["json"]["apiKey"].encode(),
    }


def test_the_binding_is_the_one_of_the_examples() -> None:
    assert examples()["shop-db"] == of_kind("VaultBinding")


def test_the_secret_is_what_the_operator_makes_of_it() -> None:
    binding, secret = of_kind("VaultBinding"), of_kind("Secret")
    metadata = secret["metadata"]
    key, spec = ObjectKey("VaultBinding", "shop", "shop-db"), parse_binding(binding)
    uid, mark = metadata["labels"][LABEL_BINDING_UID], metadata["annotations"][ANNOTATION_SOURCE]

    assert render_secret(key, spec, render_metadata(key, uid, spec, mark), seed_values()) == secret


def test_the_mark_of_the_secret_is_one() -> None:
    secret = of_kind("Secret")
    mark = parse_mark(secret["metadata"]["annotations"][ANNOTATION_SOURCE])

    assert mark is not None
    assert digest_keys(secret["data"]) == mark.keys


def test_the_values_are_made_up() -> None:
    """Those of the seed: nothing real may ever be pasted here."""
    data = of_kind("Secret")["data"]
    assert seed_values() == {key: base64.b64decode(value) for key, value in data.items()}


def test_kubectl_shows_the_columns_of_the_crd_for_all_examples() -> None:
    shown = README.blocks("console")[0].splitlines()
    crd = yaml.safe_load((ROOT / "crds" / "vaultbindings.yaml").read_text())
    columns = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    wanted = [column["name"].upper() for column in columns if not column.get("priority")]

    assert wanted == COLUMNS
    assert ["NAME", *wanted] == shown[1].split()
    assert sorted(examples()) == [line.split()[0] for line in shown[2:]]


def test_it_names_the_pythons_that_the_makefile_takes() -> None:
    least, most = re.findall(
        r"\((\d+), (\d+)\) <= sys.version_info\[:2\] <= \((\d+), (\d+)\)", (ROOT / "Makefile").read_text()
    )[0][1::2]
    assert f"Python 3.{least} to 3.{most}" in README.text
