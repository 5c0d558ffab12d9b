"""The duration grammar."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.api.durations import LONGEST, parse_duration, render_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("5s", 5),
        ("90s", 90),
        ("1m30s", 90),
        ("1h", 3_600),
        ("7d", 604_800),
        ("1d2h3m4s", 93_784),
        ("4s1d", 86_404),
        ("1m1m", 120),
        ("007s", 7),
        ("3650d", 315_360_000),
    ],
)
def test_parsed(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", "s", "5", "5 s", "5S", "-5s", "+5s", "1.5h", "5ms", "1w", "5s\n", " 5s", "1h 5m", "٣s", "1h5"),
        *("3650d1s", "9" * 30 + "d", "0s" * 17),
    ],
)
def test_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        parse_duration(text)
    assert text.strip() == "" or len(text) < 3 or text not in str(caught.value)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=-3), "0s"),
        (timedelta(seconds=1.9), "1s"),
        (timedelta(minutes=1), "1m"),
        (timedelta(days=30), "30d"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "1d2h3m4s"),
        (timedelta(hours=25), "1d1h"),
    ],
)
def test_rendered(duration: timedelta, text: str) -> None:
    assert render_duration(duration) == text


@given(st.integers(0, int(LONGEST.total_seconds())))
def test_what_is_rendered_parses_to_the_same(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(render_duration(duration)) == duration
