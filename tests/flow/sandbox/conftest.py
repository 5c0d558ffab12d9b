"""The embedded API and, for what must hold on both, the real one."""

from collections.abc import AsyncIterator

import pytest

from tests.flow.sandbox.client import Api
from vaultbind.sandbox import Sandbox, SandboxConfig


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox.start(SandboxConfig(bookmark_interval=0.05)) as sandbox:
        yield sandbox


@pytest.fixture
async def embedded(sandbox: Sandbox) -> AsyncIterator[Api]:
    async with Api.of_sandbox(sandbox) as api:
        yield api


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.apiserver)])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    if request.param == "real":
        async with Api.of_real(request.getfixturevalue("apiserver")) as api:
            yield api
    else:
        async with (
            Sandbox.start(SandboxConfig()) as sandbox,
            Api.of_sandbox(sandbox) as api,
        ):
            yield api
