"""A vault after any history of calls, held against a plain model: versions, deletion, backups, pages, time.

All calls go over the REST surface, so that what is compared is what clients see.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.unit.keyvault.simulation.desk import Desk
from vaultbind.keyvault.simulation import VaultSettings

DAY = 86_400
RETENTION = 7
NAMES = st.sampled_from(["a", "B", "cc", "Dd", "e-1"])
TAGS = st.dictionaries(st.sampled_from(["x", "y"]), st.text("ab", max_size=2), max_size=2)
Version = tuple[str, Any]
"""Id of a version and what it shows: a secret's value, a key's public half."""


@dataclass
class Model:
    """What should be there, by lower-case name; an object is its versions and the latest one's tags."""

    live: dict[str, list[Version]] = field(default_factory=dict)
    tags: dict[str, dict[str, str] | None] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    """When each deleted object will be purged; its versions stay in `kept`."""
    kept: dict[str, tuple[list[Version], dict[str, str] | None]] = field(default_factory=dict)
    backups: dict[str, tuple[str, list[Version], dict[str, str] | None]] = field(default_factory=dict)


class VaultMachine(RuleBasedStateMachine):
    """One kind of object in one vault; subclasses say how it is written and read."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(settings=VaultSettings(retention_days=RETENTION))
        self.model = Model()
        self.now = 0
        self.count = 0
        self.link = ""
        self.seen: list[str] = []
        self.stayed: set[str] = set()

    def write(self, name: str, tags: dict[str, str]) -> tuple[int, Any]:
        raise NotImplementedError

    def show(self, content: Any) -> Version:
        raise NotImplementedError

    def path(self, name: str, prefix: str = "") -> str:
        return f"/{prefix}{self.kind}/{name}"

    def gone(self, key: str) -> None:
        self.stayed.discard(key)

    @rule(name=NAMES, tags=TAGS)
    def write_version(self, name: str, tags: dict[str, str]) -> None:
        key = name.lower()
        status, content = self.write(name, tags)
        if key in self.model.deleted:
            assert (status, content["error"]["innererror"]["code"]) == (409, "ObjectIsDeletedButRecoverable")
            return
        assert status == 200
        self.model.live.setdefault(key, []).append(self.show(content))
        self.model.tags[key] = tags

    @rule(name=NAMES, tags=TAGS)
    def update_latest(self, name: str, tags: dict[str, str]) -> None:
        status, _ = self.desk.ask("PATCH", self.path(name), {"tags": tags})
        assert status == (200 if name.lower() in self.model.live else 404)
        if status == 200:
            self.model.tags[name.lower()] = tags

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        key = name.lower()
        status, _ = self.desk.ask("DELETE", self.path(name))
        assert status == (200 if key in self.model.live else 404)
        if status == 200:
            self.model.kept[key] = (self.model.live.pop(key), self.model.tags.pop(key))
            self.model.deleted[key] = self.now + RETENTION * DAY
            self.gone(key)

    @rule(name=NAMES)
    def recover(self, name: str) -> None:
        key = name.lower()
        status, _ = self.desk.ask("POST", f"{self.path(name, 'deleted')}/recover")
        assert status == (200 if key in self.model.deleted else 404)
        if status == 200:
            del self.model.deleted[key]
            self.model.live[key], self.model.tags[key] = self.model.kept.pop(key)

    @rule(name=NAMES)
    def purge(self, name: str) -> None:
        key = name.lower()
        status, _ = self.desk.ask("DELETE", self.path(name, "deleted"))
        assert status == (204 if key in self.model.deleted else 404)
        self.model.deleted.pop(key, None)
        self.model.kept.pop(key, None)

    @rule(name=NAMES)
    def backup(self, name: str) -> None:
        key = name.lower()
        status, content = self.desk.ask("POST", f"{self.path(name)}/backup")
        assert status == (200 if key in self.model.live else 404)
        if status == 200:
            self.model.backups[key] = (content["value"], list(self.model.live[key]), self.model.tags[key])

    @precondition(lambda self: self.model.backups)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.model.backups)))
        blob, versions, tags = self.model.backups[key]
        status, _ = self.desk.ask("POST", f"/{self.kind}/restore", {"value": blob})
        is_free = key not in self.model.live and key not in self.model.deleted
        assert status == (200 if is_free else 409)
        if is_free:
            self.model.live[key], self.model.tags[key] = list(versions), tags

    @rule(days=st.integers(1, RETENTION))
    def pass_days(self, days: int) -> None:
        self.now += days * DAY
        self.desk.pass_time(days * DAY)
        for key in [key for key, purge in self.model.deleted.items() if purge <= self.now]:
            del self.model.deleted[key], self.model.kept[key]

    @precondition(lambda self: not self.link)
    @rule(limit=st.integers(1, 3))
    def begin_list(self, limit: int) -> None:
        self.seen, self.stayed = [], set(self.model.live)
        self._take_page(f"/{self.kind}?maxresults={limit}")

    @precondition(lambda self: self.link)
    @rule()
    def continue_list(self) -> None:
        self._take_page(self.link)

    def _take_page(self, link: str) -> None:
        names, self.link = self._page(link)
        self.seen += names
        if not self.link:  # whatever came and went meanwhile: what stayed is there once, nothing is twice
            assert self.stayed <= set(self.seen)
            assert len(set(self.seen)) == len(self.seen)

    def _page(self, link: str) -> tuple[list[str], str]:
        status, page = self.desk.ask("GET", link)
        assert status == 200
        names = [(item.get("id") or item["kid"]).rsplit("/", 1)[1].lower() for item in page["value"]]
        following = page["nextLink"] or ""
        return names, following and "/" + following.split("/", 3)[3]

    @invariant()
    def lists_show_what_is_there(self) -> None:
        for prefix, expected in (("", self.model.live), ("deleted", self.model.deleted)):
            names: list[str] = []
            link = f"/{prefix}{self.kind}?maxresults=2"
            while link:
                page, link = self._page(link)
                names += page
            assert names == sorted(expected)

    @invariant()
    def every_version_is_what_was_written(self) -> None:
        for key, versions in self.model.live.items():
            status, latest = self.desk.ask("GET", self.path(key))
            assert (status, self.show(latest), latest.get("tags")) == (
                200,
                versions[-1],
                self.model.tags[key],
            )
            _, page = self.desk.ask("GET", f"{self.path(key)}/versions")
            ids = {(item.get("id") or item["kid"]).rsplit("/", 1)[1] for item in page["value"]}
            assert ids == {version for version, _ in versions[-25:]} or len(versions) > 25
            first, shown = versions[0]
            assert self.show(self.desk.ask("GET", f"{self.path(key)}/{first}")[1]) == (first, shown)


class SecretMachine(VaultMachine):
    """Secrets: each version shows its own value."""

    kind = "secrets"

    def write(self, name: str, tags: dict[str, str]) -> tuple[int, Any]:
        self.count += 1
        return self.desk.ask("PUT", self.path(name), {"value": f"value {self.count}", "tags": tags})

    def show(self, content: Any) -> Version:
        return content["id"].rsplit("/", 1)[1], content["value"]


class KeyMachine(VaultMachine):
    """Keys: each version shows its own public half."""

    kind = "keys"

    def write(self, name: str, tags: dict[str, str]) -> tuple[int, Any]:
        return self.desk.ask("POST", f"{self.path(name)}/create", {"kty": "EC", "tags": tags})

    def show(self, content: Any) -> Version:
        return content["key"]["kid"].rsplit("/", 1)[1], content["key"]["x"]


@pytest.mark.parametrize("machine", [SecretMachine, KeyMachine], ids=["secrets", "keys"])
def test_a_vault_agrees_with_its_model(machine: type[VaultMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=25))
