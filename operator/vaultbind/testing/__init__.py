"""Fixtures for pytest: `keyvault`, `keyvault_client`, `keyvault_server`. They come with the installation.

The plugin itself is `vaultbind.testing.plugin`; what its fixtures hand out is `LocalVault` and `ServedVault`.
"""
