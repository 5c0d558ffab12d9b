"""What a write must say about itself before it is looked at: form, name, identity. Pure."""

from typing import Any

from vaultbind.sandbox.documents import JsonObject, clone, metadata
from vaultbind.sandbox.errors import Cause, bad_request, conflict, internal, invalid, refused_patch
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.patches import PatchError, PatchType, json_patch, merge_patch
from vaultbind.sandbox.schema import prune_unknown
from vaultbind.sandbox.strategic import strategic_merge_patch


def patched(live: JsonObject, patch: Any, patch_type: PatchType, kind: ResourceKind) -> JsonObject:
    """A patch applied to an object; raises StatusError 400 and 422."""
    if not isinstance(patch, list if patch_type is PatchType.JSON else dict):
        raise bad_request("a JSON patch is a list of operations, any other patch an object")
    try:
        match patch_type:
            case PatchType.JSON:
                return json_patch(clone(live), list(patch))
            case PatchType.STRATEGIC:
                return clone(strategic_merge_patch(live, patch, kind.schema))
            case _:
                return clone(merge_patch(live, patch))
    except PatchError:
        raise refused_patch() from None


def check_configuration(kind: ResourceKind, name: str, configuration: Any) -> None:
    """What a configuration for server-side apply must say about itself; raises StatusError 400."""
    if not isinstance(configuration, dict):
        raise bad_request("an apply configuration is an object")
    if (configuration.get("apiVersion"), configuration.get("kind")) != (kind.api_version, kind.kind):
        raise bad_request(f"the configuration must be of {kind.api_version}, Kind={kind.kind}")
    meta = configuration.setdefault("metadata", {})
    if meta.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    meta.setdefault("name", name)
    check_name(name, configuration)


def check_declared(kind: ResourceKind, configuration: JsonObject) -> None:
    """A field that the schema does not know cannot be applied: the real server answers 500, so does this."""
    unknown = prune_unknown(configuration, kind.schema)[1] if kind.is_custom else ()
    if unknown:
        name = f"/{metadata(configuration)['name']}; {kind.api_version}, Kind={kind.kind}"
        told = f"failed to create typed patch object ({name}): .{unknown[0]}: field not declared in schema"
        raise internal(told)


def check_name(name: str, body: JsonObject) -> None:
    """The name in a body is that of the path; raises StatusError 400."""
    asked = metadata(body).get("name", name)
    if asked != name:
        raise bad_request(f"the name of the object ({asked}) does not match the name on the URL ({name})")


def check_uid_is_kept(kind: ResourceKind, live: JsonObject, body: JsonObject) -> None:
    """A patch cannot change the uid; a PUT with another uid is a conflict instead. Raises StatusError 422."""
    uid = metadata(body).get("uid")
    if uid != metadata(live)["uid"]:
        cause = Cause(field="metadata.uid", message=f'Invalid value: "{uid}": field is immutable')
        raise invalid(kind.group, kind.kind, metadata(live)["name"], [cause])


def check_identity(kind: ResourceKind, live: JsonObject, body: JsonObject) -> None:
    """A write that names a uid or resourceVersion holds only for that object; raises StatusError 409."""
    asked, stored = metadata(body), metadata(live)
    name, uid, revision = str(stored.get("name", "")), asked.get("uid"), asked.get("resourceVersion")
    if uid and uid != stored.get("uid"):
        problem = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {stored.get('uid')}"
        raise conflict(kind.group, kind.plural, name, problem)
    if revision and revision != stored.get("resourceVersion"):
        raise conflict(kind.group, kind.plural, name)
