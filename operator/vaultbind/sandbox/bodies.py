"""Bodies of requests: JSON or YAML. Pure."""

from typing import Any, Final

import orjson
import yaml

from vaultbind.sandbox.errors import bad_request, unsupported_media_type

_YAML: Final = frozenset({"application/yaml", "application/apply-patch+yaml"})
_JSON: Final = frozenset(
    {
        "application/json",
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/strategic-merge-patch+json",
    }
)
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class JsonLikeLoader(yaml.SafeLoader):
    """Reads YAML as Kubernetes does: a date stays a string."""


JsonLikeLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_body(raw: bytes, content_type: str) -> Any:
    """The document in a body, None when it is empty; raises StatusError 400 and 415, without any content."""
    if not raw.strip():
        return None
    if content_type in _YAML:
        try:
            return yaml.load(raw, JsonLikeLoader)  # noqa: S506 - a safe loader with fewer resolvers
        except yaml.YAMLError:
            raise bad_request("the body of the request is not YAML") from None
    if content_type not in _JSON:
        raise unsupported_media_type(", ".join(sorted(_JSON | _YAML)))
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise bad_request("the body of the request is not JSON") from None


def parse_manifests(text: str) -> list[dict[str, Any]]:
    """All objects in a YAML text of one or more documents; raises yaml.YAMLError."""
    loaded = yaml.load_all(text, JsonLikeLoader)
    return [document for document in loaded if isinstance(document, dict)]
