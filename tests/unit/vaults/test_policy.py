"""Which URLs, authorities and identities a KeyVault may use."""

import pytest

from vaultbind.api.conditions import Reason
from vaultbind.api.keyvault import (
    Auth,
    DefaultAuth,
    KeyVaultSpec,
    ManagedIdentityAuth,
    SecretKeyRef,
    ServicePrincipalAuth,
    WorkloadIdentityAuth,
)
from vaultbind.vaults.policy import (
    AZURE_AUTHORITY_HOSTS,
    AZURE_VAULT_SUFFIXES,
    VaultPolicy,
    decide_policy,
    is_authority_allowed,
    is_url_allowed,
)

LOCAL = (".vault.localhost:8443",)
PRINCIPAL = ServicePrincipalAuth(
    client_id="c", tenant_id="t", secret_ref=SecretKeyRef(namespace="n", name="s", key="k")
)

URLS = {
    "public cloud": ("https://shop.vault.azure.net", AZURE_VAULT_SUFFIXES, True),
    "china": ("https://shop.vault.azure.cn", AZURE_VAULT_SUFFIXES, True),
    "us government": ("https://shop.vault.usgovcloudapi.net", AZURE_VAULT_SUFFIXES, True),
    "final slash": ("https://shop.vault.azure.net/", AZURE_VAULT_SUFFIXES, True),
    "upper case": ("https://Shop.VAULT.Azure.Net", AZURE_VAULT_SUFFIXES, True),
    "the port of https": ("https://shop.vault.azure.net:443", AZURE_VAULT_SUFFIXES, True),
    "empty port": ("https://shop.vault.azure.net:", AZURE_VAULT_SUFFIXES, True),
    "suffix with port": ("https://shop.vault.localhost:8443", LOCAL, True),
    "suffix without dot": ("https://shop.vault.azure.net", ("vault.azure.net",), True),
    "suffix in upper case": ("https://shop.vault.azure.net", (".VAULT.azure.net",), True),
    "second suffix": ("https://shop.vault.azure.cn", (".vault.azure.net", ".vault.azure.cn"), True),
    "no suffix allowed": ("https://shop.vault.azure.net", (), False),
    "empty suffix": ("https://shop", ("",), False),
    "http": ("http://shop.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "no scheme": ("shop.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "no host": ("https://", AZURE_VAULT_SUFFIXES, False),
    "other host": ("https://shop.example.com", AZURE_VAULT_SUFFIXES, False),
    "suffix not at the end": ("https://shop.vault.azure.net.evil.com", AZURE_VAULT_SUFFIXES, False),
    "suffix in the middle of a label": ("https://evilvault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "suffix glued to a label": ("https://shop.evilvault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "the suffix alone": ("https://vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "a label too many": ("https://a.b.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "empty first label": ("https://.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "empty middle label": ("https://shop..vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "trailing dot": ("https://shop.vault.azure.net.", AZURE_VAULT_SUFFIXES, False),
    "userinfo": ("https://shop.vault.azure.net@evil.com", AZURE_VAULT_SUFFIXES, False),
    "userinfo before": ("https://user:pw@shop.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "empty userinfo": ("https://@shop.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "backslash": ("https://evil.com\\.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "percent": ("https://evil.com%2f.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "encoded dot": ("https://shop%2evault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "path": ("https://evil.com/.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "path behind": ("https://shop.vault.azure.net/secrets", AZURE_VAULT_SUFFIXES, False),
    "query": ("https://evil.com?.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "query behind": ("https://shop.vault.azure.net?a=b", AZURE_VAULT_SUFFIXES, False),
    "fragment": ("https://evil.com#.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "fragment behind": ("https://shop.vault.azure.net#a", AZURE_VAULT_SUFFIXES, False),
    "other port": ("https://shop.vault.azure.net:8443", AZURE_VAULT_SUFFIXES, False),
    "port 0": ("https://shop.vault.azure.net:0", AZURE_VAULT_SUFFIXES, False),
    "port too high": ("https://shop.vault.azure.net:70000", AZURE_VAULT_SUFFIXES, False),
    "port that is no number": ("https://shop.vault.azure.net:x", AZURE_VAULT_SUFFIXES, False),
    "port missing": ("https://shop.vault.localhost", LOCAL, False),
    "port wrong": ("https://shop.vault.localhost:8444", LOCAL, False),
    "full-width dots": ("https://shop\uff0evault\uff0eazure\uff0enet", AZURE_VAULT_SUFFIXES, False),
    "letters of another script": ("https://shop.v\u0430ult.azure.net", AZURE_VAULT_SUFFIXES, False),
    "tab in the host": ("https://evil.com\t.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "line end": ("https://shop.vault.azure.net\n", AZURE_VAULT_SUFFIXES, False),
    "leading space": (" https://shop.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "zero byte": ("https://shop.vault.azure.net\0", AZURE_VAULT_SUFFIXES, False),
    "broken brackets": ("https://[shop.vault.azure.net", AZURE_VAULT_SUFFIXES, False),
    "address": ("https://[::1]", AZURE_VAULT_SUFFIXES, False),
    "metadata service": ("https://169.254.169.254", AZURE_VAULT_SUFFIXES, False),
}


@pytest.mark.parametrize(("url", "suffixes", "allowed"), URLS.values(), ids=URLS.keys())
def test_url(url: str, suffixes: tuple[str, ...], allowed: bool) -> None:
    assert is_url_allowed(url, suffixes) is allowed


AUTHORITIES = {
    "public cloud": ("https://login.microsoftonline.com", AZURE_AUTHORITY_HOSTS, True),
    "host only": ("login.microsoftonline.us", AZURE_AUTHORITY_HOSTS, True),
    "final slash": ("https://login.microsoftonline.com/", AZURE_AUTHORITY_HOSTS, True),
    "upper case": ("https://LOGIN.microsoftonline.com", AZURE_AUTHORITY_HOSTS, True),
    "the port of https": ("https://login.microsoftonline.com:443", AZURE_AUTHORITY_HOSTS, True),
    "allowed with port": ("https://127.0.0.1:8443", ("127.0.0.1:8443",), True),
    "allowed as URL": ("127.0.0.1:8443", ("https://127.0.0.1:8443",), True),
    "http": ("http://login.microsoftonline.com", AZURE_AUTHORITY_HOSTS, False),
    "host below": ("https://a.login.microsoftonline.com", AZURE_AUTHORITY_HOSTS, False),
    "host around": ("https://login.microsoftonline.com.evil.com", AZURE_AUTHORITY_HOSTS, False),
    "trailing dot": ("https://login.microsoftonline.com.", AZURE_AUTHORITY_HOSTS, False),
    "userinfo": ("https://login.microsoftonline.com@evil.com", AZURE_AUTHORITY_HOSTS, False),
    "tenant": ("https://login.microsoftonline.com/tenant", AZURE_AUTHORITY_HOSTS, False),
    "query": ("https://login.microsoftonline.com?a", AZURE_AUTHORITY_HOSTS, False),
    "fragment": ("https://login.microsoftonline.com#a", AZURE_AUTHORITY_HOSTS, False),
    "other port": ("https://login.microsoftonline.com:444", AZURE_AUTHORITY_HOSTS, False),
    "port 0": ("https://login.microsoftonline.com:0", AZURE_AUTHORITY_HOSTS, False),
    "other port than allowed": ("127.0.0.1:8444", ("127.0.0.1:8443",), False),
}


@pytest.mark.parametrize(("authority", "hosts", "allowed"), AUTHORITIES.values(), ids=AUTHORITIES.keys())
def test_authority(authority: str, hosts: tuple[str, ...], allowed: bool) -> None:
    assert is_authority_allowed(authority, hosts) is allowed


AMBIENT: dict[str, Auth] = {
    "default": DefaultAuth(),
    "managedIdentity": ManagedIdentityAuth(),
    "managedIdentity by id": ManagedIdentityAuth(client_id="c"),
    "workloadIdentity": WorkloadIdentityAuth(),
    "workloadIdentity by id": WorkloadIdentityAuth(client_id="c", tenant_id="t"),
}


@pytest.mark.parametrize("auth", AMBIENT.values(), ids=AMBIENT.keys())
def test_a_namespaced_vault_may_not_use_the_identity_of_the_operator(auth: Auth) -> None:
    spec = KeyVaultSpec(url="https://shop.vault.azure.net", auth=auth)
    denial = decide_policy(spec, namespaced=True, policy=VaultPolicy())
    assert denial is not None
    assert denial.reason is Reason.AMBIENT_IDENTITY_NOT_ALLOWED
    assert "--ambient-credentials-for-namespaced" in denial.message
    assert decide_policy(spec, namespaced=False, policy=VaultPolicy()) is None
    assert decide_policy(spec, namespaced=True, policy=VaultPolicy(ambient_for_namespaced=True)) is None


def test_a_namespaced_vault_may_bring_its_own_identity() -> None:
    spec = KeyVaultSpec(url="https://shop.vault.azure.net", auth=PRINCIPAL)
    assert decide_policy(spec, namespaced=True, policy=VaultPolicy()) is None


def test_the_first_of_several_problems_is_the_url() -> None:
    spec = KeyVaultSpec(url="https://evil.com", auth=DefaultAuth(), authority_host="https://evil.com")
    denial = decide_policy(spec, namespaced=True, policy=VaultPolicy())
    assert denial is not None
    assert denial.reason is Reason.URL_NOT_ALLOWED
    assert denial.message.startswith("spec.url: ")
    assert ".vault.azure.net" in denial.message
    assert "evil" not in denial.message


def test_an_authority_host_is_refused_for_any_identity() -> None:
    spec = KeyVaultSpec(url="https://shop.vault.azure.net", auth=PRINCIPAL, authority_host="https://evil.com")
    denial = decide_policy(spec, namespaced=False, policy=VaultPolicy())
    assert denial is not None
    assert denial.reason is Reason.URL_NOT_ALLOWED
    assert denial.message.startswith("spec.authorityHost: ")
    allowed = VaultPolicy(authority_hosts=("evil.com",))
    assert decide_policy(spec, namespaced=False, policy=allowed) is None
