"""A binding's spec with its templates checked, for whoever acts on it."""

from collections.abc import Mapping
from typing import Any

from vaultbind.api.binding import BindingSpec
from vaultbind.api.binding_parser import parse_binding


def parse_checked(obj: Mapping[str, Any]) -> BindingSpec:
    """As `parse_binding`; raises SpecError (TemplateInvalid) for a template that is none, too."""
    spec = parse_binding(obj)
    if spec.target.template is not None:
        from vaultbind.rendering.templates.render import check_templates  # jinja2 is for those who need it

        check_templates(spec)
    return spec
