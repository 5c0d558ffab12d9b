"""Generated pages are fresh, and the generators say what there is to say."""

import re
from typing import Any

import click
import pytest

from tools import gen_alerts, gen_benchmarks, gen_cli_help, gen_metrics
from vaultbind.telemetry import definitions

FRESH = "run `make verify`"
FLOORS = [
    {"seconds": seconds, "seconds_to_create": 2.0, "writes_per_second": round(200 / seconds)}
    for seconds in (4.0, 5.0, 3.0)
]
RESULT: dict[str, Any] = {
    "machine": {
        "commit": "0123456789ab",
        "date": "2026-11-24",
        "processors": 2,
        "python": "3.11.7",
        "kubernetes": "v1.37.2",
    },
    "count": 100,
    "latency": "10ms",
    "floors": FLOORS,
    "restart": {
        "cluster": {"writes": 0},
        "vault": {"get": 0},
        "cpu_seconds": 1.5,
        "stop_seconds": 0.7,
    },
}


@pytest.mark.parametrize("generator", [gen_cli_help, gen_metrics], ids=["cli", "metrics"])
def test_the_page_is_fresh(generator: Any) -> None:
    assert generator.render() == generator.TARGET.read_text(), FRESH


def test_the_table_of_alerts_is_fresh_and_leads_to_their_pages() -> None:
    page = gen_alerts.TARGET.read_text()
    assert gen_alerts.render(page) == page, FRESH
    rules = list(gen_alerts.load())
    assert len(rules) > 10
    for rule in rules:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| [{rule['alert']}](")]
        assert len(re.split(r"(?<!\\)\|", row)) == 6, "a bar in a cell ends it"
        assert "{{" not in row
        assert f"for {rule['for']} |" in row
    with pytest.raises(ValueError, match="has lost the marks"):
        gen_alerts.render("# Operate\n")


def test_the_page_of_benchmarks_is_fresh() -> None:
    assert gen_benchmarks.render(gen_benchmarks.load()) == gen_benchmarks.TARGET.read_text(), FRESH


LIBRARY: dict[str, Any] = {
    "subject": "library",
    "machine": {"commit": "0123456789ab", "date": "2026-11-24", "processors": 2, "python": "3.11.7"},
    "rounds": 5,
    "gets": {
        "ours": {"requests": 1000, "seconds": 1.0, "cpu_seconds": 0.5},
        "sdk": {"requests": 1000, "seconds": 2.0, "cpu_seconds": 1.0},
        "sdk-tuned": {"requests": 1000, "seconds": 1.0, "cpu_seconds": 0.4},
    },
    "herd": {
        client: {"challenge": number, "token": number, "seconds": 0.5}
        for client, number in (("ours", 1), ("sdk", 100), ("sdk-tuned", 100))
    },
    "listing": {
        "ours": {"lists": 5, "cpu_seconds": 0.1},
        "sdk": {"lists": 5, "cpu_seconds": 0.8},
        "sdk-tuned": {"lists": 5, "cpu_seconds": 0.6},
    },
    "cached": {"reads": 1000, "cpu_seconds": 0.002},
}


def test_figures_of_the_library_have_their_section() -> None:
    page = gen_benchmarks.render([("library", LIBRARY)])

    assert "## library\n\nCommit `0123456789ab`, 2026-11-24: 2 processors, Python 3.11.7." in page
    for cells in (
        "| 2.00x (2000 and 1000) | 1.5x |",
        "| 0.80x (SDK: 2500) | 0.85x |",
        "| ours 1 + 1 in 0.50 s; sdk 100 + 100 in 0.50 s; sdk-tuned 100 + 100 in 0.50 s | 1 + 1 |",
        "| 6.0x and 8.0x less (ours 20 ms, sdk 160 ms, sdk-tuned 120 ms) | 5x |",
        "| a cached read: CPU | 2.0 us | 5 us |",
    ):
        assert cells in page


def test_what_models_cost_is_told_where_it_was_measured() -> None:
    models = {
        "ours": {"properties": 1000, "cpu_seconds": 0.004},
        "sdk": {"properties": 1000, "cpu_seconds": 0.08},
    }

    page = gen_benchmarks.render([("library", {**LIBRARY, "models": models})])

    assert "| 20.0x less (ours 4 us each, sdk 80 us each) | 5x |" in page
    assert "us each" not in gen_benchmarks.render([("library", LIBRARY)])


def test_every_metric_is_on_its_page() -> None:
    page = gen_metrics.render()
    assert [item.name for item in definitions.ALL if f"| `{item.name}` |" not in page] == []


def test_every_flag_is_on_the_page_of_its_command_with_its_variable() -> None:
    page = gen_cli_help.render()
    for name, command in gen_cli_help.commands().items():
        section = re.split(r"\n###? ", page.partition(f"## vaultbind {name}\n")[2], maxsplit=1)[0]
        for option, variable in gen_cli_help.options(command):
            row = next(line for line in section.splitlines() if line.startswith(f"| `{option.opts[0]}`"))
            assert variable in row
    assert "| `--stale-after` TEXT | `VAULTBIND_STALE_AFTER` | `1h` |" in page


def test_a_hidden_flag_is_not_shown() -> None:
    command = click.Command(
        "x", params=[click.Option(["--seen"], envvar="SEEN"), click.Option(["--secret"], hidden=True)]
    )
    assert [(option.name, variable) for option, variable in gen_cli_help.options(command)] == [
        ("seen", "SEEN")
    ]


def test_without_figures_the_page_says_so() -> None:
    page = gen_benchmarks.render([])
    assert page.endswith(gen_benchmarks.NONE)


def test_figures_stand_with_commit_machine_and_floor() -> None:
    page = gen_benchmarks.render([("operator", RESULT)])

    assert gen_benchmarks.NONE not in page
    assert "## operator" in page
    assert (
        "Commit `0123456789ab`, 2026-11-24: 2 processors, Python 3.11.7, Kubernetes v1.37.2.\n"
        "100 bindings, 10ms added to each vault request.\n" in page
    )
    assert "| restart with all in sync: value gets | 0 | 0 |" in page


def test_ratios_are_of_medians_over_the_same_writes() -> None:
    fresh = {
        "seconds": 6.0,
        "rounds": [6.0, 9.0, 5.5],
        "rounds_cpu_ms_per_binding": [1.5, 2.5, 1.25],
        "seconds_to_first": 0.9,
        "start": {"cpu_seconds": 0.6},
        "cluster": {"writes": 201, "reads": 0},
        "vault": {"get": 100, "list": 4, "token": 1},
        "peak_rss_mb": 99,
    }
    live = {"seconds": 9.0, "cluster": {"writes": 200, "reads": 3}}
    page = gen_benchmarks.render([("operator", {**RESULT, "fresh": fresh, "live": live})])

    assert "over the floor (medians) | 1.50x (6.0 s, floor 4.00 s) | 1.5x and 7 s |" in page
    assert "| 6.00, 9.00, 5.50; 4.00, 5.00, 3.00 s |" in page
    assert "| 1.50 ms (start: 0.6 s) | 2 ms |" in page
    assert "| vault requests per fresh binding | 1.040 | 1.1 |" in page
    assert "over floor and creates | 1.50x (9.0 s, floor 6.00 s) |" in page
    assert "| the same, cluster writes per binding | 2.000 | 2 |" in page
    assert "| the same, cluster reads per binding | 0.030 | 0 |" in page


def test_the_emulators_figures_have_a_table_of_their_own() -> None:
    load = {"requests": 9, "per_second": 1000, "per_cpu_second": 5000}
    result = {
        "subject": "emulator",
        "machine": {key: value for key, value in RESULT["machine"].items() if key != "kubernetes"},
        "start_seconds": 0.5,
        "start_cpu_seconds": 0.4,
        "rss_mb": {"empty": 57.0, "10000 secrets": 71.5},
        "connections": 16,
        "get_secret": load,
        "list_page_of_25": load,
        "set_secret": load,
    }
    page = gen_benchmarks.render([("emulator", result)])
    assert "| GET secret | 5000 per CPU second, 1000 per second |" in page
    assert "57.0 MB empty, 71.5 MB with 10000 secrets" in page
    assert "bindings" not in page.partition("## emulator")[2]
