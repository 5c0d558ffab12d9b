"""Whether a cluster looks like one that demos have no business in. Pure."""

import re
from collections.abc import Iterable
from typing import Final

_PRODUCTION: Final = re.compile("prd|prod|live")
"""Anywhere: names are joined as people like, `aksprod` and `prodaks`."""
_HARMLESS: Final = re.compile(
    r"product(?!ion|ive)|produc[ei]|prodig"
    r"|(?<![a-z])(?:reproduct|keepalive|alive|deliver|olive|live(?:ly|ness|stock|stream))"
)
"""What has those letters in it by chance. One too many costs a production cluster, one too few a `--yes`:
most count at the start of a word only, so that `preproduction` and `betalive` are not spared."""


def find_production_name(names: Iterable[str]) -> str:
    """First name (of a context, cluster, namespace or server) that speaks of production; empty if none."""
    return next((name for name in names if _PRODUCTION.search(_HARMLESS.sub(" ", name.lower()))), "")
