"""Flows are told in a world; each runs on the embedded cluster API and on the real one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.world import World, start_world
from tests.flow.world_cluster import start_sandbox, use_real


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.apiserver)])
def real(request: pytest.FixtureRequest) -> object:
    """The real cluster, or None for the embedded one."""
    return request.getfixturevalue("apiserver") if request.param == "real" else None


@pytest.fixture
async def quiet_world(real: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world whose operator has not been started."""
    started = start_sandbox(tmp_path) if real is None else use_real(real)  # type: ignore[arg-type]
    async with started as cluster, start_world(cluster) as world:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{world.emulator.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "any")
        yield world


@pytest.fixture
async def world(quiet_world: World) -> World:
    """A world with an operator."""
    await quiet_world.start_operator()
    return quiet_world
