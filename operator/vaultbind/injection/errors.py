"""The one error of injection: a pod that asked for something that it cannot have."""


class InjectionError(ValueError):
    """A pod is refused; the message is for whoever made it: what is wrong, and what to do about it."""
