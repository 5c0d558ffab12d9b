from datetime import timedelta

import pytest

from tests.unit.injection.pods import make_pod
from vaultbind.injection import names
from vaultbind.injection.annotations import Auth, EnvSource, Mode, OnChange, Wish, is_asked, parse_wish
from vaultbind.injection.errors import InjectionError

GOOD = {
    "only bindings": ({}, Wish(bindings=("shop-db",))),
    "several bindings": ({"bindings": " shop-db , shop-tls "}, Wish(bindings=("shop-db", "shop-tls"))),
    "files": ({"mode": "files"}, Wish(bindings=("shop-db",), mode=Mode.FILES)),
    "env": ({"mode": "env"}, Wish(bindings=("shop-db",), mode=Mode.ENV)),
    "both": ({"mode": "both"}, Wish(bindings=("shop-db",), mode=Mode.BOTH)),
    "another path": ({"mount-path": "/secrets"}, Wish(bindings=("shop-db",), mount_path="/secrets")),
    "some containers": ({"containers": "web, job"}, Wish(bindings=("shop-db",), containers=("web", "job"))),
    "refresh off": ({"refresh": "off"}, Wish(bindings=("shop-db",))),
    "refresh on": ({"refresh": "on"}, Wish(bindings=("shop-db",), refresh=timedelta(minutes=1))),
    "refresh by interval": ({"refresh": "1m30s"}, Wish(bindings=("shop-db",), refresh=timedelta(seconds=90))),
    "file mode": ({"file-mode": "0400"}, Wish(bindings=("shop-db",), file_mode=0o400)),
    "file mode of three digits": ({"file-mode": "440"}, Wish(bindings=("shop-db",), file_mode=0o440)),
    "nothing on change": ({"on-change": "none"}, Wish(bindings=("shop-db",))),
    "signal on change": (
        {"refresh": "on", "on-change": "signal:SIGHUP:nginx"},
        Wish(
            bindings=("shop-db",),
            refresh=timedelta(minutes=1),
            on_change=OnChange(signal="SIGHUP", process="nginx"),
        ),
    ),
    "restart on change": (
        {"refresh": "5s", "on-change": "restart"},
        Wish(bindings=("shop-db",), refresh=timedelta(seconds=5), on_change=OnChange(signal="SIGTERM")),
    ),
    "variables from the Secret": (
        {"mode": "env", "env-source": "secret"},
        Wish(bindings=("shop-db",), mode=Mode.ENV, env_source=EnvSource.SECRET),
    ),
    "variables from the file": (
        {"mode": "both", "env-source": "file"},
        Wish(bindings=("shop-db",), mode=Mode.BOTH, env_source=EnvSource.FILE),
    ),
    "auth by the broker": ({"auth": "broker"}, Wish(bindings=("shop-db",))),
    "auth as the pod": ({"auth": "pod"}, Wish(bindings=("shop-db",), auth=Auth.POD)),
    "annotations of others": (
        {"vaultbind.dev/restartedAt": "now", "other.dev/mode": "x", "vaultbind.dev/injected": "{}"},
        Wish(bindings=("shop-db",)),
    ),
}


@pytest.mark.parametrize(("annotations", "wish"), GOOD.values(), ids=GOOD)
def test_accepted(annotations: dict[str, str], wish: Wish) -> None:
    assert parse_wish(make_pod(annotations)["metadata"]) == wish


def test_every_documented_annotation_is_accepted_above() -> None:
    given = {f"vaultbind.dev/{key}" for annotations, _ in GOOD.values() for key in annotations}

    assert given >= set(names.ASKED)


BAD = {
    "no bindings": ({"bindings": "ABSENT"}, "vaultbind.dev/bindings is missing"),
    "empty bindings": ({"bindings": ""}, "bindings must be names of VaultBindings"),
    "a comma too many": ({"bindings": "shop-db,"}, "bindings must be names of VaultBindings"),
    "no name": ({"bindings": "Shop_DB"}, "'Shop_DB' is none"),
    "a path as a name": ({"bindings": "../other"}, "'../other' is none"),
    "a binding twice": ({"bindings": "a,b,a"}, "bindings names a twice"),
    "too many": ({"bindings": ",".join(f"b{n}" for n in range(17))}, "at most 16"),
    "unknown mode": ({"mode": "volume"}, "mode must be files, env or both"),
    "relative path": ({"mount-path": "secrets"}, "mount-path must be an absolute path"),
    "path with dots": ({"mount-path": "/a/../b"}, "mount-path must be an absolute path"),
    "path with a slash at its end": ({"mount-path": "/a/"}, "mount-path must be an absolute path"),
    "path with two slashes": ({"mount-path": "//a"}, "mount-path must be an absolute path"),
    "path with a colon": ({"mount-path": "/a:b"}, "without ':'"),
    "the root": ({"mount-path": "/"}, "mount-path would hide files"),
    "etc": ({"mount-path": "/etc"}, "mount-path would hide files"),
    "below proc": ({"mount-path": "/proc/1"}, "mount-path would hide files"),
    "above the ServiceAccount": ({"mount-path": "/var/run/secrets"}, "mount-path would hide files"),
    "no container's name": ({"containers": "web, Web"}, "'Web' is none"),
    "a container twice": ({"containers": "web,web"}, "containers names web twice"),
    "no interval": ({"refresh": "often"}, "refresh must be off, on or an interval"),
    "too often": ({"refresh": "4s"}, "refresh must be an interval from 5s to 1d"),
    "too rarely": ({"refresh": "1d1s"}, "refresh must be an interval from 5s to 1d"),
    "decimal mode": ({"file-mode": "256"}, "file-mode must let the owner read"),
    "a mode with a nine": ({"file-mode": "0490"}, "file-mode must be an octal mode"),
    "world-writable": ({"file-mode": "0666"}, "file-mode must let the owner read and nobody write"),
    "executable": ({"file-mode": "0555"}, "file-mode must let the owner read and nobody write"),
    "setuid": ({"file-mode": "4444"}, "file-mode must be an octal mode"),
    "unknown action": ({"refresh": "on", "on-change": "reload"}, "on-change must be none, restart or signal"),
    "signal without process": ({"refresh": "on", "on-change": "signal:SIGHUP"}, "process's name"),
    "unknown signal": ({"refresh": "on", "on-change": "signal:SIGKILL:x"}, "SIGHUP"),
    "process as a path": ({"refresh": "on", "on-change": "signal:SIGHUP:../x"}, "process's name"),
    "change without refresh": ({"on-change": "restart"}, "on-change needs vaultbind.dev/refresh"),
    "unknown source": ({"mode": "env", "env-source": "vault"}, "env-source must be auto, file or secret"),
    "source without variables": ({"env-source": "secret"}, "env-source needs vaultbind.dev/mode"),
    "path without files": ({"mode": "env", "mount-path": "/a"}, "mount-path needs vaultbind.dev/mode"),
    "mode without files": ({"mode": "env", "file-mode": "0400"}, "file-mode needs vaultbind.dev/mode"),
    "unknown identity": ({"auth": "vault"}, "auth must be broker or pod"),
    "misspelt": ({"mount_path": "/a"}, "did you mean vaultbind.dev/mount-path?"),
    "in capitals": ({"Refresh": "on"}, "did you mean vaultbind.dev/refresh?"),
    "a letter short": ({"binding": "a"}, "did you mean vaultbind.dev/bindings?"),
}


@pytest.mark.parametrize(("annotations", "message"), BAD.values(), ids=BAD)
def test_refused(annotations: dict[str, str], message: str) -> None:
    with pytest.raises(InjectionError) as caught:
        parse_wish(make_pod(annotations)["metadata"])
    assert message in str(caught.value)
    assert str(caught.value).startswith("annotation vaultbind.dev/")


@pytest.mark.parametrize(("value", "asked"), [("true", True), ("false", False), (None, False)])
def test_the_label_opts_in(value: str | None, asked: bool) -> None:
    assert is_asked(make_pod(inject=value)["metadata"]) is asked


@pytest.mark.parametrize("value", ["True", "yes", "1", ""])
def test_another_value_of_the_label_is_refused(value: str) -> None:
    with pytest.raises(InjectionError, match='must be "true" or "false"'):
        is_asked(make_pod(inject=value)["metadata"])


def test_a_pod_without_labels_wants_nothing() -> None:
    assert not is_asked({})
