"""Putting what a seed asks for into the vaults."""

from collections.abc import Container

from vaultbind.emulator.seed import Seed, SeedCertificate, SeedError, SeedObject, SeedSecret
from vaultbind.keyvault.simulation import Estate, VaultDriver, VaultProblem
from vaultbind.keyvault.simulation.access_forms import apply_access


def apply_seed(seed: Seed, estate: Estate, known: Container[str] = (), *, knows_access: bool = False) -> None:
    """Write the objects (not into `known` vaults) and rules of a seed; raises SeedError with all refusals.

    With `knows_access`, the rules that hold are those of a state file: then the seed's are for vaults alone
    that are neither known nor have rules.
    """
    problems = []
    for vault, objects in seed.vaults.items():
        if vault.lower() in known:
            continue
        driver = estate.driver(vault.lower())
        for wanted in objects:
            try:
                _apply(driver, wanted)
            except VaultProblem as problem:
                kind = type(wanted).__name__.removeprefix("Seed").lower()
                problems.append(f"vaults.{vault}: {kind} {wanted.name}: {problem.message.strip()}")
    if not knows_access:
        estate.access.deny(*seed.denials)
    ruled = {*estate.access.models(), *estate.access.firewalls()}
    new = (form for form in seed.access if form.vault not in ruled and form.vault not in known)
    apply_access(estate.access, tuple(new) if knows_access else seed.access)
    if problems:
        raise SeedError(tuple(problems))


def _apply(driver: VaultDriver, wanted: SeedObject) -> None:
    if isinstance(wanted, SeedSecret):
        driver.set_secret(
            wanted.name,
            wanted.value,
            content_type=wanted.content_type,
            tags=wanted.tags,
            enabled=wanted.enabled,
            not_before=wanted.not_before,
            expires=wanted.expires,
        )
    elif isinstance(wanted, SeedCertificate):
        driver.issue_certificate(
            wanted.name,
            wanted.dns_names,
            expires=wanted.expires,
            intermediates=wanted.chain - 1,
            with_root=wanted.include_root,
            content_type=wanted.content_type,
            exportable=wanted.exportable,
            tags=wanted.tags,
        )
    else:
        driver.create_key(
            wanted.name,
            key_type=wanted.key_type,
            size=wanted.size,
            curve=wanted.curve,
            expires=wanted.expires,
            tags=wanted.tags,
        )
