"""Every test belongs to exactly one tier: the one that it is marked with, else that of its folder."""

from pathlib import Path

import pytest

TIERS = ("unit", "flow", "apiserver", "sdk", "pods", "azure")
FOLDERS = {tier: tier for tier in TIERS} | {"architecture": "unit"}
ROOT = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not any(item.get_closest_marker(tier) for tier in TIERS):
            item.add_marker(_tier_of(item.path))


def _tier_of(path: Path) -> str:
    folder = path.relative_to(ROOT).parts[0]
    if folder not in FOLDERS:
        raise pytest.UsageError(f"{path} belongs to no tier: put it below tests/{{{','.join(FOLDERS)}}}")
    return FOLDERS[folder]
