"""Properties by the thousand: drafts are filled in member by member and then become frozen values.

The constructor of a frozen dataclass sets each member by a call. For a page of a list that was half of what
parsing it cost (ADR 0020).
"""

from typing import Any, TypeVar, cast

T = TypeVar("T")


def make_draft_class(frozen: type) -> type[Any]:
    """Class of drafts of a frozen, slotted dataclass: the same members in the same places, which can be set.

    A new draft has none of its members; who fills it in sets them all.
    """
    return type(
        f"{frozen.__name__}Draft",
        frozen.__bases__,
        {
            "__slots__": frozen.__dict__["__slots__"],
            "__init__": object.__init__,
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,  # as long as one of the two is not object's, both are slow
        },
    )


def freeze(draft: Any, frozen: type[T]) -> T:
    """Make the draft a value of the class that its own was made of: no member can be set any more."""
    draft.__class__ = frozen
    return cast("T", draft)
