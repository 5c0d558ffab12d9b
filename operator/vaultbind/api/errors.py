"""The one error that parsing a spec can raise."""

from vaultbind.api.conditions import Reason


class SpecError(ValueError):
    """A spec that cannot be used, by `reason` InvalidSpec, NotImplemented or TemplateInvalid.

    `path` names the field.
    """

    def __init__(self, path: str, problem: str, *, reason: Reason = Reason.INVALID_SPEC) -> None:
        """Name the field and what is wrong with it; never put a value into `problem`."""
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
        self.reason = reason
