"""A binding's spec with its templates and regular expressions checked, for whoever acts on it."""

from collections.abc import Mapping
from typing import Any

from vaultbind.api.binding import BindingSpec
from vaultbind.api.binding_parser import FINDS_ARE_FOR_SECRETS, PASSWORDS_ARE_FOR_SECRETS, parse_binding
from vaultbind.api.conditions import Reason
from vaultbind.api.errors import SpecError
from vaultbind.rendering.rewrite import check_rewrites


def parse_checked(obj: Mapping[str, Any]) -> BindingSpec:
    """As `parse_binding`; raises SpecError for a template or expression that is none, too."""
    spec = parse_binding(obj)
    if spec.data_from:
        check_rewrites(spec)
    if spec.target.template is not None:
        from vaultbind.rendering.templates.render import check_templates  # jinja2 is for those who need it

        check_templates(spec)
    return spec


def parse_for_pods(obj: Mapping[str, Any]) -> BindingSpec:
    """As `parse_checked`, for whoever gives the values to pods and may read no Secret for them.

    Raises SpecError for a passwordRef (InvalidSpec: only the operator reads passwords) and for `find`
    (NotImplemented: only the operator lists vaults), too.
    """
    spec = parse_checked(obj)
    if spec.passwords:
        raise SpecError("spec.data", PASSWORDS_ARE_FOR_SECRETS)
    if spec.finds:
        raise SpecError("spec.dataFrom", FINDS_ARE_FOR_SECRETS, reason=Reason.NOT_IMPLEMENTED)
    return spec
