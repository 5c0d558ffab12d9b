"""Azure's clouds: where their vaults are, and who gives out tokens for them."""

from enum import Enum
from urllib.parse import urlsplit


class AzureCloud(Enum):
    """A cloud with its vaults' ending and its authority; the scope of tokens comes from the vault itself."""

    PUBLIC = (".vault.azure.net", "https://login.microsoftonline.com")
    US_GOVERNMENT = (".vault.usgovcloudapi.net", "https://login.microsoftonline.us")
    CHINA = (".vault.azure.cn", "https://login.chinacloudapi.cn")

    @property
    def vault_suffix(self) -> str:
        """Ending of the hosts of its vaults."""
        return self.value[0]

    @property
    def authority_host(self) -> str:
        """Address of its Entra ID, for the `authority_host` of an identity."""
        return self.value[1]


def find_cloud(vault_url: str) -> AzureCloud | None:
    """Cloud of a vault's URL; None for any other host."""
    try:
        host = urlsplit(vault_url).hostname or ""
    except ValueError:
        return None
    return next((cloud for cloud in AzureCloud if host.endswith(cloud.vault_suffix)), None)
