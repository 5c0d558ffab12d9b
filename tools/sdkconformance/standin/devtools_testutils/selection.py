"""Which of a suite's tests are run: the live ones, of the default api version unless all are asked for."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

DEPTH = 6
PREPARERS = (
    "SecretsClientPreparer",
    "AsyncSecretsClientPreparer",
    "CertificatesClientPreparer",
    "AsyncCertificatesClientPreparer",
)


def is_live_test(function: Any, depth: int = 0) -> bool:
    """Tell whether one of the functions that this one wraps went through `recorded_by_proxy`."""
    function = getattr(function, "__func__", function)
    if getattr(function, "is_live", False):
        return True
    return depth < DEPTH and any(is_live_test(inner, depth + 1) for inner in _inner(function))


def _inner(function: Any) -> Iterator[Callable[..., Any]]:
    yield from (getattr(function, name) for name in ("wrapped", "__wrapped__") if hasattr(function, name))
    for cell in getattr(function, "__closure__", None) or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if callable(content) and hasattr(content, "__code__"):
            yield content


def is_wanted(item: pytest.Item, suite: str, *, all_versions: bool) -> bool:
    """Tell whether an item can and shall be run."""
    if not is_live_test(getattr(item, "function", None)) or item.get_closest_marker("skip"):
        return False
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if parameters.get("is_hsm") and not os.environ.get("AZURE_MANAGEDHSM_URL"):
        return False
    if suite == "keys" or all_versions:  # the keys suite has an option of its own for versions
        return True
    base = importlib.import_module(f"azure.keyvault.{suite}._shared.client_base")
    return bool(parameters.get("api_version", base.DEFAULT_VERSION) == base.DEFAULT_VERSION)


def run_every_version() -> None:
    """Keep the preparers from skipping all but the default api version."""
    for module in (sys.modules.get(name) for name in ("_test_case", "_async_test_case")):
        for preparer in (getattr(module, name, None) for name in PREPARERS):
            if preparer is not None:
                preparer._skip_if_not_configured = lambda *_args, **_kwargs: None  # noqa: SLF001 - theirs
