"""Several rooms' reports on one object become one."""

from typing import Any

import pytest

from tests.unit.engine.objects import BAD, FINE
from vaultbind.api.conditions import Reason
from vaultbind.engine.report import Note, NoteType, Report, merge_reports

NOTE = Note(type=NoteType.NORMAL, reason=Reason.UPDATED, message="m")


@pytest.mark.parametrize(
    ("reports", "merged"),
    [
        pytest.param([Report()], Report(), id="one"),
        pytest.param(
            [Report(conditions=(FINE,)), Report(), Report(conditions=(BAD,))],
            Report(conditions=(FINE, BAD)),
            id="conditions in order",
        ),
        pytest.param(
            [Report(fields={"a": 1, "b": 1}), Report(fields={"b": None})],
            Report(fields={"a": 1, "b": None}),
            id="later fields win",
        ),
        pytest.param([Report(notes=(NOTE,)), Report(notes=(NOTE,))], Report(notes=(NOTE, NOTE)), id="notes"),
        pytest.param([Report(retry=True), Report()], Report(retry=True), id="one retry is enough"),
        pytest.param(
            [Report(retry=True, retry_after=3.0), Report(retry=True, retry_after=0.0), Report()],
            Report(retry=True, retry_after=3.0),
            id="not before all may",
        ),
        pytest.param(
            [Report(next_in=60.0), Report(next_in=0.0), Report()], Report(next_in=0.0), id="earliest look"
        ),
    ],
)
def test_merge(reports: list[Report], merged: Report) -> None:
    assert merge_reports(*reports) == merged


def test_a_report_of_nothing_asks_for_nothing() -> None:
    fields: dict[str, Any] = {"conditions": (), "fields": {}, "notes": (), "retry": False}
    assert Report() == Report(**fields, retry_after=None, next_in=None)
