"""Lists in pages: 25 at most, in name order, with a `$skiptoken` that names the last object shown.

Real pages may be short, or empty with a next link. `page_sizes` imitates that: page n holds at most
`page_sizes[n]` objects, and the last size stands for all later pages.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

from vaultbind.keyvault.simulation.api.calls import Call
from vaultbind.keyvault.simulation.api.messages import Answer
from vaultbind.keyvault.simulation.problems import bad_parameter

MAX_RESULTS: Final = 25
MOST_DIGITS: Final = 18
"""`int` refuses texts of thousands of digits with an error of its own."""
T = TypeVar("T")


def page_limit(call: Call) -> int:
    """Value of `maxresults`, 25 when absent; raises VaultProblem (BadParameter)."""
    text = call.query.get("maxresults")
    if text is None:
        return MAX_RESULTS
    if (
        not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS)
        or not 1 <= int(text) <= MAX_RESULTS
    ):
        raise bad_parameter("The maxresults parameter must be between 1 and 25.")
    return int(text)


def render_page(
    call: Call,
    fetch: Callable[[str, int], tuple[Sequence[T], bool]],
    key: Callable[[T], str],
    render: Callable[[T], dict[str, Any]],
) -> Answer:
    """One page: `fetch(after, limit)` finds the items, `key` names one in a skip token, `render` shows it."""
    number, after = _parse_token(call.query.get("$skiptoken"))
    sizes = call.page_sizes
    limit = min(page_limit(call), sizes[min(number, len(sizes) - 1)])
    items, more = fetch(after, limit)
    link = None
    if more:
        link = _next_link(call, number + 1, key(items[-1]) if items else after)
    return Answer(content={"value": [render(item) for item in items], "nextLink": link})


def _next_link(call: Call, number: int, after: str) -> str:
    token = base64.urlsafe_b64encode(f"{number}!{after}".encode()).decode().rstrip("=")
    path = call.route.template.replace("{name}", call.route.name)
    version = call.query.get("api-version", "")
    link = (
        f"{call.address.origin}{path}?api-version={version}&$skiptoken={token}&maxresults={page_limit(call)}"
    )
    pending = call.query.get("includePending")
    return f"{link}&includePending={quote(pending, safe='')}" if pending else link


def _parse_token(token: str | None) -> tuple[int, str]:
    if not token:
        return 0, ""
    try:
        number, _, after = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition("!")
        return max(0, int(number[:MOST_DIGITS])), after
    except (ValueError, binascii.Error):
        raise bad_parameter("The skip token is not valid.") from None
