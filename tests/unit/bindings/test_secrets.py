"""Metadata of our Secrets: the newest counts, wherever it comes from."""

from typing import Any

import pytest

from vaultbind.bindings.secrets import WatchedSecrets

LABEL = {"vaultbind.dev/managed": "true"}


def metadata(version: int, uid: str = "s1", **more: Any) -> dict[str, Any]:
    base = {"namespace": "shop", "name": "db", "uid": uid, "resourceVersion": str(version), "labels": LABEL}
    return {**base, **more}


def watched() -> tuple[WatchedSecrets, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    return WatchedSecrets(on_change=lambda namespace, name: told.append((namespace, name))), told


def version_of(secrets: WatchedSecrets) -> str | None:
    found = secrets.get("shop", "db")
    return None if found is None else f"{found['uid']}/{found['resourceVersion']}"


EVENTS = [
    pytest.param([], "ADDED", metadata(5), "s1/5", True, id="new"),
    pytest.param([metadata(5)], "MODIFIED", metadata(6), "s1/6", True, id="changed by somebody"),
    pytest.param([metadata(6)], "MODIFIED", metadata(6), "s1/6", False, id="the echo of our own write"),
    pytest.param([metadata(7)], "MODIFIED", metadata(6), "s1/7", False, id="older than our own write"),
    pytest.param([metadata(9)], "ADDED", metadata(6, "s2"), "s2/6", True, id="replaced"),
    pytest.param([metadata(5)], "DELETED", metadata(6), None, True, id="deleted"),
    pytest.param([metadata(5, "s2")], "DELETED", metadata(6), "s2/5", False, id="a former one deleted"),
    pytest.param([], "DELETED", metadata(6), None, False, id="never known"),
    pytest.param([metadata(9)], "MODIFIED", metadata(0, resourceVersion="odd"), "s1/9", False, id="odd"),
]


@pytest.mark.parametrize(("known", "event", "seen", "kept", "is_told"), EVENTS)
def test_events(
    known: list[dict[str, Any]], event: str, seen: dict[str, Any], kept: str | None, is_told: bool
) -> None:
    secrets, told = watched()
    for item in known:
        secrets.put(item)
    secrets.on_event(event, {"metadata": seen})
    assert version_of(secrets) == kept
    assert told == ([("shop", "db")] if is_told else [])
    assert len(secrets) == (kept is not None)


@pytest.mark.parametrize("labels", [None, {}, {"vaultbind.dev/managed": "false"}])
def test_an_answer_about_somebody_s_secret_is_not_kept(labels: dict[str, str] | None) -> None:
    secrets, told = watched()
    secrets.put(metadata(5, labels=labels))
    assert version_of(secrets) is None
    assert told == []


def test_our_own_answers_are_not_told_and_what_is_kept_is_whole() -> None:
    secrets, told = watched()
    secrets.put(metadata(5, managedFields=[{"manager": "vaultbind"}]))
    assert secrets.get("shop", "db") == metadata(5, managedFields=[{"manager": "vaultbind"}])
    secrets.forget("shop", "db")
    secrets.forget("shop", "never known")
    assert (version_of(secrets), told) == (None, [])


HELD = [
    pytest.param("MODIFIED", metadata(6), metadata(6), "s1/6", False, id="our own write"),
    pytest.param("MODIFIED", metadata(7), metadata(6), "s1/7", True, id="changed by somebody after it"),
    pytest.param("DELETED", metadata(7), metadata(6), None, True, id="deleted by somebody after it"),
    pytest.param("DELETED", metadata(6), metadata(7, "s2"), "s2/7", False, id="replaced by us"),
    pytest.param("MODIFIED", metadata(6), None, "s1/6", True, id="changed by somebody, our write failed"),
]


@pytest.mark.parametrize(("event", "seen", "answer", "kept", "is_told"), HELD)
def test_an_event_that_overtakes_the_answer_to_a_write_waits_for_it(
    event: str, seen: dict[str, Any], answer: dict[str, Any] | None, kept: str | None, is_told: bool
) -> None:
    secrets, told = watched()
    secrets.put(metadata(5))
    with secrets.writing("shop", "db"), secrets.writing("shop", "db"):
        secrets.on_event(event, {"metadata": seen})
        assert (version_of(secrets), told) == ("s1/5", [])
        if answer is not None:
            secrets.put(answer)
    assert version_of(secrets) == kept
    assert told == ([("shop", "db")] if is_told else [])


def test_events_of_other_secrets_do_not_wait() -> None:
    secrets, told = watched()
    with secrets.writing("shop", "other"):
        secrets.on_event("ADDED", {"metadata": metadata(5)})
        assert told == [("shop", "db")]
    assert secrets.get("shop", "other") is None
