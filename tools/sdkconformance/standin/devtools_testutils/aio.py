"""The asynchronous half."""

from collections.abc import Callable
from typing import Any

from . import accepted


def recorded_by_proxy_async(test: Callable[..., Any]) -> Callable[..., Any]:
    async def live(*args: Any, **kwargs: Any) -> Any:
        return await test(*args, **accepted(test, kwargs))

    live.is_live = True  # type: ignore[attr-defined] # how the plugin tells live tests from others
    live.wrapped = test  # type: ignore[attr-defined]
    return live
