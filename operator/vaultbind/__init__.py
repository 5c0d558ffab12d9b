"""vaultbind: objects of Azure Key Vault, bound to what a Kubernetes cluster uses."""

__version__ = "0.1.0"
