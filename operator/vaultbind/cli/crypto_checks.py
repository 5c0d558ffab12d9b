"""Which flags of `vaultbind crypto` fit each other: what does not is told by its flag, with exit status 2."""

from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from vaultbind.api import grammar
from vaultbind.api.cryptojob import ALGORITHMS, ENVELOPE_ALGORITHMS, CryptoOperation
from vaultbind.api.cryptojob_rules import PROTECTING, REVEALING

if TYPE_CHECKING:
    from vaultbind.cli.crypto_flags import Flags

_JOB_ONLY: Final = (
    *("namespace", "name", "vault", "vault_kind", "timeout", "kubeconfig"),
    *("from_secret", "to_secret", "to_configmap"),
)
_VAULT_ONLY: Final = ("vault_url", "ca_file")


def is_given(name: str) -> bool:
    """Whether a parameter of the current command stands in the command line."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def flag_of(name: str) -> str:
    """How people write that parameter."""
    command = click.get_current_context().command
    return next((max(item.opts, key=len) for item in command.params if item.name == name), name)


def check_flags(flags: "Flags") -> None:
    """Raise click.UsageError for the first flag that does not fit."""
    _check_names(flags)
    _check_algorithm(flags)
    if not flags.job:
        _refuse(_JOB_ONLY, "goes with --job only")
        if not flags.vault_url:
            raise click.UsageError(
                "--vault-url (or AZURE_KEYVAULT_URL) says which vault, --job asks the cluster"
            )
        return
    _refuse(_VAULT_ONLY, "does not go with --job: the cluster's KeyVault says which vault and how")
    if not flags.place.vault:
        _refuse(("vault_kind",), "goes with --vault only")
    if flags.operation in PROTECTING:
        _refuse(("source",), "does not go with --job: plaintext does not go into a job, use --from-secret")
    if flags.operation in REVEALING or flags.to_configmap:
        _refuse(("target",), "does not go with --job here: the result is in the cluster")


def _refuse(names: tuple[str, ...], why: str) -> None:
    for name in names:
        if is_given(name):
            raise click.UsageError(f"{flag_of(name)} {why}")


def _check_names(flags: "Flags") -> None:
    for flag, text, shape in (
        ("--key", flags.key, grammar.OBJECT_NAME),
        ("--key-version", flags.key_version, grammar.OBJECT_VERSION),
        ("--namespace", flags.place.namespace, grammar.DNS_LABEL),
        ("--name", flags.place.name, grammar.DNS_SUBDOMAIN),
        ("--vault", flags.place.vault, grammar.DNS_SUBDOMAIN),
        ("--to-secret", flags.to_secret, grammar.DNS_SUBDOMAIN),
        ("--to-configmap", flags.to_configmap, grammar.DNS_SUBDOMAIN),
    ):
        if (text or flag == "--key") and not shape.is_met(text):
            raise click.BadParameter(shape.sentence, param_hint=flag)


def _check_algorithm(flags: "Flags") -> None:
    enveloped = flags.envelope and flags.operation in {CryptoOperation.ENCRYPT, CryptoOperation.DECRYPT}
    known = ENVELOPE_ALGORITHMS if enveloped else ALGORITHMS[flags.operation]
    if flags.algorithm and flags.algorithm not in known:
        raise click.BadParameter(f"must be one of {', '.join(sorted(known))}", param_hint="--algorithm")
