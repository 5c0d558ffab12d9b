"""A binding's spec and the values read for it -> the Secret's data, all of it or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vaultbind.api.binding import (
    BindingSpec,
    CertificateSource,
    Include,
    PublicKeyFormat,
    PublicKeySource,
    SecretSource,
    Source,
    TlsEntry,
)
from vaultbind.api.conditions import Reason
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.keyvault.certs import CertificateBundle
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.key import Key
from vaultbind.keyvault.types.secret import Secret
from vaultbind.rendering.certificates import parse_secret, render_leaf, render_part, render_tls
from vaultbind.rendering.decode import decode_text
from vaultbind.rendering.ends import end_of
from vaultbind.rendering.json_property import PropertyError, PropertyFault, render_property
from vaultbind.rendering.keys import check_keys, check_size
from vaultbind.rendering.problems import EntryError, RenderProblem
from vaultbind.rendering.values import Values, take
from vaultbind.rendering.wanted import ref_of

_MISSING = frozenset({PropertyFault.NOT_FOUND, PropertyFault.NULL})
_LONGEST_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The Secret's content; its repr shows no value."""

    data: Mapping[str, bytes] = field(repr=False)
    missing: tuple[str, ...] = ()
    """Optional entries that were left out: their keys, or for `dataFrom` the objects' names."""
    ends: Mapping[VaultObjectRef, datetime] = field(default_factory=dict)
    """When certificates that were read end by themselves, whatever their attributes say."""


def render(spec: BindingSpec, values: Values, *, now: datetime) -> Rendered | tuple[RenderProblem, ...]:
    """Render every entry, or say what is wrong with each one that cannot be rendered.

    `values` has an entry for each of `wanted(spec)`, None where the vault has no such object; a KeyError
    tells that one was forgotten. `optional` entries are left out when the object, the property or the
    authority's certificate is absent; whatever else is wrong counts for them, too.
    """
    if problems := check_keys(spec):
        return problems
    work = _Work(values=values, now=now)
    for entry in spec.data:
        work.add(entry.key, entry.source, optional=entry.optional)
    for tls in spec.data_from:
        work.add(tls.name, tls, optional=tls.optional)
    if work.problems:
        return tuple(work.problems)
    data = _with_templates(spec, work.data)
    if isinstance(data, RenderProblem):
        return (data,)
    return check_size(data) or Rendered(data=data, missing=tuple(work.missing), ends=work.ends())


def _with_templates(spec: BindingSpec, data: dict[str, bytes]) -> dict[str, bytes] | RenderProblem:
    if spec.target.template is None:
        return data
    from vaultbind.rendering.templates.render import render_templates  # jinja2 is for those who need it

    return render_templates(spec, spec.target.template, data)


@dataclass(slots=True, kw_only=True)
class _Work:
    """One rendering: what it gathers, and certificates that are parsed once for all their entries."""

    values: Values
    now: datetime
    data: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    problems: list[RenderProblem] = field(default_factory=list)
    bundles: dict[VaultObjectRef, CertificateBundle] = field(default_factory=dict)

    def add(self, entry: str, source: Source | TlsEntry, *, optional: bool) -> None:
        """Render one entry into `data`, or note why not."""
        try:
            if isinstance(source, TlsEntry):
                shown = _shown(VaultObjectKind.CERTIFICATE, source)
                self.data.update(render_tls(self._bundle(source), shown=shown))
            else:
                self.data[entry] = self._render_source(source)
        except EntryError as error:
            if optional and error.missing:
                self.missing.append(entry)
            else:
                self.problems.append(error.to_problem(entry))

    def ends(self) -> dict[VaultObjectRef, datetime]:
        """Ends of what was parsed for an entry, and of what costs little to parse."""
        found = {ref: end_of(value) for ref, value in self.values.items() if isinstance(value, Certificate)}
        found |= {ref: bundle.leaf.not_valid_after_utc for ref, bundle in self.bundles.items()}
        return {ref: end for ref, end in found.items() if end is not None}

    def _render_source(self, source: Source) -> bytes:
        if isinstance(source, SecretSource):
            return self._render_secret(source)
        if isinstance(source, PublicKeySource):
            return self._render_public_key(source)
        shown = _shown(VaultObjectKind.CERTIFICATE, source)
        if source.include is Include.LEAF:
            certificate = take(self.values, ref_of(source), Certificate, shown=shown, now=self.now)
            return render_leaf(certificate, shown=shown)
        return render_part(self._bundle(source), source.include, shown=shown)

    def _bundle(self, source: CertificateSource | TlsEntry) -> CertificateBundle:
        ref = ref_of(source)
        if ref not in self.bundles:
            shown = _shown(VaultObjectKind.CERTIFICATE, source)
            secret = take(self.values, ref, Secret, shown=shown, now=self.now)
            self.bundles[ref] = parse_secret(secret, shown=shown)
        return self.bundles[ref]

    def _render_secret(self, source: SecretSource) -> bytes:
        shown = _shown(VaultObjectKind.SECRET, source)
        secret = take(self.values, ref_of(source), Secret, shown=shown, now=self.now)
        text = secret.value.expose_secret()
        if source.property is not None:
            text = _property(text, source.property, shown)
        decoded = decode_text(text, source.decode)
        if decoded is None:
            text = f"{shown} cannot be decoded as {source.decode.value} says"
            raise EntryError(Reason.DECODE_FAILED, text)
        return decoded

    def _render_public_key(self, source: PublicKeySource) -> bytes:
        shown = _shown(VaultObjectKind.KEY, source)
        key = take(self.values, ref_of(source), Key, shown=shown, now=self.now).key
        try:
            return key.to_json().encode() if source.format is PublicKeyFormat.JWK else key.to_pem()
        except KeyVaultError as error:
            kind = error.kind
        if kind is KeyVaultErrorKind.VALIDATION:
            raise EntryError(Reason.INVALID_SPEC, f"{shown} is symmetric and has no public key")
        raise EntryError(Reason.VAULT_ERROR, f"the vault's answer makes no valid public key of {shown}")


def _property(text: str, path: str, shown: str) -> str:
    try:
        return render_property(text, path)
    except PropertyError as error:
        fault = error.fault
    reason = Reason.INVALID_SPEC if fault is PropertyFault.BAD_POINTER else Reason.PROPERTY_NOT_FOUND
    name = path if len(path) <= _LONGEST_SHOWN else f"{path[:_LONGEST_SHOWN]}..."
    raise EntryError(reason, f"property {name}: {shown} {fault.value}", missing=fault in _MISSING)


def _shown(kind: VaultObjectKind, source: Source | TlsEntry) -> str:
    """The object as people know it: a certificate is one although its secret is read."""
    return str(VaultObjectRef(kind, source.name, source.version))
