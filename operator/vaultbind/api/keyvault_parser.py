"""From a KeyVault or ClusterKeyVault to its spec: every rule of the CRD once more, defaults filled in."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from vaultbind.api import grammar
from vaultbind.api.access_parser import parse_access
from vaultbind.api.auth_parser import parse_auth, parse_bundle_ref
from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.api.fields import Fields
from vaultbind.api.implemented import check_cluster_keyvault, check_keyvault
from vaultbind.api.keyvault import (
    CryptoPolicy,
    DefaultAuth,
    Detection,
    ExpiryScope,
    KeyVaultSpec,
    RotationMode,
    RotationRule,
)
from vaultbind.api.names import KIND_CLUSTER_KEYVAULT
from vaultbind.api.thresholds import parse_warn_before

SHORTEST_REFRESH: Final = timedelta(seconds=5)
_DEFAULTS: Final = KeyVaultSpec(url="", auth=DefaultAuth())
_MOST_PER_SECOND: Final = 2_000
_MOST_BURST: Final = 20_000
_HIGHEST_PORT: Final = 65_535
_HTTPS_PORT: Final = "443"
_MOST_PATTERNS: Final = 64
_OPERATIONS: Final = grammar.Grammar(
    pattern=f"^({'|'.join(CryptoOperation)})$",
    longest=16,
    sentence=f"must be one of {', '.join(CryptoOperation)}",
)


def parse_keyvault(obj: Mapping[str, Any]) -> KeyVaultSpec:
    """Return what the KeyVault or ClusterKeyVault `obj` (its `kind` says which) asks for.

    The url's host is in lower case, without a final slash and without the port that https has anyway;
    thresholds are sorted, longest first. Raises SpecError for the first problem: NotImplemented for a field
    that this release refuses or does not know, InvalidSpec for all else that the CRD would have refused.
    """
    spec = Fields(obj.get("spec"), "spec")
    is_cluster = obj.get("kind") == KIND_CLUSTER_KEYVAULT
    (check_cluster_keyvault if is_cluster else check_keyvault)(obj["spec"])
    namespace = "" if is_cluster else str((obj.get("metadata") or {}).get("namespace", ""))
    per_second, burst = _parse_rate_limit(spec.object("rateLimit"))
    return KeyVaultSpec(
        url=_parse_url(spec, "url", spec.required_text("url", grammar.HTTPS_URL)),
        auth=parse_auth(spec.object("auth"), namespace),
        authority_host=_parse_url(spec, "authorityHost", spec.text("authorityHost", grammar.HTTPS_URL)),
        ca_bundle=_parse_ca_bundle(spec),
        ca_bundle_ref=parse_bundle_ref(spec, namespace),
        refresh_interval=_parse_refresh_interval(spec),
        detection=spec.choice("detection", Detection.AUTO),
        requests_per_second=per_second,
        burst=burst,
        warn_before=parse_warn_before(spec.object("expiry"), _DEFAULTS.warn_before),
        expiry_scope=_parse_expiry_scope(spec.object("expiry")),
        access=parse_access(spec) if is_cluster else None,
        crypto=_parse_crypto(spec.object("crypto"), is_cluster=is_cluster),
        rotation=_parse_rotation(spec.object("rotation")),
    )


def _parse_rotation(rotation: Fields | None) -> tuple[RotationRule, ...]:
    if rotation is None:
        return ()
    rules = rotation.objects("keys", most=_MOST_PATTERNS)
    if not rules:
        raise rotation.fail("keys", "must not be empty")
    return tuple(map(_parse_rule, rules))


def _parse_rule(rule: Fields) -> RotationRule:
    rule.at_most_one_of("rotateAfterCreation", "rotateBeforeExpiry")
    return RotationRule(
        name=rule.required_text("name", grammar.KEY_PATTERN),
        sets=rule.choice("policy", RotationMode.CHECK) is RotationMode.SET,
        after_creation=_parse_days(rule, "rotateAfterCreation"),
        before_expiry=_parse_days(rule, "rotateBeforeExpiry"),
        expires_after=_parse_days(rule, "expiresAfter"),
    )


def _parse_days(rule: Fields, field: str) -> timedelta | None:
    """Whole days, as a rotation policy has them."""
    if not rule.has(field):
        return None
    found = rule.duration(field, timedelta(0))
    if found % timedelta(days=1) or not found:
        raise rule.fail(field, "must be whole days, and at least one")
    return found


def _parse_crypto(crypto: Fields | None, *, is_cluster: bool) -> CryptoPolicy:
    """What is not named is allowed on a KeyVault and not allowed on a ClusterKeyVault."""
    keys: tuple[str, ...] | None = () if is_cluster else None
    operations: frozenset[CryptoOperation] | None = frozenset() if is_cluster else None
    if crypto is not None and crypto.has("allowedKeys"):
        keys = crypto.texts("allowedKeys", grammar.KEY_PATTERN, most=_MOST_PATTERNS, may_be_empty=True)
    if crypto is not None and crypto.has("allowedOperations"):
        named = crypto.texts(
            "allowedOperations", _OPERATIONS, most=len(CryptoOperation) + 1, may_be_empty=True
        )
        operations = frozenset(map(CryptoOperation, named))
    return CryptoPolicy(allowed_keys=keys, allowed_operations=operations)


def _parse_url(spec: Fields, field: str, url: str) -> str:
    """Same vault, same text: it is the key under which watchers and connections are shared."""
    if not url:
        return ""
    host, colon, port = url.rstrip("/").removeprefix("https://").lower().partition(":")
    if colon and not 0 < int(port) <= _HIGHEST_PORT:
        raise spec.fail(field, "the port must be from 1 to 65535")
    if ".." in host:
        raise spec.fail(field, grammar.HTTPS_URL.sentence)
    port = port.lstrip("0")
    return f"https://{host}" if port in {"", _HTTPS_PORT} else f"https://{host}:{port}"


def _parse_ca_bundle(spec: Fields) -> str:
    bundle = spec.text("caBundle", grammar.PEM_TEXT)
    if bundle and "-----BEGIN CERTIFICATE-----" not in bundle:
        raise spec.fail("caBundle", "must hold at least one PEM certificate")
    if "PRIVATE KEY" in bundle:
        raise spec.fail("caBundle", "must not hold a private key")
    return bundle


def _parse_refresh_interval(spec: Fields) -> timedelta:
    interval = spec.duration("refreshInterval", _DEFAULTS.refresh_interval)
    if interval < SHORTEST_REFRESH:
        raise spec.fail("refreshInterval", "must be at least 5s")
    return interval


def _parse_rate_limit(limit: Fields | None) -> tuple[float, int]:
    if limit is None:
        return _DEFAULTS.requests_per_second, _DEFAULTS.burst
    per_second = limit.whole(
        "requestsPerSecond", int(_DEFAULTS.requests_per_second), least=1, most=_MOST_PER_SECOND
    )
    return float(per_second), limit.whole("burst", _DEFAULTS.burst, least=1, most=_MOST_BURST)


def _parse_expiry_scope(expiry: Fields | None) -> ExpiryScope:
    return ExpiryScope.BOUND if expiry is None else expiry.choice("scope", ExpiryScope.BOUND)
