"""`vaultbind emulator ctl`, as far as it is about requests and events."""

from typing import Any

import click

from vaultbind.cli.emulator_ctl import ask, given, show


@click.group()
def fault() -> None:
    """Trouble on demand."""


@fault.command(name="list")
def list_faults() -> None:
    """Faults that are set, how often they struck and what is left of them."""
    show(ask("GET", "faults"))


@fault.command(name="clear")
@click.argument("number", type=int, required=False)
def clear_faults(number: int | None) -> None:
    """Clear fault NUMBER, or all."""
    show(ask("DELETE", "faults", query={"id": number}))


@fault.command(name="add")
@click.option("--vault", help="Glob.")
@click.option("--method", help="Glob.")
@click.option("--path", help="Glob.")
@click.option("--route", help="Glob on the path with placeholders, such as /secrets/{name}.")
@click.option("--principal", help="Glob.")
@click.option("--status", type=int, help="Answer this.")
@click.option("--code", help="Code in the answer.")
@click.option("--inner-code", "innerCode", help="Inner code in the answer.")
@click.option("--message", help="Sentence in the answer.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Header of the answer.")
@click.option("--retry-after", "retryAfter", type=float, help="Seconds.")
@click.option("--delay", type=float, help="Seconds before the answer.")
@click.option("--cut", is_flag=True, help="End the connection in the middle of the body.")
@click.option("--refuse", is_flag=True, help="End the connection without a byte.")
@click.option("--count", type=int, help="Strike so many requests.")
@click.option("--rate", type=float, help="Strike this share of the requests, 0 to 1.")
@click.option("--before-auth", "beforeAuth", is_flag=True, help="Also strike requests without a valid token.")
def add_fault(headers: tuple[str, ...], **form: Any) -> None:
    """Set a fault: which requests, what happens to them, how often. Prints its number."""
    pairs = dict(_pair(text) for text in headers)
    show(ask("POST", "faults", given(**form, headers=pairs or None)))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"--header must be NAME=VALUE, not {text}")
    return name, value


@click.group()
def access() -> None:
    """Who may do what."""


@access.command(name="list")
def list_denials() -> None:
    """Denials that hold."""
    show(ask("GET", "access"))


@access.command(name="deny")
@click.option("--principal", help="Glob.")
@click.option("--vault", help="Glob.")
@click.option("--kind", help="Glob on secrets, keys, certificates.")
@click.option("--action", help="Glob on get, list, set and so on.")
@click.option("--name", help="Glob.")
@click.option("--code", help="ForbiddenByRbac, ...Policy, ...Firewall or ...Connection.")
def deny(**form: Any) -> None:
    """Forbid what matches."""
    show(ask("POST", "access", given(**form)))


@access.command(name="rules")
def list_rules() -> None:
    """Roles, access policies and firewalls by vault."""
    show(ask("GET", "rules"))


@access.command(name="allow")
@click.option("--vault", required=True, help="Glob; everything else is forbidden there from now on.")
@click.option("--principal", required=True, help="Client id, or a glob.")
@click.option("--role", required=True, help="One of Azure's, such as 'Key Vault Secrets User'.")
@click.option("--scope", help="One object, such as secrets/db; without it the vault.")
def allow(vault: str, **grant: Any) -> None:
    """Assign a role."""
    show(ask("POST", "rules", {vault: {"roles": [given(**grant)]}}))


@access.command(name="end-sessions")
@click.option("--principal", default="*", help="Client id, or a glob.")
def end_sessions(principal: str) -> None:
    """Challenge tokens issued so far: their clients must get newer ones."""
    show(ask("POST", "sessions", {"principal": principal}))


@access.command(name="clear")
def clear_denials() -> None:
    """Allow everything again."""
    show(ask("DELETE", "access"))


@click.group()
def throttle() -> None:
    """Limits of the service: weighted, per vault and per subscription, off at the start."""


@throttle.command(name="show")
def show_throttle() -> None:
    """Rules, refused requests, and what the last 10 seconds have spent."""
    show(ask("GET", "throttle"))


@throttle.command(name="on")
@click.option("--factor", type=float, help="Scales all limits; 0.01 allows 40 reads in 10 seconds.")
@click.option("--retry-after", "retryAfter", type=float, help="Seconds to tell; without it, no header.")
@click.option("--count-refused", "countRefused", is_flag=True, help="Refused requests count, too.")
def throttle_on(**form: Any) -> None:
    """Answer what is beyond the limits with 429."""
    show(ask("POST", "throttle", given(**form)))


@throttle.command(name="off")
def throttle_off() -> None:
    """Let everything through."""
    show(ask("DELETE", "throttle"))


@click.group()
def events() -> None:
    """Event Grid's events of new, expiring and expired versions."""


@events.command(name="list")
def list_subscriptions() -> None:
    """Subscriptions, how they stand, what they got."""
    show(ask("GET", "subscriptions"))


@events.command(name="subscribe")
@click.argument("name")
@click.option("--endpoint", help="Webhook to push to; without it, events wait until they are pulled.")
@click.option("--schema", type=click.Choice(["cloudevents", "eventgrid"]), help="How they are written.")
@click.option("--topic", help="Namespace topic to pull from.")
@click.option("--vault", help="Glob.")
@click.option("--type", help="Glob, such as *.SecretNewVersionCreated.")
@click.option("--duplicates", type=float, help="Share of the events that come twice, 0 to 1.")
@click.option("--shuffle", is_flag=True, help="Mix events that wait together.")
@click.option("--audience", help="For whom a token of Entra is that pushes show; without it, none.")
def subscribe(**form: Any) -> None:
    """Get events under NAME from now on; a webhook is validated first, as Event Grid does."""
    show(ask("POST", "subscriptions", given(**form)))


@events.command(name="unsubscribe")
@click.argument("name", required=False)
def unsubscribe(name: str | None) -> None:
    """Forget subscription NAME, or all."""
    show(ask("DELETE", "subscriptions", query={"name": name}))
