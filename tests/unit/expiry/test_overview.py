"""What `vaultbind expiry` shows."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tests.unit.api.cases import EVERYWHERE, PLAIN
from vaultbind.cli.expiry import print_table, render_json, render_table
from vaultbind.cli.expiry_page import MOST_LANES, render_page
from vaultbind.expiry.overview import Cut, Overview, Row, State, render_cut, render_left, summarize_expiry
from vaultbind.expiry.times import render_time

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def entry(name: str, left: float | None = None, kind: str = "secret", version: str = "v1") -> dict[str, Any]:
    """An entry of status.objects that expires in `left` days."""
    found = {"kind": kind, "name": name, "version": version, "enabled": True}
    return found if left is None else {**found, "expires": render_time(NOW + left * DAY)}


def binding(name: str, *objects: dict[str, Any], namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"data": [PLAIN], **spec},
        "status": {"objects": list(objects)},
    }


def vault(**spec: Any) -> dict[str, Any]:
    whole = {"url": "https://shop.vault.azure.net", "access": EVERYWHERE, **spec}
    return {"kind": "ClusterKeyVault", "metadata": {"name": "default"}, "spec": whole}


def test_one_object_of_many_bindings_is_one_row() -> None:
    found = summarize_expiry(
        [binding("b", entry("a", 10)), binding("a", entry("a", 10), namespace="web")], [vault()], NOW
    )
    assert list(found.rows) == [
        Row(
            vault="ClusterKeyVault default",
            kind="secret",
            name="a",
            version="v1",
            expires=NOW + 10 * DAY,
            state=State.SOON,
            used_by=("shop/b", "web/a"),
        )
    ]


def test_the_most_urgent_comes_first_and_what_never_expires_last() -> None:
    objects = (entry("never"), entry("later", 100), entry("over", -2), entry("soon", 3, "certificate"))
    found = summarize_expiry([binding("b", *objects)], [vault()], NOW)
    assert [(row.name, row.state) for row in found.rows] == [
        ("over", State.EXPIRED),
        ("soon", State.SOON),
        ("later", State.VALID),
        ("never", State.ENDLESS),
    ]


THRESHOLDS = {
    "those of the binding": (
        {"expiry": {"warnBefore": ["60d"]}},
        {"expiry": {"warnBefore": ["1d"]}},
        State.SOON,
    ),
    "those of the vault": ({}, {"expiry": {"warnBefore": ["60d", "1d"]}}, State.SOON),
    "none at all": ({}, {"expiry": {"warnBefore": []}}, State.VALID),
    "the default": ({}, {}, State.VALID),
    "the default for a vault that cannot be read": ({}, {"url": "no"}, State.VALID),
}


@pytest.mark.parametrize(("spec", "of_vault", "state"), THRESHOLDS.values(), ids=THRESHOLDS.keys())
def test_thresholds(spec: dict[str, Any], of_vault: dict[str, Any], state: State) -> None:
    [row] = summarize_expiry([binding("b", entry("a", 40), **spec)], [vault(**of_vault)], NOW).rows
    assert row.state is state


def test_two_versions_are_two_rows_and_a_broken_binding_is_none() -> None:
    bindings = [
        binding("b", entry("a", 5), entry("a", 9, version="v2")),
        binding("broken", entry("x", 1), data="none"),
    ]
    assert [row.version for row in summarize_expiry(bindings, [], NOW).rows] == ["v1", "v2"]


def naming(*objects: dict[str, Any], ending: int = 0, name: str = "default", **spec: Any) -> dict[str, Any]:
    """A ClusterKeyVault whose status names objects."""
    named = [{key: item[key] for key in ("kind", "name", "expires")} for item in objects]
    found = vault(**spec)
    found["metadata"]["name"] = name
    return {**found, "status": {"soonest": named, "ending": ending or len(named)}}


def shown(found: Overview) -> list[tuple[str, str, str, str]]:
    return [
        (f"{row.kind} {row.name}", row.version, row.state.value, " ".join(row.used_by)) for row in found.rows
    ]


PINNED: dict[str, Any] = {"data": [{"key": "a", "secret": {"name": "a", "version": "1" * 32}}]}
FOLLOWS: dict[str, Any] = {"data": [{"key": "a", "secret": {"name": "a"}}]}
SEEN_BOTH_WAYS: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, str, str]]]] = {
    "nobody uses it": (
        binding("b", entry("other")),
        entry("a", 3),
        [("secret a", "", "ExpiresSoon", ""), ("secret other", "v1", "NoExpiry", "shop/b")],
    ),
    "one row of an object that is used": (
        binding("b", entry("a", 3), **FOLLOWS),
        entry("a", 3),
        [("secret a", "v1", "ExpiresSoon", "shop/b")],
    ),
    "names have no case": (
        binding("b", entry("A", 3), **FOLLOWS),
        entry("a", 3),
        [("secret A", "v1", "ExpiresSoon", "shop/b")],
    ),
    "the vault has a newer version, which a binding will have soon": (
        binding("b", entry("a", 3), **FOLLOWS),
        entry("a", 90),
        [("secret a", "v1", "ExpiresSoon", "shop/b"), ("secret a", "", "Valid", "shop/b")],
    ),
    "the vault has a newer version, which a binding never will have": (
        binding("b", entry("a", 3), **PINNED),
        entry("a", 90),
        [("secret a", "v1", "ExpiresSoon", "shop/b"), ("secret a", "", "Valid", "")],
    ),
    "a certificate is used by its secret": (
        binding("b", entry("a", 3), **FOLLOWS),
        entry("a", 3, "certificate"),
        [("secret a", "v1", "ExpiresSoon", "shop/b")],
    ),
    "a certificate ends sooner than its secret says": (
        binding("b", entry("a", 90), **FOLLOWS),
        entry("a", 3, "certificate"),
        [("certificate a", "", "ExpiresSoon", "shop/b"), ("secret a", "v1", "Valid", "shop/b")],
    ),
    "a key is not the secret of its name": (
        binding("b", entry("a", 3), **FOLLOWS),
        entry("a", 3, "key"),
        [("key a", "", "ExpiresSoon", ""), ("secret a", "v1", "ExpiresSoon", "shop/b")],
    ),
    "long over": (binding("b"), entry("a", -3), [("secret a", "", "Expired", "")]),
    "far": (binding("b"), entry("a", 31), [("secret a", "", "Valid", "")]),
}


@pytest.mark.parametrize(("bound", "named", "expected"), SEEN_BOTH_WAYS.values(), ids=SEEN_BOTH_WAYS.keys())
def test_what_a_keyvault_names_joins_what_bindings_use(
    bound: dict[str, Any], named: dict[str, Any], expected: list[tuple[str, str, str, str]]
) -> None:
    assert shown(summarize_expiry([bound], [naming(named)], NOW)) == expected


def test_two_keyvaults_of_one_vault_show_an_object_once_and_know_who_uses_it() -> None:
    """By the address, whatever its case."""
    vaults = [
        naming(entry("a", 3), entry("b", 3), name="default"),
        naming(entry("a", 3), entry("b", 3), name="second", url="https://SHOP.vault.azure.net/"),
        naming(entry("a", 3), name="other", url="https://other.vault.azure.net"),
    ]
    found = summarize_expiry([binding("b", entry("a", 3), **FOLLOWS)], vaults, NOW)
    assert [(row.vault, row.name, row.used_by) for row in found.rows] == [
        ("ClusterKeyVault default", "a", ("shop/b",)),
        ("ClusterKeyVault default", "b", ()),
        ("ClusterKeyVault other", "a", ()),
    ]


def test_the_thresholds_of_what_nobody_uses_are_its_vaults() -> None:
    [row] = summarize_expiry([], [naming(entry("a", 40), expiry={"warnBefore": ["60d"]})], NOW).rows
    assert row.state is State.SOON


def test_a_list_that_is_cut_says_how_many_there_are() -> None:
    whole = summarize_expiry([], [naming(entry("a", 3), name="whole"), vault()], NOW)
    assert whole.cuts == ()
    found = summarize_expiry([], [naming(entry("a", 3), ending=38)], NOW)
    assert found.cuts == (Cut(vault="ClusterKeyVault default", named=1, ending=38),)
    assert render_cut(found.cuts[0]).startswith("ClusterKeyVault default: 37 more objects end some time")
    assert "37 more objects end some time" in Page(page_of(found)).text


def test_what_nobody_uses_says_so_to_people() -> None:
    found = summarize_expiry([], [naming(entry("a", 3))], NOW)
    console = Console(file=StringIO(), width=200, no_color=True)
    print_table(console, render_table(found.rows, NOW))
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines()[1].rstrip().endswith("ClusterKeyVault default  no binding")
    assert "no binding" in Page(page_of(found)).text
    assert render_json(found.rows[0], NOW)["usedBy"] == []


LEFT = {
    timedelta(days=12, hours=3): "12 days",
    timedelta(days=1): "1 day",
    timedelta(hours=23): "23 hours",
    timedelta(minutes=1, seconds=5): "1 minute",
    timedelta(seconds=3): "now",
    -timedelta(days=5): "5 days ago",
    -timedelta(hours=1): "1 hour ago",
}


@pytest.mark.parametrize(("left", "text"), LEFT.items(), ids=LEFT.values())
def test_how_long_it_is(left: timedelta, text: str) -> None:
    assert render_left(NOW + left, NOW) == text


def test_scripts_get_seconds_and_no_words() -> None:
    [row] = summarize_expiry([binding("b", entry("a", -1))], [vault()], NOW).rows
    assert render_json(row, NOW) == {
        "vault": "ClusterKeyVault default",
        "kind": "secret",
        "name": "a",
        "version": "v1",
        "expires": "2026-11-23T12:00:00Z",
        "secondsLeft": -86_400,
        "state": "Expired",
        "usedBy": ["shop/b"],
    }


def page_of(found: Overview) -> str:
    return render_page(found.rows, found.cuts, NOW)


class Page(HTMLParser):
    """Counts elements and keeps everything that could lead elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "action", "style"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_a_bar_and_a_line_for_each_object_and_leads_nowhere() -> None:
    objects = (entry("over", -40), entry("soon", 3), entry("far", 900), entry("never"))
    page = Page(page_of(summarize_expiry([binding("b", *objects)], [vault()], NOW)))
    assert page.tags.count("rect") == 3
    assert page.tags.count("tr") == 5
    assert "script" not in page.tags
    assert all(link.startswith("color:#") for link in page.links)
    assert "1 Expired, 1 ExpiresSoon, 1 Valid, 1 NoExpiry" in page.text


def test_names_cannot_bring_markup_into_the_page() -> None:
    found = summarize_expiry([binding("<script>x</script>", entry("a", 1))], [vault()], NOW)
    assert "script" not in Page(page_of(found)).tags


def test_a_page_of_very_many_objects_draws_the_most_urgent() -> None:
    objects = [entry(f"s-{number:04}", number) for number in range(MOST_LANES + 50)]
    page = Page(page_of(summarize_expiry([binding("b", *objects)], [vault()], NOW)))
    assert page.tags.count("rect") == MOST_LANES
    assert page.tags.count("tr") == MOST_LANES + 51


def test_a_page_of_nothing_says_so() -> None:
    assert "nothing expires" in Page(page_of(Overview(rows=()))).text


def printed(width: int, *, terminal: bool) -> list[str]:
    """What a terminal, or a pipe, of that many columns gets of one long row."""
    name = "a-secret-with-a-name-of-some-length"
    users = [binding(f"reader-{number}", entry(name, 10)) for number in range(9)]
    table = render_table(summarize_expiry(users, [vault()], NOW).rows, NOW)
    console = Console(file=StringIO(), width=width, force_terminal=terminal, no_color=True)
    print_table(console, table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_a_pipe_gets_each_row_whole() -> None:
    lines = printed(80, terminal=False)
    assert len(lines) == 2
    assert all(f"shop/reader-{number}" in lines[1] for number in range(9))


def test_a_terminal_gets_what_fits_with_each_time_whole() -> None:
    lines = printed(80, terminal=True)
    assert len(lines) > 2
    assert render_time(NOW + 10 * DAY) in lines[1]
