"""The hall: KeyVault kinds, policy, credentials, sessions, looks and shared reads.

Every room asks here for vault objects. One session per vault and identity; one look per session and
interval; one get per object however many bindings want it.
"""
