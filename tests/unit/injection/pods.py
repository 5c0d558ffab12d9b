"""Pods as users write them, and what the webhook knows."""

from typing import Any

from vaultbind.injection.facts import BindingKeys, Installation, Variable

INSTALLATION = Installation(
    image="vaultbind:test",
    broker_url="https://vaultbind-broker.vaultbind.svc:8443",
    broker_ca="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    env_files=True,
)
OLD_CLUSTER = Installation(
    image="vaultbind:test", broker_url="https://vaultbind-broker.vaultbind.svc:8443", env_files=False
)

DB = BindingKeys(
    secret="shop-db",
    variables=(Variable(name="USER"), Variable(name="PASSWORD"), Variable(name="EXTRA", optional=True)),
    unusable=("connection.json",),
)
TLS = BindingKeys(secret="shop-tls", unusable=("tls.crt", "tls.key"))
BINDINGS = {"shop-db": DB, "shop-tls": TLS}


def make_pod(
    annotations: dict[str, str] | None = None, *, inject: str | None = "true", **spec: Any
) -> dict[str, Any]:
    """An opted-in pod; annotations without prefix, bindings default to shop-db."""
    given = {"bindings": "shop-db"} | (annotations or {})
    labels = {"app": "shop"} | ({"vaultbind.dev/inject": inject} if inject is not None else {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "shop",
            "labels": labels,
            "annotations": {
                key if "/" in key else f"vaultbind.dev/{key}": value
                for key, value in given.items()
                if value != "ABSENT"
            },
        },
        "spec": {"containers": [{"name": "web", "image": "shop:1"}], **spec},
    }


def named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The one item of this name."""
    (found,) = [item for item in items if item["name"] == name]
    return found
