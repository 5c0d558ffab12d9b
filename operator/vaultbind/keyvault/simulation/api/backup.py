"""REST calls that back objects up and restore them."""

from vaultbind.keyvault.simulation.api.calls import Call, parse_text
from vaultbind.keyvault.simulation.api.messages import Answer
from vaultbind.keyvault.simulation.backup import render_backup, restore_backup
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.vault import AnyVersion


def backup(call: Call) -> Answer:
    """POST /{kind}/{name}/backup."""
    return Answer(content={"value": render_backup(call.vault, call.route.kind, call.route.name)})


def restore(call: Call) -> AnyVersion:
    """POST /{kind}/restore: the latest version of what is there again."""
    blob = parse_text(call.content(), "value")
    if blob is None:
        raise bad_parameter("Property value has invalid value\r\n")
    return restore_backup(call.vault, call.route.kind, blob, now=call.now)
