"""Pure: which variables a pod gets, and of which of its bindings."""

from collections.abc import Mapping

from vaultbind.injection import names
from vaultbind.injection.annotations import Wish
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.facts import BindingKeys, Variable

Bindings = Mapping[str, BindingKeys | None]
"""Keys of the bindings that a pod names; None: there is no such VaultBinding."""


def decide_variables(wish: Wish, bindings: Bindings) -> list[tuple[str, Variable]]:
    """Each variable with its binding, in the order of the annotation. Raises InjectionError."""
    found: list[tuple[str, Variable]] = []
    origin: dict[str, str] = {}
    for name in wish.bindings:
        keys = bindings[name]
        if keys is None:
            raise InjectionError(
                f"VaultBinding {name} does not exist in the pod's namespace; variables need its keys: "
                "create it first"
            )
        if keys.is_open:
            raise InjectionError(
                f"keys of VaultBinding {name} are known only when its vault is read (dataFrom); "
                f"list them in spec.data, or use {names.MODE}: files"
            )
        for variable in keys.variables:
            other = origin.setdefault(variable.name, name)
            if other != name:
                raise InjectionError(
                    f"VaultBindings {other} and {name} both have key {variable.name}; "
                    f"only one can be the variable: rename a key, or use {names.MODE}: files"
                )
            found.append((name, variable))
    if not found:
        raise InjectionError(
            f"none of the bindings has a key that is a variable's name; use {names.MODE}: files"
        )
    return found
