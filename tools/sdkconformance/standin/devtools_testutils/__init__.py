"""What the Azure SDK's Key Vault test suites import under this name, for running them against an emulator.

The SDK's package of this name is not published. This one has only what the suites of azure-keyvault-secrets,
-keys and -certificates use, and is always in live mode: nothing is recorded or played back, every request
goes to `AZURE_KEYVAULT_URL`. `plugin` has the pytest hooks. It runs in the suites' own environment.
"""

import asyncio
import functools
import hashlib
import inspect
import os
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from .credential import AsyncEmulatorCredential, EmulatorCredential

RUN = uuid.uuid4().hex[:6]
REAL_SUFFIXES = (".vault.azure.net", ".managedhsm.azure.net")


def is_live() -> bool:
    return True


def is_live_and_not_recording() -> bool:
    return True


def in_recording() -> bool:
    return False


# ---- recording: pass through
def accepted(test: Callable[..., Any], offered: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments that a test takes: the preparers offer more than most want."""
    parameters = inspect.signature(test).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return offered
    names = {parameter.name for parameter in parameters}
    return {name: value for name, value in offered.items() if name in names}


def recorded_by_proxy(test: Callable[..., Any]) -> Callable[..., Any]:
    def live(*args: Any, **kwargs: Any) -> Any:
        return test(*args, **accepted(test, kwargs))

    live.is_live = True  # type: ignore[attr-defined] # how the plugin tells live tests from others
    live.wrapped = test  # type: ignore[attr-defined]
    return live


@pytest.fixture(scope="session")
def test_proxy() -> None:
    """Stand for the recording proxy: there is none."""


def _ignore(*_args: Any, **_kwargs: Any) -> None:
    """There is no recording that would have to be cleaned."""


add_general_string_sanitizer = add_oauth_response_sanitizer = remove_batch_sanitizers = _ignore
add_body_key_sanitizer = add_body_regex_sanitizer = add_general_regex_sanitizer = _ignore
add_header_regex_sanitizer = add_remove_header_sanitizer = add_uri_regex_sanitizer = _ignore
add_uri_string_sanitizer = add_batch_sanitizers = set_bodiless_matcher = _ignore
set_custom_default_matcher = set_default_function_settings = _ignore


# ---- base class and preparers
class AzureRecordedTestCase:
    """Base of the suites' test classes."""

    is_live = True
    in_recording = False

    def is_playback(self) -> bool:
        return False

    def create_random_name(self, name: str) -> str:
        """Alike for one test and name within a run, another in every run: old objects do not matter."""
        test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ", maxsplit=1)[0]
        return f"{name}{hashlib.sha256(f'{RUN}|{test}|{name}'.encode()).hexdigest()[:10]}"

    def get_resource_name(self, name: str) -> str:
        return self.create_random_name(name)

    def get_credential(self, _client_class: Any = None, *, is_async: bool = False, **_kwargs: Any) -> Any:
        return AsyncEmulatorCredential() if is_async else EmulatorCredential()

    def create_client_from_credential(self, client_class: Any, credential: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("logging_enable", True)  # what the suites' logging tests look for
        kwargs.setdefault("verify_challenge_resource", has_real_name(os.environ["AZURE_KEYVAULT_URL"]))
        return client_class(credential=credential, **kwargs)

    @staticmethod
    def await_prepared_test(test: Callable[..., Any]) -> Callable[..., Any]:
        """Run an async test in an event loop of its own, as a plain function."""

        @functools.wraps(test)
        def run(case: Any, **kwargs: Any) -> Any:
            return asyncio.run(test(case, **accepted(test, kwargs)))

        return run

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def has_real_name(url: str) -> bool:
    """Tell whether Azure's own clients would take the host of this URL for a vault's."""
    return (urlsplit(url).hostname or "").endswith(REAL_SUFFIXES)


class PowerShellPreparer:
    """`@PowerShellPreparer(prefix, some_name=fake)` passes $SOME_NAME as some_name."""

    def __init__(self, _prefix: str, **settings: str) -> None:
        self.settings = settings

    def __call__(self, test: Callable[..., Any]) -> Callable[..., Any]:
        def values() -> dict[str, str]:
            return {name: os.environ.get(name.upper(), fake) for name, fake in self.settings.items()}

        async def prepared_async(case: Any) -> Any:
            return await test(case, **values())

        def prepared(case: Any) -> Any:
            return test(case, **values())

        chosen: Callable[..., Any] = prepared_async if inspect.iscoroutinefunction(test) else prepared
        chosen.wrapped = test  # type: ignore[attr-defined]
        return chosen


EnvironmentVariableLoader = PowerShellPreparer


class AzureMgmtPreparer:
    """Only a base class of helpers that no live test uses."""
