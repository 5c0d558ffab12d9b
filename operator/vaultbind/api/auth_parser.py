"""Who asks a vault and whom to trust: identities and references of a KeyVault or ClusterKeyVault.

`namespace` is the KeyVault's own, which each of its references is of; it is empty for a ClusterKeyVault,
whose references carry theirs. So a reference that is parsed says which object it means, whoever holds it:
two KeyVaults of different namespaces never have equal ones.
"""

from vaultbind.api import grammar
from vaultbind.api.fields import Fields
from vaultbind.api.keyvault import (
    Auth,
    BundleKind,
    BundleRef,
    DefaultAuth,
    ManagedIdentityAuth,
    SecretKeyRef,
    ServiceAccountRef,
    ServicePrincipalAuth,
    WorkloadIdentityAuth,
)


def parse_auth(auth: Fields | None, namespace: str) -> Auth:
    """Return the identity that `spec.auth` names; absent means the default one. Raises SpecError."""
    if auth is None:
        return DefaultAuth()
    member = auth.only_one_of("default", "managedIdentity", "servicePrincipal", "workloadIdentity")
    fields = auth.required_object(member)
    if member == "managedIdentity":
        return _parse_managed_identity(fields)
    if member == "servicePrincipal":
        return _parse_service_principal(fields, namespace)
    if member == "workloadIdentity":
        return WorkloadIdentityAuth(
            client_id=fields.text("clientId", grammar.CLIENT_ID),
            tenant_id=fields.text("tenantId", grammar.TENANT_ID),
            service_account=_parse_account(fields.object("serviceAccountRef"), namespace),
        )
    return DefaultAuth()


def _parse_managed_identity(fields: Fields) -> ManagedIdentityAuth:
    fields.at_most_one_of("clientId", "resourceId")
    return ManagedIdentityAuth(
        client_id=fields.text("clientId", grammar.CLIENT_ID),
        resource_id=fields.text("resourceId", grammar.RESOURCE_ID),
    )


def _parse_service_principal(fields: Fields, namespace: str) -> ServicePrincipalAuth:
    member = fields.only_one_of("secretRef", "certificateRef")
    ref = _parse_secret_key(fields.required_object(member), namespace)
    return ServicePrincipalAuth(
        client_id=fields.required_text("clientId", grammar.CLIENT_ID),
        tenant_id=fields.required_text("tenantId", grammar.TENANT_ID),
        secret_ref=ref if member == "secretRef" else None,
        certificate_ref=ref if member == "certificateRef" else None,
    )


def _parse_account(ref: Fields | None, namespace: str) -> ServiceAccountRef | None:
    if ref is None:
        return None
    name = ref.required_text("name", grammar.DNS_SUBDOMAIN)
    return ServiceAccountRef(namespace=_namespace_of(ref, namespace), name=name)


def _parse_secret_key(ref: Fields, namespace: str) -> SecretKeyRef:
    return SecretKeyRef(
        namespace=_namespace_of(ref, namespace),
        name=ref.required_text("name", grammar.DNS_SUBDOMAIN),
        key=ref.required_text("key", grammar.SECRET_KEY),
    )


def parse_bundle_ref(spec: Fields, namespace: str) -> BundleRef | None:
    """Return `spec.caBundleRef`, which excludes `caBundle`; None when absent. Raises SpecError."""
    spec.at_most_one_of("caBundle", "caBundleRef")
    ref = spec.object("caBundleRef")
    if ref is None:
        return None
    if not ref.has("kind"):
        raise ref.fail("kind", "is required")
    return BundleRef(
        kind=ref.choice("kind", BundleKind.CONFIG_MAP),
        namespace=_namespace_of(ref, namespace),
        name=ref.required_text("name", grammar.DNS_SUBDOMAIN),
        key=ref.required_text("key", grammar.SECRET_KEY),
    )


def _namespace_of(ref: Fields, namespace: str) -> str:
    return namespace or ref.required_text("namespace", grammar.DNS_LABEL)
