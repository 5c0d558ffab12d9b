"""`target.template`: Jinja in its sandbox, made smaller; the only place that imports jinja2.

Import it where a binding has templates, not before: an operator without any does not pay for it.
"""
