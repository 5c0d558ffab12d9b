"""Whether a cluster looks like one that demos have no business in. Pure."""

import re
from collections.abc import Iterable
from typing import Final

_WORDS: Final = re.compile(r"(?<![a-z])(?:prd|prod|prods|production|productive|live)(?![a-z])")


def find_production_name(names: Iterable[str]) -> str:
    """First name (of a context, cluster, namespace or server) that speaks of production; empty if none."""
    return next((name for name in names if _WORDS.search(name.lower())), "")
