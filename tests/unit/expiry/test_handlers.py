"""Loading rotation handlers: whatever is wrong is told with the flag's own words."""

import pytest

from vaultbind.expiry.handlers import HandlerError, load_handler

WRONG = {
    "no colon": ("acme", "not MODULE:ATTRIBUTE"),
    "no module": (":Page", "not MODULE:ATTRIBUTE"),
    "no attribute": ("acme:", "not MODULE:ATTRIBUTE"),
    "a module that is not there": ("acme_that_is_not:Page", "cannot be loaded: ModuleNotFoundError"),
    "an attribute that is not there": ("json:Page", "cannot be loaded: AttributeError"),
    "a class that wants arguments": ("fractions:Fraction", "has none of the methods"),
    "an object that handles nothing": ("json:dumps", "has none of the methods"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_used(text: str, words: str) -> None:
    with pytest.raises(HandlerError, match=words) as caught:
        load_handler(text)
    assert text in str(caught.value)


def test_a_class_is_called_and_an_object_taken() -> None:
    assert type(load_handler(f"{__name__}:Page")) is Page
    assert load_handler(f"{__name__}:page") is page


class Page:
    """Handles one thing."""

    async def on_expired(self, properties: object) -> None:
        """Do nothing."""


page = Page()
