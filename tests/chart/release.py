"""Helm, as a test uses it: values in, objects or a refusal out."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[2] / "charts" / "vaultbind"
NAMESPACE = "vaultbind-system"
Object = dict[str, Any]


class HelmError(AssertionError):
    """Helm refused; the message is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helm:
    """Runs one helm with a home of its own, so that no configuration of the user has a say."""

    path: Path
    home: Path
    kubeconfig: Path | None = None
    seconds: float = 170.0
    """How long a command may take."""

    def run(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        """Run helm; values go in by standard input. Raises HelmError with what it complains of."""
        environ = {f"HELM_{name}_HOME": str(self.home / name) for name in ("CACHE", "CONFIG", "DATA")}
        environ["KUBECONFIG"] = str(self.kubeconfig or os.devnull)
        command = [str(self.path), *arguments, *(["--values", "-"] if values is not None else [])]
        done = subprocess.run(
            command,
            env={**os.environ, **environ},
            input=None if values is None else yaml.safe_dump(dict(values)),
            capture_output=True,
            text=True,
            timeout=self.seconds,
            check=False,
        )
        if done.returncode != 0:
            raise HelmError(done.stderr)
        return done.stdout

    def render(self, *arguments: str, release: str = "vaultbind", **values: Any) -> "Rendered":
        """Objects of a release that is not installed."""
        text = self.run("template", release, str(CHART), "--namespace", NAMESPACE, *arguments, values=values)
        return Rendered(objects=[item for item in yaml.safe_load_all(text) if item])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The objects of a release."""

    objects: list[Object]

    def names(self) -> set[tuple[str, str]]:
        """Kind and name of each."""
        return {(item["kind"], item["metadata"]["name"]) for item in self.objects}

    def of_kind(self, kind: str) -> list[Object]:
        """All objects of a kind."""
        return [item for item in self.objects if item["kind"] == kind]

    def one(self, kind: str, name: str = "", namespace: str = "") -> Object:
        """The object of a kind, by name and namespace where there are more."""
        found = [
            item
            for item in self.of_kind(kind)
            if name in ("", item["metadata"]["name"]) and namespace in ("", item["metadata"].get("namespace"))
        ]
        assert len(found) == 1, f"{len(found)} of {kind} {name}"
        return found[0]

    @property
    def pod(self) -> Object:
        """The pod template of the operator's Deployment: the one that is no component's."""
        template: Object
        (template,) = [
            item["spec"]["template"]
            for item in self.of_kind("Deployment")
            if not item["metadata"]["name"].endswith(("-webhook", "-broker"))
        ]
        return template

    @property
    def container(self) -> Object:
        """The operator's container."""
        container: Object = self.pod["spec"]["containers"][0]
        return container

    @property
    def flags(self) -> list[str]:
        """Its arguments behind `run`."""
        flags: list[str]
        command, *flags = self.container["args"]
        assert command == "run"
        return flags
