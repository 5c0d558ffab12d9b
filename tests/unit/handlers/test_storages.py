"""Kopf keeps nothing on our objects, and never gives up."""

from itertools import islice
from typing import Any

import kopf
import pytest

from vaultbind.handlers.controller import render_settings
from vaultbind.handlers.storages import EndlessBackoff, NullDiffBase, NullProgress


def test_backing_off_never_ends_and_starts_anew_for_each_request() -> None:
    backoff = EndlessBackoff()
    for _ in range(2):
        assert list(islice(backoff, 7)) == [1.0, 2.0, 5.0, 10.0, 30.0, 30.0, 30.0]
    first, second = iter(backoff), iter(backoff)
    assert [next(first), next(first), next(second)] == [1.0, 2.0, 1.0]
    assert list(islice(backoff, 10_000))[-1] == 30.0


def test_backing_off_is_a_collection_as_kopf_asks_for_one() -> None:
    backoff = EndlessBackoff()
    assert len(backoff) == 5
    assert [seconds in backoff for seconds in (1.0, 30.0, 3.0)] == [True, True, False]


def body() -> kopf.Body:
    return kopf.Body({"metadata": {"name": "x", "annotations": {"a": "b"}}, "spec": {"c": 1}})


@pytest.mark.parametrize("storage", [NullDiffBase(), render_settings().persistence.diffbase_storage])
def test_no_former_state_is_remembered(storage: kopf.DiffBaseStorage) -> None:
    patch = kopf.Patch()
    storage.store(body=body(), patch=patch, essence=kopf.BodyEssence({"spec": {"c": 1}}))
    assert dict(patch) == {}
    assert storage.build(body=body()) == {} == storage.fetch(body=body())


@pytest.mark.parametrize("storage", [NullProgress(), render_settings().persistence.progress_storage])
def test_no_progress_is_remembered(storage: kopf.ProgressStorage) -> None:
    patch, key = kopf.Patch(), kopf.HandlerId("judge")
    record: Any = {"started": "now"}
    storage.store(key=key, record=record, body=body(), patch=patch)
    storage.touch(body=body(), patch=patch, value="now")
    storage.purge(key=key, body=body(), patch=patch)
    assert dict(patch) == {}
    assert storage.fetch(key=key, body=body()) is None
    essence = kopf.BodyEssence({"spec": {}})
    assert storage.clear(essence=essence) is essence


def test_settings_are_those_that_were_measured() -> None:
    """facts/kopf.md says why each is as it is; the default may change with a new Kopf."""
    settings = render_settings()
    shown = {
        "scanning": settings.scanning.disabled,
        "posting": settings.posting.enabled,
        "loggers": settings.posting.loggers,
        "chunk": settings.watching.chunk_size,
        "server": settings.watching.server_timeout,
        "client": settings.watching.client_timeout,
        "inactivity": settings.watching.inactivity_timeout,
        "connect": settings.watching.connect_timeout,
        "request": settings.networking.request_timeout,
        "workers": settings.queueing.worker_limit,
    }
    assert shown == {
        "scanning": True,
        "posting": False,
        "loggers": False,
        "chunk": 500,
        "server": 290,
        "client": 320,
        "inactivity": 70,
        "connect": 15,
        "request": 30,
        "workers": None,
    }
    assert settings.queueing.idle_timeout <= 1.0
    assert isinstance(settings.networking.error_backoffs, EndlessBackoff)
    assert settings.persistence.finalizer.startswith("vaultbind.dev/")
