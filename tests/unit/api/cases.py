"""Specs that are refused and specs that are accepted: one table for the parsers and for the real API server.

Each refused row says what the parser answers and what the API server does, so that neither can be laxer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLAIN = {"key": "a", "secret": {"name": "a"}}
URL = "https://shop.vault.azure.net"
EVERYWHERE = [{"namespaces": {"all": True}}]
VERSION = "0123456789abcdef0123456789abcdef"
PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
PRINCIPAL = {"clientId": "c", "tenantId": "t"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """`path` and `problem` as the parser tells them; `server` is part of the API server's message."""

    name: str
    spec: Mapping[str, Any]
    path: str
    problem: str
    server: str = ""
    """Empty: the API server takes it (its schema cannot say it, or it is a field of a later release)."""


def row(name: str, spec: Mapping[str, Any], path: str, problem: str, server: str = "") -> Refused:
    return Refused(name=name, spec=spec, path=path, problem=problem, server=server)


def with_data(*entries: object, **spec: object) -> dict[str, Any]:
    return {"data": list(entries), **spec}


def with_target(*entries: object, **target: object) -> dict[str, Any]:
    return {"data": list(entries) or [PLAIN], "target": target}


def with_source(**source: object) -> dict[str, Any]:
    return {"data": [{"key": "a", **source}]}


def vault(**spec: object) -> dict[str, Any]:
    return {"url": URL, **spec}


def cluster_vault(*access: object, **spec: object) -> dict[str, Any]:
    return {"url": URL, "access": list(access), **spec}


def namespaces(**rule: object) -> dict[str, Any]:
    return cluster_vault({"namespaces": rule})


def requirement(**item: object) -> dict[str, Any]:
    return namespaces(selector={"matchExpressions": [item]})


ONE_SOURCE = "exactly one of secret, certificate and publicKey must be set"
ONE_AUTH = "exactly one of default, managedIdentity, servicePrincipal and workloadIdentity must be set"
ONE_NAMESPACES = "exactly one of names, selector and all must be set"
BAD_URL = "must be https://HOST or https://HOST:PORT, without user, path or query"
TLS = {"tls": {"name": "web"}}
FIND = {"find": {"name": {"regexp": "app-.*"}}}

INVALID_BINDINGS: tuple[Refused, ...] = (
    row(
        "threshold",
        with_data(PLAIN, expiry={"warnBefore": ["30d", "7 days"]}),
        "spec.expiry.warnBefore[1]",
        "must be a duration",
        "should match",
    ),
    row(
        "restart nothing",
        with_data(PLAIN, rollout={"restart": []}),
        "spec.rollout.restart",
        "at least one",
        "should have at least 1 items",
    ),
    row(
        "restart without kind",
        with_data(PLAIN, rollout={"restart": [{"name": "web"}]}),
        "spec.rollout.restart[0].kind",
        "is required",
        "Required value",
    ),
    row(
        "restart of another kind",
        with_data(PLAIN, rollout={"restart": [{"kind": "Pod", "name": "web"}]}),
        "spec.rollout.restart[0].kind",
        "must be one of Deployment, StatefulSet, DaemonSet",
        "Unsupported value",
    ),
    row(
        "restart without object",
        with_data(PLAIN, rollout={"restart": [{"kind": "Deployment"}]}),
        "spec.rollout.restart[0]",
        "exactly one of name and selector must be set",
        "exactly one of name and selector must be set",
    ),
    row(
        "restart by no label",
        with_data(PLAIN, rollout={"restart": [{"kind": "Deployment", "selector": {"matchLabels": {}}}]}),
        "spec.rollout.restart[0].selector.matchLabels",
        "at least one label",
        "should have at least 1 properties",
    ),
    row(
        "nothing asked for", {}, "spec", "data or dataFrom must have at least one entry", "at least one entry"
    ),
    row("empty lists", {"data": [], "dataFrom": []}, "spec", "at least one entry", "at least one entry"),
    row("data is a map", {"data": {}}, "spec.data", "must be a list", "must be of type array"),
    row("data is a text", {"data": "abc"}, "spec.data", "must be a list", "must be of type array"),
    row(
        "an entry is no object", with_data("x"), "spec.data[0]", "must be an object", "must be of type object"
    ),
    row(
        "too many entries",
        with_data(*({"key": f"k{n}", "secret": {"name": "a"}} for n in range(257))),
        "spec.data",
        "at most 256 entries",
        "must have at most 256 items",
    ),
    row("no key", with_data({"secret": {"name": "a"}}), "spec.data[0].key", "is required", "Required value"),
    row(
        "key with a space",
        with_data({"key": "a b", "secret": {"name": "a"}}),
        "spec.data[0].key",
        "must be a key",
        "spec.data[0].key in body should match",
    ),
    row(
        "key with a line end",
        with_data({"key": "a\n", "secret": {"name": "a"}}),
        "spec.data[0].key",
        "must be a key",
        "spec.data[0].key in body should match",
    ),
    row(
        "key too long",
        with_data({"key": "k" * 254, "secret": {"name": "a"}}),
        "spec.data[0].key",
        "must be a key",
        "may not be more than 253",
    ),
    row(
        "key is a dot",
        with_data({"key": ".", "secret": {"name": "a"}}),
        "spec.data[0].key",
        "may not be '.'",
        "a key may not be '.' nor start with '..'",
    ),
    row(
        "key starts with dots",
        with_data({"key": "..a", "secret": {"name": "a"}}),
        "spec.data[0].key",
        "nor start with '..'",
        "a key may not be '.' nor start with '..'",
    ),
    row(
        "key twice",
        with_data(PLAIN, {"key": "b", "secret": {"name": "b"}}, PLAIN),
        "spec.data[2].key",
        "the key is there twice",
        "Duplicate value",
    ),
    row("no source", with_data({"key": "a"}), "spec.data[0]", ONE_SOURCE, ONE_SOURCE),
    row(
        "two sources",
        with_source(secret={"name": "a"}, publicKey={"name": "a"}),
        "spec.data[0]",
        ONE_SOURCE,
        ONE_SOURCE,
    ),
    row(
        "optional is a text",
        with_source(secret={"name": "a"}, optional="yes"),
        "spec.data[0].optional",
        "must be true or false",
        "must be of type boolean",
    ),
    row(
        "secret is a text",
        with_source(secret="a"),
        "spec.data[0].secret",
        "must be an object",
        "of type object",
    ),
    row(
        "secret without name",
        with_source(secret={}),
        "spec.data[0].secret.name",
        "is required",
        "Required value",
    ),
    row(
        "secret's name with an underscore",
        with_source(secret={"name": "a_b"}),
        "spec.data[0].secret.name",
        "must be a name",
        "spec.data[0].secret.name in body should match",
    ),
    row(
        "secret's name is empty",
        with_source(secret={"name": ""}),
        "spec.data[0].secret.name",
        "must be a name",
        "at least 1 chars long",
    ),
    row(
        "secret's name is a number",
        with_source(secret={"name": 7}),
        "spec.data[0].secret.name",
        "must be a name",
        "must be of type string",
    ),
    row(
        "secret's version",
        with_source(secret={"name": "a", "version": "latest"}),
        "spec.data[0].secret.version",
        "32 hexadecimal digits",
        "spec.data[0].secret.version in body should match",
    ),
    row(
        "property is empty",
        with_source(secret={"name": "a", "property": ""}),
        "spec.data[0].secret.property",
        "1 to 1024 characters",
        "at least 1 chars long",
    ),
    row(
        "property too long",
        with_source(secret={"name": "a", "property": "p" * 1025}),
        "spec.data[0].secret.property",
        "1 to 1024 characters",
        "may not be more than 1024",
    ),
    row(
        "decode",
        with_source(secret={"name": "a", "decode": "Rot13"}),
        "spec.data[0].secret.decode",
        "must be one of None, Base64, Base64URL, Hex, Auto",
        'supported values: "None", "Base64", "Base64URL", "Hex", "Auto"',
    ),
    row(
        "certificate without name",
        with_source(certificate={"include": "Leaf"}),
        "spec.data[0].certificate.name",
        "is required",
        "Required value",
    ),
    row(
        "certificate's include",
        with_source(certificate={"name": "a", "include": "All"}),
        "spec.data[0].certificate.include",
        "must be one of Chain",
        "Unsupported value",
    ),
    row(
        "certificate's format",
        with_source(certificate={"name": "a", "format": "TXT"}),
        "spec.data[0].certificate.format",
        "must be one of PEM",
        "Unsupported value",
    ),
    row(
        "certificate's version",
        with_source(certificate={"name": "a", "version": "1"}),
        "spec.data[0].certificate.version",
        "32 hexadecimal digits",
        "should match",
    ),
    row(
        "public key without name",
        with_source(publicKey={}),
        "spec.data[0].publicKey.name",
        "is required",
        "Required value",
    ),
    row(
        "public key's format",
        with_source(publicKey={"name": "a", "format": "DER"}),
        "spec.data[0].publicKey.format",
        "must be one of PEM, JWK",
        "Unsupported value",
    ),
    row(
        "public key's version",
        with_source(publicKey={"name": "a", "version": "1"}),
        "spec.data[0].publicKey.version",
        "32 hexadecimal digits",
        "should match",
    ),
    row(
        "dataFrom without source",
        {"dataFrom": [{"optional": True}]},
        "spec.dataFrom[0]",
        "exactly one of extract, find and tls must be set",
        "exactly one of extract, find and tls must be set",
    ),
    row(
        "tls without name",
        {"dataFrom": [{"tls": {}}]},
        "spec.dataFrom[0].tls.name",
        "is required",
        "Required",
    ),
    row(
        "tls' version",
        {"dataFrom": [{"tls": {"name": "a", "version": "1"}}]},
        "spec.dataFrom[0].tls.version",
        "32 hexadecimal digits",
        "should match",
    ),
    row(
        "extract without name",
        {"dataFrom": [{"extract": {}}]},
        "spec.dataFrom[0].extract.name",
        "is required",
        "Required",
    ),
    row(
        "extract's version",
        {"dataFrom": [{"extract": {"name": "a", "version": "1"}}]},
        "spec.dataFrom[0].extract.version",
        "32 hexadecimal digits",
        "should match",
    ),
    row(
        "extract's format",
        {"dataFrom": [{"extract": {"name": "a", "format": "TOML"}}]},
        "spec.dataFrom[0].extract.format",
        "must be one of JSON, YAML, Env",
        "Unsupported value",
    ),
    row(
        "two sources in one entry of dataFrom",
        {"dataFrom": [{**TLS, "extract": {"name": "a"}}]},
        "spec.dataFrom[0]",
        "exactly one of extract, find and tls must be set",
        "exactly one of extract, find and tls must be set",
    ),
    row(
        "find without criterion",
        {"dataFrom": [{"find": {}}]},
        "spec.dataFrom[0].find",
        "name or tags must be set",
        "name or tags must be set",
    ),
    row(
        "find without regexp",
        {"dataFrom": [{"find": {"name": {}}}]},
        "spec.dataFrom[0].find.name.regexp",
        "is required",
        "Required value",
    ),
    row(
        "find's empty regexp",
        {"dataFrom": [{"find": {"name": {"regexp": ""}}}]},
        "spec.dataFrom[0].find.name.regexp",
        "must be text of 1 to 256 characters",
        "should be at least 1 chars long",
    ),
    row(
        "find's long regexp",
        {"dataFrom": [{"find": {"name": {"regexp": "a" * 257}}}]},
        "spec.dataFrom[0].find.name.regexp",
        "must be text of 1 to 256 characters",
        "may not be more than 256",
    ),
    row(
        "find without tags",
        {"dataFrom": [{"find": {"tags": {}}}]},
        "spec.dataFrom[0].find.tags",
        "must not be empty",
        "should have at least 1 properties",
    ),
    row(
        "find's many tags",
        {"dataFrom": [{"find": {"tags": {str(number): "" for number in range(16)}}}]},
        "spec.dataFrom[0].find.tags",
        "must be a map of at most 15 texts",
        "must have at most 15 items",
    ),
    row(
        "find's long tag",
        {"dataFrom": [{"find": {"tags": {"a": "b" * 513}}}]},
        "spec.dataFrom[0].find.tags[a]",
        "must be text of at most 512 characters",
        "may not be more than 512",
    ),
    row(
        "find without kinds",
        {"dataFrom": [{"find": {"kinds": [], "tags": {"a": "b"}}}]},
        "spec.dataFrom[0].find.kinds",
        "must not be empty",
        "should have at least 1 items",
    ),
    row(
        "find's unknown kind",
        {"dataFrom": [{"find": {"kinds": ["token"], "tags": {"a": "b"}}}]},
        "spec.dataFrom[0].find.kinds[0]",
        "must be one of secret, certificate, key",
        "Unsupported value",
    ),
    row(
        "find's kind twice",
        {"dataFrom": [{"find": {"kinds": ["key", "key"], "tags": {"a": "b"}}}]},
        "spec.dataFrom[0].find.kinds",
        "has a kind twice",
        "Duplicate value",
    ),
    row(
        "rewrite without entry",
        {"dataFrom": [{**TLS, "rewrite": []}]},
        "spec.dataFrom[0].rewrite",
        "must not be empty",
        "should have at least 1 items",
    ),
    row(
        "rewrite without regexp",
        {"dataFrom": [{**TLS, "rewrite": [{"replacement": "b"}]}]},
        "spec.dataFrom[0].rewrite[0].regexp",
        "is required",
        "Required",
    ),
    row(
        "rewrite without replacement",
        {"dataFrom": [{**TLS, "rewrite": [{"regexp": "b"}]}]},
        "spec.dataFrom[0].rewrite[0].replacement",
        "is required",
        "Required",
    ),
    row(
        "empty regexp",
        {"dataFrom": [{**TLS, "rewrite": [{"regexp": "", "replacement": "b"}]}]},
        "spec.dataFrom[0].rewrite[0].regexp",
        "1 to 256 characters",
        "at least 1 chars long",
    ),
    row(
        "long regexp",
        {"dataFrom": [{**TLS, "rewrite": [{"regexp": "a" * 257, "replacement": "b"}]}]},
        "spec.dataFrom[0].rewrite[0].regexp",
        "1 to 256 characters",
        "Too long",
    ),
    row(
        "long replacement",
        {"dataFrom": [{**TLS, "rewrite": [{"regexp": "a", "replacement": "b" * 257}]}]},
        "spec.dataFrom[0].rewrite[0].replacement",
        "at most 256 characters",
        "Too long",
    ),
    row(
        "too many rewrites",
        {"dataFrom": [{**TLS, "rewrite": [{"regexp": "a", "replacement": "b"}] * 17}]},
        "spec.dataFrom[0].rewrite",
        "at most 16 entries",
        "must have at most 16 items",
    ),
    row(
        "tls twice",
        {"dataFrom": [TLS, {"tls": {"name": "api"}}]},
        "spec.dataFrom",
        "may have one tls entry only",
        "dataFrom may have one tls entry only",
    ),
    row(
        "too many in dataFrom",
        {"dataFrom": [TLS] * 33},
        "spec.dataFrom",
        "at most 32 entries",
        "must have at most 32 items",
    ),
    row(
        "key of data that tls gives",
        {"data": [{"key": "ca.crt", "secret": {"name": "ca"}}], "dataFrom": [TLS]},
        "spec.data",
        "come from dataFrom's tls entry",
        "come from dataFrom's tls entry",
    ),
    row(
        "suspend", with_data(PLAIN, suspend="no"), "spec.suspend", "true or false", "must be of type boolean"
    ),
    row(
        "refreshPolicy",
        with_data(PLAIN, refreshPolicy="Never"),
        "spec.refreshPolicy",
        "must be one of Follow, OnSpecChange, Once",
        "Unsupported value",
    ),
    row(
        "OnSpecChange without a Secret",
        with_data(PLAIN, refreshPolicy="OnSpecChange", target={"creationPolicy": "None"}),
        "spec.refreshPolicy",
        "OnSpecChange may not be set with creationPolicy None",
        "refreshPolicy OnSpecChange and Once may not be set with creationPolicy None",
    ),
    row(
        "Once without a Secret",
        with_data(PLAIN, refreshPolicy="Once", target={"creationPolicy": "None"}),
        "spec.refreshPolicy",
        "Once may not be set with creationPolicy None",
        "refreshPolicy OnSpecChange and Once may not be set with creationPolicy None",
    ),
    row(
        "vaultRef without name",
        with_data(PLAIN, vaultRef={"kind": "KeyVault"}),
        "spec.vaultRef.name",
        "is required",
        "Required value",
    ),
    row(
        "vaultRef's kind",
        with_data(PLAIN, vaultRef={"kind": "Secret", "name": "a"}),
        "spec.vaultRef.kind",
        "must be one of KeyVault, ClusterKeyVault",
        "Unsupported value",
    ),
    row(
        "vaultRef's name",
        with_data(PLAIN, vaultRef={"name": "Shop"}),
        "spec.vaultRef.name",
        "lower case",
        "spec.vaultRef.name in body should match",
    ),
    row(
        "target is a list", with_data(PLAIN, target=[]), "spec.target", "must be an object", "of type object"
    ),
    row("target's name", with_target(name="a/b"), "spec.target.name", "lower case", "should match"),
    row(
        "target's name too long",
        with_target(name="a" * 254),
        "spec.target.name",
        "must be a name",
        "may not be more than 253",
    ),
    row(
        "target's type is empty",
        with_target(type=""),
        "spec.target.type",
        "1 to 253",
        "at least 1 chars long",
    ),
    row(
        "type of service account tokens",
        with_target(type="kubernetes.io/service-account-token"),
        "spec.target.type",
        "grants access to the cluster",
        "this type grants access to the cluster and is refused",
    ),
    row(
        "type of bootstrap tokens",
        with_target(type="bootstrap.kubernetes.io/token"),
        "spec.target.type",
        "grants access to the cluster",
        "this type grants access to the cluster and is refused",
    ),
    row(
        "type tls without its keys",
        with_target({"key": "tls.crt", "secret": {"name": "a"}}, type="kubernetes.io/tls"),
        "spec.target.type",
        "needs key tls.crt and tls.key",
        "a Secret of type kubernetes.io/tls needs keys tls.crt and tls.key",
    ),
    row(
        "type dockerconfigjson without its key",
        with_target(type="kubernetes.io/dockerconfigjson"),
        "spec.target.type",
        "needs key .dockerconfigjson",
        "needs key .dockerconfigjson",
    ),
    row(
        "type dockercfg without its key",
        with_target(type="kubernetes.io/dockercfg"),
        "spec.target.type",
        "needs key .dockercfg",
        "needs key .dockercfg",
    ),
    row(
        "type basic-auth without its keys",
        with_target(type="kubernetes.io/basic-auth"),
        "spec.target.type",
        "needs key username or password",
        "needs key username or password",
    ),
    row(
        "type ssh-auth without its key",
        {"dataFrom": [TLS], "target": {"type": "kubernetes.io/ssh-auth"}},
        "spec.target.type",
        "needs key ssh-privatekey",
        "needs key ssh-privatekey",
    ),
    row(
        "type with Merge",
        with_target(type="Opaque", creationPolicy="Merge"),
        "spec.target.type",
        "may not be set with creationPolicy Merge",
        "type may not be set with creationPolicy Merge",
    ),
    row(
        "creationPolicy",
        with_target(creationPolicy="Adopt"),
        "spec.target.creationPolicy",
        "must be one of Owner, Orphan, Merge, None",
        "Unsupported value",
    ),
    row(
        "whenMissing",
        with_target(whenMissing="Keep"),
        "spec.target.whenMissing",
        "must be one of",
        "Unsupported",
    ),
    row(
        "immutable is a text",
        with_target(immutable="false"),
        "spec.target.immutable",
        "must be true or false",
        "must be of type boolean",
    ),
    row(
        "Delete with Merge",
        with_target(whenMissing="Delete", creationPolicy="Merge"),
        "spec.target.whenMissing",
        "Delete may not be set with creationPolicy Merge, the Secret is somebody else's",
        "whenMissing Delete may not be set with creationPolicy Merge",
    ),
    *(
        row(
            f"{policy} with None",
            with_target(whenMissing=policy, creationPolicy="None"),
            "spec.target.whenMissing",
            "Prune and Delete may not be set with creationPolicy None, there is no Secret",
            "whenMissing Prune and Delete may not be set with creationPolicy None",
        )
        for policy in ("Prune", "Delete")
    ),
    row(
        "immutable with Merge",
        with_target(immutable=True, creationPolicy="Merge"),
        "spec.target.immutable",
        "may not be set with creationPolicy Merge, the Secret is somebody else's",
        "immutable may not be set with creationPolicy Merge",
    ),
    row(
        "immutable with None",
        with_target(immutable=True, creationPolicy="None"),
        "spec.target.immutable",
        "may not be set with creationPolicy None, there is no Secret",
        "immutable may not be set with creationPolicy None",
    ),
    row(
        "labels are a list",
        with_target(labels=["a"]),
        "spec.target.labels",
        "must be a map",
        "of type object",
    ),
    row(
        "too many labels",
        with_target(labels={f"l{n}": "" for n in range(65)}),
        "spec.target.labels",
        "at most 64",
        "must have at most 64 items",
    ),
    row(
        "label's value",
        with_target(labels={"a": "b c"}),
        "spec.target.labels[a]",
        "must be at most 63 letters",
        "spec.target.labels.a in body should match",
    ),
    row(
        "label's value is a number",
        with_target(labels={"a": 1}),
        "spec.target.labels[a]",
        "must be at most 63 letters",
        "must be of type string",
    ),
    row(
        "label's key",
        with_target(labels={"a b": ""}),
        "spec.target.labels",
        "a key must be [PREFIX/]NAME",
        "a label's key must be [PREFIX/]NAME",
    ),
    row(
        "label of ours",
        with_target(labels={"vaultbind.dev/managed": "true"}),
        "spec.target.labels",
        "are the operator's own",
        "labels under vaultbind.dev/ are the operator's own",
    ),
    row(
        "annotation's key",
        with_target(annotations={"a b": ""}),
        "spec.target.annotations",
        "a key must be [PREFIX/]NAME",
        "an annotation's key must be [PREFIX/]NAME",
    ),
    row(
        "annotation of ours",
        with_target(annotations={"vaultbind.dev/source": "x"}),
        "spec.target.annotations",
        "are the operator's own",
        "annotations under vaultbind.dev/ are the operator's own",
    ),
    row(
        "annotation too long",
        with_target(annotations={"a": "x" * 4097}),
        "spec.target.annotations[a]",
        "at most 4096",
        "may not be more than 4096",
    ),
)

TEMPLATES = "spec.target.template"
INVALID_TEMPLATES = (
    row("no data", with_target(template={}), f"{TEMPLATES}.data", "at least one entry", "Required value"),
    row(
        "empty data",
        with_target(template={"data": {}}),
        f"{TEMPLATES}.data",
        "at least one entry",
        "should have at least 1 properties",
    ),
    row(
        "data is a list",
        with_target(template={"data": ["x"]}),
        f"{TEMPLATES}.data",
        "must be a map",
        "must be of type object",
    ),
    row(
        "a template is a number",
        with_target(template={"data": {"a": 1}}),
        f"{TEMPLATES}.data[a]",
        "must be text",
        "must be of type string",
    ),
    row(
        "too many templates",
        with_target(template={"data": {f"k{number}": "" for number in range(65)}}),
        f"{TEMPLATES}.data",
        "a map of at most 64",
        "must have at most 64 items",
    ),
    row(
        "key of a template",
        with_target(template={"data": {"a b": "x"}}),
        f"{TEMPLATES}.data",
        "a key must be a key",
        "a key must have at most 253",
    ),
    row(
        "key of two dots",
        with_target(template={"data": {"..a": "x"}}),
        f"{TEMPLATES}.data",
        "a key may not be '.'",
        "a key may not be '.'",
    ),
    row(
        "template too long",
        with_target(template={"data": {"a": "x" * 65537}}),
        f"{TEMPLATES}.data[a]",
        "at most 65536 characters",
        "may not be more than 65536",
    ),
    row(
        "templates too long together",
        with_target(template={"data": {"a": "x" * 40000, "b": "x" * 25537}}),
        f"{TEMPLATES}.data",
        "at most 65536 characters all together",
        "all templates together may have at most 65536",
    ),
    row(
        "what to keep",
        with_target(template={"data": {"a": "x"}, "keep": "Some"}),
        f"{TEMPLATES}.keep",
        "must be one of None, All",
        "Unsupported value",
    ),
    row(
        "tls type without its keys",
        {"dataFrom": [TLS], "target": {"type": "kubernetes.io/tls", "template": {"data": {"tls.crt": "x"}}}},
        "spec.target.type",
        "needs key tls.crt and tls.key",
        "needs keys tls.crt and tls.key",
    ),
    row(
        "docker type without its key",
        with_data(
            {"key": ".dockerconfigjson", "secret": {"name": "a"}},
            target={"type": "kubernetes.io/dockerconfigjson", "template": {"data": {"a": "x"}}},
        ),
        "spec.target.type",
        "needs key .dockerconfigjson",
        "needs key .dockerconfigjson",
    ),
    row(
        "basic-auth without its keys",
        with_target(type="kubernetes.io/basic-auth", template={"data": {"a": "x"}}),
        "spec.target.type",
        "needs key username or password",
        "needs key username or password",
    ),
)
INVALID_FORMATS: tuple[Refused, ...] = tuple(
    row(
        f"DER of {include or 'what is meant'}",
        with_source(certificate={"name": "a", "format": "DER", **({"include": include} if include else {})}),
        "spec.data[0].certificate.include",
        "DER holds one certificate or one key: set it to Leaf, Key or CA",
        "format DER holds one certificate or one key: set include to Leaf, Key or CA",
    )
    for include in ("", "Chain", "KeyAndChain")
)
PASSWORD = {"name": "s", "key": "k"}
INVALID_STORES: tuple[Refused, ...] = (
    *(
        row(
            f"{form} of a key alone",
            with_source(certificate={"name": "a", "format": form, "include": "Key", "passwordRef": PASSWORD}),
            "spec.data[0].certificate.include",
            "a key store holds a key with its chain: set it to KeyAndChain",
            "a key store holds a key with its chain: set include to KeyAndChain",
        )
        for form in ("PKCS12", "JKS")
    ),
    *(
        row(
            f"password of a {form or 'file in PEM'}",
            with_source(
                certificate={
                    "name": "a",
                    "include": "Leaf",
                    "passwordRef": PASSWORD,
                    **({"format": form} if form else {}),
                }
            ),
            "spec.data[0].certificate.passwordRef",
            "goes with format PKCS12 or JKS only",
            "passwordRef goes with format PKCS12 or JKS only",
        )
        for form in ("", "DER")
    ),
    row(
        "JKS without password",
        with_source(certificate={"name": "a", "format": "JKS"}),
        "spec.data[0].certificate.passwordRef",
        "is required",
        "format JKS needs a passwordRef",
    ),
    row(
        "password without key",
        with_source(certificate={"name": "a", "format": "PKCS12", "passwordRef": {"name": "s"}}),
        "spec.data[0].certificate.passwordRef.key",
        "is required",
        "Required value",
    ),
    row(
        "password of a Secret that cannot be",
        with_source(certificate={"name": "a", "format": "PKCS12", "passwordRef": {"name": "S", "key": "k"}}),
        "spec.data[0].certificate.passwordRef.name",
        "must be a name of lower case letters",
        "should match",
    ),
    row(
        "password of a key that cannot be",
        with_source(
            certificate={"name": "a", "format": "PKCS12", "passwordRef": {"name": "s", "key": "a b"}}
        ),
        "spec.data[0].certificate.passwordRef.key",
        "must be a key",
        "should match",
    ),
    row(
        "password for pods",
        with_target(
            {"key": "a", "certificate": {"name": "a", "format": "PKCS12", "passwordRef": PASSWORD}},
            creationPolicy="None",
        ),
        "spec.data",
        "a key store with a passwordRef is for a Secret only",
        "passwordRef may not be used with creationPolicy None",
    ),
    row(
        "too many key stores",
        with_data(
            *({"key": f"k{n}", "certificate": {"name": "a", "format": "PKCS12"}} for n in range(17)),
        ),
        "spec.data",
        "may have at most 16 key stores",
        "data may have at most 16 key stores",
    ),
)
INVALID_BINDINGS += INVALID_TEMPLATES + INVALID_FORMATS + INVALID_STORES

LATER_BINDINGS = (
    row(
        "find for pods",
        {"dataFrom": [FIND], "target": {"creationPolicy": "None"}},
        "spec.dataFrom",
        "find is not implemented for pods yet",
    ),
    row(
        "find with OnSpecChange",
        {"dataFrom": [FIND], "refreshPolicy": "OnSpecChange"},
        "spec.dataFrom",
        "find is not implemented with refreshPolicy OnSpecChange yet",
    ),
    row(
        "find with Once",
        {"dataFrom": [TLS, FIND], "refreshPolicy": "Once"},
        "spec.dataFrom",
        "find is not implemented with refreshPolicy Once yet",
    ),
)

LATER_RULES: tuple[tuple[str, Mapping[str, Any], str], ...] = ()
"""Rules of the API server for fields that the parser refuses altogether: name, spec, message."""

INVALID_KEYVAULTS = (
    row(
        "key pattern",
        vault(crypto={"allowedKeys": ["a_b"]}),
        "spec.crypto.allowedKeys[0]",
        "must be a pattern",
        "should match",
    ),
    row(
        "allowed operation",
        vault(crypto={"allowedOperations": ["Hash"]}),
        "spec.crypto.allowedOperations[0]",
        "must be one of Encrypt",
        "Unsupported value",
    ),
    row("no url", {}, "spec.url", "is required", "Required value"),
    row("url by http", vault(url="http://shop.vault.azure.net"), "spec.url", BAD_URL, BAD_URL),
    row("url with user", vault(url="https://a@shop.vault.azure.net"), "spec.url", BAD_URL, BAD_URL),
    row("url with path", vault(url="https://shop.vault.azure.net/secrets"), "spec.url", BAD_URL, BAD_URL),
    row("url with query", vault(url="https://shop.vault.azure.net?x"), "spec.url", BAD_URL, BAD_URL),
    row("url with line end", vault(url=f"{URL}\n"), "spec.url", BAD_URL, BAD_URL),
    row("url without host", vault(url="https://"), "spec.url", BAD_URL, BAD_URL),
    row("url too long", vault(url=f"https://{'a' * 505}"), "spec.url", BAD_URL, "may not be more than 512"),
    row("url with a port too high", vault(url=f"{URL}:65536"), "spec.url", "from 1 to 65535"),
    row("url with port 0", vault(url=f"{URL}:0"), "spec.url", "from 1 to 65535"),
    row("url with an empty label", vault(url="https://shop..net"), "spec.url", BAD_URL),
    row("url with a colon only", vault(url=f"{URL}:"), "spec.url", BAD_URL, BAD_URL),
    row("authority by http", vault(authorityHost="http://a"), "spec.authorityHost", BAD_URL, BAD_URL),
    row("auth is empty", vault(auth={}), "spec.auth", ONE_AUTH, ONE_AUTH),
    row(
        "two members of auth",
        vault(auth={"default": {}, "managedIdentity": {}}),
        "spec.auth",
        ONE_AUTH,
        ONE_AUTH,
    ),
    row(
        "member is a text",
        vault(auth={"default": "x"}),
        "spec.auth.default",
        "must be an object",
        "of type object",
    ),
    row(
        "two ids of a managed identity",
        vault(auth={"managedIdentity": {"clientId": "a", "resourceId": "/b"}}),
        "spec.auth.managedIdentity",
        "at most one of clientId and resourceId may be set",
        "at most one of clientId and resourceId may be set",
    ),
    row(
        "client id",
        vault(auth={"managedIdentity": {"clientId": "a b"}}),
        "spec.auth.managedIdentity.clientId",
        "must be an id",
        "should match",
    ),
    row(
        "resource id",
        vault(auth={"managedIdentity": {"resourceId": "b"}}),
        "spec.auth.managedIdentity.resourceId",
        "starts with /",
        "should match",
    ),
    row(
        "service principal without secret",
        vault(auth={"servicePrincipal": PRINCIPAL}),
        "spec.auth.servicePrincipal",
        "exactly one of secretRef and certificateRef must be set",
        "exactly one of secretRef and certificateRef must be set",
    ),
    row(
        "service principal without tenant",
        vault(auth={"servicePrincipal": {"clientId": "c", "secretRef": {"name": "s", "key": "k"}}}),
        "spec.auth.servicePrincipal.tenantId",
        "is required",
        "Required value",
    ),
    row(
        "service principal's secret without key",
        vault(auth={"servicePrincipal": {**PRINCIPAL, "secretRef": {"name": "s"}}}),
        "spec.auth.servicePrincipal.secretRef.key",
        "is required",
        "Required value",
    ),
    row(
        "service principal with both",
        vault(
            auth={
                "servicePrincipal": {
                    **PRINCIPAL,
                    "secretRef": {"name": "s", "key": "k"},
                    "certificateRef": {"name": "s", "key": "k"},
                }
            }
        ),
        "spec.auth.servicePrincipal",
        "exactly one of secretRef and certificateRef must be set",
        "exactly one of secretRef and certificateRef must be set",
    ),
    row(
        "service principal's certificate without key",
        vault(auth={"servicePrincipal": {**PRINCIPAL, "certificateRef": {"name": "s"}}}),
        "spec.auth.servicePrincipal.certificateRef.key",
        "is required",
        "Required value",
    ),
    row(
        "ServiceAccount without name",
        vault(auth={"workloadIdentity": {"serviceAccountRef": {}}}),
        "spec.auth.workloadIdentity.serviceAccountRef.name",
        "is required",
        "Required value",
    ),
    row(
        "workload identity's tenant",
        vault(auth={"workloadIdentity": {"tenantId": "a/b"}}),
        "spec.auth.workloadIdentity.tenantId",
        "tenant's id",
        "should match",
    ),
    row(
        "caBundle is no PEM",
        vault(caBundle="x"),
        "spec.caBundle",
        "one PEM certificate",
        "one PEM certificate",
    ),
    row(
        "caBundle with a key",
        vault(caBundle=f"{PEM}-----BEGIN PRIVATE KEY-----"),
        "spec.caBundle",
        "must not hold a private key",
        "must not hold a private key",
    ),
    row(
        "caBundle too long",
        vault(caBundle=PEM + "x" * 65_536),
        "spec.caBundle",
        "at most 64 KiB",
        "may not be more than 65536",
    ),
    row(
        "two bundles",
        vault(caBundle=PEM, caBundleRef={"kind": "Secret", "name": "a", "key": "k"}),
        "spec",
        "at most one of caBundle and caBundleRef may be set",
        "at most one of caBundle and caBundleRef may be set",
    ),
    row(
        "caBundleRef without kind",
        vault(caBundleRef={"name": "a", "key": "k"}),
        "spec.caBundleRef.kind",
        "is required",
        "Required value",
    ),
    row(
        "caBundleRef of another kind",
        vault(caBundleRef={"kind": "Pod", "name": "a", "key": "k"}),
        "spec.caBundleRef.kind",
        "must be one of ConfigMap, Secret",
        "Unsupported value",
    ),
    row(
        "caBundleRef without key",
        vault(caBundleRef={"kind": "ConfigMap", "name": "a"}),
        "spec.caBundleRef.key",
        "is required",
        "Required value",
    ),
    row(
        "refreshInterval too short",
        vault(refreshInterval="4s"),
        "spec.refreshInterval",
        "must be at least 5s",
        "must be at least 5s",
    ),
    row(
        "refreshInterval of nothing",
        vault(refreshInterval="0d0h0m00s"),
        "spec.refreshInterval",
        "must be at least 5s",
        "must be at least 5s",
    ),
    row(
        "refreshInterval without unit",
        vault(refreshInterval="60"),
        "spec.refreshInterval",
        "must be a duration such as",
        "spec.refreshInterval in body should match",
    ),
    row(
        "refreshInterval is a number",
        vault(refreshInterval=60),
        "spec.refreshInterval",
        "must be a duration such as",
        "must be of type string",
    ),
    row(
        "refreshInterval of a century",
        vault(refreshInterval="36500d"),
        "spec.refreshInterval",
        "must be at most 3650d",
    ),
    row(
        "detection",
        vault(detection="Push"),
        "spec.detection",
        "must be one of Auto, List, Get",
        "Unsupported",
    ),
    row(
        "no requests",
        vault(rateLimit={"requestsPerSecond": 0}),
        "spec.rateLimit.requestsPerSecond",
        "whole number from 1 to 2000",
        "should be greater than or equal to 1",
    ),
    row(
        "half a request",
        vault(rateLimit={"requestsPerSecond": 0.5}),
        "spec.rateLimit.requestsPerSecond",
        "whole number from 1 to 2000",
        "must be of type integer",
    ),
    row(
        "burst is true",
        vault(rateLimit={"burst": True}),
        "spec.rateLimit.burst",
        "whole number from 1 to 20000",
        "spec.rateLimit.burst in body must be of type int",
    ),
    row(
        "burst too high",
        vault(rateLimit={"burst": 20_001}),
        "spec.rateLimit.burst",
        "whole number from 1 to 20000",
        "should be less than or equal to 20000",
    ),
    row(
        "threshold",
        vault(expiry={"warnBefore": ["7d", "soon"]}),
        "spec.expiry.warnBefore[1]",
        "must be a duration",
        "should match",
    ),
    row(
        "too many thresholds",
        vault(expiry={"warnBefore": ["7d"] * 9}),
        "spec.expiry.warnBefore",
        "at most 8 entries",
        "must have at most 8 items",
    ),
    row("scope", vault(expiry={"scope": "Some"}), "spec.expiry.scope", "must be one of", "Unsupported value"),
)

LATER_KEYVAULTS: tuple[Refused, ...] = ()

LATER_KEYVAULT_RULES = (
    ("two times of rotation",
     vault(rotation={"keys": [{"name": "*", "rotateAfterCreation": "30d", "rotateBeforeExpiry": "30d"}]}),
     "at most one of rotateAfterCreation and rotateBeforeExpiry may be set"),
)  # fmt: skip

INVALID_CLUSTER_KEYVAULTS = (
    row("no access", {"url": URL}, "spec.access", "must have at least one entry", "Required value"),
    row(
        "access is empty",
        cluster_vault(),
        "spec.access",
        "at least one entry",
        "should have at least 1 items",
    ),
    row("no namespaces", cluster_vault({}), "spec.access[0].namespaces", "is required", "Required value"),
    row("namespaces is empty", namespaces(), "spec.access[0].namespaces", ONE_NAMESPACES, ONE_NAMESPACES),
    row(
        "two members of namespaces",
        namespaces(all=True, names=["a"]),
        "spec.access[0].namespaces",
        ONE_NAMESPACES,
        ONE_NAMESPACES,
    ),
    row(
        "all is false", namespaces(all=False), "spec.access[0].namespaces.all", "must be true", "must be true"
    ),
    row(
        "names are empty",
        namespaces(names=[]),
        "spec.access[0].namespaces.names",
        "must not be empty",
        "should have at least 1 items",
    ),
    row(
        "name of a namespace",
        namespaces(names=["a", "B"]),
        "spec.access[0].namespaces.names[1]",
        "lower case",
        "should match",
    ),
    row(
        "selector is empty",
        namespaces(selector={"matchLabels": {}}),
        "spec.access[0].namespaces.selector",
        "for every namespace write all: true",
        "for every namespace write all true",
    ),
    row(
        "requirement without operator",
        requirement(key="a"),
        "spec.access[0].namespaces.selector.matchExpressions[0].operator",
        "is required",
        "Required value",
    ),
    row(
        "requirement without key",
        requirement(operator="Exists"),
        "spec.access[0].namespaces.selector.matchExpressions[0].key",
        "is required",
        "Required value",
    ),
    row(
        "requirement's operator",
        requirement(key="a", operator="Like"),
        "spec.access[0].namespaces.selector.matchExpressions[0].operator",
        "must be one of In",
        "Unsupported value",
    ),
    row(
        "In without values",
        requirement(key="a", operator="In"),
        "spec.access[0].namespaces.selector.matchExpressions[0].values",
        "In and NotIn need values",
        "operators In and NotIn need values",
    ),
    row(
        "Exists with values",
        requirement(key="a", operator="Exists", values=["b"]),
        "spec.access[0].namespaces.selector.matchExpressions[0].values",
        "Exists and DoesNotExist take none",
        "Exists and DoesNotExist take none",
    ),
    row(
        "objects are empty",
        cluster_vault({"namespaces": {"all": True}, "objects": []}),
        "spec.access[0].objects",
        "must not be empty",
        "should have at least 1 items",
    ),
    row(
        "placeholder that is not known",
        cluster_vault({"namespaces": {"all": True}, "objects": ["{name}-*"]}),
        "spec.access[0].objects[0]",
        "must be a pattern",
        "should match",
    ),
    row(
        "kinds",
        cluster_vault({"namespaces": {"all": True}, "kinds": ["Secret"]}),
        "spec.access[0].kinds[0]",
        "must be one of secret, certificate, key",
        "Unsupported value",
    ),
    row(
        "secret without namespace",
        cluster_vault(
            *EVERYWHERE, auth={"servicePrincipal": {**PRINCIPAL, "secretRef": {"name": "s", "key": "k"}}}
        ),
        "spec.auth.servicePrincipal.secretRef.namespace",
        "is required",
        "Required value",
    ),
)

VALID_BINDINGS: Mapping[str, Mapping[str, Any]] = {
    "least": with_data(PLAIN),
    "every source": with_data(
        {"key": "a", "secret": {"name": "A-1", "version": VERSION, "property": "/a/0", "decode": "Hex"}},
        {"key": "b", "certificate": {"name": "web", "version": VERSION, "include": "CA", "format": "PEM"}},
        {
            "key": ".c_",
            "publicKey": {"name": "signing", "version": VERSION, "format": "JWK"},
            "optional": True,
        },
    ),
    "formats": with_data(
        *(
            {"key": f"{include}.der", "certificate": {"name": "a", "include": include, "format": "DER"}}
            for include in ("Leaf", "Key", "CA")
        ),
        {"key": "ssh", "publicKey": {"name": "a", "format": "SSH"}},
    ),
    "key stores": with_data(
        {"key": "pods", "certificate": {"name": "a", "include": "KeyAndChain", "format": "PKCS12"}},
        *(
            {
                "key": f"{include}.{form}",
                "certificate": {"name": "a", "include": include, "format": form, "passwordRef": PASSWORD},
            }
            for form in ("PKCS12", "JKS")
            for include in ("Chain", "KeyAndChain", "Leaf", "CA")
        ),
    ),
    "key store for pods": with_target(
        {"key": "a", "certificate": {"name": "a", "format": "PKCS12"}}, creationPolicy="None"
    ),
    "tls": {"dataFrom": [{"tls": {"name": "web", "version": VERSION}, "optional": True}], "data": [PLAIN]},
    "extract": {
        "dataFrom": [{"extract": {"name": "a", "version": VERSION, "format": "Env"}, "optional": True}]
    },
    "extract twice beside tls and keys of data": {
        "dataFrom": [{"extract": {"name": "a"}}, TLS, {"extract": {"name": "a", "format": "YAML"}}],
        "data": [PLAIN],
    },
    "rewritten": {
        "dataFrom": [
            {**TLS, "rewrite": [{"regexp": "^tls", "replacement": "web"}]},
            {"extract": {"name": "a"}, "rewrite": [{"regexp": "(?i)(A)", "replacement": "$1"}] * 16},
            TLS,
        ],
    },
    "rewritten tls beside its keys": {
        "data": [{"key": "tls.crt", "secret": {"name": "a"}}],
        "dataFrom": [{**TLS, "rewrite": [{"regexp": "^tls", "replacement": ""}]}],
    },
    "find by name": {"dataFrom": [{"find": {"name": {"regexp": "app-.*"}}, "optional": True}]},
    "find by tags, kinds and name, rewritten": {
        "dataFrom": [
            {
                "find": {
                    "kinds": ["key", "secret", "certificate"],
                    "name": {"regexp": "(?i)app-.*"},
                    "tags": {"env": "", "a b": "x" * 512},
                },
                "rewrite": [{"regexp": "^app-", "replacement": ""}],
            }
        ],
        "target": {"type": "kubernetes.io/basic-auth"},
    },
    "extract for a type whose keys only the vault knows": {
        "dataFrom": [{"extract": {"name": "a"}}],
        "target": {"type": "kubernetes.io/basic-auth"},
    },
    "vault of the namespace": with_data(
        PLAIN, vaultRef={"name": "shop"}, refreshPolicy="Follow", suspend=True
    ),
    "spec by spec": with_data(PLAIN, refreshPolicy="OnSpecChange", target={"creationPolicy": "Merge"}),
    "once": with_data(PLAIN, refreshPolicy="Once", target={"creationPolicy": "Orphan"}),
    "follow without a Secret": with_data(PLAIN, refreshPolicy="Follow", target={"creationPolicy": "None"}),
    "vault of the cluster": with_data(PLAIN, vaultRef={"kind": "ClusterKeyVault", "name": "shop.eu"}),
    "whole target": with_target(
        {"key": "username", "secret": {"name": "a"}},
        name="db.prod",
        type="kubernetes.io/basic-auth",
        creationPolicy="Owner",
        whenMissing="Prune",
        immutable=True,
        labels={"app.kubernetes.io/name": "shop", "empty": ""},
        annotations={"example.com/note": "any text ä\n", "empty": ""},
    ),
    "merge": with_target(creationPolicy="Merge", name="foreign", immutable=False),
    "orphan": with_target(creationPolicy="Orphan", whenMissing="Delete"),
    "merge and prune": with_target(creationPolicy="Merge", whenMissing="Prune"),
    "retain for pods": with_target(creationPolicy="None", whenMissing="Retain"),
    "thresholds": with_data(PLAIN, expiry={"warnBefore": ["60d", "90d"]}),
    "restarts": with_data(
        PLAIN,
        rollout={
            "restart": [
                {"kind": "Deployment", "name": "web"},
                {"kind": "StatefulSet", "selector": {"matchLabels": {"app": "db"}}},
            ]
        },
    ),
    "for pods only": with_target(creationPolicy="None"),
    "tls by keys": with_target(
        {"key": "tls.crt", "certificate": {"name": "web"}},
        {"key": "tls.key", "certificate": {"name": "web", "include": "Key"}},
        type="kubernetes.io/tls",
    ),
    "type of somebody's own": with_target(type="example.com/own"),
    "template": with_target(template={"data": {"app.conf": "{{ a }}\n", "-.": ""}, "keep": "None"}),
    "templates at the limit": with_target(template={"data": {"a": "ä" * 65535, "b": "x"}}),
    "tls by templates": with_target(
        type="kubernetes.io/tls", template={"data": {"tls.crt": "{{ a }}", "tls.key": "{{ a }}"}}
    ),
    "tls by a template and a kept key": with_target(
        {"key": "tls.key", "secret": {"name": "a"}},
        type="kubernetes.io/tls",
        template={"data": {"tls.crt": "x"}, "keep": "All"},
    ),
    "tls kept beside a template": {
        "dataFrom": [TLS],
        "target": {"type": "kubernetes.io/tls", "template": {"data": {"a": "x"}, "keep": "All"}},
    },
}
VALID_KEYVAULTS: Mapping[str, Mapping[str, Any]] = {
    "least": vault(),
    "default": vault(auth={"default": {}}),
    "managed identity": vault(auth={"managedIdentity": {}}),
    "managed identity by id": vault(auth={"managedIdentity": {"clientId": "c-1"}}),
    "managed identity by resource": vault(auth={"managedIdentity": {"resourceId": "/subscriptions/a/b(c)"}}),
    "service principal": vault(
        auth={"servicePrincipal": {**PRINCIPAL, "secretRef": {"name": "azure.sp", "key": "client_secret"}}}
    ),
    "client certificate": vault(
        auth={"servicePrincipal": {**PRINCIPAL, "certificateRef": {"name": "azure.sp", "key": "app.pem"}}}
    ),
    "workload identity": vault(auth={"workloadIdentity": {"clientId": "c", "tenantId": "contoso.com"}}),
    "ServiceAccount": vault(auth={"workloadIdentity": {"serviceAccountRef": {"name": "web"}}}),
    "bundle of a ConfigMap": vault(caBundleRef={"kind": "ConfigMap", "name": "company", "key": "ca.crt"}),
    "everything else": vault(
        url="https://SHOP.vault.localhost:8443/",
        authorityHost="https://login.microsoftonline.com/",
        caBundle=PEM,
        refreshInterval="1m30s",
        detection="List",
        rateLimit={"requestsPerSecond": 10, "burst": 20},
        expiry={"warnBefore": ["1d", "30d", "24h"], "scope": "Bound"},
    ),
    "shortest interval": vault(refreshInterval="0m5s"),
    "crypto": vault(crypto={"allowedKeys": ["ci-*"], "allowedOperations": ["Sign", "RotateKey"]}),
    "no crypto": vault(crypto={"allowedKeys": [], "allowedOperations": []}),
    "no thresholds": vault(expiry={"warnBefore": []}),
    "thresholds left out": vault(expiry={"scope": "Bound"}, rateLimit={}),
    "all objects": vault(expiry={"scope": "All"}),
    "no objects": vault(expiry={"scope": "None"}),
}
VALID_CLUSTER_KEYVAULTS: Mapping[str, Mapping[str, Any]] = {
    "everywhere": cluster_vault(*EVERYWHERE),
    "every rule": cluster_vault(
        {
            "namespaces": {"names": ["shop", "web"]},
            "objects": ["{namespace}-*", "shared"],
            "kinds": ["secret", "key"],
        },
        {"namespaces": {"selector": {"matchLabels": {"team": "a"}}}},
        {
            "namespaces": {
                "selector": {
                    "matchExpressions": [
                        {"key": "example.com/env", "operator": "In", "values": ["prod", ""]},
                        {"key": "x", "operator": "DoesNotExist"},
                    ]
                }
            }
        },
    ),
    "service principal": cluster_vault(
        *EVERYWHERE,
        auth={"servicePrincipal": {**PRINCIPAL, "secretRef": {"namespace": "ops", "name": "s", "key": "k"}}},
    ),
}


def binding(spec: Mapping[str, Any], name: str = "shop-db") -> dict[str, Any]:
    return _object("VaultBinding", spec, {"name": name, "namespace": "shop"})


def keyvault(spec: Mapping[str, Any], name: str = "shop") -> dict[str, Any]:
    return _object("KeyVault", spec, {"name": name, "namespace": "shop"})


def cluster_keyvault(spec: Mapping[str, Any], name: str = "shop") -> dict[str, Any]:
    return _object("ClusterKeyVault", spec, {"name": name})


def _object(kind: str, spec: Mapping[str, Any], metadata: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": kind,
        "metadata": dict(metadata),
        "spec": dict(spec),
    }
