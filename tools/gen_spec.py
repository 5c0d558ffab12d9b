"""Write the tables of fields into `docs/spec/`, from the CRDs and the table of refused fields.

In a page, what stands between `<!-- fields: KIND PATH -->` and `<!-- end -->` is replaced. Run as
`python -m tools.gen_spec`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vaultbind.api.implemented import BINDING_REFUSALS, CRYPTOJOB_REFUSALS, KEYVAULT_REFUSALS, Refusal

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "spec" / "v1alpha1"
BLOCK = re.compile(r"(<!-- fields: (\w+) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
REFUSALS: Mapping[str, Sequence[Refusal]] = {
    "VaultBinding": BINDING_REFUSALS,
    "CryptoJob": CRYPTOJOB_REFUSALS,
}
HEAD = "| field | type | meaning |\n|---|---|---|\n"


def render(page: str, crds: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with fresh tables."""
    return BLOCK.sub(
        lambda found: f"{found[1]}\n{HEAD}{''.join(_rows(found[2], found[3], crds))}\n{found[4]}", page
    )


def _rows(kind: str, top: str, crds: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    refusals = REFUSALS.get(kind, KEYVAULT_REFUSALS)
    schema = crds[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    step, _, field = top.partition(".")
    if field:
        only = {"properties": {field: schema[step]["properties"][field]}, "required": [field]}
        yield from _fields(only, step, refusals)
    else:
        yield from _fields(schema[step], step, refusals)


def _fields(schema: Mapping[str, Any], path: str, refusals: Sequence[Refusal]) -> Iterator[str]:
    """Rows of the fields of an object, each followed by those below it."""
    needed = schema.get("required", ())
    for name, below in schema.get("properties", {}).items():
        full = f"{path}.{name}"
        yield f"| `{full}` | {_type(below)} | {_meaning(below, full, refusals, needed=name in needed)} |\n"
        array = below.get("items", {})
        yield from _fields(array or below, f"{full}[]" if array else full, refusals)


def _type(schema: Mapping[str, Any]) -> str:
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return "map of string"
    return str(schema.get("format", schema["type"])).replace("int32", "integer").replace("int64", "integer")


def _meaning(schema: Mapping[str, Any], path: str, refusals: Sequence[Refusal], *, needed: bool) -> str:
    parts = [" ".join(schema["description"].split())]
    if "enum" in schema:
        parts.append(f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.")
    parts += [f"Rule: {rule['message']}." for rule in _rules(schema)]
    if needed:
        parts.append("Required.")
    for refusal in refusals:
        if refusal.path == path:
            sentence = refusal.sentence
            parts.append(f"**{sentence[0].upper()}{sentence[1:]}** (`NotImplemented`).")
    return " ".join(parts).replace("|", "\\|")


def _rules(schema: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """Rules of the field itself, and of the entries of a list."""
    own = schema.get("x-kubernetes-validations", ())
    return [*own, *schema.get("items", {}).get("x-kubernetes-validations", ())]


def main() -> None:
    found = (yaml.safe_load(path.read_text("utf-8")) for path in sorted((ROOT / "crds").glob("*.yaml")))
    crds = {crd["spec"]["names"]["kind"]: crd for crd in found}
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(render(page.read_text("utf-8"), crds), encoding="utf-8")


if __name__ == "__main__":
    main()
