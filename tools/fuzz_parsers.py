"""Strange input for every parser of what strangers write: `python -m tools.fuzz_parsers` (`make fuzz`).

Specs of our kinds, what CryptoJobs find in Secrets, pods and their annotations, reviews of the webhook,
certificates and values from a vault, templates, requests to the broker and who sends them, tokens, keys and
events for the webhook of Event Grid, clients and assertions for the emulator's token endpoint. Whatever comes
is parsed, or refused by the parser's own error: anything else is a bug, and so is what takes seconds.
Each input comes from a seed, a target and a number, which a failure names: `--seed S --only T --first N`.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import orjson
import yaml
from aiohttp.web import HTTPBadRequest

from tests.unit.injection.pods import BINDINGS, INSTALLATION, make_pod
from tools.fuzz_certificates import draw_certificate
from tools.fuzz_events import (
    NothingFoundError,
    draw_events,
    draw_token,
    draw_value,
    take_events,
    take_token,
    take_value,
)
from tools.fuzz_jobs import draw_inputs, draw_signature, take_inputs, take_signature
from tools.fuzz_json import bend, draw_text
from tools.fuzz_reviews import draw_review, take_review
from tools.fuzz_templates import ProblemFoundError, draw_template, render_template
from tools.fuzz_trust import (
    draw_assertion,
    draw_caller,
    draw_client,
    draw_keys,
    take_assertion,
    take_caller,
    take_client,
    take_keys,
)
from vaultbind.api.binding_parser import parse_binding
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.errors import SpecError
from vaultbind.api.keyvault_parser import parse_keyvault
from vaultbind.cryptojobs.forms import FormError
from vaultbind.engine.clock import SystemClock
from vaultbind.injection import names
from vaultbind.injection.broker import Broker
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.mutate import mutate
from vaultbind.injection.refusal import Reason, RefusalError
from vaultbind.keyvault.certs.bundle import parse_bundle
from vaultbind.keyvault.certs.errors import CertificateParseError
from vaultbind.rendering.json_property import PropertyError
from vaultbind.vaults.bearer import TokenError

ROOT: Final = Path(__file__).resolve().parent.parent
SECONDS: Final = 20.0
"""The longest that one input may take, on a busy machine."""
PARSERS: Final[dict[str, Callable[[Any], object]]] = {
    "VaultBinding": parse_binding,
    "KeyVault": parse_keyvault,
    "ClusterKeyVault": parse_keyvault,
    "CryptoJob": parse_cryptojob,
}


class FuzzError(Exception):
    """A parser did what it must not do; the message says how to do it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parser, what it is given, and what it may raise."""

    draw: Callable[[Random], Any]
    run: Callable[[Any], object]
    refusals: tuple[type[Exception], ...]


@cache
def _examples() -> tuple[dict[str, Any], ...]:
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "examples").glob("*.yaml"))]
    documents = [item for text in texts for item in yaml.safe_load_all(text)]
    return tuple(item for item in documents if item and item.get("kind") in PARSERS)


def draw_object(draw: Random) -> dict[str, Any]:
    """An object of ours with a spec that has been bent; the rest is the API server's."""
    found = deepcopy(draw.choice(_examples()))
    found["metadata"] = {"name": "a", "namespace": "shop", "generation": 1}
    found["spec"] = bend(draw, found["spec"])
    return found


def draw_pod(draw: Random) -> dict[str, Any]:
    """A pod whose annotations are anything that an annotation can be."""
    pod = make_pod()
    wanted = [draw.choice(names.ASKED) for _ in range(draw.randrange(4))]
    good = (
        "files",
        "env",
        "both",
        "5s",
        "on",
        "signal:SIGHUP:web",
        "restart",
        "0440",
        "/etc/x",
        "secret",
        "web",
    )
    pod["metadata"]["annotations"] = {
        names.BINDINGS: draw.choice(("shop-db", "shop-db, shop-tls", draw_text(draw)))
    }
    pod["metadata"]["annotations"] |= {key: draw.choice((*good, draw_text(draw))) for key in wanted}
    if draw.random() < 0.3:
        pod["metadata"]["annotations"][f"vaultbind.dev/{draw_text(draw)}"] = draw_text(draw)
    pod["metadata"]["labels"] = {
        names.LABEL_INJECT: draw.choice(("true", "true", "true", "false", draw_text(draw)))
    }
    return pod


def draw_request(draw: Random) -> tuple[str, str, str]:
    """Binding, Authorization and peer of a request to the broker."""
    token = draw.choice(("good", draw_text(draw), "a" * draw.choice((1, 6_999, 7_001, 100_000))))
    scheme = draw.choice(("Bearer", "bearer", "Basic", "", draw_text(draw)))
    return draw.choice(("shop-db", "../x", draw_text(draw))), f"{scheme} {token}", "192.0.2.1"


class _Any(dict[str, Any]):
    """A namespace in which every binding exists."""

    def __missing__(self, name: str) -> Any:
        """Any other binding is like the first."""
        return next(iter(self.values()))


class _Nobody:
    """Stands for the API server, which knows no token."""

    async def authenticate(self, token: str) -> None:
        """Refuse; what comes here would be sent to the API server as JSON."""
        orjson.dumps(token)
        raise RefusalError(Reason.NOT_AUTHENTICATED, "nobody")


def ask_broker(request: tuple[str, str, str]) -> None:
    """One request; every answer must be a refusal."""
    nobody = cast("Any", _Nobody())
    observer = cast("Any", type("Observer", (), {"answered": lambda *_: None})())
    broker = Broker(checks=nobody, values=nobody, clock=SystemClock(), observer=observer)
    status, _, _ = asyncio.run(broker.answer(*request))
    if not 400 <= status < 500:
        raise FuzzError(f"answered {status}")


TARGETS: Final[dict[str, Target]] = {
    "specs": Target(draw=draw_object, run=lambda obj: PARSERS[obj["kind"]](obj), refusals=(SpecError,)),
    "pods": Target(
        draw=draw_pod, run=lambda pod: mutate(pod, INSTALLATION, _Any(BINDINGS)), refusals=(InjectionError,)
    ),
    "certificates": Target(
        draw=draw_certificate,
        run=lambda given: parse_bundle(*given),
        refusals=(CertificateParseError,),
    ),
    "values": Target(draw=draw_value, run=take_value, refusals=(PropertyError, NothingFoundError)),
    "templates": Target(draw=draw_template, run=render_template, refusals=(SpecError, ProblemFoundError)),
    "broker": Target(draw=draw_request, run=ask_broker, refusals=()),
    "tokens": Target(draw=draw_token, run=take_token, refusals=(TokenError,)),
    "events": Target(draw=draw_events, run=take_events, refusals=(NothingFoundError,)),
    "reviews": Target(draw=draw_review, run=take_review, refusals=(HTTPBadRequest,)),
    "keys": Target(draw=draw_keys, run=take_keys, refusals=(NothingFoundError,)),
    "clients": Target(draw=draw_client, run=take_client, refusals=(NothingFoundError,)),
    "assertions": Target(draw=draw_assertion, run=take_assertion, refusals=(NothingFoundError,)),
    "callers": Target(draw=draw_caller, run=take_caller, refusals=(RefusalError,)),
    "inputs": Target(draw=draw_inputs, run=take_inputs, refusals=(NothingFoundError,)),
    "signatures": Target(draw=draw_signature, run=take_signature, refusals=(FormError,)),
}


def try_one(name: str, target: Target, seed: str, number: int) -> bool:
    """Give a parser one input; tells whether it took it. Raises FuzzError."""
    given = target.draw(Random(f"{seed}/{name}/{number}"))
    again = f"--seed {seed} --only {name} --first {number}"
    started = time.monotonic()
    try:
        target.run(given)
    except target.refusals:
        taken = False
    except Exception as error:
        raise FuzzError(f"{again}: {type(error).__name__}: {error}\n{given!r:.2000}") from error
    else:
        taken = True
    if time.monotonic() - started > SECONDS:
        raise FuzzError(f"{again}: took {time.monotonic() - started:.1f} s\n{given!r:.2000}")
    return taken


def run(name: str, target: Target, seed: str, numbers: Iterable[int], until: float = float("inf")) -> str:
    """Many inputs; returns what came of them. Raises FuzzError."""
    tried = taken = 0
    for number in numbers:
        taken += try_one(name, target, seed, number)
        tried += 1
        if time.monotonic() > until:
            break
    return f"{name}: {tried} inputs, {taken} taken, {tried - taken} refused"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="for all targets together")
    parser.add_argument("--seed", default=str(time.time_ns()))
    parser.add_argument("--only", choices=TARGETS)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    asked = parser.parse_args()
    chosen = {asked.only: TARGETS[asked.only]} if asked.only else TARGETS
    print(f"seed {asked.seed}", flush=True)
    for name, target in chosen.items():
        until = time.monotonic() + asked.minutes * 60 / len(chosen)
        try:
            print(run(name, target, asked.seed, count(asked.first), until), flush=True)
        except FuzzError as error:
            print(f"fuzz: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
