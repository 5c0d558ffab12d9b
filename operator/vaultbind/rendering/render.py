"""A binding's spec and the values read for it -> the Secret's data, all of it or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vaultbind.api.binding import (
    BindingSpec,
    CertificateSource,
    FromEntry,
    Include,
    PublicKeyFormat,
    PublicKeySource,
    SecretSource,
    Source,
    TlsEntry,
)
from vaultbind.api.certificate_parser import KEY_STORES
from vaultbind.api.conditions import Reason
from vaultbind.api.data_from import ExtractEntry, FindEntry
from vaultbind.api.given_keys import given_keys
from vaultbind.api.refs import VaultObjectRef
from vaultbind.keyvault.certs import CertificateBundle
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import Key
from vaultbind.keyvault.types.secret import Secret
from vaultbind.rendering.certificates import (
    Parts,
    parse_secret,
    pick_leaf,
    pick_parts,
    render_parts,
    render_tls,
)
from vaultbind.rendering.decode import decode_text
from vaultbind.rendering.ends import end_of
from vaultbind.rendering.extract import ExtractError, extract_entries
from vaultbind.rendering.from_keys import name_found, name_keys
from vaultbind.rendering.json_property import PropertyError, PropertyFault, render_property
from vaultbind.rendering.keys import check_keys, check_size, check_type
from vaultbind.rendering.problems import EntryError, RenderProblem
from vaultbind.rendering.rewrite import Effort
from vaultbind.rendering.values import NO_PASSWORDS, Passwords, Values, take
from vaultbind.rendering.wanted import found_sources, known_as, ref_of

_MISSING = frozenset({PropertyFault.NOT_FOUND, PropertyFault.NULL})
_LONGEST_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The Secret's content; its repr shows no value."""

    data: Mapping[str, bytes] = field(repr=False)
    missing: tuple[str, ...] = ()
    """Optional entries that were left out: their keys, or for `dataFrom` the objects' names."""
    told: frozenset[str] = field(default=frozenset(), repr=False)
    """Keys that messages may name: those of the spec, and none whose name is a part of a value."""
    ends: Mapping[VaultObjectRef, datetime] = field(default_factory=dict)
    """When certificates that were read end by themselves, whatever their attributes say."""


def render(
    spec: BindingSpec, values: Values, *, now: datetime, passwords: Passwords = NO_PASSWORDS
) -> Rendered | tuple[RenderProblem, ...]:
    """Render every entry, or say what is wrong with each one that cannot be rendered.

    `values` has an entry for each of `wanted(spec)`, None where the vault has no such object, `passwords` one
    for each of `spec.passwords`; a KeyError tells that one was forgotten. `optional` entries are left out
    when the object, the property or the authority's certificate is absent; whatever else is wrong counts for
    them, too. A key of `data` goes before the same key of `dataFrom`, and there a later entry before an
    earlier one.
    """
    if problems := check_keys(spec):
        return problems
    work = _Work(values=values, now=now, passwords=passwords)
    for entry in spec.data:
        work.add(entry.key, entry.source, optional=entry.optional)
    for index, source in enumerate(spec.data_from):
        work.add_from(source, f"dataFrom[{index}].find" if isinstance(source, FindEntry) else source.name)
    if work.problems:
        return tuple(work.problems)
    data = _with_templates(spec, work.merged())
    if isinstance(data, RenderProblem):
        return (data,)
    if problems := check_size(data) or check_type(spec, data):
        return problems
    told = frozenset(data.keys() - work.untold | _names_in(spec))
    return Rendered(data=data, missing=tuple(work.missing), told=told, ends=work.ends())


def _names_in(spec: BindingSpec) -> frozenset[str]:
    """Keys that the spec itself names."""
    template = spec.target.template
    return given_keys(spec.data, spec.data_from).names.union(template.data if template is not None else ())


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
    passwords: Passwords = field(repr=False)
    data: dict[str, bytes] = field(default_factory=dict)
    given: dict[str, bytes] = field(default_factory=dict)
    """What `dataFrom` gives."""
    untold: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    problems: list[RenderProblem] = field(default_factory=list)
    bundles: dict[VaultObjectRef, CertificateBundle] = field(default_factory=dict)
    effort: Effort = field(default_factory=Effort)
    """What the rewrites of all sources may still cost together."""

    def add(self, entry: str, source: Source, *, optional: bool) -> None:
        """Render one entry of `data`, or note why not."""
        try:
            self.data[entry] = self._render_source(source)
        except EntryError as error:
            self._note(error, entry, optional=optional)

    def add_from(self, source: FromEntry, name: str) -> None:
        """Render one entry of `dataFrom`, or note why not."""
        try:
            self.given |= self._render_from(source)
        except EntryError as error:
            self._note(error, name, optional=source.optional)

    def _note(self, error: EntryError, entry: str, *, optional: bool) -> None:
        if optional and error.missing:
            self.missing.append(entry)
        else:
            self.problems.append(error.to_problem(entry))

    def ends(self) -> dict[VaultObjectRef, datetime]:
        """Ends of what was parsed for an entry, and of what costs little to parse."""
        found = {ref: end_of(value) for ref, value in self.values.items() if isinstance(value, Certificate)}
        found |= {ref: bundle.leaf.not_valid_after_utc for ref, bundle in self.bundles.items()}
        return {ref: end for ref, end in found.items() if end is not None}

    def merged(self) -> dict[str, bytes]:
        """All keys; those of `data` win."""
        return self.data | {key: value for key, value in self.given.items() if key not in self.data}

    def _render_from(self, source: FromEntry) -> Mapping[str, bytes]:
        if isinstance(source, TlsEntry):
            shown = str(known_as(source))
            parts = render_tls(self._bundle(source), shown=shown)
            if not source.rewrite:
                return parts
            return name_keys(parts, source.rewrite, shown=shown, effort=self.effort)
        if isinstance(source, FindEntry):
            return self._find(source)
        keys = self._extract(source)
        self.untold |= keys.keys()
        return keys

    def _find(self, source: FindEntry) -> Mapping[str, bytes]:
        """Each object that was found and is still there under its name; names of objects are no values."""
        pairs = [
            (found.name, self._render_source(found))
            for found in found_sources(source)
            if self.values[ref_of(found)] is not None
        ]
        if not pairs:
            raise EntryError(Reason.OBJECT_NOT_FOUND, "no object that may be read fits", missing=True)
        return name_found(pairs, source.rewrite, effort=self.effort)

    def _extract(self, source: ExtractEntry) -> Mapping[str, bytes]:
        shown = str(known_as(source))
        secret = take(self.values, ref_of(source), Secret, shown=shown, now=self.now)
        try:
            entries = extract_entries(secret.value.expose_secret(), source.format)
        except ExtractError as error:
            problem = str(error)
        else:
            return name_keys(entries, source.rewrite, shown=shown, effort=self.effort)
        raise EntryError(Reason.EXTRACT_FAILED, f"{shown} {problem}")

    def _render_source(self, source: Source) -> bytes:
        if isinstance(source, SecretSource):
            return self._render_secret(source)
        if isinstance(source, PublicKeySource):
            return self._render_public_key(source)
        shown = str(known_as(source))
        parts = self._parts(source, shown)
        if source.format in KEY_STORES:
            return self._render_key_store(source, parts)
        return render_parts(parts, source.format, shown=shown)

    def _render_key_store(self, source: CertificateSource, parts: Parts) -> bytes:
        from vaultbind.rendering.key_stores import render_key_store  # for those who need it

        password = self.passwords[source.password_ref].expose_secret() if source.password_ref else ""
        return render_key_store(source.format, source.name, password, parts.key, parts.certificates)

    def _parts(self, source: CertificateSource, shown: str) -> Parts:
        if source.include is Include.LEAF:
            certificate = take(self.values, ref_of(source), Certificate, shown=shown, now=self.now)
            return pick_leaf(certificate, shown=shown)
        return pick_parts(self._bundle(source), source.include, shown=shown)

    def _bundle(self, source: CertificateSource | TlsEntry) -> CertificateBundle:
        ref = ref_of(source)
        if ref not in self.bundles:
            shown = str(known_as(source))
            secret = take(self.values, ref, Secret, shown=shown, now=self.now)
            self.bundles[ref] = parse_secret(secret, shown=shown)
        return self.bundles[ref]

    def _render_secret(self, source: SecretSource) -> bytes:
        shown = str(known_as(source))
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
        shown = str(known_as(source))
        key = take(self.values, ref_of(source), Key, shown=shown, now=self.now).key
        try:
            return _public_key(key, source.format)
        except KeyVaultError as error:
            kind = error.kind
        if kind is KeyVaultErrorKind.VALIDATION and key.crv is not None:
            text = f"{shown} is on curve {key.crv}, which OpenSSH does not know: use format PEM or JWK"
            raise EntryError(Reason.INVALID_SPEC, text)
        if kind is KeyVaultErrorKind.VALIDATION:
            raise EntryError(Reason.INVALID_SPEC, f"{shown} is symmetric and has no public key")
        raise EntryError(Reason.VAULT_ERROR, f"the vault's answer makes no valid public key of {shown}")


def _public_key(key: JsonWebKey, form: PublicKeyFormat) -> bytes:
    if form is PublicKeyFormat.SSH:
        return key.to_ssh().encode()
    return key.to_json().encode() if form is PublicKeyFormat.JWK else key.to_pem()


def _property(text: str, path: str, shown: str) -> str:
    try:
        return render_property(text, path)
    except PropertyError as error:
        fault = error.fault
    reason = Reason.INVALID_SPEC if fault is PropertyFault.BAD_POINTER else Reason.PROPERTY_NOT_FOUND
    name = path if len(path) <= _LONGEST_SHOWN else f"{path[:_LONGEST_SHOWN]}..."
    raise EntryError(reason, f"property {name}: {shown} {fault.value}", missing=fault in _MISSING)
