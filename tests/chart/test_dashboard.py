"""The dashboard: a form that Grafana reads, and queries that find what a real operator shows."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.chart.release import CHART, Helm, Rendered
from tests.chart.test_alerts import RULES
from tests.flow.sinks import start_sink
from tests.flow.test_expiry import judge
from tests.flow.test_rollout import WEB, workload
from tests.flow.world import World, start_world
from tests.flow.world_cluster import encode, start_sandbox
from tests.loop import PatientLoop
from tools.promrules.build import evaluate
from vaultbind.expiry.outlets import OutletSettings
from vaultbind.expiry.sink import SinkSettings
from vaultbind.keyvault.simulation.faults import Fault
from vaultbind.kube.resources import DEPLOYMENTS, SECRETS
from vaultbind.telemetry import definitions

DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
DATA = [{"key": "a", "secret": {"name": "a"}}]
TWO_SCRAPES = (0, 60)


def queries() -> Iterator[Any]:
    for panel in PANELS:
        for target in panel["targets"]:
            yield pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")


def test_its_form() -> None:
    """What Grafana's model of a dashboard asks for, as far as this one uses it."""
    assert isinstance(DASHBOARD["schemaVersion"], int)
    assert DASHBOARD["uid"], "links to it stay"
    assert [item["name"] for item in DASHBOARD["templating"]["list"]] == ["datasource"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in PANELS:
        assert panel["type"] in ("timeseries", "stat", "table")
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}
        refs = [target["refId"] for target in panel["targets"]]
        assert refs == sorted(set(refs))


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_its_legends_name_labels_that_the_queries_keep() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            kept = {
                label.strip()
                for text in re.findall(r"by \(([^)]*)\)", target["expr"])
                for label in text.split(",")
            }
            assert wanted == kept - {"le"} or panel["type"] == "table", panel["title"]


def test_every_metric_of_a_vault_and_of_expiry_is_shown() -> None:
    shown = set(re.findall(r"vaultbind_\w+", " ".join(item.values[0] for item in queries())))
    bases = {re.sub(r"_bucket$", "", name) for name in shown}
    wanted = {
        item.name
        for item in definitions.ALL
        if re.match(r"vaultbind_(vault|object|expiry|cloudev)", item.name)
    }
    assert wanted - bases == {"vaultbind_vault_cache_reads_total"}, "the cache is for debugging"


def test_the_chart_renders_it(helm: Helm, default: Rendered) -> None:
    rendered = helm.render(dashboard={"enabled": True, "annotations": {"k8s-sidecar-target-directory": "/x"}})
    found = rendered.one("ConfigMap", "vaultbind-dashboard")
    assert json.loads(found["data"]["vaultbind.json"]) == DASHBOARD
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"k8s-sidecar-target-directory": "/x"}
    assert not default.of_kind("ConfigMap")


@pytest.fixture(scope="module")
def scrapes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two scrapes of an operator that has done all that the dashboard shows."""
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=PatientLoop) as runner:
        return runner.run(live(tmp_path_factory.mktemp("cluster"), patch))


async def live(folder: Path, patch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A whole life of an operator."""
    async with start_sandbox(folder) as cluster, start_world(cluster) as world, start_sink() as sink:
        patch.setenv("IDENTITY_ENDPOINT", f"{world.emulator.url}/msi/token")
        patch.setenv("IDENTITY_HEADER", "any")
        outlets = OutletSettings(sink=SinkSettings(url=sink.url))
        world.settings = replace(world.settings, outlets=outlets)
        await world.start_operator()
        await busy(world)
        first = await scrape(world)
        await world.next_look()
        return samples(first, await scrape(world))


async def busy(world: World) -> None:
    """A first sync, a repair, a rotation with a restart, a vault that throttles, an expiry."""
    await world.create(DEPLOYMENTS, "web", **workload("web"))
    world.seed.set_secret("a", "1", expires=world.clock.now() + timedelta(days=40))
    await world.connect(expiry={"scope": "All"})
    await world.bind("app", data=DATA, rollout=WEB)
    await world.ready("app")
    await world.calm()
    await world.patch(SECRETS, "app", {"data": encode(a="edited")})
    await world.settled()
    world.vault.set_secret("a", "2", expires=world.clock.now() + timedelta(days=20))
    await world.next_look()
    world.emulator.faults.add(Fault(status=429, count=6))
    await world.next_look()
    await world.advance(600)
    await judge(world)
    outbox = world.life.operator.outlets.outbox
    await world.until(lambda: outbox is not None and not len(outbox))


async def scrape(world: World) -> str:
    body, _ = await world.life.ask(world.life.operator.metrics.render)
    text: str = body.decode()
    return text


def samples(*texts: str) -> list[dict[str, Any]]:
    """Series as the evaluator reads them."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], list[list[float]]] = {}
    for second, text in zip(TWO_SCRAPES, texts, strict=True):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                found.setdefault(key, []).append([second, sample.value])
    return [
        {"labels": {"__name__": name, **dict(labels)}, "points": points}
        for (name, labels), points in found.items()
    ]


@pytest.fixture(scope="module")
def answers(scrapes: list[dict[str, Any]], promrules: Path) -> Mapping[str, dict[str, Any]]:
    """What each query finds."""
    asked = [item.values[0] for item in queries()]
    request = {
        "series": scrapes,
        "queries": [
            {"expr": text.replace("$__rate_interval", "5m"), "at": TWO_SCRAPES[-1]} for text in asked
        ],
    }
    return dict(zip(asked, evaluate(promrules, request)["queries"], strict=True))


@pytest.mark.parametrize("query", list(queries()))
def test_each_query_finds_something(query: str, answers: Mapping[str, dict[str, Any]]) -> None:
    answer = answers[query]
    assert "error" not in answer, answer
    assert answer["series"] > 0, "a real operator shows nothing that this query finds"


def test_a_query_for_what_is_not_there_finds_nothing(scrapes: list[dict[str, Any]], promrules: Path) -> None:
    """Else the test above could not fail."""
    wrong = [{"expr": "sum(vaultbind_no_such)", "at": 60}, {"expr": "sum(rate(vaultbind_x", "at": 60}]
    missing, broken = evaluate(promrules, {"series": scrapes, "queries": wrong})["queries"]
    assert missing == {"series": 0}
    assert "parse error" in broken["error"]


@pytest.mark.parametrize("alert", RULES)
def test_alerts_ask_for_series_and_labels_that_a_real_operator_shows(
    alert: str, scrapes: list[dict[str, Any]]
) -> None:
    """A label that is misspelt in a matcher or a grouping would never fire, and no rule test would see it."""
    expression = RULES[alert]["expr"]
    for name, matchers in re.findall(r"(vaultbind_\w+)(?:\{([^}]*)\})?", expression):
        there = [item["labels"] for item in scrapes if item["labels"]["__name__"] == name]
        assert there, f"a real operator shows no {name}"
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        grouped = {
            word.strip() for text in re.findall(r"by \(([^)]*)\)", expression) for word in text.split(",")
        }
        assert asked | grouped <= set(there[0]), name
