"""The library's figures as a table for people, ratios in front."""

from typing import Any

Row = tuple[str, str, str]


def render_library_table(result: dict[str, Any]) -> str:
    """Markdown."""
    rows = [*_gets(result["gets"]), *_herd(result["herd"]), *_listing(result["listing"])]
    if "models" in result:  # files that were written before it was measured have none
        rows += _models(result["models"])
    rows += _cached(result["cached"])
    lines = ["| what | measured | target |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {measured} | {target} |" for what, measured, target in rows)])


def _gets(found: dict[str, Any]) -> list[Row]:
    rate = {client: item["requests"] / item["cpu_seconds"] for client, item in found.items()}
    count = int(found["ours"]["requests"])
    speeds = ", ".join(
        f"{client} {item['requests'] / item['seconds']:.0f}/s" for client, item in found.items()
    )
    return [
        (
            f"{count:,} get_secret over TLS, 50 at once: requests per CPU second, over the SDK's default",
            f"{rate['ours'] / rate['sdk']:.2f}x ({rate['ours']:.0f} and {rate['sdk']:.0f})",
            "1.5x",
        ),
        (
            "the same, over the SDK on our transport",
            f"{rate['ours'] / rate['sdk-tuned']:.2f}x (SDK: {rate['sdk-tuned']:.0f})",
            "0.85x",
        ),
        ("the same, by the clock", speeds, "-"),
    ]


def _herd(found: dict[str, Any]) -> list[Row]:
    def tell(client: str) -> str:
        item = found[client]
        return f"{client} {item['challenge']:g} + {item['token']:g} in {item['seconds']:.2f} s"

    return [
        (
            "100 first calls at once: challenges + tokens, until all are answered",
            "; ".join(tell(client) for client in found),
            "1 + 1",
        )
    ]


def _listing(found: dict[str, Any]) -> list[Row]:
    cost = {client: item["cpu_seconds"] / item["lists"] for client, item in found.items()}
    ratios = f"{cost['sdk-tuned'] / cost['ours']:.1f}x and {cost['sdk'] / cost['ours']:.1f}x less"
    figures = ", ".join(f"{client} {seconds * 1000:.0f} ms" for client, seconds in cost.items())
    what = "properties of 1,000 secrets: CPU, against the SDK on our transport and by its default"
    return [(what, f"{ratios} ({figures})", "5x")]


def _models(found: dict[str, Any]) -> list[Row]:
    cost = {client: item["cpu_seconds"] / item["properties"] for client, item in found.items()}
    figures = ", ".join(f"{client} {seconds * 1e6:.0f} us each" for client, seconds in cost.items())
    what = (
        "the same without the requests: from the body to properties that were read, against the SDK's models"
    )
    return [(what, f"{cost['sdk'] / cost['ours']:.1f}x less ({figures})", "5x")]


def _cached(found: dict[str, Any]) -> list[Row]:
    return [("a cached read: CPU", f"{found['cpu_seconds'] / found['reads'] * 1e6:.1f} us", "5 us")]
