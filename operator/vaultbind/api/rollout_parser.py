"""`spec.rollout` of a VaultBinding: what to restart when the content has changed."""

from typing import Final

from vaultbind.api import grammar
from vaultbind.api.binding import Restart, WorkloadKind
from vaultbind.api.fields import Fields

_MOST_RESTARTS: Final = 16
_MOST_LABELS: Final = 16


def parse_restarts(rollout: Fields | None) -> tuple[Restart, ...]:
    """Return the workloads to restart. Raises SpecError."""
    if rollout is None:
        return ()
    items = rollout.objects("restart", most=_MOST_RESTARTS)
    if not items:
        raise rollout.fail("restart", "must name at least one workload")
    return tuple(_parse_restart(item) for item in items)


def _parse_restart(item: Fields) -> Restart:
    if not item.has("kind"):
        raise item.fail("kind", "is required")
    kind = item.choice("kind", WorkloadKind.DEPLOYMENT)
    if item.only_one_of("name", "selector") == "name":
        return Restart(kind=kind, name=item.required_text("name", grammar.DNS_SUBDOMAIN))
    selector = item.required_object("selector")
    labels = selector.pairs("matchLabels", grammar.QUALIFIED_KEY, grammar.LABEL_VALUE, most=_MOST_LABELS)
    if not labels:
        raise selector.fail("matchLabels", "must name at least one label")
    return Restart(kind=kind, match_labels=labels)
